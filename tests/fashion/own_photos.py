"""Small data sets of one's own, written for a test."""

import json

import numpy as np
from PIL import Image

from fashion.datasets.regions import Annotations, Photo, Region, classes_of
from mrcnn import masks

WIDTH, HEIGHT = 80, 60
ORIENTATION = 0x0112
TRIANGLE = np.array([(10.123, 5.5), (40.25, 7), (22, 50.875)], np.float32)
SQUARE = np.array([(50, 10), (70, 10), (70, 30), (50, 30)], np.float32)


def save_photo(path, size=(WIDTH, HEIGHT), orientation=None, colour="white"):
    """Writes a photo of one colour, perhaps one that is to be shown turned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", size, colour)
    exif = image.getexif()
    if orientation:
        exif[ORIENTATION] = orientation
    image.save(path, exif=exif)
    return path


def bitmap():
    """A mask with a hole, of the size of the photos."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[20:40, 5:45] = True
    mask[25:30, 10:20] = False
    return mask


def annotations(folder, with_masks=True):
    """Three photos: an object of two parts and one of one, perhaps a mask, and nothing."""
    first = [Region("top", [TRIANGLE, SQUARE]), Region("bag", [SQUARE + 1])]
    second = [Region("rain boots", rle=masks.to_rle(bitmap())) if with_masks
              else Region("rain boots", [TRIANGLE + 2])]
    photos = [Photo(save_photo(folder / name), WIDTH, HEIGHT, regions)
              for name, regions in (("a.jpg", first), ("b.jpg", second), ("c.png", []))]
    return Annotations(photos, classes_of(photos), "test")


def polygon_region(polygon=SQUARE, **attributes):
    """A region of VIA 1 or 2."""
    x, y = np.asarray(polygon, float).T.tolist()
    return shape_region(attributes, name="polygon", all_points_x=x, all_points_y=y)


def shape_region(attributes, **shape):
    return {"shape_attributes": shape, "region_attributes": attributes}


def via(*regions, name="a.jpg", as_dict=False, size=-1):
    """An export of VIA of one photo."""
    entries = {str(i): region for i, region in enumerate(regions)} if as_dict else list(regions)
    return {f"{name}{size}": {"filename": name, "size": size, "regions": entries,
                              "file_attributes": {}}}


def save_json(path, content, encoding="utf-8"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False), encoding=encoding)
    return path
