"""The pictures of a report's galleries: small, with labels that stay readable."""

import cv2
import numpy as np
from pycocotools import mask as coco_mask

from fashion.categories import NUM_LANDMARKS
from fashion.cutouts import frame
from fashion.evaluation.pictures import landmark_edges
from mrcnn import drawing, skeletons

_QUALITY = 82
_MARGIN = 0.12  # around a garment that is cut out, share of its longer side
_AROUND = 240  # gray beyond a photo's border


class Photo:
    """A photo, or a window of it, scaled.

    Args:
        image: [H, W, 3] uint8 RGB.
        most: (height, width) px, of which it fills one.
        window: (y1, x1, y2, x2) of int px, may leave the photo; None takes all of it.

    Attributes:
        picture: [h, w, 3] uint8.
    """

    def __init__(self, image: np.ndarray, most: tuple[int, int], window=None):
        self._shape = image.shape[:2]
        y1, x1, y2, x2 = (0, 0, *self._shape) if window is None else window
        self._corner = np.array([y1, x1])
        self._scale = min(most[0] / (y2 - y1), most[1] / (x2 - x1))
        part = _part(image, (y1, x1, y2, x2))
        size = [max(1, round(side * self._scale)) for side in part.shape[1::-1]]
        self.picture = cv2.resize(part, size, interpolation=cv2.INTER_AREA if self._scale < 1
                                  else cv2.INTER_CUBIC)

    def boxes(self, boxes_px) -> np.ndarray:
        """Boxes [N, (y1, x1, y2, x2)] px of the photo on the picture."""
        boxes_px = np.asarray(boxes_px, np.float64).reshape(-1, 4)
        return (boxes_px - np.tile(self._corner, 2)) * self._scale

    def points(self, keypoints) -> np.ndarray:
        """Points [N, K, (x, y, ...)] px of the photo on the picture."""
        moved = np.array(keypoints, np.float64)
        moved[..., :2] = (moved[..., :2] - self._corner[::-1]) * self._scale
        return moved

    def objects(self, objects: list[dict], labels: list[str], colors: list,
                has_masks: bool = False) -> np.ndarray:
        """Draws COCO's annotations or detections.

        Args:
            objects: with "bbox" and "category_id"; where `has_masks`, "segmentation".
            labels: a text for each.
            colors: RGB of each.
            has_masks: whether masks are drawn, which only a whole photo has.
        """
        masks = [self._mask(each["segmentation"]) for each in objects] if has_masks else []
        return drawing.draw_detections(
            self.picture, self.boxes([corners(each) for each in objects]),
            [each["category_id"] for each in objects], labels=labels, colors=colors,
            masks=np.stack(masks, axis=-1) if masks else None)

    def _mask(self, segmentation) -> np.ndarray:
        """[h, w] bool on the picture of polygons or of a run-length code of the whole photo."""
        if isinstance(segmentation, list):
            segmentation = coco_mask.merge(coco_mask.frPyObjects(segmentation, *self._shape))
        bitmap = coco_mask.decode(segmentation).astype(np.float32)
        return cv2.resize(bitmap, self.picture.shape[1::-1], interpolation=cv2.INTER_AREA) >= 0.5

    def landmarks(self, keypoints, marks, class_id: int) -> np.ndarray:
        """Draws one garment's landmarks [K, (x, y, ...)] px, marked as `skeletons` has it."""
        edges = landmark_edges([class_id]) if len(keypoints) == NUM_LANDMARKS else None
        return skeletons.draw_keypoints(self.picture, self.points(keypoints)[None], marks[None],
                                        edges, [drawing.class_color(class_id)])


def corners(each: dict) -> list[float]:
    """(y1, x1, y2, x2) px of a COCO annotation or detection."""
    x, y, width, height = each["bbox"]
    return [y, x, y + height, x + width]


def garment_photo(image: np.ndarray, box_px, side: int) -> Photo:
    """A garment with a little of what is around it, in a square picture of so many px."""
    window = frame(box_px, image.shape, _MARGIN, square=True)
    return Photo(image, (side, side), window if window[2] > window[0] else None)


def _part(image, window) -> np.ndarray:
    """A window of a picture; gray where it leaves it."""
    y1, x1, y2, x2 = window
    height, width = image.shape[:2]
    part = image[max(y1, 0):max(y2, 0), max(x1, 0):max(x2, 0)]
    return cv2.copyMakeBorder(part, max(-y1, 0), max(y2 - height, 0), max(-x1, 0),
                              max(x2 - width, 0), cv2.BORDER_CONSTANT, value=(_AROUND,) * 3)


def jpeg(picture: np.ndarray) -> bytes:
    """A picture [h, w, 3] RGB as a JPEG file."""
    good, data = cv2.imencode(".jpg", picture[..., ::-1],
                              [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    if not good:
        raise ValueError(f"OpenCV cannot write a picture of shape {picture.shape} as JPEG.")
    return data.tobytes()
