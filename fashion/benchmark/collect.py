"""One pass of the network over photos: what it finds, and what it makes of their true boxes."""

import hashlib
import os
import time
from collections import deque
from dataclasses import replace
from itertools import chain

import numpy as np
from tqdm import tqdm

from fashion import match
from fashion.benchmark.results import ImageResult, Results
from fashion.datasets.problems import Problems
from fashion.datasets.read_ahead import read_ahead
from fashion.evaluation import coco, run
from fashion.evaluation.retrieval import RetrievalEvaluator

# Photos whose masks are encoded while the network works on the next ones.
_AHEAD = 8


def recipe_of(fingerprint: str, config, dataset, image_ids) -> dict:
    """Everything that results depend on.

    Args:
        fingerprint: of the weights.
        config: `Config.evaluation()`.
        dataset: prepared `Dataset`.
        image_ids: of the photos.
    """
    return {"weights": fingerprint, "configuration": config.to_dict(),
            "photos": len(image_ids), "data": _digest(dataset, image_ids)}


def _digest(dataset, image_ids) -> str:
    """Of the photos' names and sizes in bytes, and of the true boxes, which are described."""
    digest = hashlib.sha256()
    for image_id in image_ids:
        info = dataset.image_info[image_id]
        path = str(info["path"])
        size = os.path.getsize(path) if os.path.isfile(path) else -1
        digest.update(f"{image_id} {info['id']} {size}\n".encode())
        boxes_px = dataset.load_boxes(image_id)
        if boxes_px is not None:
            digest.update(np.asarray(boxes_px, np.float32).tobytes())
            digest.update(np.asarray(dataset.image_class_ids(image_id), np.int32).tobytes())
    return digest.hexdigest()[:16]


def collect(results: Results, dataset, detector, batch_size: int | None = None) -> None:
    """Runs the network over the photos that there are no results of, with a progress bar.

    With a match head it also describes the true boxes that are searched or searched for.

    Args:
        results: where they go, shard by shard.
        dataset: prepared `Dataset`.
        detector: `mrcnn.detection.Detector` with all outputs.
        batch_size: photos run at once; the configuration's by default.
    """
    missing = results.missing()
    image_ids = np.concatenate([np.zeros(0, int), *map(results.ids_of, missing)])
    described = _to_describe(dataset, results.asked, detector.network)
    describer = run.describer_of(detector) if described else None
    stream = _run(detector, describer, dataset, image_ids, described, batch_size)
    with tqdm(total=len(results.asked), initial=len(results.asked) - len(image_ids),
              desc="Running the network", unit=" images", disable=None) as progress:
        _write(results, missing, stream, progress)


def facts_of(detector) -> dict:
    """What scoring must know of a network: with a match head its "similarity", else None."""
    if "match" not in detector.config.HEADS:
        return {"similarity": None}
    learned = match.similarity_of(detector.network)
    return {"similarity": {"weights": learned.weights.tolist(), "bias": learned.bias}}


def _to_describe(dataset, image_ids, network) -> set[int]:
    """Photos whose true boxes are searched or searched for."""
    if "match" not in network.config.HEADS:
        return set()
    garments = RetrievalEvaluator(dataset, match.similarity_of(network))
    for image_id in image_ids:
        garments.see(int(image_id))
    return set(garments.photos_to_describe()) if garments.has_queries else set()


def _write(results, missing, stream, progress) -> None:
    """Writes shard after shard; one is whole when a photo after it comes, or none any more."""
    images, start = [], time.perf_counter()
    missing = deque(missing)
    for image in chain(stream, [None]):
        while missing and (image is None or image.image_id > results.ids_of(missing[0])[-1]):
            results.write(missing.popleft(), images, time.perf_counter() - start)
            images, start = [], time.perf_counter()
        if image is not None:
            images.append(image)
            progress.update()


def _run(detector, describer, dataset, image_ids, described, batch_size):
    """Yields `ImageResult` of photos that can be read, in order.

    Each photo is read once: while its true boxes are still to be described it is kept.
    """
    running, photos = deque(), {}

    def images():
        for image in run.readable_images(dataset, image_ids, running, Problems()):
            if running[-1] in described:
                photos[running[-1]] = image
            yield image

    found = ((running.popleft(), raw) for raw in detector.predict(images(), batch_size))
    results = read_ahead(_encode, found, ahead=_AHEAD)
    if describer is None:
        return results
    return _with_true(describer, dataset, results, photos, batch_size)


def _encode(pair) -> ImageResult:
    """In threads, beside the network: pasting a hundred masks can take longer than finding them."""
    image_id, raw = pair
    return ImageResult(int(image_id), replace(raw, mask_probs=None),
                       coco.mask_codes(raw, raw.shape))


def _with_true(describer, dataset, results, photos, batch_size):
    """Yields the results, those whose photos are in `photos` with the true boxes described."""
    waiting = deque()

    def known():
        for result in results:
            waiting.append(result)
            if result.image_id in photos:
                garments = run.first_garments(dataset, result.image_id,
                                          describer.config.KEYPOINT_MAX_INSTANCES, Problems())
                yield photos[result.image_id], *garments

    for raw in describer.describe(known(), batch_size):
        while waiting[0].image_id not in photos:
            yield waiting.popleft()
        result = waiting.popleft()
        del photos[result.image_id]
        yield replace(result, true_embeddings=raw.embeddings)
    yield from waiting
