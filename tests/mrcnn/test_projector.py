"""Files for TensorBoard's projector: read back as its plugin reads them."""

import numpy as np
import pytest
from google.protobuf import text_format
from PIL import Image
from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig
from tensorboard.plugins.projector.projector_plugin import _read_tensor_tsv_file

from mrcnn.projector import sprite, write_projector


def pictures(*shapes):
    return [np.full((*shape, 3), 20 * i, np.uint8) for i, shape in enumerate(shapes)]


def test_tensorboard_reads_what_was_written(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    labels = [{"category": "vest", "photo": "a\tb\nc.jpg"}, {"category": "skirt", "photo": 7},
              {"category": "vest", "photo": "ü.jpg"}]
    write_projector(tmp_path, vectors, labels, pictures((9, 9), (9, 5), (5, 9)))
    config = ProjectorConfig()
    text_format.Parse((tmp_path / "projector_config.pbtxt").read_text(), config)
    [embedding] = config.embeddings
    read = _read_tensor_tsv_file(str(tmp_path / embedding.tensor_path))
    np.testing.assert_allclose(read, vectors, rtol=1e-5)
    lines = (tmp_path / embedding.metadata_path).read_text(encoding="utf-8").splitlines()
    assert lines == ["category\tphoto", "vest\ta b c.jpg", "skirt\t7", "vest\tü.jpg"]
    width, height = embedding.sprite.single_image_dim
    assert Image.open(tmp_path / embedding.sprite.image_path).size == (2 * width, 2 * height)


def test_a_sprite_shows_every_picture_whole_and_in_its_place():
    sheet = sprite(pictures((40, 80), (30, 10), (100, 50)), side=20)
    assert sheet.shape == (40, 40, 3)
    cells = [sheet[y:y + 20, x:x + 20, 0] for y, x in ((0, 0), (0, 20), (20, 0), (20, 20))]
    assert [(cell != 255).sum() for cell in cells] == [10 * 20, 20 * 7, 20 * 10, 0]
    assert [cell[10, 10] for cell in cells] == [0, 20, 40, 255]


@pytest.mark.parametrize("vectors, labels", [(0, 0), (2, 1)])
def test_what_does_not_fit_together_is_refused(tmp_path, vectors, labels):
    with pytest.raises(ValueError, match=f"got {vectors}, {labels} and {vectors}"):
        write_projector(tmp_path, np.zeros((vectors, 2)), [{"a": 1}] * labels,
                        pictures(*[(4, 4)] * vectors))
    assert not list(tmp_path.iterdir())
