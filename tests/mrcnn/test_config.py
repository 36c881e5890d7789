import logging

import numpy as np
import pytest

from mrcnn.config import Config, knob_names


class Shapes(Config):
    NAME = "shapes"
    NUM_CLASSES = 4
    GPU_COUNT = 2
    IMAGES_PER_GPU = 3


def test_derived_values():
    config = Shapes()
    assert config.BATCH_SIZE == 6
    assert config.IMAGE_SHAPE.tolist() == [1024, 1024, 3]
    assert config.IMAGE_META_SIZE == 1 + 3 + 3 + 4 + 1 + 4


def test_sides():
    windows = {"IMAGE_RESIZE_MODE": "crop", "IMAGE_MIN_DIM": 512}
    assert Shapes().override(windows).IMAGE_SHAPE.tolist() == [512, 512, 3]
    papers = {"IMAGE_RESIZE_MODE": "shortest", "IMAGE_MAX_DIM": 1333}
    assert Shapes().override(papers).IMAGE_SHAPE.tolist() == [1344, 1344, 3]
    with pytest.raises(ValueError, match="multiple of 64.*1000"):
        Shapes().override({"IMAGE_MAX_DIM": 1000})


def test_override_reads_text_by_the_kind_of_the_default():
    config = Shapes().override({
        "LEARNING_RATE": "3e-4", "IMAGES_PER_GPU": "1", "USE_MINI_MASK": "False",
        "RPN_ANCHOR_SCALES": "(8, 16, 32, 64, 128)", "BACKBONE": "resnet50",
        "MEAN_PIXEL": "[1, 2, 3]", "REPEAT_FACTOR_THRESHOLD": "0.01",
    })
    assert config.LEARNING_RATE == 3e-4 and config.BATCH_SIZE == 2
    assert config.USE_MINI_MASK is False and config.BACKBONE == "resnet50"
    assert config.RPN_ANCHOR_SCALES[4] == 128 and config.REPEAT_FACTOR_THRESHOLD == 0.01
    assert isinstance(config.MEAN_PIXEL, np.ndarray)
    assert Shapes().IMAGES_PER_GPU == 3, "an override must not reach the class"


@pytest.mark.parametrize(("name", "text"), [
    ("IMAGES_PER_GPU", "two"), ("LEARNING_RATE", "fast"), ("USE_MINI_MASK", "3"),
    ("IMAGES_PER_GPU", "True"), ("TRAIN_BN", "'false'"), ("TRAIN_BN", "maybe"),
    ("EPOCHS", "many"), ("HEADS", "box"), ("HEADS", "('box')"), ("RPN_ANCHOR_SCALES", "32"),
    ("BACKBONE_STRIDES", "none"), ("MEAN_PIXEL", "0"), ("LOSS_WEIGHTS", "1"),
])
def test_override_refuses_values_of_another_kind(name, text):
    with pytest.raises(ValueError, match=name):
        Shapes().override({name: text})


def test_true_false_and_none_in_any_case():
    class Trained(Shapes):
        TRAIN_BN = None  # text is then read as the base's False would have it

    for config in (Shapes(), Trained()):
        for text, value in (("true", True), ("FALSE", False), ("none", None), ("None", None)):
            assert config.override({"TRAIN_BN": text}).TRAIN_BN is value
    assert Shapes().override({"IMAGE_RESIZE_MODE": "none"}).IMAGE_RESIZE_MODE == "none"
    with pytest.raises(ValueError, match="TRAIN_BN"):
        Trained().override({"TRAIN_BN": "maybe"})


def test_none_is_a_value_wherever_it_is_the_bases():
    grouped = Shapes().override({"LANDMARK_GROUPS": [0, 0, 1], "KEYPOINTS_OF_CLASS": [(0, 3)]})
    cleared = grouped.override({"LANDMARK_GROUPS": "None", "KEYPOINTS_OF_CLASS": "none"})
    assert cleared.LANDMARK_GROUPS is None and cleared.KEYPOINTS_OF_CLASS is None
    assert grouped.override({"LANDMARK_GROUPS": "[0, 1, 1]"}).LANDMARK_GROUPS == [0, 1, 1]
    with pytest.raises(ValueError, match="LANDMARK_GROUPS"):
        grouped.override({"LANDMARK_GROUPS": "3"})


def test_words_where_words_belong():
    def backbone(layers, image):
        return []

    assert Config().override({"NAME": "mine"}).NAME == "mine"
    own = Shapes().override({"BACKBONE": backbone, "EPOCHS": None, "HEADS": ("box",)})
    assert own.BACKBONE is backbone and own.EPOCHS is None and own.HEADS == ("box",)
    assert own.override({"BACKBONE": "resnet50"}).BACKBONE == "resnet50"


@pytest.mark.parametrize("name, value, knob", [
    ("BATCH_SIZE", "4", "IMAGES_PER_GPU"), ("BATCH_SIZE", 4, "IMAGES_PER_GPU"),
    ("IMAGE_SHAPE", "(512, 512, 3)", "IMAGE_MAX_DIM"), ("IMAGE_META_SIZE", "15", "NUM_CLASSES"),
])
def test_derived_values_are_not_set(name, value, knob):
    with pytest.raises(ValueError, match=f"{name} follows.*set {knob}"):
        Shapes().override({name: value})


def test_all_values_of_a_configuration_give_it_again():
    config = Shapes().override({"IMAGES_PER_GPU": 1, "IMAGE_MAX_DIM": 256})
    again = Shapes().override(config.to_dict())
    assert again.BATCH_SIZE == 2 and again.to_dict() == config.to_dict()


@pytest.mark.parametrize("name", [
    "PRECISION", "IMAGE_RESIZE_MODE", "RESIZE_FILTER", "MASK_TARGETS", "BBOX_LOSS_NORMALIZER"])
def test_words_of_no_meaning_are_refused(name):
    with pytest.raises(ValueError, match=f"{name} is one of .*{getattr(Config, name)}.* 'odd'"):
        Shapes().override({name: "odd"})
    with pytest.raises(ValueError, match=name):
        type("Odd", (Config,), {name: "odd"})()


def test_override_refuses_unknown_knobs_and_names_the_nearest():
    with pytest.raises(ValueError, match="LEARNING_RATE"):
        Shapes().override({"LEARNIGN_RATE": "1"})


def test_a_near_miss_in_a_subclass_warns(caplog):
    class Typo(Config):
        DETECTION_MIN_CONFIDENSE = 0.9
        MY_OWN_ATTRIBUTE = 1

    with caplog.at_level(logging.WARNING):
        config = Typo()
    assert "DETECTION_MIN_CONFIDENCE" in caplog.text and "MY_OWN" not in caplog.text
    assert config.MY_OWN_ATTRIBUTE == 1


def test_evaluation_preset():
    config = Shapes().evaluation()
    assert config.DETECTION_MIN_CONFIDENCE == 0.05
    assert config.DETECTION_NMS_THRESHOLD == 0.5
    assert config.DETECTION_MAX_INSTANCES == 100
    assert config.NAME == "shapes"


def test_class_weights_are_given_by_name():
    class Weighted(Config):
        CLASS_NAMES = ("BG", "top", "boots")
        NUM_CLASSES = 3
        CLASS_WEIGHTS = {"boots": 2.5}

    assert Weighted().class_weights() == [1.0, 1.0, 2.5]
    assert Shapes().class_weights() is None
    with pytest.raises(ValueError, match="bots"):
        Weighted().override({"CLASS_WEIGHTS": {"bots": 2}}).class_weights()


def test_to_dict_is_plain(capsys):
    values = Shapes().to_dict()
    assert values["NAME"] == "shapes" and values["BBOX_STD_DEV"] == [0.1, 0.1, 0.2, 0.2]
    assert set(knob_names(Config)) <= set(values)
    Shapes().display()
    assert "RPN_NMS_THRESHOLD" in capsys.readouterr().out
