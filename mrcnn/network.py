"""The map: how the parts make a training graph and an inference graph.

    image -> backbone -> pyramid -> RPN -> proposals (ROI) -> heads
                                     |         training: sampled ROIs -> named losses
                                  targets      inference: detections -> masks, ...

Both graphs are functional Keras models wired from the same layers, so they share their weights,
and every stage worth looking at is a layer with a name. Ground truth enters the training graph as
inputs; its outputs are the losses. The batch dimension is free, all others are static.

Letters: B batch, H and W image sides, G = MAX_GT_INSTANCES, A anchors, R proposals, T sampled
ROIs, P positives (a prefix of T), D detections, C classes with background.
"""

import keras
import numpy as np
from keras import ops

from mrcnn import anchors, boxes, keypoints
from mrcnn.backbone.fpn import feature_pyramid
from mrcnn.backbone.resnet import resnet
from mrcnn.backbone.vgg import vgg16
from mrcnn.heads.box import BoxHead
from mrcnn.heads.keypoint import KeypointHead
from mrcnn.heads.mask import MaskHead
from mrcnn.layers.gather import take_rows
from mrcnn.layers.stage import SharedLayers, Stage
from mrcnn.rpn import AnchorTargets, proposals, rpn_head, rpn_losses
from mrcnn.sampling import SampleRois


def _box_head(config, layers, align):
    return BoxHead(
        layers, align, config.NUM_CLASSES, config.POOL_SIZE, config.FPN_CLASSIF_FC_LAYERS_SIZE,
        config.TRAIN_BN, config.BBOX_STD_DEV, config.class_weights(), config.BBOX_LOSS_BETA,
        config.BBOX_LOSS_NORMALIZER,
    )


def _mask_head(config, layers, align):
    return MaskHead(
        layers, align, config.NUM_CLASSES, config.MASK_POOL_SIZE, config.MASK_SHAPE,
        config.MASK_CHANNELS, config.MASK_CONVS, config.TRAIN_BN, config.USE_MINI_MASK,
        fractional=config.MASK_TARGETS == "fractional",
    )


def keypoints_of_classes(config):
    """`keypoints.ClassKeypoints` of a configuration with a keypoint head."""
    return keypoints.of_classes(
        config.KEYPOINTS_OF_CLASS, config.NUM_CLASSES, config.NUM_KEYPOINTS)


def molded(image, config):
    """Images [B, H, W, channels] uint8 as float32, their mean subtracted."""
    mean = np.asarray(config.MEAN_PIXEL, "float32")
    return Stage(lambda x: ops.cast(x, "float32") - mean, name="molded_image")(image)


def backbone_maps(layers, image, config):
    """Wire the backbone: [C2, C3, C4, C5] of molded images, or the one level of a VGG16."""
    if callable(config.BACKBONE):
        return config.BACKBONE(layers, image)
    if config.BACKBONE == "vgg16":
        return vgg16(layers, image, config.BACKBONE_WIDTH)
    return resnet(layers, image, config.BACKBONE, config.BACKBONE_WIDTH, config.TRAIN_BN)


def _keypoint_head(config, layers, align):
    if config.KEYPOINT_CANONICAL_SIZE is not None:
        align = align | {"canonical_size": config.KEYPOINT_CANONICAL_SIZE}
    return KeypointHead(
        layers, align, keypoints_of_classes(config), config.LANDMARK_GROUPS,
        config.KEYPOINT_POOL_SIZE, config.KEYPOINT_CHANNELS, config.KEYPOINT_CONVS,
        config.TRAIN_BN, config.KEYPOINT_MARGIN, config.KEYPOINT_TARGETS,
        config.KEYPOINT_TRAIN_OCCLUDED,
    )


# A new head is a file in mrcnn/heads (or beside your data, as fashion/match.py) and one entry here.
# The box head comes first: it makes the detections that the others describe.
HEADS = {"box": _box_head, "mask": _mask_head, "keypoint": _keypoint_head}


class Network:
    """All layers of one Mask R-CNN, and the graphs wired from them.

    Args:
        config: a `Config`.

    Attributes:
        layers: `SharedLayers`, those with weights.
        convention: "aligned" or "corners", what ROI_ALIGN came to.
        heads: list of heads, the box head first.
    """

    def __init__(self, config):
        self.config = config
        self.convention = "aligned" if config.ROI_ALIGN == "auto" else config.ROI_ALIGN
        if self.convention not in boxes.CONVENTIONS:
            raise ValueError(
                f"ROI_ALIGN is auto, aligned or corners, got {config.ROI_ALIGN!r}.")
        if config.HEADS[0] != "box":
            raise ValueError(f"The first of HEADS must be 'box', got {config.HEADS}.")
        unknown = [name for name in config.HEADS if name not in HEADS]
        if unknown:
            raise ValueError(
                f"HEADS names {unknown}, known are {list(HEADS)}. A head of another package is "
                "known once its module is imported.")
        self.layers = SharedLayers(config.PRECISION)
        align = {"convention": self.convention, "canonical_size": config.FPN_CANONICAL_SIZE,
                 "strides": tuple(config.BACKBONE_STRIDES[:4])}
        self.heads = [HEADS[name](config, self.layers, align) for name in config.HEADS]

    def layers_by_name(self):
        """Layers that own weights, by name, from the image to the heads."""
        if not self.layers.by_name:
            self.inference_graph()
        return self.layers.by_name

    def training_graph(self, image_shape=None):
        """Wire the graph that ends in losses.

        Args:
            image_shape: (height, width, channels); `Config.IMAGE_SHAPE` by default.

        Returns:
            A `keras.Model`, dict of inputs -> dict of losses [B]. Inputs: input_image
            [B, H, W, channels] uint8, gt_class_ids [B, G] (0 padding, negative crowd), gt_boxes
            [B, G, 4] px, gt_masks [B, G, h, w] uint8, active_class_ids [B, C]; with a keypoint
            head gt_keypoints [B, G, K, (x, y, v)], x and y in px; with a match head gt_identities
            [B, G] and image_domain [B]. Outputs whose names do not end in "_loss" are what heads
            measure of themselves.
        """
        config, shape = self.config, self._image_shape(image_shape)
        inputs = self._training_inputs(shape)
        truth = {name: inputs[name] for name in inputs if name != "input_image"}
        truth["gt_boxes"] = self._normalised(truth["gt_boxes"], shape, "gt_boxes_normalised")
        if "gt_keypoints" in truth:
            truth["gt_keypoints"] = self._normalised_points(truth["gt_keypoints"], shape)
        pyramid = self._pyramid(inputs["input_image"])
        anchors_px, anchors_normalised = self._anchors(shape)
        logits, probs, deltas = self._rpn(pyramid)
        targets = AnchorTargets(
            anchors_normalised, _inside(anchors_px, shape, config.RPN_ALLOWED_BORDER),
            config.RPN_BBOX_STD_DEV, config.RPN_TRAIN_ANCHORS_PER_IMAGE, config.SEED,
            name="rpn_targets",
        )(truth["gt_class_ids"], truth["gt_boxes"])
        losses = rpn_losses(logits, deltas, targets, config.RPN_TRAIN_ANCHORS_PER_IMAGE,
                            config.BBOX_LOSS_BETA, config.BBOX_LOSS_NORMALIZER)
        if config.USE_RPN_ROIS:
            rois = self._proposals(probs, deltas, anchors_normalised,
                                   config.POST_NMS_ROIS_TRAINING, config.RPN_NMS_THRESHOLD)
        else:
            rois = self._normalised(truth.pop("input_rois"), shape, "ROI")
        sampler = SampleRois(config.TRAIN_ROIS_PER_IMAGE, config.ROI_POSITIVE_RATIO,
                             config.ROI_ADD_GROUND_TRUTH, "match" in config.HEADS,
                             config.SEED + 1, name="sampled_rois")
        sample = sampler(rois, truth["gt_class_ids"], truth["gt_boxes"])
        prefix = Stage(
            lambda sample: {name: x[:, : sampler.max_positives] for name, x in sample.items()},
            name="positive_rois")(sample)
        streams = {}
        for index, head in enumerate(self.heads):
            part = sample if index == 0 else prefix
            if hasattr(head, "choose"):
                part = head.choose(prefix, truth)
                streams = {name: Stage(take_rows, name=f"{name}_chosen", dtype=self.layers.dtype)(
                    stream, part["rows"]) for name, stream in streams.items()}
            outputs = head.predict(pyramid[:4], part["rois"], shape, streams)
            losses |= head.losses(outputs, head.targets(part, truth), part)
        return keras.Model(inputs, losses, name="mask_rcnn_training")

    def inference_graph(self, image_shape=None, config=None, given=None):
        """Wire the graph that ends in detections.

        Args:
            image_shape: (height, width, channels), sides multiples of 64; `Config.IMAGE_SHAPE`
                by default. Graphs of all shapes share their weights.
            config: whose thresholds and counts of proposals and detections hold, such as
                `Config.evaluation()`; the network's own by default.
            given: describe so many boxes of each image that are known, instead of finding some.

        Returns:
            A `keras.Model`. Inputs: input_image [B, H, W, channels] uint8 and input_window [B, 4]
            px, the part of the molded image that is no padding; with `given` instead of the window
            input_detections [B, given, (y1, x1, y2, x2, class_id, score)] normalised. Outputs:
            detections [B, D, (y1, x1, y2, x2, class_id, score)] normalised, and what each further
            head decodes: masks [B, D, h, w] probabilities of the own class; of the best
            KEYPOINT_MAX_INSTANCES only keypoints [B, ..., M, (x, y, score)] normalised, those of
            the own class, and embeddings [B, ..., E].
        """
        config, shape = config or self.config, self._image_shape(image_shape)
        inputs = {"input_image": keras.Input(shape, dtype="uint8", name="input_image")}
        pyramid = self._pyramid(inputs["input_image"])
        if given is None:
            inputs["input_window"] = keras.Input((4,), dtype="float32", name="input_window")
            detections = self._detections(pyramid, inputs["input_window"], shape, config)
        else:
            detections = inputs["input_detections"] = keras.Input(
                (given, 6), dtype="float32", name="input_detections")
        results, streams = {"detections": detections}, {}
        for name, head in zip(self.config.HEADS[1:], self.heads[1:], strict=True):
            most = config.KEYPOINT_MAX_INSTANCES if head.best_only else None
            best = Stage(lambda x, most=most: x[:, :most], name=f"{name}_detections")(detections)
            found = Stage(lambda x: x[..., :4], name=f"{name}_boxes")(best)
            results |= head.decode(head.predict(pyramid[:4], found, shape, streams), best)
        return keras.Model(inputs, results, name="mask_rcnn_inference")

    def _detections(self, pyramid, window, shape, config):
        """What the box head finds, [B, D, (y1, x1, y2, x2, class_id, score)] normalised."""
        window = self._normalised(window, shape, "window_normalised")
        _, probs, deltas = self._rpn(pyramid)
        rois = self._proposals(probs, deltas, self._anchors(shape)[1],
                               config.POST_NMS_ROIS_INFERENCE, config.RPN_NMS_THRESHOLD)
        outputs = self.heads[0].predict(pyramid[:4], rois, shape)
        return self.heads[0].decode(
            outputs, rois, window, config.DETECTION_MAX_INSTANCES, config.DETECTION_MIN_CONFIDENCE,
            config.DETECTION_NMS_THRESHOLD, config.DETECTION_CLASS_AGNOSTIC_NMS)

    def _image_shape(self, image_shape):
        shape = tuple(int(n) for n in (self.config.IMAGE_SHAPE if image_shape is None
                                       else image_shape))
        if shape[0] % 64 or shape[1] % 64:
            raise ValueError(
                f"Image sides must be multiples of 64, so that the pyramid's levels fit onto one "
                f"another, got {shape[:2]}. Use IMAGE_RESIZE_MODE 'square' or 'pad64'."
            )
        return shape

    def _training_inputs(self, shape):
        config = self.config
        objects = config.MAX_GT_INSTANCES
        mask_shape = tuple(config.MINI_MASK_SHAPE) if config.USE_MINI_MASK else shape[:2]
        specs = {
            "input_image": (shape, "uint8"),
            "gt_class_ids": ((objects,), "int32"),
            "gt_boxes": ((objects, 4), "float32"),
            "gt_masks": ((objects, *mask_shape), "uint8"),
            "active_class_ids": ((config.NUM_CLASSES,), "int32"),
        }
        if "keypoint" in config.HEADS:
            specs["gt_keypoints"] = ((objects, config.NUM_KEYPOINTS, 3), "float32")
        if "match" in config.HEADS:
            specs |= {"gt_identities": ((objects,), "int32"), "image_domain": ((), "int32")}
        if not config.USE_RPN_ROIS:
            specs["input_rois"] = ((config.POST_NMS_ROIS_TRAINING, 4), "float32")
        return {name: keras.Input(size, dtype=dtype, name=name)
                for name, (size, dtype) in specs.items()}

    def _pyramid(self, image):
        """[P2, ..., P6] of uint8 images [B, H, W, channels]; a backbone's one level as it is."""
        config = self.config
        pyramid = backbone_maps(self.layers, molded(image, config), config)
        if len(pyramid) > 1:
            pyramid = feature_pyramid(self.layers, pyramid, config.TOP_DOWN_PYRAMID_SIZE)
        shapes = tuple(tuple(level.shape[1:3]) for level in pyramid)
        expected = anchors.pyramid_shapes(image.shape[1:3], config.BACKBONE_STRIDES)
        if shapes != expected:
            raise ValueError(
                f"BACKBONE_STRIDES {list(config.BACKBONE_STRIDES)} ask for levels of {expected} "
                f"cells, the backbone gives {shapes}. Correct the one or the other.")
        return pyramid

    def _anchors(self, shape):
        """Anchors [A, 4] in pixels and normalised, constants."""
        config = self.config
        args = (config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS)
        anchors_px = anchors.pyramid_anchors(
            shape[:2], *args, config.BACKBONE_STRIDES, config.RPN_ANCHOR_STRIDE, self.convention)
        normalised = boxes.normalise(anchors_px, shape[:2], self.convention)
        return anchors_px, normalised.astype("float32")

    def _rpn(self, pyramid):
        config = self.config
        per_cell = len(config.RPN_ANCHOR_RATIOS) * np.size(config.RPN_ANCHOR_SCALES[0])
        return rpn_head(self.layers, pyramid, config.RPN_CHANNELS, per_cell,
                        config.RPN_ANCHOR_STRIDE)

    def _proposals(self, probs, deltas, anchors_normalised, count, nms_threshold):
        config = self.config
        return proposals(probs, deltas, anchors_normalised, config.RPN_BBOX_STD_DEV,
                         config.PRE_NMS_LIMIT, count, nms_threshold)

    def _normalised(self, boxes_px, shape, name):
        return Stage(lambda x: boxes.normalise(x, shape[:2], self.convention, xp=ops),
                     name=name)(boxes_px)

    def _normalised_points(self, points_px, shape):
        def normalise(points):
            places = boxes.normalise_points(points, shape[:2], self.convention, xp=ops)
            return ops.concatenate([places, points[..., 2:]], axis=-1)

        return Stage(normalise, name="gt_keypoints_normalised")(points_px)


def _inside(anchors_px, shape, border):
    """Which anchors [A] stay within the image and `border` pixels around it; None: all."""
    if border is None:
        return np.ones(len(anchors_px), bool)
    low, high = anchors_px[:, :2].min(axis=1), anchors_px[:, 2:] - np.array(shape[:2])
    return (low >= -border) & (high.max(axis=1) <= border)
