"""From photos to objects: mold, run the inference graph, and bring the answer back to the photo.

Boxes and masks come back in the photo's own pixels, unrounded: molding is undone by the same
numbers that did it, and masks are pasted at sub-pixel places.
"""

import functools
from collections import OrderedDict
from dataclasses import dataclass

import keras
import numpy as np

from mrcnn import boxes, masks
from mrcnn.data import mold
from mrcnn.network import keypoints_of_classes

# Inference graphs kept, one for each molded shape. The papers' 800/1333 rule makes 17 shapes of
# all photos from 5:3 to 3:5; square molding makes one.
MAX_GRAPHS = 32
# Known boxes are described in so many slots or a multiple. Few photos show more objects, and every
# slot costs the heads their work whether there is a box in it or not.
_GIVEN = 8


@dataclass(frozen=True)
class Raw:
    """What the network found on one photo, before masks become bitmaps. N objects, by score.

    Attributes:
        shape: (height, width) of the photo, px.
        boxes_px: [N, (y1, x1, y2, x2)] float32, px of the photo.
        class_ids: [N] int32.
        scores: [N] float32, 0 to 1.
        mask_probs: [N, h, w] float32, each over its box; None for a network without a mask head.
        keypoints: [N, K, (x, y, score)] float32, px of the photo and 0 to 1; None for a network
            without a keypoint head. All 0 are those that an object's class does not have, and
            those of objects after the first KEYPOINT_MAX_INSTANCES.
        embeddings: [N, E] float32, vectors that are close for the same object on two photos; 0
            for objects after the first KEYPOINT_MAX_INSTANCES, None for a network without a match
            head.
    """

    shape: tuple
    boxes_px: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    mask_probs: np.ndarray | None = None
    keypoints: np.ndarray | None = None
    embeddings: np.ndarray | None = None

    def above(self, score):
        """Only the objects with at least this score."""
        return self.take(self.scores >= score)

    def take(self, rows):
        """Only these objects: indices, or [N] bool."""
        return Raw(self.shape, *(None if values is None else values[rows] for values in (
            self.boxes_px, self.class_ids, self.scores, self.mask_probs, self.keypoints,
            self.embeddings)))

    def to_dict(self):
        """Matterport's result, and the boxes as they are.

        Returns:
            A dict: rois [N, (y1, x1, y2, x2)] int32 px, rounded as Matterport's to at least one
            pixel, so that a photo can be cut with them; boxes [N, 4] float32 px, which rounding
            moves by up to half a pixel; class_ids [N]; scores [N]; with a mask head masks
            [H, W, N] bool, with a keypoint head keypoints [N, K, (x, y, score)], with a match
            head embeddings [N, E].
        """
        result = {
            "rois": _whole_pixels(self.boxes_px, self.shape), "boxes": self.boxes_px,
            "class_ids": self.class_ids, "scores": self.scores,
        }
        if self.mask_probs is not None:
            result["masks"] = masks.expand(self.mask_probs, self.boxes_px, self.shape)
        if self.keypoints is not None:
            result["keypoints"] = self.keypoints
        if self.embeddings is not None:
            result["embeddings"] = self.embeddings
        return result


class Detector:
    """Finds objects on photos of any size and number.

    Args:
        network: a `Network` with its weights.
        config: how photos are molded, and the thresholds, such as `Config.evaluation()`; the
            network's own by default.
        outputs: which of masks, keypoints and embeddings are wanted; what the others need is not
            computed. None: all that the network has.

    Attributes:
        resize_filter: how photos are resized, see `mold.resize_filter`.
    """

    def __init__(self, network, config=None, outputs=None):
        self.network, self.outputs = network, outputs
        self.config = config or network.config
        self.resize_filter = mold.resize_filter(self.config, network.convention)
        self._graphs = OrderedDict()  # what `graph` was given -> keras.Model, last used at the end

    def detect(self, images, batch_size=None):
        """Find objects.

        Args:
            images: iterable of [H, W, 3] uint8 RGB, of any sizes.
            batch_size: photos run at once; `Config.BATCH_SIZE` by default.

        Returns:
            A list of dicts, one for each photo: see `Raw.to_dict`.
        """
        return [raw.to_dict() for raw in self.predict(images, batch_size)]

    def predict(self, images, batch_size=None):
        """Find objects, one photo after the other, as far as they are asked for.

        Photos that mold to the same shape are run together. Few are held at a time, so a
        generator over any number of photos is fine.

        Args:
            images: iterable of [H, W, 3] uint8 RGB, of any sizes.
            batch_size: photos run at once; `Config.BATCH_SIZE` by default.

        Yields:
            `Raw`, in the order of the photos.

        Raises:
            ValueError: something that is no RGB photo, or a molded shape that the network cannot
                take.
        """
        photos = ((image, None) for image in images)
        return self._in_groups(photos, batch_size or self.config.BATCH_SIZE, self._find)

    def describe(self, photos, batch_size=None):
        """Describe objects whose boxes are known: their masks, keypoints and embeddings.

        Args:
            photos: iterable of (image [H, W, 3] uint8 RGB, boxes_px [N, (y1, x1, y2, x2)],
                class_ids [N]).
            batch_size: as for `predict`.

        Yields:
            `Raw` with the boxes as given, in their order, and scores of 1.

        Raises:
            ValueError: as `predict`, or more boxes on a photo than KEYPOINT_MAX_INSTANCES.
        """
        photos = ((image, self._known(boxes_px, class_ids))
                  for image, boxes_px, class_ids in photos)
        return self._in_groups(photos, batch_size or self.config.BATCH_SIZE, self._describe)

    def _known(self, boxes_px, class_ids):
        """Boxes [N, 4] and class ids [N] as arrays."""
        boxes_px = np.asarray(boxes_px, np.float32).reshape(-1, 4)
        most = self.config.KEYPOINT_MAX_INSTANCES
        if len(boxes_px) > most:
            raise ValueError(f"{len(boxes_px)} boxes on one photo, but only {most} are described: "
                             "raise KEYPOINT_MAX_INSTANCES.")
        return boxes_px, np.asarray(class_ids, np.int32)

    def _in_groups(self, photos, batch_size, run):
        """Yields a `Raw` for each (image, known), running those of one molded shape together.

        Args:
            photos: iterable of pairs; `known` is handed on to `run`.
            batch_size: photos run at once.
            run: list of (position, image, plan, known) with one molded shape -> {position: Raw}. A
                group may be smaller than the others: the graph's batch dimension is free.
        """
        waiting, done, next_up = OrderedDict(), {}, 0
        for position, (image, known) in enumerate(photos):
            image = _check(image, self.config.IMAGE_CHANNEL_COUNT)
            plan = mold.plan_for(self.config, image.shape)
            waiting.setdefault(plan.shape, []).append((position, image, plan, known))
            is_full = len(waiting[plan.shape]) == batch_size
            if is_full:
                done |= run(waiting.pop(plan.shape))
            elif position - next_up >= 4 * batch_size:  # a rare shape holds the others up
                done |= run(waiting.popitem(last=False)[1])
            while next_up in done:
                yield done.pop(next_up)
                next_up += 1
        for group in waiting.values():
            done |= run(group)
        for position in sorted(done):
            yield done[position]

    def _find(self, group):
        plans = [plan for _, _, plan, _ in group]
        outputs = self.graph(plans[0].shape).predict_on_batch({
            "input_image": self._molded(group),
            "input_window": np.array([plan.window for plan in plans], np.float32),
        })
        return {position: self._unmold(plan, {name: x[i] for name, x in outputs.items()})
                for i, (position, _, plan, _) in enumerate(group)}

    def _describe(self, group):
        most, shape = self.config.KEYPOINT_MAX_INSTANCES, group[0][2].shape
        longest = max(len(class_ids) for *_, (_, class_ids) in group)
        count = min(most, max(1, -(-longest // _GIVEN)) * _GIVEN)
        given = np.zeros((len(group), count, 6), np.float32)
        for row, (_, _, plan, (boxes_px, class_ids)) in zip(given, group, strict=True):
            molded_px = mold.mold_boxes(boxes_px, plan)
            row[:len(boxes_px), :4] = boxes.normalise(molded_px, shape, self.network.convention)
            row[:len(boxes_px), 4:] = np.stack([class_ids, np.ones(len(class_ids))], axis=1)
        outputs = self.graph(shape, given=count).predict_on_batch(
            {"input_image": self._molded(group), "input_detections": given})
        return {position: self._described(
            plan, known, {name: x[i, :len(known[0])] for name, x in outputs.items()})
            for i, (position, _, plan, known) in enumerate(group)}

    def _molded(self, group):
        return np.stack([mold.mold_image(image, plan, self.resize_filter)
                         for _, image, plan, _ in group])

    def graph(self, shape, given=None):
        """The inference graph of a molded (height, width), see `Network.inference_graph`."""
        key = (*shape, given)
        if key not in self._graphs:
            channels = self.config.IMAGE_CHANNEL_COUNT
            graph = self.network.inference_graph((*shape, channels), self.config, given)
            self._graphs[key] = graph if self.outputs is None else keras.Model(
                graph.input, {name: graph.output[name] for name in ("detections", *self.outputs)})
            while len(self._graphs) > MAX_GRAPHS:
                self._graphs.popitem(last=False)
        self._graphs.move_to_end(key)
        return self._graphs[key]

    def _unmold(self, plan, outputs):
        """Outputs of one photo, without padding, in the photo's pixels."""
        detections = np.asarray(outputs["detections"], np.float32)
        molded_px = boxes.denormalise(detections[:, :4], plan.shape, self.network.convention)
        boxes_px = boxes.clip(mold.unmold_boxes(molded_px, plan), (0, 0, *plan.original_shape))
        found = (detections[:, 4] > 0) & boxes.valid(boxes_px)
        return self._raw(plan, boxes_px[found].astype(np.float32),
                         detections[found, 4].astype(np.int32), detections[found, 5],
                         {name: x[found[:len(x)]] for name, x in outputs.items()})

    def _described(self, plan, known, outputs):
        """Outputs of known boxes, as `_unmold`."""
        boxes_px, class_ids = known
        return self._raw(plan, boxes_px, class_ids, np.ones(len(boxes_px), np.float32), outputs)

    def _raw(self, plan, boxes_px, class_ids, scores, outputs):
        """`Raw` of N objects; outputs of the best of them may be fewer rows."""
        masks_of, embeddings = outputs.get("masks"), outputs.get("embeddings")
        return Raw(
            plan.original_shape, boxes_px, class_ids, scores,
            mask_probs=None if masks_of is None else np.asarray(masks_of, np.float32),
            keypoints=self._unmold_keypoints(plan, outputs.get("keypoints"), class_ids),
            embeddings=None if embeddings is None else _filled(
                np.asarray(embeddings, np.float32), len(class_ids)),
        )

    @functools.cached_property
    def _of_classes(self):
        return keypoints_of_classes(self.config)

    def _unmold_keypoints(self, plan, own, class_ids):
        """[N, K, (x, y, score)] px of the photo, of the classes' own [n, M, (x, y, score)]."""
        if own is None:
            return None
        own = np.array(own, np.float32)
        molded_px = boxes.denormalise_points(own[..., :2], plan.shape, self.network.convention)
        points = mold.unmold_points(molded_px, plan)
        own[..., :2] = np.clip(points, 0, plan.original_shape[::-1])
        return _filled(self._of_classes.spread(own, class_ids[:len(own)]), len(class_ids))


def _filled(rows, count):
    """Rows [n, ...] with zero rows after them, [count, ...]."""
    return np.pad(rows, [(0, count - len(rows))] + [(0, 0)] * (rows.ndim - 1))


def _whole_pixels(boxes_px, shape):
    """Boxes [N, 4] rounded, each at least a pixel of the photo."""
    corners = np.round(boxes_px).astype(np.int32)
    low = np.minimum(corners[:, :2], np.array(shape, np.int32) - 1)
    return np.concatenate([low, np.maximum(corners[:, 2:], low + 1)], axis=1)


def _check(image, channels):
    """A photo as uint8; one of floats from 0 to 255 is rounded."""
    image = np.asarray(image)
    if image.ndim == 3 and image.dtype.kind == "f" and image.size:
        low, high = image.min(), image.max()
        if 0 <= low and 1 < high <= 255:
            image = np.rint(image).astype(np.uint8)
        elif low < 0:
            raise ValueError(
                f"This photo holds numbers from {low:.1f} on: it looks molded, and its mean would "
                "be subtracted twice. Give the photo itself, or take detect_molded.")
    if image.ndim != 3 or image.shape[2] != channels or image.dtype != np.uint8:
        raise ValueError(
            f"Expected a photo [height, width, {channels}] uint8, or of floats from 0 to 255, got "
            f"{list(image.shape)} {image.dtype}. mrcnn.data.images.read_image makes an RGB one of "
            "any file.")
    return image
