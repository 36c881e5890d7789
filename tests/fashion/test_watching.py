"""What is measured and drawn while a network trains, and when."""

import csv

import numpy as np
import pytest
from PIL import Image

from fashion.config import CONFIGS
from fashion.evaluation import embedding_map
from fashion.evaluation.watching import EveryFewEpochs
from mrcnn.detection import Raw
from mrcnn.resume import RunFolder
from tests.fashion.made_sample import made_sample


class Diary(EveryFewEpochs):
    """Notes the numbers of the epochs that it measures."""

    def __init__(self, every):
        super().__init__(every)
        self.measured = []

    def measure(self, epoch, logs):
        self.measured.append(epoch + 1)


@pytest.mark.parametrize("every, first, last, measured", [
    (1, 1, 3, [1, 2, 3]), (3, 1, 7, [1, 3, 6, 7]), (3, 5, 10, [5, 6, 9, 10]), (50, 1, 4, [1, 4])])
def test_every_so_manieth_epoch_the_first_and_the_last_are_measured(every, first, last, measured):
    diary = Diary(every)
    diary.set_params({"epochs": last})
    for number in range(first, last + 1):
        diary.on_epoch_end(number - 1, {})
    assert diary.measured == measured


class Describer:
    """Describes garments by their class and place; the last of a photo by nothing at all."""

    config = CONFIGS["tiny"]()

    def describe(self, photos, batch_size=None):
        for image, boxes_px, class_ids in photos:
            vectors = np.column_stack([class_ids, np.ones(len(class_ids)), boxes_px[:, 0]])
            vectors[-1] = 0
            yield Raw(image.shape[:2], boxes_px, class_ids, np.ones(len(class_ids)),
                      embeddings=vectors.astype(np.float32))


def test_the_map_of_embeddings_holds_garments_with_their_labels(tmp_path, monkeypatch):
    dataset = made_sample(tmp_path / "sample", 6, seed=2)
    monkeypatch.setattr(embedding_map, "describer_of", lambda detector: detector)
    run = RunFolder(tmp_path / "logs", "tiny")
    embedding_map.EmbeddingMap(Describer(), dataset, run, limit=None).on_epoch_end(0, {})
    folder = run.path / "validation"
    vectors = np.loadtxt(folder / "embeddings.tsv")
    with (folder / "embeddings_labels.tsv").open(encoding="utf-8") as file:
        labels = list(csv.DictReader(file, delimiter="\t"))
    garments = sum(len(dataset.image_class_ids(i)) for i in dataset.image_ids)
    assert len(vectors) == len(labels) == garments - len(dataset.image_ids)
    for vector, label in zip(vectors, labels, strict=True):
        assert dataset.class_names[int(vector[0])] == label["category"]
    assert {label["whose"] for label in labels} == {"user", "shop"}
    known = {i for image_id in dataset.image_ids for i in dataset.load_identities(image_id)}
    assert {int(label["garment"]) for label in labels} <= known
    cells = -(-len(vectors) ** 0.5 // 1)
    assert Image.open(folder / "embeddings.png").size[0] == 64 * cells


def test_crops_of_garments_stay_on_the_photo():
    image = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    for box, shape in (((-5.5, 3.2, 4.5, 8.9), (5, 6)), ((30, 40, 50, 60), (1, 1)),
                       ((2, 2, 2, 2), (1, 1))):
        assert embedding_map._crop(image, np.array(box)).shape[:2] == shape
