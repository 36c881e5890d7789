"""Any `Dataset` as annotations, to be written out: each photo is made when it is asked for."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from fashion.datasets.regions import Annotations, Photo, Region
from mrcnn import masks


def annotations_of(dataset, kind: str) -> Annotations:
    """The annotations of a prepared data set.

    Args:
        dataset: a `mrcnn.data.dataset.Dataset`; garments of DeepFashion2 keep "style" and
            "pair_id" as their notes.
        kind: what its format is called.
    """
    names = tuple(str(number) for number in range(1, dataset.num_keypoints + 1))
    return Annotations(_Photos(dataset), tuple(dataset.class_names[1:]), kind,
                       dataset.problems, names)


class _Photos(Sequence):
    """Reads as a list of photos."""

    def __init__(self, dataset):
        self._dataset = dataset

    def __len__(self) -> int:
        return self._dataset.num_images

    def __getitem__(self, index):
        if isinstance(index, slice):
            return [self._photo(each) for each in range(len(self))[index]]
        return self._photo(range(len(self))[index])

    def _photo(self, image_id: int) -> Photo:
        path = Path(self._dataset.image_info[image_id]["path"])
        with Image.open(path) as image:  # reads its head only
            width, height = image.size
        return Photo(path, width, height, self._regions(image_id))

    def _regions(self, image_id: int) -> list[Region]:
        dataset, info = self._dataset, self._dataset.image_info[image_id]
        class_ids = np.asarray(dataset.image_class_ids(image_id))
        boxes, keypoints = dataset.load_boxes(image_id), dataset.load_keypoints(image_id)
        notes = [{"pair_id": info["pair_id"], "style": item["style"]}
                 for item in info.get("items", ())]
        regions = self._outlined(image_id)
        for i, (region, class_id) in enumerate(zip(regions, class_ids, strict=True)):
            region.class_name = dataset.class_names[abs(class_id)]
            region.crowd = bool(class_id < 0)
            region.place = f"{info['id']} object {i + 1}"
            region.box_px = None if boxes is None else tuple(boxes[i].tolist())
            region.keypoints = None if keypoints is None else keypoints[i]
            region.notes = notes[i] if notes else {}
        return regions

    def _outlined(self, image_id: int) -> list[Region]:
        """Regions with polygons or masks and nothing else."""
        polygons = self._dataset.load_polygons(image_id)
        if polygons is not None:
            return [Region("", polygons=parts) for parts in polygons]
        bitmaps, _ = self._dataset.load_mask(image_id)
        return [Region("", rle=masks.to_rle(bitmaps[..., i])) for i in range(bitmaps.shape[-1])]
