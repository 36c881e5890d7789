"""What a network costs: its size, its operations, and seconds a photo stage by stage.

Zhang & Zhang 2020 (section 4) ask for model size, run time and memory beside the precision. Photos
are timed one by one, as somebody waits for them, once the graphs are there.
"""

import re
import sys
import time
from collections import Counter

import keras
import numpy as np
from keras import ops

from fashion.datasets.selection import spread
from fashion.evaluation import coco
from mrcnn.cost import layer_costs, part_costs
from mrcnn.data import mold

# Photos that are timed.
PHOTOS = 50
# Runs of each part of the network.
_RUNS = 11
_STAGES = ("read", "resize, network, boxes to pixels", "masks to run-length codes")
# Outputs of the inference graph and the heads that they end.
_HEADS = {"masks": "mask head", "keypoints": "keypoint head", "embeddings": "match head"}


def measure(detector, dataset, image_ids, weights_file=None) -> dict:
    """Measures a network on some photos of a data set.

    Args:
        detector: `mrcnn.detection.Detector` with all outputs.
        dataset: prepared `Dataset`.
        image_ids: from these photos `PHOTOS` are taken, evenly spread.
        weights_file: path of its weights.

    Returns:
        JSON-able dict of "parameters", "MB" (of float32), "file_MB", "GFLOPs" and "parts" of one
        photo molded to "image_px"; "stages" and "image", all together, with "seconds" a photo:
        "median" and "p95".
    """
    photos = _photos(dataset, image_ids)
    shape = Counter(_plan(detector, image).shape for image, _ in photos).most_common(1)[0][0]
    graph = detector.graph(shape)
    costs = layer_costs(graph)
    parameters = sum(cost.parameters for cost in costs)
    example = next(image for image, _ in photos if _plan(detector, image).shape == shape)
    return {
        "parameters": parameters, "MB": 4 * parameters / 1e6,
        "file_MB": None if weights_file is None else weights_file.stat().st_size / 1e6,
        "GFLOPs": sum(cost.flops for cost in costs) / 1e9, "image_px": list(shape),
        "parts": _parts(detector, graph, part_costs(costs), example),
        **_stages(detector, photos)}


def _photos(dataset, image_ids) -> list[tuple[np.ndarray, float]]:
    """Photos that can be read, and seconds that it took."""
    photos = []
    for image_id in spread(np.asarray(image_ids), PHOTOS):
        start = time.perf_counter()
        try:
            image = dataset.load_image(image_id)
        except (ValueError, OSError):
            continue
        photos.append((image, time.perf_counter() - start))
    return photos


def _plan(detector, image):
    return mold.plan_for(detector.config, image.shape)


def _stages(detector, photos) -> dict:
    """Seconds by stage, without those in which graphs are made."""
    for image in {_plan(detector, image).shape: image for image, _ in photos}.values():
        next(detector.predict([image], 1))
    seconds = []
    for image, read in photos:
        start = time.perf_counter()
        found = next(detector.predict([image], 1))
        middle = time.perf_counter()
        coco.mask_codes(found, found.shape)
        seconds.append((read, middle - start, time.perf_counter() - middle))
    columns = np.array(seconds).T
    return {"stages": [{"name": name, "seconds": _spread(column)}
                       for name, column in zip(_STAGES, columns, strict=True)],
            "image": _spread(columns.sum(axis=0))}


def _spread(seconds) -> dict[str, float]:
    return {"median": float(np.median(seconds)), "p95": float(np.percentile(seconds, 95))}


def _parts(detector, graph, costs, image) -> list[dict]:
    """Parameters, GFLOPs and seconds of each part of the network."""
    plan = _plan(detector, image)
    molded = mold.mold_image(image, plan, detector.resize_filter)
    inputs = {"input_image": molded[None], "input_window": np.array([plan.window], np.float32)}
    ends = _ends(graph)
    until = _seconds_until(graph, ends.values(), inputs)
    own = np.maximum(np.diff(until, axis=0, prepend=0), 0)
    seconds = {part: _spread(runs) for part, runs in zip(ends, own, strict=True)}
    return [{"name": part, "parameters": parameters, "GFLOPs": flops / 1e9,
             "seconds": seconds.get(part)} for part, (parameters, _, flops) in costs.items()]


def _ends(graph) -> dict[str, list]:
    """By part of the network the tensors that are there when it and all before it have worked."""
    # Layers are shared with graphs of other shapes; these are their uses in this one.
    nodes = {node.operation.name: node for depth in graph._nodes_by_depth.values()
             for node in depth}
    laterals = [node.arguments.keras_tensors[0] for name, node in nodes.items()
                if re.fullmatch(r"fpn_c\dp\d", name)]
    levels = [node.output_tensors[0] for name, node in nodes.items()
              if re.fullmatch(r"fpn_p[2-6]", name)]
    ends = {"backbone": laterals, "pyramid": levels} if laterals else {}
    ends |= {"region proposals": nodes["ROI"].output_tensors,
             "box head": [graph.output["detections"]]}
    for name, part in _HEADS.items():
        if name in graph.output:
            ends[part] = [*list(ends.values())[-1], graph.output[name]]
    return ends


def _seconds_until(graph, ends, inputs) -> np.ndarray:
    """Seconds [ends, runs] for one photo up to each list of tensors.

    Of each tensor only the mean leaves the graph, for the sake of transport. A run takes all ends
    in turn, so that what else the machine does hits them alike.
    """
    wanted = {name: graph.input[name] for name in inputs}
    models = [keras.Model(wanted, [ops.mean(ops.cast(x, "float32")) for x in tensors])
              for tensors in ends]
    return np.array([[_timed(model, inputs) for model in models]
                     for _ in range(1 + _RUNS)][1:]).T  # the first run makes the graphs


def _timed(model, inputs) -> float:
    start = time.perf_counter()
    model.predict_on_batch(inputs)
    return time.perf_counter() - start


def peak_memory_mb() -> float | None:
    """The most memory that this process has held so far; None where nobody counts (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024)  # bytes there, KiB here
