"""The garments of a data set as photos of their own, so that what loads and trains detectors loads
and trains landmark networks too: workers, order, resuming, unreadable photos, augmentation."""

import numpy as np
from PIL import Image

from fashion.cspn.crops import square
from mrcnn.data.augment import Jitter
from mrcnn.data.dataset import Dataset
from mrcnn.data.mold import warp

# Photos to train on show so much more than the crop: augmentation shifts and turns them, and should
# find more of the photo there, not black. `crops.JITTER` needs 1.56 at most.
WIDER = 1.6


def zoomed(jitter):
    """A `Jitter` for photos that are `WIDER`, which changes the crop as the given one would."""
    return Jitter(**{**vars(jitter), "scale": tuple(WIDER * scale for scale in jitter.scale)})


class Garments(Dataset):
    """Each garment of a data set as a square photo with one object, at the photo's own resolution.

    Class ids, keypoints and flips are those of the data set.

    Args:
        crops: `fashion.cspn.crops.Crops`.
        wider: how many times as long as the crop each side is. 1 shows what `Crops.load` shows, but
            that the square is rounded to whole pixels.
    """

    def __init__(self, crops, wider=1.0):
        super().__init__()
        self.crops, self.wider = crops, wider
        self.num_keypoints, self.exif = crops.dataset.num_keypoints, crops.dataset.exif
        self.class_info = list(crops.dataset.class_info)
        for photo, item, class_id in zip(crops.image_ids, crops.items, crops.class_ids,
                                         strict=True):
            info = crops.dataset.image_info[photo]
            self.add_image(info["source"], f"{info['id']} item{item + 1}", info["path"],
                           class_ids=[int(class_id)])
        self.prepare()

    def _window(self, image_id):
        """(y1, x1, side) whole px of the photo."""
        box = self.crops.boxes_px[image_id]
        margin = self.crops.margin
        if np.isnan(box).any():
            with Image.open(self.image_info[image_id]["path"]) as photo:  # reads its head only
                box, margin = (0, 0, photo.height, photo.width), 0
        y1, x1, y2, _ = square(box, self.wider * (1 + margin) - 1)
        return round(y1), round(x1), max(round(y2 - y1), 1)

    def load_image(self, image_id):
        """[side, side, 3] uint8, zeros where the photo does not reach."""
        photo = self.crops.dataset.load_image(self.crops.image_ids[image_id])
        y1, x1, side = self._window(image_id)
        return warp(photo, [[1, 0, -x1], [0, 1, -y1]], (side, side))

    def load_polygons(self, image_id):
        """The whole square: the network is not asked where the garment is."""
        side = self._window(image_id)[2]
        return [[np.array([(0, 0), (side, 0), (side, side), (0, side)], np.float32)]]

    def load_keypoints(self, image_id):
        """[1, K, (x, y, v)] float32 px of the square."""
        y1, x1, _ = self._window(image_id)
        points = self.crops.truth(image_id)
        points[:, :2] -= (x1, y1)
        return points[None] * (points[None, :, 2:] > 0)

    def keypoint_flip(self, class_id):
        """See `Dataset.keypoint_flip`."""
        return self.crops.dataset.keypoint_flip(class_id)
