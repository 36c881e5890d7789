"""The methods of `MaskRCNN` that only Matterport's notebooks and scripts call."""

import logging
from pathlib import Path

import numpy as np

from mrcnn import anchors, boxes, download, stages, trainable
from mrcnn.data import mold
from mrcnn.matterport.boxes import denorm_boxes, generate_pyramid_anchors, norm_boxes
from mrcnn.matterport.images import (
    compose_image_meta,
    mold_image,
    parse_image_meta,
    unmold_masks,
)
from mrcnn.stages import log

logger = logging.getLogger(__name__)

WEIGHTS = Path(__file__).resolve().parents[2] / "weights"


class MatterportMethods:
    """Mixin of `MaskRCNN`, which gives it config, mode, network, keras_model, detector and run.

    Molded images are [N, H, W, channels] float, resized, padded, mean subtracted. Their metas are
    `compose_image_meta`'s.
    """

    _anchors_px = None

    @property
    def anchors(self):
        """Anchors [A, (y1, x1, y2, x2)] px of the shape that `get_anchors` was last asked for."""
        if self._anchors_px is None:
            self.get_anchors(self.config.IMAGE_SHAPE)
        return self._anchors_px

    @property
    def checkpoint_path(self):
        """Where epochs are saved: a pattern with {epoch:04d}."""
        return str(self.run.path / f"mask_rcnn_{self.run.name}_{{epoch:04d}}.h5")

    def get_anchors(self, image_shape):
        """Return the network's anchors [A, (y1, x1, y2, x2)] for a molded shape, normalised."""
        config, shape, convention = self.config, tuple(image_shape[:2]), self.network.convention
        kinds = config.RPN_ANCHOR_SCALES, config.RPN_ANCHOR_RATIOS
        strides, step = config.BACKBONE_STRIDES, config.RPN_ANCHOR_STRIDE
        if convention == "corners":  # the same, but in float64, as `build_rpn_targets` needs them
            levels = anchors.pyramid_shapes(shape, strides)
            self._anchors_px = generate_pyramid_anchors(*kinds, levels, strides, step)
        else:
            self._anchors_px = anchors.pyramid_anchors(shape, *kinds, strides, step, convention)
        return boxes.normalise(self._anchors_px, shape, convention).astype(np.float32)

    def mold_inputs(self, images):
        """Make photos of any size ready for the network, as `detect` does.

        Args:
            images: list of [height, width, channels] uint8.

        Returns:
            molded images, metas [N, meta size], windows [N, (y1, x1, y2, x2)] px.

        Raises:
            ValueError: the photos mold to different shapes.
        """
        config = self.config
        plans = [mold.plan_for(config, image.shape) for image in images]
        if len({plan.shape for plan in plans}) > 1:
            raise ValueError(
                f"These photos mold to {sorted({plan.shape for plan in plans})} px and do not fit "
                f"into one array. Mold them one by one, or use detect, which takes any sizes.")
        molded = [mold.mold_image(image, plan, self.detector.resize_filter)
                  for image, plan in zip(images, plans, strict=True)]
        metas = [
            compose_image_meta(0, image.shape, pixels.shape, plan.window, plan.scale,
                               np.zeros(config.NUM_CLASSES, np.int32))
            for image, pixels, plan in zip(images, molded, plans, strict=True)]
        return (np.stack([mold_image(pixels, config) for pixels in molded]), np.stack(metas),
                np.stack([plan.window for plan in plans]))

    def unmold_detections(self, detections, mrcnn_mask, original_image_shape, image_shape,
                          window):
        """Bring one image's outputs back to the photo, rounded to whole pixels.

        `detect` keeps parts of a pixel, in `boxes`.

        Args:
            detections: [D, (y1, x1, y2, x2, class_id, score)], normalised as by `norm_boxes`;
                class 0 is padding at the end.
            mrcnn_mask: [D, h, w, C] probabilities, or None.
            original_image_shape: of the photo, (height, width, channels) px.
            image_shape: of the molded image, likewise.
            window: (y1, x1, y2, x2) px, where the photo lies on the molded image.

        Returns:
            boxes [N, (y1, x1, y2, x2)] int32 px, class_ids [N] int32, scores [N], masks
            [height, width, N] bool or None.
        """
        detections = detections[np.cumprod(detections[:, 4] != 0).astype(bool)]
        class_ids = detections[:, 4].astype(np.int32)
        window = norm_boxes(window, image_shape[:2])
        scale = np.tile(window[2:] - window[:2], 2)
        boxes_px = denorm_boxes(
            (detections[:, :4] - np.tile(window[:2], 2)) / scale, original_image_shape[:2])
        kept = np.flatnonzero(boxes.area(boxes_px) > 0)
        boxes_px, class_ids = boxes_px[kept], class_ids[kept]
        masks = None if mrcnn_mask is None else unmold_masks(
            mrcnn_mask[kept, :, :, class_ids], boxes_px, original_image_shape)
        return boxes_px, class_ids, detections[kept, 5], masks

    def detect_molded(self, molded_images, image_metas, verbose=0):
        """Find the objects of molded images; boxes and masks are of the whole molded image.

        Args:
            molded_images: molded images.
            image_metas: [N, meta size].
            verbose: 1 prints what comes in.

        Returns:
            A list of dicts: rois [N, (y1, x1, y2, x2)] int32 px, class_ids, scores, and, with a
            mask head, masks [H, W, N] bool.
        """
        if verbose:
            announce(molded_images)
        names = ["mrcnn_detection", *(["mrcnn_mask"] if "mask" in self.config.HEADS else [])]
        outputs = self._run(molded_images, image_metas, names)
        shape = molded_images[0].shape
        results = []
        for detections, *masks in zip(*outputs.values(), strict=True):
            boxes_px = boxes.denormalise(detections[:, :4], shape[:2], self.network.convention)
            detections[:, :4] = norm_boxes(boxes_px, shape[:2])
            found = self.unmold_detections(
                detections, masks[0] if masks else None, shape, shape, (0, 0, *shape[:2]))
            kinds = ("rois", "class_ids", "scores", *(["masks"] if masks else []))
            results.append(dict(zip(kinds, found, strict=False)))
        return results

    def run_graph(self, images, outputs, image_metas=None):
        """Compute stages of the inference graph, and log their shapes.

        Args:
            images: list of photos; molded images with `image_metas`.
            outputs: list of (name, tensor), or of names of stages: see `stages.run_graph`.
            image_metas: [N, meta size] of molded images, or None.

        Returns:
            An OrderedDict name -> array. Boxes are normalised as ROI_ALIGN says: for weights of
            Matterport `denorm_boxes` turns them to pixels.
        """
        if image_metas is None:
            images, image_metas, _ = self.mold_inputs(images)
        results = self._run(images, image_metas, outputs)
        for name, array in results.items():
            log(name, array)
        return results

    def ancestor(self, tensor, name, checked=None):
        """Find a stage that a tensor is computed from, by its old name: see `stages.ancestor`."""
        return stages.ancestor(tensor, name)

    def set_trainable(self, layer_regex, keras_model=None, indent=0, verbose=1):
        """Let the layers train whose whole name matches. `train` does it by itself.

        Args:
            layer_regex: regular expression, or one of heads, 3+, 4+, 5+, all.
            keras_model: any; all graphs share their layers.
            indent: spaces before the names.
            verbose: 1 prints the names.
        """
        trainable.set_trainable(self.network, layer_regex)
        if verbose:
            log("Selecting layers to train")
            for layer in self.get_trainable_layers():
                if layer.trainable_variables:
                    log(f"{' ' * indent}{layer.name:20}   ({type(layer).__name__})")

    def get_trainable_layers(self):
        """Return the layers that have weights."""
        return list(self.network.layers_by_name().values())

    def find_trainable_layer(self, layer):
        """Return the layer that holds the weights, inside whatever wraps it."""
        while hasattr(layer, "layer"):
            layer = layer.layer
        return layer

    def get_imagenet_weights(self):
        """Return the path of Keras' ImageNet weights of ResNet-50, fetched at first use."""
        return str(download.published_weights("imagenet", WEIGHTS))

    def build(self, mode, config):
        """Return a graph wired from this network.

        Args:
            mode: "training", as the network's own configuration says, or "inference".
            config: thresholds and shapes of the inference graph.
        """
        if mode == "training":
            return self.network.training_graph()
        return self.network.inference_graph(config=config)

    def compile(self, learning_rate, momentum):
        """Say who compiles now: `train` does, with its own learning rate."""
        logger.warning("MaskRCNN.compile does nothing: pass learning_rate to train and set "
                       "LEARNING_MOMENTUM in the configuration.")

    def _run(self, molded_images, image_metas, outputs):
        """`stages.run_graph` over the graph of the molded shape; `anchors` become its."""
        self.get_anchors(molded_images[0].shape)
        graph = self.detector.graph(tuple(molded_images[0].shape[:2]))
        windows = parse_image_meta(np.asarray(image_metas))["window"]
        return stages.run_graph(graph, molded_images, windows, outputs)


def announce(images):
    """Print what comes in, as `verbose` asks."""
    log(f"Processing {len(images)} images")
    for image in images:
        log("image", image)
