"""The configurations of CSPN and of the detector in front of it. Docstrings are lab notes."""

from fashion.categories import NUM_LANDMARKS
from fashion.config import CONFIGS, LandmarkConfig
from fashion.datasets.landmark_benchmark import LANDMARKS, TYPES
from fashion.landmark_groups import LANDMARK_GROUPS
from mrcnn.config import Config


class BenchmarkConfig(Config):
    """What is common to all networks for DeepFashion's landmark benchmark: one garment a photo."""

    CLASS_NAMES = ("BG", *TYPES)
    NUM_CLASSES = len(CLASS_NAMES)
    STEPS_PER_EPOCH = None


class CSPNConfig(BenchmarkConfig):
    """CSPN in the paper's size: ResNet-101, crops and heatmaps of 256 px, four stages.

    python fashion/fashion.py train --config=cspn --weights=imagenet --set BACKBONE=resnet50
    python fashion/fashion.py train --config=cspn --weights=coco --dataset=DIR

    Li et al. 2020 (Computer Systems & Applications 29(4), 254-259), section 2.2. They name neither
    optimizer nor rate; Adam at 5e-4 is that of the cascaded pyramid network which theirs builds
    on (Chen et al. 2018). The backbone's stages come from COCO's weights. DeepFashion2's photos
    take the same network with the 294 landmarks, as `fit` says.
    """

    NAME = "cspn"
    HEADS = ("keypoint",)
    NUM_KEYPOINTS = len(LANDMARKS)
    # NE counts visible landmarks only, and the benchmark's covered ones are guesses.
    KEYPOINT_TRAIN_OCCLUDED = False
    MAX_GT_INSTANCES = 1
    # Side of a crop, and of a heatmap, px: crops are square and are always scaled to it.
    IMAGE_MAX_DIM = 256
    # Stages of the cascade, 1 to 4; the last one's maps are the answer.
    CSPN_STAGES = 4
    # Filters of every layer of the pyramids.
    CSPN_FILTERS = 256
    # How much longer the crop is than the box's longer side.
    CSPN_MARGIN = 0.25
    # Standard deviation of a target's Gaussian, as a share of the map's side: 8 of 256 cells, 2 of
    # the 64 that pose networks of this size usually have (Sun et al., arXiv 1902.09212).
    CSPN_SIGMA = 1 / 32
    # K of the paper's equation 2.
    CSPN_HARDEST = 4
    BACKBONE = "resnet101"
    TRAIN_BN = None
    IMAGES_PER_GPU = 16
    OPTIMIZER = "adam"
    LEARNING_RATE = 5e-4
    SCHEDULE = "one_cycle"
    EPOCHS = 20
    LOSS_WEIGHTS = {f"cspn_stage{number}_loss": 1.0 for number in (1, 2, 3, 4)}


class CSPNTinyConfig(CSPNConfig):
    """A small CSPN that learns on two CPU cores in minutes: tests, benchmarks, first tries.

    python fashion/fashion.py train --config=cspn_tiny --weights=random

    ResNet-18 at half width, crops and heatmaps of 128 px, from random weights.
    """

    NAME = "cspn_tiny"
    BACKBONE = "resnet18"
    BACKBONE_WIDTH = 0.5
    IMAGE_MAX_DIM = 128
    CSPN_FILTERS = 32
    LEARNING_RATE = 2e-3
    EPOCHS = 10
    WORKERS = 0


class CSPNDetectorConfig(BenchmarkConfig):
    """The detector in front: Faster R-CNN on VGG16 (Ren et al., arXiv 1506.01497), no mask head.

    python fashion/fashion.py train --config=cspn_detector --weights=FILE --dataset=DIR

    FILE is Keras' own VGG16, vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5, which fits in by
    name, or the word random. One feature level of stride 16, nine anchors a cell, 7x7 pooled
    features, two fully connected layers of 4096; shortest side 600, longest at most 1000, as
    theirs. Regions are pooled by RoIAlign, as everywhere in this project, where the paper has RoI
    pooling.
    """

    NAME = "cspn_detector"
    BACKBONE = "vgg16"
    BACKBONE_STRIDES = [16]
    RPN_ANCHOR_SCALES = ((128, 256, 512),)
    HEADS = ("box",)
    FPN_CLASSIF_FC_LAYERS_SIZE = 4096
    TRAIN_BN = None
    IMAGE_RESIZE_MODE = "shortest"
    IMAGE_MIN_DIM = 600
    IMAGE_MAX_DIM = 1000
    POST_NMS_ROIS_INFERENCE = 300
    TRAIN_ROIS_PER_IMAGE = 128
    ROI_POSITIVE_RATIO = 0.25
    MAX_GT_INSTANCES = 16
    DETECTION_MIN_CONFIDENCE = 0.5
    IMAGES_PER_GPU = 2
    SCHEDULE = "1x"


def fit(config, dataset):
    """The configuration with a data set's classes and landmarks.

    Args:
        config: `CSPNConfig`.
        dataset: prepared `mrcnn.data.dataset.Dataset` with keypoints. Where they are DeepFashion2's
            294, a garment has heatmaps of its own category's only, 39 at most, and landmarks that
            are the same part of different garments share one.
    """
    known = {"NUM_KEYPOINTS": dataset.num_keypoints}
    if dataset.num_keypoints == NUM_LANDMARKS:
        known |= {"KEYPOINTS_OF_CLASS": LandmarkConfig.KEYPOINTS_OF_CLASS,
                  "LANDMARK_GROUPS": list(LANDMARK_GROUPS),
                  "KEYPOINT_TRAIN_OCCLUDED": LandmarkConfig.KEYPOINT_TRAIN_OCCLUDED}
    elif config.NUM_KEYPOINTS == NUM_LANDMARKS:  # of weights that were trained on DeepFashion2
        known |= {name: getattr(CSPNConfig, name) for name in (
            "KEYPOINTS_OF_CLASS", "LANDMARK_GROUPS", "KEYPOINT_TRAIN_OCCLUDED")}
    return fit_classes(config, dataset).override(known)


def fit_classes(config, dataset):
    """The configuration with a data set's classes."""
    return config.override({"CLASS_NAMES": tuple(dataset.class_names),
                            "NUM_CLASSES": len(dataset.class_names)})


CONFIGS |= {config.NAME: config for config in (CSPNConfig, CSPNTinyConfig, CSPNDetectorConfig)}
