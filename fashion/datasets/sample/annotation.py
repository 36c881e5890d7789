"""DeepFashion2's annotation of a painted scene, read off what is really seen in it.

* A garment's mask is what shows of it: whatever other garments, limbs or things cover is left out.
  Outlines are traced on the map of owners, at half a px. Specks are dropped. A large hole (between
  an arm on the hip and the waist) is cut out through a slit of no width, small ones are filled, as
  polygons on disk know no holes.
* A landmark is visible (2) where a piece of cloth that holds it lies on top and is no speck,
  covered (1) elsewhere in the frame, and (0, 0, 0) outside the frame. Left and right are the
  picture's, also for a figure seen from behind.
"""

import cv2
import numpy as np

from fashion.datasets.sample.canvas import FINE

MIN_AREA = 500  # px; a garment of which less shows is not annotated
_SPECK, _HOLE = 0.004, 0.006  # shares of the visible area
_NEAR = 1.5  # px from the mask within which a landmark is on it
_TOLERANCE = 0.7  # px of the fine map by which an outline may be simplified


def annotate(scene, plan):
    """The JSON record of a scene: source, pair_id and item1 to itemN."""
    record = {"source": plan.source, "pair_id": plan.pair_id}
    count = 0
    for number in range(len(scene.garments)):
        item = annotate_item(scene, number)
        if item is not None:
            count += 1
            record[f"item{count}"] = item
    return record


def annotate_item(scene, number):
    """The record of garment `number`; None where too little of it shows."""
    garment, item, figure = scene.garments[number], scene.items[number], scene.figures[number]
    polygons, area = outlines(scene.canvas, number)
    if area < MIN_AREA or not polygons:
        return None
    height, width = scene.canvas.image.shape[:2]
    landmarks = _landmarks(scene.canvas, garment, number, polygons)
    low = np.floor(np.min([p.min(axis=0) for p in polygons], axis=0)).astype(int)
    high = np.ceil(np.max([p.max(axis=0) for p in polygons], axis=0)).astype(int)
    share = float(np.prod(high - low)) / (width * height)
    return {
        "category_id": item.category_id,
        "category_name": item.category.name,
        "style": item.style,
        "bounding_box": [*low.tolist(), *high.tolist()],
        "landmarks": landmarks.ravel().tolist(),
        "segmentation": [polygon.ravel().tolist() for polygon in polygons],
        "scale": 1 if share < 0.1 else 3 if share > 0.4 else 2,
        "occlusion": _grade(np.mean(landmarks[:, 2] == 1), 0.2, 0.5),
        "zoom_in": _grade(np.mean(landmarks[:, 2] == 0), 1e-9, 0.3),
        "viewpoint": _viewpoint(figure.pose),
    }


def _grade(share, second, third):
    return 1 + int(share >= second) + int(share >= third)


def _viewpoint(pose):
    """1 not worn, 2 from the front, 3 from the side or the back."""
    if not pose.worn:
        return 1
    return 3 if pose.back or abs(pose.yaw) > 0.5 else 2


def _landmarks(canvas, garment, number, polygons):
    """[count, (x, y, v)] int; where the landmarks lie and whether they are seen."""
    height, width = canvas.image.shape[:2]
    rings = [polygon.astype(np.float32) for polygon in polygons]
    result = np.zeros((len(garment.landmarks), 3), int)
    points = canvas.camera.pixels(garment.landmarks).tolist()
    for i, (point, holders) in enumerate(zip(points, garment.holders, strict=True)):
        x, y = point
        if 0 <= x < width and 0 <= y < height:
            on_mask = any(cv2.pointPolygonTest(ring, point, True) > -_NEAR for ring in rings)
            owners = [(number, name, False) for name in holders]
            owners += [(number, name, True) for name in holders if on_mask]
            result[i] = int(x), int(y), 2 if _shows(canvas, point, owners) else 1
    return result


def _shows(canvas, point, owners):
    """Whether one of `owners` has a px of the fine map next to `point`."""
    column, row = (int(FINE * value) for value in point)
    window = canvas.owner[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
    return any(canvas.owners[identity] in owners for identity in np.unique(window))


def outlines(canvas, number):
    """Polygons around what shows of a garment, and its area.

    Returns:
        List of [n, (x, y)] float arrays in px, and the visible area in px.
    """
    table = np.zeros(256, np.uint8)
    table[canvas.ids(number)] = 1
    mask = cv2.LUT(canvas.owner, table)
    total = cv2.countNonZero(mask)
    x, y, w, h = cv2.boundingRect(mask)
    window = mask[y : y + h, x : x + w]
    rings, tree = cv2.findContours(window, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE, offset=(x, y))
    polygons = []
    for i, ring in enumerate(rings):
        if tree[0, i, 3] < 0 and cv2.contourArea(ring) > max(_SPECK * total, 12):
            holes = [
                r
                for j, r in enumerate(rings)
                if tree[0, j, 3] == i and cv2.contourArea(r) > _HOLE * total
            ]
            polygons.append(_polygon(ring, holes, canvas.owner.shape))
    return polygons, total / FINE**2


def join(polygons):
    """[n, (x, y)] one polygon around all of some; those after the largest join it by slits."""
    first, *others = sorted(polygons, key=lambda polygon: -cv2.contourArea(np.float32(polygon)))
    for other in others:
        first = _cut(first, other)
    return first


def _polygon(ring, holes, shape):
    """[n, (x, y)] px: a ring with its holes cut out."""
    outer = cv2.approxPolyDP(ring, _TOLERANCE, True)[:, 0]
    for hole in holes:
        outer = _cut(outer, cv2.approxPolyDP(hole, _TOLERANCE, True)[:, 0])
    limit = np.array(shape[::-1])
    points = np.where(outer <= 0, 0, np.where(outer >= limit - 1, limit, outer + 0.5)) / FINE
    return np.round(points, 2)


def _cut(outer, other):
    """The ring `outer` going around `other` as well, through a slit between their nearest points.

    A part that lies apart is added so, whichever way it winds. A hole is taken out by the even-odd
    rule and by the non-zero rule of `mrcnn.masks.rasterise`: OpenCV's contours wind holes against
    the rings around them, so that the winding number is 0 there.
    """
    distances = ((outer[:, None] - other[None]) ** 2).sum(axis=-1)
    i, j = np.unravel_index(distances.argmin(), distances.shape)
    around = np.concatenate([other[j:], other[: j + 1]])
    return np.concatenate([outer[: i + 1], around, outer[i:]])
