"""A data set drawn in memory: each photo shows its first object in white, as the labels say."""

import numpy as np

from mrcnn import masks
from mrcnn.config import Config
from mrcnn.data.dataset import Dataset

SIZE = (120, 100)  # height, width px of every photo


class DrawnConfig(Config):
    NAME = "drawn"
    NUM_CLASSES = 3
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 128
    MAX_GT_INSTANCES = 4
    MINI_MASK_SHAPE = (28, 28)
    HEADS = ("box", "mask")
    NUM_KEYPOINTS = 3


class Drawn(Dataset):
    """Photos of lopsided shapes.

    Args:
        images: number of photos; photo i has i % 3 + 1 objects of classes 1, 2, 1.
        bitmaps: give the objects as bitmaps, not as polygons.
    """

    num_keypoints = 3

    def __init__(self, images=6, bitmaps=False):
        super().__init__()
        self.bitmaps = bitmaps
        self.add_class("drawn", 1, "top")
        self.add_class("drawn", 2, "skirt")
        for i in range(images):
            rng = np.random.default_rng(i)
            outlines = [[shape(rng)] for _ in range(i % 3 + 1)]
            class_ids = [1, 2, 1][: len(outlines)]
            self.add_image("drawn", i, f"{i}.png", outlines=outlines, class_ids=class_ids)
        self.prepare()

    def load_image(self, image_id):
        outlines = self.image_info[image_id]["outlines"]
        if not outlines:
            return np.zeros((*SIZE, 3), np.uint8)
        white = masks.rasterise(outlines[0], (0, 0, *SIZE), SIZE)
        return np.repeat(np.round(255 * white).astype(np.uint8)[..., None], 3, 2)

    def load_polygons(self, image_id):
        return None if self.bitmaps else self.image_info[image_id]["outlines"]

    def load_mask(self, image_id):
        info = self.image_info[image_id]
        layers = [masks.rasterise(o, (0, 0, *SIZE), SIZE) >= 0.5 for o in info["outlines"]]
        bitmaps = np.stack(layers, -1) if layers else np.zeros((*SIZE, 0), bool)
        return bitmaps, np.array(info["class_ids"], np.int32)

    def load_keypoints(self, image_id):
        """Leftmost, rightmost and no third point of each outline."""
        points = []
        for outlines in self.image_info[image_id]["outlines"]:
            outline = np.concatenate([*outlines, [(0, 0)]])[: max(sum(map(len, outlines)), 1)]
            left, right = outline[outline[:, 0].argmin()], outline[outline[:, 0].argmax()]
            points.append([(*left, 2), (*right, 1), (0, 0, 0)])
        return np.reshape(points, (-1, 3, 3))

    def keypoint_flip(self, class_id):
        return [1, 0, 2]


def shape(rng):
    """A smooth, lopsided outline [40, (x, y)] px in the middle of the photo."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = 1 + 0.3 * np.sin(angle + rng.uniform(0, 6)) + 0.15 * np.sin(3 * angle)
    centre = np.array([50, 60]) + rng.uniform(-8, 8, 2)
    return centre + (18, 24) * radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)])


def overlap(row):
    """IoU of the first object's mask with the white shape on the image of a row."""
    shape_px = row["input_image"].shape[:2]
    label = masks.paste(row["gt_masks"][0] / 255, row["gt_boxes"][0], shape_px)
    white = row["input_image"][..., 0] >= row["input_image"].max() / 2
    return (label & white).sum() / (label | white).sum()
