"""What notebook 04 asks of landmarks: decoding up close, mirrors, errors.

Landmarks are [N, 294, (x, y, ...)] px as everywhere, each garment's in its category's slice.
"""

import cv2
import numpy as np

from fashion.categories import by_id
from fashion.commands import cspn, models
from mrcnn import heatmaps, keypoints

_WHITE, _CYAN = (255, 255, 255), (51, 255, 255)


def rounding_errors(kind, size=28, count=2000):
    """How far random points come back from their targets, in cells of the heatmap.

    Args:
        kind: of `mrcnn.heatmaps.TARGETS`.
        size: cells along a side.
        count: of points, a cell or more from the edge.

    Returns:
        [count] distances.
    """
    points = np.random.default_rng(0).uniform(1, size - 1, (count, 2))
    window = np.array([0, 0, size, size], np.float64)
    cells, weights, _ = heatmaps.encode(points, window, size, kind)
    maps = np.full((count, size * size), 1e-9)
    np.put_along_axis(maps, cells, np.maximum(weights, 1e-9), -1)
    decoded = heatmaps.decode(np.log(maps).reshape(-1, size, size), window)
    return np.linalg.norm(decoded[:, :2] - points, axis=1)


def draw_peak(logits, reach=6, side=420):
    """A heatmap around its peak: a cross where the greatest cell is, a disc where it decodes to.

    Args:
        logits: [h, h].
        reach: cells shown on every side of the peak.
        side: of the picture, px.

    Returns:
        [side, side, 3] uint8, and the distance of the two, in cells.
    """
    size = len(logits)
    row, column = np.unravel_index(logits.argmax(), logits.shape)
    x, y, _ = heatmaps.decode(np.asarray(logits, np.float64)[None],
                              np.array([[0, 0, size, size]], np.float64))[0]
    span = 2 * reach + 1
    probs = np.pad(np.exp(logits - logits.max()), reach)[row:row + span, column:column + span]
    picture = cv2.resize((255 * probs).astype(np.uint8), (side, side),
                         interpolation=cv2.INTER_NEAREST)
    picture = cv2.applyColorMap(picture, cv2.COLORMAP_INFERNO)[..., ::-1].copy()
    scale = side / span
    peak = (round((reach + 0.5) * scale),) * 2
    found = (round((x - column + reach) * scale), round((y - row + reach) * scale))
    cv2.drawMarker(picture, peak, _WHITE, cv2.MARKER_CROSS, round(scale), 2, cv2.LINE_AA)
    cv2.circle(picture, found, max(3, round(scale / 5)), _CYAN, 2, cv2.LINE_AA)
    return picture, float(np.hypot(x - column - 0.5, y - row - 0.5))


def find_mirrored(detector, dataset, image_id):
    """Landmarks of a photo's garments, found on the mirrored photo and brought back.

    Args:
        detector: `mrcnn.detection.Detector`.
        dataset: prepared `Dataset`.
        image_id: of the photo.

    Returns:
        [N, 294, (x, y, score)] px of the photo, with the names that they have in the mirror, and
        again with left and right exchanged, as it should be.
    """
    photo, class_ids = dataset.load_image(image_id), dataset.image_class_ids(image_id)
    width = photo.shape[1]
    y1, x1, y2, x2 = dataset.load_boxes(image_id).T
    boxes = np.stack([y1, width - x2, y2, width - x1], axis=1)
    raw = next(detector.describe([(np.ascontiguousarray(photo[:, ::-1]), boxes, class_ids)]))
    back = raw.keypoints.copy()
    back[..., 0] = np.where(back[..., 2] > 0, width - back[..., 0], 0)
    return back, np.stack([keypoints.swap(points, dataset.keypoint_flip(int(class_id)))
                           for points, class_id in zip(back, class_ids, strict=True)])


def errors(dataset, image_ids, found):
    """How far landmarks lie from where they were annotated.

    Args:
        dataset: prepared `Dataset`.
        image_ids: of photos.
        found: of each photo [N, 294, (x, y, score)] px of its annotated garments.

    Returns:
        A dict of arrays, one entry a landmark that is annotated: class_id, number (from 1 within
        its category), visible (bool), score, and error, as a share of the root of the box's area.
    """
    parts = []
    for image_id, points in zip(image_ids, found, strict=True):
        truth, boxes = dataset.load_keypoints(image_id), dataset.load_boxes(image_id)
        class_ids = dataset.image_class_ids(image_id)
        rows, columns = np.nonzero(truth[..., 2] > 0)
        sides = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1))
        distance = np.linalg.norm((points - truth)[rows, columns, :2], axis=1)
        starts = np.array([by_id(int(class_id)).start for class_id in class_ids], int)
        parts.append({
            "class_id": class_ids[rows], "number": columns - starts[rows] + 1,
            "visible": truth[rows, columns, 2] == keypoints.VISIBLE,
            "score": points[rows, columns, 2], "error": distance / sides[rows]})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def worst_landmarks(table, class_names, count=10, least=3):
    """The landmarks with the greatest mean errors: a list of (text, mean error, how many).

    Args:
        table: of `errors`.
        class_names: by class id, background first.
        count: so many.
        least: landmarks that were seen fewer times are left out.
    """
    places = np.stack([table["class_id"], table["number"]], axis=1)
    names, which = np.unique(places, axis=0, return_inverse=True)
    seen = np.bincount(which.ravel())
    means = np.bincount(which.ravel(), table["error"]) / np.maximum(seen, 1)
    order = [i for i in np.argsort(-means) if seen[i] >= least][:count]
    return [(f"{class_names[names[i, 0]]} {names[i, 1]}", float(means[i]), int(seen[i]))
            for i in order]


def load_cspn(weights, dataset):
    """A landmark network as its weights remember it.

    Args:
        weights: path of an .h5 file.
        dataset: prepared `Dataset` whose landmarks it is to find.

    Returns:
        `fashion.cspn.model.CSPN`.

    Raises:
        ValueError: weights of a detector, or of a network for other landmarks.
    """
    model = cspn.named(str(weights), models.LOGS)
    theirs, ours = model.config.NUM_KEYPOINTS, dataset.num_keypoints
    if not cspn.is_cspn(model.config) or theirs != ours:
        raise ValueError(f"CSPN_WEIGHTS: expected a landmark network (--config=cspn) that finds "
                         f"{ours} landmarks, got {weights}, a {model.config.NAME} that finds "
                         f"{theirs}.")
    return cspn.build("inference", model, models.LOGS)


def stage_errors(found, crops, indices):
    """Mean error of each stage of a landmark network, as a share of the crop's side.

    Args:
        found: dict stage -> [n, K, (x, y, score)] crop px, as `CSPN.predict` gives it.
        crops: `fashion.cspn.crops.Crops`.
        indices: [n] of its garments.

    Returns:
        A dict stage -> mean over visible landmarks.
    """
    truth = np.stack([crops.load(i)["keypoints"] for i in indices])
    counts = truth[..., 2] == keypoints.VISIBLE
    return {stage: float(np.linalg.norm((points - truth)[..., :2], axis=-1)[counts].mean()
                         / crops.size) for stage, points in found.items()}
