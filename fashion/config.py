"""The configurations of this project. Each docstring is a lab note: what, from what, how long."""

from fashion.categories import CATEGORIES, NAMES, NUM_LANDMARKS
from mrcnn.config import Config


class FashionConfig(Config):
    """What all configurations for clothes share.

    Thresholds are those of Zhang & Zhang 2020 (Mask R-CNN on DeepFashion2): a detection is shown
    from a score of 0.7 on, proposals are thinned at 0.7, 1,000 of them are looked at.
    """

    CLASS_NAMES = ("BG", *NAMES)
    NUM_CLASSES = len(CLASS_NAMES)
    # DeepFashion2's photos show eight items at most.
    MAX_GT_INSTANCES = 16
    DETECTION_MIN_CONFIDENCE = 0.7
    RPN_NMS_THRESHOLD = 0.7
    POST_NMS_ROIS_INFERENCE = 1000
    STEPS_PER_EPOCH = None


class LandmarkConfig(FashionConfig):
    """With landmarks: 294 of them, 8 to 39 for a garment of each category.

    Covered landmarks train too: annotators placed them where they would be (DeepFashion2, section
    3.2), and the second of its two measures counts them.
    """

    HEADS = ("box", "mask", "keypoint")
    NUM_KEYPOINTS = NUM_LANDMARKS
    KEYPOINTS_OF_CLASS = [[category.start, category.count] for category in CATEGORIES]


class MatchConfig(LandmarkConfig):
    """With the match head, which says whether two garments are the same (fashion/match.py).

    Widths, counts and the five losses of Match R-CNN (DeepFashion2, section 4; the layers as its
    authors told of them). Training images come in couples that share a garment: IMAGES_PER_GPU is
    even.
    """

    HEADS = ("box", "mask", "keypoint", "match")
    # What a garment's vector is made of: class, keypoint, mask, or two of them. These two find
    # most in the authors' table (top-1 .192 with detected boxes; keypoint alone .182, mask .135).
    MATCH_FEATURES = ("class", "keypoint")
    # Side in pixels of the box whose "class" features pool from P4; None: FPN_CANONICAL_SIZE, as in
    # the paper. Larger sides pool from finer levels.
    MATCH_CANONICAL_SIZE = None
    # Filters and number of the 3x3 convolutions, and filters of the last one, which is pooled.
    MATCH_CHANNELS = 256
    MATCH_CONVS = 3
    MATCH_TOP_CHANNELS = 1024
    # Numbers of a garment's vector.
    MATCH_EMBEDDING_SIZE = 256
    # ROIs of an image that are compared with those of the others.
    MATCH_ROIS = 8
    # pairs: the paper's cross-entropy of "the same".   contrastive: to that, picks the same
    # garment out of all of the batch (Khosla et al., arXiv 2004.11362); finds more on the sample
    # (top-10 with true boxes 0.310 against 0.220, tests/benchmarks/bench_match.py).
    MATCH_LOSS = "contrastive"
    # Weight of a batch's positive pairs, all together; negative ones, which are many more, have
    # the rest.
    MATCH_POSITIVE_SHARE = 0.5
    # The five losses of the paper's total; it never published its weights. At 1 the contrastive
    # loss would outweigh all others on the backbone.
    LOSS_WEIGHTS = {**Config.LOSS_WEIGHTS, "mrcnn_match_loss": 0.2}


class DeepFashion2Config(LandmarkConfig):
    """ResNet-101 FPN on square 1024 images, from Matterport's COCO weights.

    python fashion/fashion.py train --weights=coco

    Weights: `mask_rcnn_coco.h5` of Matterport's release v2.0, its class heads left out. Schedule:
    `paper`, rate 1e-5 divided by 10 every 2,000 iterations, 8,000 in all (Zhang & Zhang 2020,
    section 3); for a longer training `--schedule=1x`. An epoch is the 2,000 steps of one rate; the
    whole validation set takes longer than they do, `--set VALIDATION_STEPS=500` makes it short.
    """

    NAME = "deepfashion2"
    BACKBONE = "resnet101"
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGES_PER_GPU = 2
    SCHEDULE = "paper"
    STEPS_PER_EPOCH = 2000
    OPTIMIZER = "adam"
    HEAD_LEARNING_RATE_MULTIPLIER = 10.0
    # 30:1 between short sleeve tops and short sleeve outwear: categories in fewer than one image
    # of twenty are repeated.
    REPEAT_FACTOR_THRESHOLD = 0.05


class MatchRCNNConfig(MatchConfig):
    """Match R-CNN: detection, masks, landmarks, matching (DeepFashion2, arXiv 1901.07973, 4.2).

    python fashion/fashion.py train --config=match_rcnn --weights=imagenet

    ResNet-50 FPN; shortest side 800, longest at most 1333; SGD with momentum, batch 16, rate 0.02
    divided by 10 after epochs 8 and 11, twelve epochs. The authors used 8 GPUs with 2 images each;
    here 4 images a step, accumulated four times, give the same batch on one GPU. Only images of
    one step are compared, though: `--set IMAGES_PER_GPU=16 ACCUMULATION_STEPS=1` gives the authors'
    8 couples where memory allows it; IMAGES_PER_GPU=2, one couple, often has nothing to tell apart.
    """

    NAME = "match_rcnn"
    BACKBONE = "resnet50"
    IMAGE_RESIZE_MODE = "shortest"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1333
    IMAGES_PER_GPU = 4
    ACCUMULATION_STEPS = 4
    SCHEDULE = "1x"
    OPTIMIZER = "sgd"
    WARMUP_STEPS = 500


class TinyConfig(MatchConfig):
    """A small detector that learns on two CPU cores in minutes: the demo, the tests, first tries.

    python fashion/fashion.py demo

    ResNet-18 at half width on 192 px images, everything else narrow to match, from random weights
    with batch norm that trains. At 256 px a step costs more and, step for step, the losses fall no
    faster: two cores learn more from more steps.
    """

    NAME = "tiny"
    BACKBONE = "resnet18"
    BACKBONE_WIDTH = 0.5
    TRAIN_BN = None
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 0
    IMAGE_MAX_DIM = 192
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CHANNELS = 64
    RPN_ANCHOR_SCALES = (18, 36, 60, 96, 150)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    PRE_NMS_LIMIT = 600
    POST_NMS_ROIS_TRAINING = 100
    POST_NMS_ROIS_INFERENCE = 100
    TRAIN_ROIS_PER_IMAGE = 32
    # 112 for 256 px images, scaled with the image: at 224 nearly all would pool from P2.
    FPN_CANONICAL_SIZE = 84
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    MASK_CHANNELS = 64
    MASK_CONVS = 2
    # Heatmaps of 28 cells a side, for garments of about 100 px.
    KEYPOINT_POOL_SIZE = 7
    # From a finer level than boxes and masks: a landmark is a place, not a shape.
    KEYPOINT_CANONICAL_SIZE = 168
    KEYPOINT_CHANNELS = 64
    KEYPOINT_CONVS = 3
    # Cloth is seen in the finest level only.
    MATCH_CANONICAL_SIZE = 672
    MATCH_CHANNELS = 64
    MATCH_CONVS = 2
    MATCH_TOP_CHANNELS = 128
    MATCH_EMBEDDING_SIZE = 64
    MATCH_ROIS = 4
    MAX_GT_INSTANCES = 8
    IMAGES_PER_GPU = 8
    PRECISION = "mixed_bfloat16"
    OPTIMIZER = "adam"
    LEARNING_RATE = 0.002
    WARMUP_STEPS = 50
    SCHEDULE = "one_cycle"
    EPOCHS = 10
    WORKERS = 0


class ViaConfig(FashionConfig):
    """A small data set of one's own: about a hundred photos, classes of one's own.

    python fashion/fashion.py train --config=via --dataset=DIR --weights=coco

    Matterport's road: COCO weights, heads first, then all; longest side 1024, two images a GPU, 20
    epochs (the afternoon of sugi-chan/clothes_segmentation, 2018). From weights of another network
    of this project (--weights=sample) it stays that network and is trained as MANNERS say.
    """

    NAME = "via"
    BACKBONE = "resnet101"
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    IMAGES_PER_GPU = 2
    MAX_GT_INSTANCES = 50
    SCHEDULE = "matterport"
    STEPS_PER_EPOCH = 100
    EPOCHS = 20


# What a configuration asks of a network that it does not know. Weights with another backbone keep
# theirs, with their optimizer and rate: SGD and the schedule `matterport`, which suit COCO's
# weights, teach the demo's network less in as many steps.
MANNERS = {
    ViaConfig.NAME: {"NAME": ViaConfig.NAME, "SCHEDULE": "one_cycle", "EPOCHS": ViaConfig.EPOCHS,
                     "STEPS_PER_EPOCH": None, "WARMUP_STEPS": 0,
                     "MAX_GT_INSTANCES": ViaConfig.MAX_GT_INSTANCES},
}
CONFIGS = {
    config.NAME: config for config in (DeepFashion2Config, MatchRCNNConfig, TinyConfig, ViaConfig)
}
