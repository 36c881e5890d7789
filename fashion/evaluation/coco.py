"""Objects as the dictionaries that COCO's tools and files know.

A COCO box is [x, y, width, height] px. Boxes stay float; masks are run-length codes of the whole
image. `area` is the annotated box's width x height, as DeepFashion2's own converter writes it: it
decides which objects count as small, medium or large, for boxes and masks alike.
"""

from pathlib import Path

import numpy as np
from pycocotools import mask as coco_mask

from mrcnn import masks


def image_numbers(dataset, image_ids) -> list[int]:
    """COCO ids of images: their file names' numbers where all are numbers ("000012" -> 12).

    These are the ids in DeepFashion2's published files; other data sets are counted from 1.
    """
    names = [str(dataset.image_info[i]["id"]) for i in image_ids]
    if all(name.isdecimal() for name in names) and len(set(map(int, names))) == len(names):
        return [int(name) for name in names]
    return [int(i) + 1 for i in image_ids]


def categories(dataset) -> list[dict]:
    """All classes but the background."""
    return [{"id": class_id, "name": name} for class_id, name in enumerate(dataset.class_names)
            if class_id > 0]


def image_dict(number: int, info: dict, shape: tuple[int, int]) -> dict:
    """One image of (height, width) px."""
    height, width = shape
    return {"id": number, "file_name": Path(info["path"]).name, "height": int(height),
            "width": int(width)}


def annotation_dicts(dataset, image_id: int, number: int, shape: tuple[int, int]) -> list[dict]:
    """The true objects of an image, without ids.

    Polygons and boxes are taken as annotated; a data set that has bitmaps only gives their
    run-length codes and extents. A negative class id is a crowd.
    """
    class_ids, boxes, segmentations = _load_objects(dataset, image_id, shape)
    annotations = []
    for class_id, box, segmentation in zip(class_ids, boxes, segmentations, strict=True):
        bbox = coco_box(box)
        annotations.append({
            "image_id": number, "category_id": abs(int(class_id)), "iscrowd": int(class_id < 0),
            "bbox": bbox, "area": bbox[2] * bbox[3], "segmentation": segmentation})
    return annotations


def _load_objects(dataset, image_id, shape):
    """Class ids [N], boxes [N, (y1, x1, y2, x2)] px, and N polygon lists or run-length codes."""
    boxes = dataset.load_boxes(image_id)
    outlines = dataset.load_polygons(image_id)
    if outlines is None:
        bitmaps, class_ids = dataset.load_mask(image_id)
        codes = [_text(masks.to_rle(bitmaps[..., i])) for i in range(bitmaps.shape[-1])]
        return class_ids, masks.extents(bitmaps) if boxes is None else boxes, codes
    if boxes is None:
        boxes = [masks.polygon_extents(polygons) for polygons in outlines]
    class_ids = dataset.image_class_ids(image_id)
    segmentations = [_flat(polygons) if class_id > 0 else _crowd(polygons, shape)
                     for class_id, polygons in zip(class_ids, outlines, strict=True)]
    return class_ids, boxes, segmentations


def _flat(polygons) -> list[list[float]]:
    return [np.asarray(polygon, np.float64).ravel().round(3).tolist() for polygon in polygons]


def _crowd(polygons, shape) -> dict:
    """COCO wants crowds as run-length codes."""
    return _text(coco_mask.merge(coco_mask.frPyObjects(_flat(polygons), *shape)))


def mask_area(segmentation, shape: tuple[int, int]) -> float:
    """Pixels of an annotation's polygons or run-length code on an image of (height, width) px."""
    if isinstance(segmentation, list):
        segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, *shape))
    return float(coco_mask.area(segmentation))


def mask_codes(prediction, shape: tuple[int, int]) -> list[dict] | None:
    """Run-length codes of the masks on an image of (height, width) px; None without masks."""
    if prediction.mask_probs is None:
        return None
    return [masks.to_rle(masks.paste(mask, box, shape))
            for mask, box in zip(prediction.mask_probs, prediction.boxes_px, strict=True)]


def detection_dicts(prediction, number: int, shape: tuple[int, int], codes=None) -> list[dict]:
    """Detections in COCO's results format.

    Args:
        prediction: `boxes_px` [N, (y1, x1, y2, x2)], `class_ids` [N], `scores` [N] and
            `mask_probs` [N, h, w] over the boxes, or None, as `Detector.predict` gives them.
        number: COCO id of the image.
        shape: (height, width) of the image, px.
        codes: N run-length codes of the masks where they are known already.
    """
    rows = zip(prediction.boxes_px, prediction.class_ids, prediction.scores, strict=True)
    found = [{"image_id": number, "category_id": int(class_id), "score": float(score),
              "bbox": coco_box(box)} for box, class_id, score in rows]
    codes = mask_codes(prediction, shape) if codes is None else codes
    if codes is not None:
        for detection, code in zip(found, codes, strict=True):
            detection["segmentation"] = _text(code)
    return found


def coco_box(box) -> list[float]:
    """[x, y, width, height] px, rounded to thousandths, of (y1, x1, y2, x2)."""
    y1, x1, y2, x2 = (float(value) for value in box)
    return [round(x1, 3), round(y1, 3), round(x2 - x1, 3), round(y2 - y1, 3)]


def _text(code: dict) -> dict:
    """A run-length code that JSON can hold."""
    return {"size": [int(side) for side in code["size"]], "counts": code["counts"].decode("ascii")}
