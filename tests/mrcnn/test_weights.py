"""Matterport's weight files: written as the original writes them, read whoever wrote them."""

import logging
import pickle
from pathlib import Path
from types import SimpleNamespace

import h5py
import keras
import numpy as np
import pytest

from mrcnn import weights
from mrcnn.network import Network
from tests.mrcnn.small_network import SmallConfig
from tests.mrcnn.stand_in import StandInNetwork


@pytest.fixture(scope="module")
def network():
    return StandInNetwork()


@pytest.fixture
def path(network, tmp_path):
    path = tmp_path / "weights.h5"
    weights.save_weights(network, path, weights.network_metadata(network))
    return path


def numbers(network):
    return {name: [w.numpy() for w in layer.weights]
            for name, layer in network.layers_by_name().items()}


def same(a, b):
    return all(np.array_equal(x, y) for name in a for x, y in zip(a[name], b[name], strict=True))


def test_there_and_back(network, path):
    other = StandInNetwork()
    assert not same(numbers(network), numbers(other))
    report = weights.load_weights(other, path)
    assert same(numbers(network), numbers(other))
    assert len(report.loaded) == 12 and report.parameters == sum(
        w.size for ws in numbers(network).values() for w in ws)
    assert not (report.missing or report.left_over or report.excluded or report.new_layers)
    assert report.line == "weights.h5: loaded 12 weights of 5 layers."


def test_metadata_and_half_precision(network, tmp_path):
    path = tmp_path / "half.h5"
    weights.save_weights(network, path, {"name": "x", "epoch": 3}, dtype="float16")
    assert weights.read_metadata(path) == {"name": "x", "epoch": 3}
    other = StandInNetwork()
    weights.load_weights(other, path)
    for ours, theirs in zip(numbers(network)["conv1"], numbers(other)["conv1"], strict=True):
        assert theirs.dtype == "float32"
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_what_half_precision_cannot_hold_stays_whole(network, tmp_path):
    bias = network.layers_by_name()["conv1"].weights[1]
    bias.assign(np.full(bias.shape, 123456.0))
    weights.save_weights(network, tmp_path / "half.h5", dtype="float16")
    other = StandInNetwork()
    weights.load_weights(other, tmp_path / "half.h5")
    assert (numbers(other)["conv1"][1] == 123456.0).all()


def write(path, tensors):
    with h5py.File(path, "w") as file:
        for name, value in tensors.items():
            file[name] = value
    return path


@pytest.mark.parametrize("kernel, bias", [
    ("conv1/conv1/kernel:0", "conv1/conv1/bias:0"),                    # Keras 2
    ("model_weights/conv1/conv1/kernel:0", "model_weights/conv1/conv1/bias:0"),  # a whole model
    ("conv1/conv1_W:0", "conv1/conv1_b:0"),                            # Keras 1
    ("conv1/conv1_W_1:0", "conv1/conv1_b_1:0"),                        # the ImageNet ResNet-50
    ("conv1/time_distributed/kernel:0", "conv1/time_distributed/bias:0"),
    ("outer_model/conv1_1/conv1/kernel", "outer_model/conv1_1/conv1/bias"),
])
def test_names_of_other_writers(network, tmp_path, kernel, bias):
    path = write(tmp_path / "old.h5", {kernel: np.ones((3, 3, 3, 4)), bias: np.full(4, 2.0)})
    other = StandInNetwork()
    report = weights.load_weights(other, path, by_name=True)
    assert report.loaded == ["conv1/kernel", "conv1/bias"]
    assert [np.unique(w).item() for w in numbers(other)["conv1"]] == [1.0, 2.0]


def test_statistics_of_keras_1(tmp_path):
    names = ("gamma", "beta", "running_mean", "running_std")
    path = write(tmp_path / "old.h5", {
        f"bn_conv1/bn_conv1_{name}_1:0": np.full(4, i) for i, name in enumerate(names)})
    other = StandInNetwork()
    weights.load_weights(other, path, by_name=True)
    assert [w[0] for w in numbers(other)["bn_conv1"]] == [0, 1, 2, 3]


def test_optimizer_state_and_anchors_are_no_weights(network, path):
    with h5py.File(path, "a") as file:
        file["optimizer_weights/SGD/conv1/kernel:0"] = np.zeros(3)
        file["resume_state/optimizer/00000"] = np.zeros(3)
        file["anchors/anchors/Variable:0"] = np.zeros((1, 5, 4))
    report = weights.load_weights(StandInNetwork(), path)
    assert report.left_over == ["anchors/Variable"]


def test_the_report_reads_at_a_glance():
    names = [f"fpn_{number}/{name}" for number in range(7) for name in ("kernel", "bias")]
    report = weights.Report(
        Path("logs/x.h5"), ["conv1/kernel", "conv1/bias"], ["mrcnn_mask/bias"], names, ["fc/bias"],
        [("mrcnn_class_logits/kernel", (1024, 81), (1024, 14))], 1_200_000, 64_000_000)
    assert str(report) == """\
x.h5: 1.2 of the network's 64.0 million numbers
  loaded      2 weights of 1 layer
  excluded    1 weight of 1 layer, as they were: mrcnn_mask
  missing     14 weights of 7 layers, not in the file: fpn* (7)
  left over   1 weight of 1 layer, in the file only: fc
  mismatched  mrcnn_class_logits/kernel: 1024x14 here, 1024x81 in the file"""
    few = weights.Report(Path("x.h5"), ["conv1/bias"], parameters=1_234, capacity=804_000)
    assert str(few).startswith("x.h5: 1,234 of the network's 804,000 numbers\n")


def test_excluded_layers_keep_their_values_and_are_new(network, path):
    other = StandInNetwork(logits=7)
    before = numbers(other)["mrcnn_class_logits"]
    report = weights.load_weights(other, path, exclude=["mrcnn_class_logits"])
    assert same({"x": before}, {"x": numbers(other)["mrcnn_class_logits"]})
    assert report.new_layers == {"mrcnn_class_logits"}
    assert report.line == ("weights.h5: loaded 10 weights of 4 layers, excluded 2; "
                           "new: mrcnn_class_logits.")


def refused(network, path, *words, **kwargs):
    before = numbers(network)
    with pytest.raises(weights.WeightsError) as error:
        weights.load_weights(network, path, **kwargs)
    assert same(before, numbers(network))
    for word in (path.name, *words):
        assert word in str(error.value)


@pytest.mark.parametrize("by_name", [False, True])
def test_another_number_of_classes_is_refused(path, by_name):
    refused(StandInNetwork(logits=7), path, "made for 3 classes, this network has 7",
            "mrcnn_class_logits/kernel: 6x7 here, 6x3 in the file",
            "exclude=['mrcnn_class_logits']", by_name=by_name)


def test_unmatched_layers_are_refused_unless_by_name(network, tmp_path):
    path = write(tmp_path / "part.h5", {"conv1/kernel:0": np.ones((3, 3, 3, 4)),
                                        "fc/kernel:0": np.ones(3)})
    refused(network, path, "not in the file: ", "in the file only: fc", "by_name=True")
    report = weights.load_weights(StandInNetwork(), path, by_name=True)
    assert report.left_over == ["fc/kernel"] and len(report.missing) == 11


def test_a_line_for_everyone_and_every_name_for_those_who_debug(network, tmp_path, caplog):
    path = write(tmp_path / "part.h5", {"conv1/kernel:0": np.ones((3, 3, 3, 4)),
                                        "fc/kernel:0": np.ones(3)})
    with caplog.at_level(logging.DEBUG, "mrcnn"):
        weights.load_weights(
            StandInNetwork(), path, exclude=["bn_conv1", "mrcnn_bbox", "mrcnn_mistyped"])
    warning, info, debug = caplog.records
    assert warning.levelname == "WARNING" and "['mrcnn_mistyped']" in warning.getMessage()
    assert info.levelname == "INFO" and info.getMessage() == (
        "part.h5: loaded 1 weight of 1 layer, excluded 4, missing 7, left over 1; new: bn_conv1,"
        " conv1, res4a_branch2a, rpn_class_raw, mrcnn_class_logits.")
    assert debug.levelname == "DEBUG" and len(debug.getMessage().splitlines()) == 12
    assert "left over: fc/kernel" in debug.getMessage()


def test_nothing_matched_is_refused(network, tmp_path):
    path = write(tmp_path / "other.h5", {"fc/kernel:0": np.ones(3)})
    refused(network, path, "fc", by_name=True)


@pytest.mark.parametrize("more, turned", [((), True), (("fpn_p2",), False)])
def test_kernels_of_keras_imagenet_resnet_expect_red_first(tmp_path, more, turned):
    blocks = [f"res{stage}{chr(97 + i)}_branch{part}"
              for stage, number in ((2, 3), (3, 4), (4, 6), (5, 3)) for i in range(number)
              for part in ("2a", "2b", "2c")]
    names = ["conv1", "bn_conv1", *blocks, *more]
    network = with_layers(*names)
    kernel = np.random.default_rng(0).normal(size=(7, 7, 3, 4)).astype("float32")
    network.layers_by_name()["conv1"].weights[0] = keras.Variable(0 * kernel, name="kernel")
    path = write(tmp_path / "renamed.h5", {
        f"{name}/{name}_W_1:0": kernel if name == "conv1" else np.ones(1) for name in names})
    weights.load_weights(network, path)
    loaded = np.asarray(network.layers_by_name()["conv1"].weights[0])
    np.testing.assert_array_equal(loaded, kernel[:, :, ::-1] if turned else kernel)
    ours = tmp_path / "ours.h5"  # once written by us it is as we use it
    weights.save_weights(network, ours, {"name": "x"})
    weights.load_weights(network, ours)
    np.testing.assert_array_equal(network.layers_by_name()["conv1"].weights[0], loaded)


def with_layers(*names):
    """A network of tiny layers with these names."""
    layers = {name: SimpleNamespace(weights=[keras.Variable(np.ones(1), name="kernel")])
              for name in names}
    return SimpleNamespace(layers_by_name=lambda: layers)


def test_another_architecture_is_refused_by_name_too(tmp_path):
    shallow, deep = (
        with_layers("conv1", *(f"res4{chr(97 + i)}_branch{part}" for i in range(blocks)
                               for part in ("2a", "2b", "2c"))) for blocks in (6, 23))
    path = tmp_path / "resnet50.h5"
    weights.save_weights(shallow, path, {"name": "match_rcnn", "backbone": "resnet50"})
    refused(deep, path, "ResNet-50", "configuration match_rcnn", "ResNet-101", by_name=True)
    weights.save_weights(deep, path)
    refused(shallow, path, "holds a ResNet-101", "is a ResNet-50", "set BACKBONE = 'resnet101'")


@pytest.mark.parametrize("content, word", [
    (b"", "empty. Download or copy it again"),
    (b"<!DOCTYPE html><html>404</html>", "web page, saved instead of the file"),
    (b"<h1>403 Forbidden</h1>", "web page, saved instead of the file"),
    (pickle.dumps({"conv1": 1}), "pickle, which is not read"),
    (pickle.dumps({"conv1": 1}, protocol=0), "pickle, which is not read"),
    (pickle.dumps([np.ones(3)], protocol=0), "pickle, which is not read"),
    (pickle.dumps(SimpleNamespace(conv1=1), protocol=0), "pickle, which is not read"),
    (b"PK\x03\x04 and so on", "truncated or damaged"),
    (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    (b"something else", "unknown. Take the file"),
])
def test_other_files_are_named(network, tmp_path, content, word):
    path = tmp_path / "weights.h5"
    path.write_bytes(content)
    for by_name in (False, True):
        refused(network, path, word, by_name=by_name)


def test_weights_of_another_number_of_classes_fit_without_their_heads(tmp_path):
    """As COCO's 81 go into 14, with what Matterport's samples exclude."""
    many, few = (Network(SmallConfig().override({"NUM_CLASSES": str(n)})) for n in (9, 5))
    path = tmp_path / "many.h5"
    weights.save_weights(many, path)
    before = weights.fingerprint(few)
    with pytest.raises(weights.WeightsError, match="made for 9 classes, this network has 5") as e:
        weights.load_weights(few, path, by_name=True)
    assert weights.fingerprint(few) == before
    assert "exclude=['mrcnn_class_logits', 'mrcnn_bbox_fc', 'mrcnn_mask']" in str(e.value)
    report = weights.load_weights(few, path, exclude=[
        "mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])
    assert report.new_layers == {"mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"}
    assert len(report.excluded) == 6 and not (report.missing or report.left_over)


def test_missing_and_truncated_files_are_named(network, path, tmp_path):
    refused(network, tmp_path / "nowhere.h5", "no such file")
    refused(network, tmp_path, "folder")
    content = path.read_bytes()
    for length in (600, len(content) // 2, len(content) - 200):
        path.write_bytes(content[:length])
        refused(network, path, "truncated or damaged", "Download or copy it again")


def test_damaged_files_are_named(network, path):
    """Whatever h5py raises when it meets broken bytes; damaged numbers alone cannot be seen."""
    content, rng = path.read_bytes(), np.random.default_rng(0)
    refusals, before = 0, numbers(network)
    for _ in range(60):
        at = rng.integers(len(content) - 64)
        path.write_bytes(content[:at] + rng.bytes(64) + content[at + 64:])
        try:
            weights.load_weights(network, path)
        except weights.WeightsError:
            refusals += 1
            assert same(before, numbers(network))
        before = numbers(network)
    assert refusals > 5


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_refused(network, path, value):
    with h5py.File(path, "a") as file:
        file["bn_conv1/bn_conv1/gamma:0"][1] = value
    refused(network, path, "no finite numbers, in bn_conv1", "exclude=['bn_conv1']")
    weights.load_weights(StandInNetwork(), path, exclude="bn_conv1")


def test_roi_align_that_weights_mean(network, path, tmp_path):
    assert weights.convention(path) == "aligned"
    matterports = write(tmp_path / "a.h5", {"rpn_model/rpn_conv_shared/kernel:0": np.ones(1)})
    assert weights.convention(matterports) == "corners"
    imagenet = write(tmp_path / "b.h5", {"conv1/conv1_W:0": np.ones(1)})
    assert weights.convention(imagenet) is None


def test_classes_of_a_file(path, tmp_path):
    assert weights.num_classes(path) == 3
    old = write(tmp_path / "a.h5", {"mrcnn_class_logits/mrcnn_class_logits_b:0": np.ones(81)})
    assert weights.num_classes(old) == 81
    StandInNetwork(logits=7).training_graph().save_weights(tmp_path / "b.weights.h5")
    assert weights.num_classes(tmp_path / "b.weights.h5") == 7
    assert weights.num_classes(write(tmp_path / "c.h5", {"conv1/conv1_W:0": np.ones(1)})) is None


def test_fingerprint_is_of_the_numbers(network, path, tmp_path):
    assert weights.fingerprint(path) == weights.fingerprint(network)
    assert len(weights.fingerprint(path)) == 12
    assert weights.fingerprint(StandInNetwork()) != weights.fingerprint(network)


def test_a_failed_save_leaves_the_old_file(network, path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr(weights, "write_layers", fail)
    with pytest.raises(OSError, match="No space left"):
        weights.save_weights(network, path)
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


def fail(*args):
    raise OSError("No space left on device")
