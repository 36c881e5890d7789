"""Results on the disk: there and back, one pass over the photos, and runs that are interrupted."""

import json
import types

import numpy as np
import pytest

from fashion import match
from fashion.benchmark import collect, results, scoring
from fashion.benchmark.results import ImageResult, Results
from fashion.config import CONFIGS
from fashion.evaluation import run
from mrcnn.data.images import ImageError
from mrcnn.detection import Raw
from tests.fashion.closet import CLOSER_IS_BETTER, LEFT, RIGHT, SHAPE, SHOP, USER, Closet
from tests.fashion.made_up import MadeUp, find

PAIRS = 4


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(results, "SHARD_IMAGES", 3)


def nothing(image_id):
    """What stands for a photo on which nothing was found."""
    empty = Raw((5, 7), np.zeros((0, 4), np.float32), np.zeros(0, np.int32),
                np.zeros(0, np.float32), keypoints=np.zeros((0, 294, 3), np.float32),
                embeddings=np.zeros((0, 256), np.float32))
    return ImageResult(image_id, empty, [])


def same(left, right):
    for name in Raw.__dataclass_fields__:
        mine, other = getattr(left.found, name), getattr(right.found, name)
        assert (mine is None and other is None) or np.array_equal(mine, other), name
        assert name in ("shape", "mask_probs") or mine is None or mine.dtype == other.dtype
    assert left.image_id == right.image_id and left.masks == right.masks
    assert (left.true_embeddings is None and right.true_embeddings is None
            or np.array_equal(left.true_embeddings, right.true_embeddings))


def test_there_and_back(tmp_path):
    rng = np.random.default_rng(1)
    dataset = MadeUp(rng, 5)
    images = [find(rng, dataset, 0), nothing(1), find(rng, dataset, 3), find(rng, dataset, 4)]
    images[2].found.keypoints[5:] = 0  # beyond KEYPOINT_MAX_INSTANCES there are none
    kept = Results(tmp_path, {"weights": "a"}, range(5))  # photo 2 is broken
    assert kept.missing() == [0, 1] and kept.ids_of(1).tolist() == [3, 4]
    with pytest.raises(ValueError, match="2 shards are missing"):
        next(iter(kept))
    kept.write(0, images[:2], 1.5)
    kept.write(1, images[2:], 2.0)
    again = Results(tmp_path, {"weights": "a"}, range(5))
    assert not again.missing() and again.seconds() == 3.5 and again.facts() is None
    for mine, other in zip(images, again, strict=True):
        same(mine, other)
        same(mine, again[mine.image_id])
    for absent in (2, 5):
        with pytest.raises(KeyError):
            again[absent]


def test_heads_that_a_network_lacks_stay_none(tmp_path):
    raw = Raw((5, 7), np.ones((1, 4), np.float32), np.ones(1, np.int32), np.ones(1, np.float32))
    kept = Results(tmp_path, {}, [8])
    kept.write(0, [ImageResult(8, raw)], 0.0)
    same(ImageResult(8, raw), next(iter(kept)))


def test_results_of_other_recipes_stay_beside(tmp_path):
    first = Results(tmp_path, {"weights": "a"}, [0])
    first.write(0, [nothing(0)], 0.0)
    first.write_facts({"fast": True})
    other = Results(tmp_path, {"weights": "b"}, [0])
    assert other.missing() == [0] and other.facts() is None
    assert other.others() == [first.folder.name] and first.others() == []
    assert json.loads((first.folder / "recipe.json").read_text())["weights"] == "a"
    assert not Results(tmp_path, {"weights": "a"}, [0]).missing()
    assert first.facts() == {"fast": True}


def test_a_damaged_shard_is_named(tmp_path):
    kept = Results(tmp_path, {}, [0])
    kept.write(0, [nothing(0)], 0.0)
    shard = kept.folder / "shard-00000.npz"
    shard.write_bytes(shard.read_bytes()[:-40])
    with pytest.raises(ValueError, match="shard-00000.npz is damaged"):
        list(kept)


def test_damaged_facts_are_named(tmp_path):
    kept = Results(tmp_path, {}, [0])
    kept.write_facts({"fast": True})
    (kept.folder / "facts.json").write_text('{"fast": tr')
    with pytest.raises(ValueError, match="facts.json is damaged"):
        kept.facts()


def test_a_recipe_holds_weights_thresholds_and_data():
    rng = np.random.default_rng(0)
    dataset, config = MadeUp(rng, 3), CONFIGS["tiny"]().evaluation()

    def recipe(fingerprint="a", config=config, dataset=dataset, image_ids=(0, 1, 2)):
        return results.digest(collect.recipe_of(fingerprint, config, dataset, image_ids))

    changed = config.override({"DETECTION_MIN_CONFIDENCE": 0.5})
    assert recipe() == recipe()
    others = [recipe("b"), recipe(config=changed), recipe(dataset=MadeUp(rng, 3)),
              recipe(image_ids=(0, 1))]
    assert len({recipe(), *others}) == 5


class Photos(Closet):
    """Pairs of a user's and a shop's photo of a top, a skirt without pair beside it; then one of
    nobody, which is not searched. The third photo is broken."""

    def __init__(self):
        garments = [(1, 1, LEFT), (2, 0, RIGHT)]
        super().__init__(*((domain, pair_id, garments)
                           for pair_id in range(PAIRS) for domain in (USER, SHOP)),
                         (0, 9, garments))
        self.opened = []

    def load_image(self, image_id):
        self.opened.append(image_id)
        if image_id == 2:
            raise ImageError("truncated")
        return super().load_image(image_id)


class Oracle:
    """Finds the top of every photo, in groups of two; the pair is its vector."""

    def __init__(self, stop_after=None):
        self.network = self
        self.config = types.SimpleNamespace(HEADS=("box", "mask", "match"),
                                            KEYPOINT_MAX_INSTANCES=1)
        self.stop_after, self.found, self.described = stop_after, 0, []

    def predict(self, images, batch_size=None):
        group = []
        for image in images:
            group.append(image)
            if len(group) == 2:
                yield from map(self._find, group)
                group = []
        yield from map(self._find, group)

    def _find(self, image):
        if self.found == self.stop_after:
            raise KeyboardInterrupt
        self.found += 1
        return Raw(SHAPE, np.array([LEFT], np.float32), np.ones(1, np.int32),
                   np.full(1, 0.9, np.float32), np.ones((1, 28, 28), np.float32),
                   embeddings=np.full((1, 2), 1 + image[0, 0, 0] // 2, np.float32))

    def describe(self, photos, batch_size=None):
        for image, boxes_px, class_ids in photos:
            self.described.append(int(image[0, 0, 0]))
            yield Raw(SHAPE, boxes_px, class_ids, np.ones(len(boxes_px), np.float32),
                      embeddings=np.full((len(boxes_px), 2), 1 + image[0, 0, 0] // 2, np.float32))


@pytest.fixture
def closer_is_better(monkeypatch):
    monkeypatch.setattr(match, "similarity_of", lambda network: CLOSER_IS_BETTER)
    monkeypatch.setattr(run, "describer_of", lambda detector: detector)


def test_one_pass_gives_what_an_evaluation_gives(tmp_path, closer_is_better):
    oracle, dataset = Oracle(), Photos()
    kept = Results(tmp_path, {}, dataset.image_ids)
    collect.collect(kept, dataset, oracle)
    assert sorted(dataset.opened) == list(range(9)), "each photo is read once"
    assert oracle.described == [0, 1, 3, 4, 5, 6, 7], "nobody's photo is not searched"
    scores = scoring.score(kept, dataset, CLOSER_IS_BETTER)
    measured = run.evaluate_instances(Oracle(), Photos())
    assert scores.metrics.keys() == measured.metrics.keys()
    for task, numbers in measured.metrics.items():
        assert {name: scores.metrics[task][name] for name in numbers} == numbers
    assert scores.skipped.counts == measured.skipped.counts
    assert list(scores.image_ids.values()) == [0, 1, 3, 4, 5, 6, 7, 8]


def test_an_interrupted_run_goes_on(tmp_path, closer_is_better, monkeypatch):
    monkeypatch.setattr(collect, "_AHEAD", 0)
    dataset = Photos()
    whole = Results(tmp_path / "whole", {}, dataset.image_ids)
    collect.collect(whole, dataset, Oracle())
    kept = Results(tmp_path / "parts", {}, dataset.image_ids)
    with pytest.raises(KeyboardInterrupt):
        collect.collect(kept, dataset, Oracle(stop_after=6))
    assert kept.missing() == [2]
    left = [image_id for shard in kept.missing() for image_id in kept.ids_of(shard).tolist()]
    dataset.opened.clear()
    collect.collect(kept, dataset, Oracle())
    assert sorted(dataset.opened) == left
    for mine, other in zip(whole, kept, strict=True):
        same(mine, other)


def test_a_shard_of_broken_photos_is_done_too(tmp_path, closer_is_better):
    dataset = Photos()
    kept = Results(tmp_path, {}, [2])
    collect.collect(kept, dataset, Oracle())
    assert not kept.missing()
    with pytest.raises(ValueError, match="None of 1 images can be read"):
        scoring.score(kept, dataset)
