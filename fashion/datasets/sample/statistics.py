"""What a data set in DeepFashion2's layout holds, and what no learning at all achieves on it."""

import json
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from fashion.categories import CATEGORIES

_BINS = 8  # of each colour channel


def records(root, subsets=("train", "validation")):
    """Yields the image path and the annotation of every image, in order."""
    for subset in subsets:
        for path in sorted((Path(root) / subset / "annos").glob("*.json")):
            image = path.parent.parent / "image" / f"{path.stem}.jpg"
            yield image, json.loads(path.read_text(encoding="utf-8"))


def items(record):
    """The items of one annotation."""
    return [value for key, value in record.items() if key.startswith("item")]


def count(root, subsets=("train", "validation")):
    """Counts images, items, categories and attributes.

    Returns:
        Dict of Counters by name: images (by source), categories (by name), items per image, scale,
        occlusion, zoom_in, viewpoint, visibility (of landmarks, 0 to 2).
    """
    names = ("images", "categories", "items per image", "scale", "occlusion", "zoom_in",
             "viewpoint", "visibility")  # fmt: skip
    counts = {name: Counter() for name in names}
    for _, record in records(root, subsets):
        found = items(record)
        counts["images"][record["source"]] += 1
        counts["items per image"][len(found)] += 1
        for item in found:
            counts["categories"][CATEGORIES[item["category_id"] - 1].name] += 1
            counts["visibility"].update(item["landmarks"][2::3])
            for name in ("scale", "occlusion", "zoom_in", "viewpoint"):
                counts[name][item[name]] += 1
    return counts


def majority_baseline(counts):
    """Accuracy of calling every garment the commonest category, 0 to 1."""
    categories = counts["categories"]
    return max(categories.values(), default=0) / max(sum(categories.values()), 1)


def histogram_retrieval(root, gallery=1000, subsets=("train", "validation")):
    """Consumer-to-shop retrieval by nothing but the colours inside the garments' true boxes.

    Queries are the users' items with a style. A query is right when its nearest neighbour, by the
    intersection of colour histograms, has the same pair_id and style (DeepFashion2's rule).

    Args:
        root: Data set in DeepFashion2's layout.
        gallery: How many shop items to search among, at most.
        subsets: Which subsets to take the items from.

    Returns:
        Dict of top1 (0 to 1), queries and gallery (how many there were).
    """
    sides = {"user": [], "shop": []}
    for path, record in records(root, subsets):
        if len(sides["shop"]) >= gallery:
            break
        # Not imread, which opens no path beyond ASCII on Windows.
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
        for item in items(record):
            if item["style"] or record["source"] == "shop":
                key = (record["pair_id"], item["style"])
                sides[record["source"]].append((key, _histogram(image, item["bounding_box"])))
    shops, queries = sides["shop"][:gallery], sides["user"]
    known = {key for key, _ in shops}
    queries = [query for query in queries if query[0] in known]
    if not queries:
        return {"top1": 0.0, "queries": 0, "gallery": len(shops)}
    bank = np.stack([histogram for _, histogram in shops])
    right = [shops[np.minimum(bank, h).sum(axis=1).argmax()][0] == key for key, h in queries]
    return {"top1": float(np.mean(right)), "queries": len(queries), "gallery": len(shops)}


def _histogram(image, bounding_box):
    """[_BINS^3] share of the box's pixels by colour."""
    x1, y1, x2, y2 = bounding_box
    crop = np.ascontiguousarray(image[y1 : max(y2, y1 + 1), x1 : max(x2, x1 + 1)])
    histogram = cv2.calcHist([crop], [0, 1, 2], None, [_BINS] * 3, [0, 256] * 3)
    return histogram.ravel() / histogram.sum()
