"""The cascade: four pyramids on a ResNet, each on the one before it, each drawing heatmaps.

    crop -> ResNet conv2..conv5 -> stage 1 -> stage 2 -> stage 3 -> stage 4
                                      |          |          |          |
                                   heatmaps   heatmaps   heatmaps   heatmaps = the answer

Li et al. 2020, "Cascaded stacked pyramid network model for key point detection of clothing",
section 2.2. What their text leaves open was decided by their table 3, in which each further stage
costs 6 to 8 GFLOPs, and the third and fourth add 8 and 7 MB:

* The three maps that a stage hands on, "64, 128 and 256", have a quarter of that many cells along
  each side, 16, 32 and 64, and 256 channels: three 3x3 convolutions there are 6.3 GFLOPs and 7.1
  MB. At their full sizes they would be sixteen times as many GFLOPs. The finest map is enlarged to
  heatmaps of 256: twice bilinearly, twice by a deconvolution that makes a garment's own landmarks.
* A stage goes down its four maps from conv5 to conv2, or from those that the stage before has made
  in their places: enlarge, add, convolve. conv5's own map enters every stage as it is.
* Every stage has heatmaps of the full size and its loss; nothing else passes to the next stage but
  its three maps, from which its heatmaps are one layer away.

Letters: B batch, S side of a crop and of a heatmap, K keypoints in all, M keypoints of one class at
most, C classes with background.
"""

import keras
import numpy as np
from keras import ops

from fashion.cspn.losses import all_landmarks, hardest_landmarks, map_errors
from fashion.cspn.targets import gaussians, peaks
from mrcnn import keypoints
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.gather import take_rows
from mrcnn.layers.keypoint_maps import KeypointMaps
from mrcnn.layers.stage import SharedLayers, Stage
from mrcnn.losses import masked_mean
from mrcnn.network import backbone_maps, keypoints_of_classes, molded

MOST_STAGES = 4
# Of batch normalisation's moving statistics. Keras' 0.99 lags behind by more than a hundred steps,
# and what lags in one stage is multiplied in the next: 300 steps left one batch, learned by heart,
# with an NE of 0.022 in stage 1 and of 0.032 in stage 4.
MOMENTUM = 0.9


class Network:
    """All layers of one CSPN, and the graphs wired from them.

    It offers what `mrcnn.network.Network` offers to weights, training and resuming.

    Args:
        config: a `fashion.cspn.config.CSPNConfig`.

    Attributes:
        layers: `SharedLayers`, those with weights.
        of_classes: `mrcnn.keypoints.ClassKeypoints`.
        sigma: of the heatmaps' Gaussians, in cells.

    Raises:
        ValueError: a number of stages that there is not.
    """

    # Nothing is pooled here; crops are resized as those of all weights that began in this project.
    convention = "aligned"

    def __init__(self, config):
        if config.CSPN_STAGES not in range(1, MOST_STAGES + 1):
            raise ValueError(
                f"CSPN_STAGES is 1 to {MOST_STAGES}, got {config.CSPN_STAGES!r}.")
        self.config = config
        self.layers = SharedLayers(config.PRECISION)
        self.of_classes = keypoints_of_classes(config)
        self.size = int(config.IMAGE_SHAPE[0])
        self.sigma = config.CSPN_SIGMA * self.size

    def layers_by_name(self):
        """Layers that own weights, by name, from the crop to the last stage."""
        if not self.layers.by_name:
            self.inference_graph()
        return self.layers.by_name

    @property
    def logged(self):
        """Names of the outputs of the training graph."""
        stages = range(1, self.config.CSPN_STAGES + 1)
        return [name for number in stages
                for name in (f"cspn_stage{number}_loss", f"stage{number}_distance")]

    def training_graph(self):
        """Wire the graph that ends in losses.

        Returns:
            A `keras.Model`, dict of inputs -> dict of outputs [B]. Inputs: input_image
            [B, S, S, 3] uint8; gt_class_ids [B, 1], 0 for no garment; gt_keypoints
            [B, 1, K, (x, y, v)] crop px. Outputs: cspn_stage1_loss, ...; and to be watched
            stage1_distance, ..., the mean distance of the landmarks that count, as a share of S.
        """
        config = self.config
        image = self._image_input()
        class_ids = keras.Input((1,), dtype="int32", name="gt_class_ids")
        points = keras.Input((1, config.NUM_KEYPOINTS, 3), dtype="float32", name="gt_keypoints")
        targets = Stage(self._targets, name="cspn_targets")(class_ids, points)
        outputs = {}
        for number, maps in enumerate(self._heatmaps(image, class_ids), start=1):
            measure = Stage(self._loss_of(number), name=f"cspn_stage{number}_loss")
            outputs[f"cspn_stage{number}_loss"] = measure(maps, targets)
            outputs[f"stage{number}_distance"] = Stage(
                self._distance, name=f"stage{number}_distance")(maps, targets)
        inputs = {"input_image": image, "gt_class_ids": class_ids, "gt_keypoints": points}
        return keras.Model(inputs, outputs, name="cspn_training")

    def inference_graph(self):
        """Wire the graph that ends in landmarks.

        Returns:
            A `keras.Model`. Inputs: input_image [B, S, S, 3] uint8, input_class_ids [B, 1] int32.
            Outputs for each stage: stage1, ... heatmaps [B, M, S, S], and keypoints1, ...
            [B, M, (x, y, score)] crop px, those of the own class; beyond its last all is 0.
        """
        image = self._image_input()
        class_ids = keras.Input((1,), dtype="int32", name="input_class_ids")
        outputs = {}
        for number, maps in enumerate(self._heatmaps(image, class_ids), start=1):
            outputs[f"stage{number}"] = maps
            outputs[f"keypoints{number}"] = Stage(self._decode, name=f"keypoints{number}")(
                maps, class_ids)
        return keras.Model({"input_image": image, "input_class_ids": class_ids}, outputs,
                           name="cspn_inference")

    def _image_input(self):
        return keras.Input((self.size, self.size, 3), dtype="uint8", name="input_image")

    def _heatmaps(self, image, class_ids):
        """Yields the heatmaps [B, M, S, S] of each stage for the classes [B, 1]."""
        config = self.config
        stages = backbone_maps(self.layers, molded(image, config), config)
        channels = Stage(lambda ids: _of(self._map_of(), ids, "int32"), name="cspn_own")(class_ids)
        for number, finest in enumerate(
                cascade(self.layers, stages, config.CSPN_FILTERS, config.CSPN_STAGES,
                        config.TRAIN_BN), start=1):
            yield self._drawn(finest, channels, number)
        for layer in self.layers.by_name.values():
            if isinstance(layer, BatchNorm):
                layer.momentum = MOMENTUM

    def _drawn(self, features, channels, number):
        """Heatmaps [B, M, S, S] of a stage, from its finest map [B, S/4, S/4, channels]."""
        double = self.layers.fresh(keras.layers.UpSampling2D, 2, interpolation="bilinear",
                                   name=f"cspn_stage{number}_upsampled")
        features = double(features)
        regions = self.layers.fresh(keras.layers.Reshape, (1, *features.shape[1:]),
                                    name=f"cspn_stage{number}_garment")(features)
        maps = self.layers(KeypointMaps, int(self._map_of().max()) + 1, dtype="float32",
                           name=f"cspn_stage{number}_maps")(regions, channels)
        return Stage(lambda maps: maps[:, 0], name=f"stage{number}")(maps)

    def _map_of(self):
        """[C, M] the map of each class's m-th keypoint."""
        groups = self.config.LANDMARK_GROUPS
        groups = np.arange(self.of_classes.total) if groups is None else np.asarray(groups)
        return groups[self.of_classes.columns]

    def _targets(self, class_ids, points):
        """What a garment's heatmaps should be.

        Args:
            class_ids: [B, 1].
            points: [B, 1, K, (x, y, v)] crop px.

        Returns:
            A dict: points [B, M, (x, y)] of the own class, maps [B, M, S, S], and counted [B, M],
            0 or 1. Absent landmarks do not count, nor do, if so configured, covered ones.
        """
        columns = _of(self.of_classes.columns, class_ids, "int32")[:, 0]
        own = take_rows(points[:, 0], columns)
        least = (keypoints.NOT_THERE if self.config.KEYPOINT_TRAIN_OCCLUDED
                 else keypoints.VISIBLE - 1)
        counted = ops.logical_and(own[..., 2] > least,
                                  _of(self.of_classes.exists, class_ids, "bool")[:, 0])
        return {"points": own[..., :2], "counted": ops.cast(counted, "float32"),
                "maps": gaussians(own[..., :2], self.size, self.sigma, xp=ops)}

    def _loss_of(self, number):
        """The loss of a stage, a function of maps [B, M, S, S] and of targets: [B]."""

        def loss(maps, targets):
            errors = map_errors(maps, targets["maps"], self.sigma)
            if number == 1:
                return all_landmarks(errors, targets["counted"])
            return hardest_landmarks(errors, targets["counted"], self.config.CSPN_HARDEST)

        return loss

    def _distance(self, maps, targets):
        found = peaks(maps, self.sigma, xp=ops)[..., :2]
        distances = ops.sqrt(ops.sum((found - targets["points"]) ** 2, axis=-1)) / self.size
        return ops.stop_gradient(masked_mean(distances, targets["counted"]))

    def _decode(self, maps, class_ids):
        exists = _of(self.of_classes.exists, class_ids, "float32")[:, 0]
        return peaks(maps, self.sigma, xp=ops) * exists[..., None]


def cascade(layers, stages, channels, count, train_bn):
    """Wire the stages.

    Args:
        layers: `SharedLayers`.
        stages: [C2, C3, C4, C5] of the backbone.
        channels: of every map.
        count: number of stages.
        train_bn: see `BatchNorm`.

    Yields:
        The finest map of each stage, [B, S/4, S/4, channels].
    """
    maps = [_conv(layers, stage, channels, 1, f"cspn_conv{level}", train_bn)
            for level, stage in zip((5, 4, 3, 2), reversed(stages), strict=True)]
    for number in range(1, count + 1):
        maps = _pyramid(layers, maps, channels, f"cspn_stage{number}", train_bn)
        yield maps[-1]


def _pyramid(layers, maps, channels, place, train_bn):
    """One stage: down its maps, coarsest first, each enlarged and added to the next.

    Returns:
        The maps for the next stage: the coarsest as it came, and three new ones.
    """
    results = [maps[0]]
    for level, finer in zip((4, 3, 2), maps[1:], strict=True):
        double = layers.fresh(keras.layers.UpSampling2D, 2, name=f"{place}_upsampled{level}")
        add = layers.fresh(keras.layers.Add, name=f"{place}_add{level}")
        x = add([double(results[-1]), finer])
        results.append(_conv(layers, x, channels, 3, f"{place}_conv{level}", train_bn))
    return results


def _conv(layers, x, channels, size, name, train_bn):
    """A convolution, normalised and cut off below 0."""
    x = layers(keras.layers.Conv2D, channels, size, padding="same", use_bias=False,
               kernel_initializer="he_normal", name=name)(x)
    x = layers(BatchNorm, train_bn=train_bn, name=f"{name}_bn")(x)
    return layers.fresh(keras.layers.Activation, "relu", name=f"{name}_relu")(x)


def _of(table, class_ids, dtype):
    """Rows of a table [C, M] for classes [B, 1]: [B, 1, M]."""
    table = ops.convert_to_tensor(table.astype(dtype))
    return ops.take(table, ops.cast(class_ids, "int32"), axis=0)
