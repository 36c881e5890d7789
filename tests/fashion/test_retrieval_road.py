"""The whole road with a network: photos, index, search and match.

The network has learned nothing; all it knows is that differences speak against "the same".
"""

import json

import keras
import numpy as np
import pytest

from fashion import fashion
from fashion.commands import models
from fashion.match import SIMILARITY
from tests.fashion.made_sample import made_sample

# A random network is not sure of anything.
SCORE = "--min-score=0.01"
BIAS = 3.0


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A folder with photos, weights of a random network, and an index of the photos."""
    folder = tmp_path_factory.mktemp("road")
    made_sample(folder / "sample", 6, seed=3)
    keras.utils.set_random_seed(0)
    # One photo at a time, for the numbers of a batch depend on its size, if by little.
    config = models.make_config("tiny", ["IMAGE_MAX_DIM=128", "IMAGES_PER_GPU=1",
                                         "PRECISION=float32"])
    face = models.build("inference", models.Model(config, None), folder)
    layer = face.network.layers_by_name()[SIMILARITY]
    layer.set_weights([np.tile([0.0, -1.0], (config.MATCH_EMBEDDING_SIZE, 1)),
                       np.array([0.0, BIAS])])
    face.save_weights(folder / "w.h5")
    assert fashion.main(["index", f"--weights={folder / 'w.h5'}", SCORE, "--gallery", str(folder),
                         f"--output={folder / 'index'}"]) == 0
    return folder


def photos(world):
    return sorted(str(path) for path in (world / "sample").rglob("*.jpg"))


def test_garments_of_the_gallery_find_themselves(world, capsys):
    query = photos(world)[2]
    assert fashion.main(["search", f"--index={world / 'index'}", f"--image={query}", "--json",
                         f"--output={world / 'hits'}"]) == 0
    content = json.loads((world / "hits" / "hits.json").read_text())
    for garment in content["images"][0]["garments"]:
        logits = [hit["logit"] for hit in garment["hits"]]
        assert logits == sorted(logits, reverse=True) and logits[-1] < BIAS - 1
        # Hand: the difference of equal vectors is 0, and what remains is the bias.
        assert logits[0] == pytest.approx(BIAS, abs=1e-3)
        assert (query, garment["bbox"], logits[0]) in [
            (hit["file"], hit["bbox"], hit["logit"]) for hit in garment["hits"]]


def test_a_photo_matches_itself(world, capsys):
    query = photos(world)[2]
    assert fashion.main(["match", f"--weights={world / 'w.h5'}", SCORE, query, query,
                         f"--output={world / 'match.png'}"]) == 0
    lines = capsys.readouterr().out.split("the same\n")[1].split("\n\n")[0].splitlines()
    # Hand: 1 / (1 + e^-3).
    assert lines and all(line.endswith(" 95.3%") for line in lines)
    assert (world / "match.png").is_file()
