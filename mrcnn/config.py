"""Every knob of Mask R-CNN: its meaning, its unit, and where its value comes from.

Subclass `Config`, change what you need, make an instance:

    class BalloonConfig(Config):
        NAME = "balloon"
        NUM_CLASSES = 1 + 1  # background + balloon

Names and meanings are Matterport's wherever Matterport had the knob.
"""

import copy
import difflib
import logging

import numpy as np

from mrcnn.knobs import knob_names, parse, plain

logger = logging.getLogger(__name__)

# Knobs that take one of a few words.
_CHOICES = {
    "PRECISION": ("float32", "mixed_bfloat16", "mixed_float16"),
    "IMAGE_RESIZE_MODE": ("square", "pad64", "none", "crop", "shortest"),
    "RESIZE_FILTER": ("auto", "area", "bilinear"),
    "MASK_TARGETS": ("fractional", "binary"),
    "KEYPOINT_TARGETS": ("bilinear", "one_hot"),
    "BBOX_LOSS_NORMALIZER": ("positives", "sampled"),
}
# Values that follow from knobs, and those to set instead.
_DERIVED = {
    "BATCH_SIZE": "IMAGES_PER_GPU",
    "IMAGE_SHAPE": "IMAGE_MAX_DIM",
    "IMAGE_META_SIZE": "NUM_CLASSES",
}


class Config:
    """Base configuration. Knobs are UPPER_CASE class attributes; subclass to change them.

    Attributes of your own are kept; one whose name nearly equals a knob's is most likely a
    spelling mistake and is warned about.
    """

    # ---- identity ----
    # Short name of the experiment; names the run folder and the checkpoints.
    NAME = None

    # ---- machine ----
    # Number of GPUs that share a step, and images on each. BATCH_SIZE is their product.
    GPU_COUNT = 1
    IMAGES_PER_GPU = 2
    # Batches whose gradients are averaged before the weights move: a batch of
    # BATCH_SIZE * ACCUMULATION_STEPS in the memory of one of BATCH_SIZE.
    ACCUMULATION_STEPS = 1
    # float32, mixed_bfloat16 or mixed_float16. Boxes, NMS and losses are float32 in all three.
    PRECISION = "float32"
    # Worker processes that read and mold images; 0 does it in a thread of this process.
    WORKERS = 2
    # One seed for initial weights, data order, augmentation and sampling.
    SEED = 0

    # ---- length of training ----
    # Steps between two checkpoints; None means one pass over the training images.
    STEPS_PER_EPOCH = 1000
    # Number of the last epoch; None: as long as the schedule is by itself.
    EPOCHS = None
    # Validation batches after each epoch; None means the whole validation set, in order.
    VALIDATION_STEPS = None

    # ---- backbone and pyramid ----
    # resnet18, resnet50, resnet101, vgg16 (one level: BACKBONE_STRIDES = [16]), or a callable
    # (layers, image) -> [C2, C3, C4, C5] at BACKBONE_STRIDES; the pyramid's shapes follow from the
    # strides.
    BACKBONE = "resnet101"
    # image shape -> [levels, (height, width)] of a BACKBONE of one's own, for
    # `modellib.compute_backbone_shapes`; the network asks the backbone itself.
    COMPUTE_BACKBONE_SHAPE = None
    # Multiplies the filters of every backbone convolution; below 1 for small machines.
    BACKBONE_WIDTH = 1.0
    # Pixels between neighbouring cells of P2..P6.
    BACKBONE_STRIDES = [4, 8, 16, 32, 64]
    # Channels of every pyramid level (FPN, section 3: 256).
    TOP_DOWN_PYRAMID_SIZE = 256
    # Batch normalisation. False: gamma, beta and statistics frozen, right for small batches that
    # start from trained weights. None: Keras' usual. True: batch statistics always.
    TRAIN_BN = False

    # ---- region proposals ----
    # Side of the square anchor in pixels, one per pyramid level (an entry may be a tuple).
    RPN_ANCHOR_SCALES = (32, 64, 128, 256, 512)
    # Width / height of the anchors at each cell.
    RPN_ANCHOR_RATIOS = [0.5, 1, 2]
    # 1: anchors at every cell; 2: at every other cell.
    RPN_ANCHOR_STRIDE = 1
    # Filters of the 3x3 convolution shared by all levels.
    RPN_CHANNELS = 512
    # Proposals that overlap a better one by more than this IoU are dropped.
    RPN_NMS_THRESHOLD = 0.7
    # Anchors per image that enter the RPN losses, at most half of them positive.
    RPN_TRAIN_ANCHORS_PER_IMAGE = 256
    # Pixels by which a trained anchor may leave the image; None trains all (FPN does).
    RPN_ALLOWED_BORDER = None
    # Best-scored anchors kept before non-maximum suppression, and ROIs kept after it.
    PRE_NMS_LIMIT = 6000
    POST_NMS_ROIS_TRAINING = 2000
    POST_NMS_ROIS_INFERENCE = 1000
    # Standard deviations that divide (dy, dx, log dh, log dw): of the RPN and of the box head.
    RPN_BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])
    BBOX_STD_DEV = np.array([0.1, 0.1, 0.2, 0.2])

    # ---- images ----
    # square: scale to fit, pad to IMAGE_MAX_DIM squared.   pad64: pad to a multiple of 64.
    # none: as they are.   crop: random windows of IMAGE_MIN_DIM squared (training).
    # shortest: the papers' rule, shortest side IMAGE_MIN_DIM unless the longest passes
    # IMAGE_MAX_DIM.
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 800
    IMAGE_MAX_DIM = 1024
    # Least factor of enlargement, tested before IMAGE_MIN_DIM; 0 leaves it out.
    IMAGE_MIN_SCALE = 0
    # area: averages when shrinking, no aliasing.   bilinear: as Matterport resized.
    # auto: bilinear for a network that pools as Matterport's (ROI_ALIGN), so that its weights see
    # the pixels they were trained on; area for all others.
    RESIZE_FILTER = "auto"
    # Colour channels of the network's input.
    IMAGE_CHANNEL_COUNT = 3
    # Subtracted from every pixel (RGB, 0 to 255).
    MEAN_PIXEL = np.array([123.7, 116.8, 103.9])
    # Objects of an image that enter training.
    MAX_GT_INSTANCES = 100
    # Masks cut to their box and kept at MINI_MASK_SHAPE (height, width) instead of at image size.
    USE_MINI_MASK = True
    MINI_MASK_SHAPE = (56, 56)
    # Oversample images with rare categories (LVIS, section 5 of arXiv 1908.03195): categories in
    # fewer than this share of the images are repeated. None: every image once. LVIS used 0.001.
    REPEAT_FACTOR_THRESHOLD = None

    # ---- heads ----
    # The heads that are built, trained and run, in this order.
    HEADS = ("box", "mask")
    # Categories with background, which is class 0.
    NUM_CLASSES = 1
    # Their names, "BG" first; a data set sets them. Needed only by CLASS_WEIGHTS and reports.
    CLASS_NAMES = None
    # Loss weight of a category by its name, for imbalanced data; None: all 1.
    CLASS_WEIGHTS = None
    # False: ROIs come from the input `input_rois` instead of the RPN (to train heads alone).
    USE_RPN_ROIS = True
    # ROIs per image that train the heads, and the largest share of positives among them.
    TRAIN_ROIS_PER_IMAGE = 200
    ROI_POSITIVE_RATIO = 0.33
    # True: the ground truth's own boxes are proposals too (as Detectron), so that the heads learn
    # from the first step on.
    ROI_ADD_GROUND_TRUTH = True
    # aligned: RoIAlign of the paper (half-pixel, 2x2 samples a bin).   corners: Matterport's
    # crop_and_resize.   auto: what the loaded weights were trained with, aligned for new ones.
    ROI_ALIGN = "auto"
    # Side in pixels of the box that pools from P4 (FPN, equation 1: 224).
    FPN_CANONICAL_SIZE = 224
    # Cells of the pooled features, for the box head and for the mask head.
    POOL_SIZE = 7
    MASK_POOL_SIZE = 14
    # Units of the box head's two layers.
    FPN_CLASSIF_FC_LAYERS_SIZE = 1024
    # Filters and number of the mask head's 3x3 convolutions.
    MASK_CHANNELS = 256
    MASK_CONVS = 4
    # Cells of a predicted mask: twice MASK_POOL_SIZE.
    MASK_SHAPE = [28, 28]
    # fractional: a target cell is the share of it that the object covers.   binary: rounded, as
    # Matterport; caps mask AP at about 0.95.
    MASK_TARGETS = "fractional"

    # ---- keypoints ----
    # Keypoints of the data set, all classes together; DeepFashion2 has 294, COCO's persons 17.
    NUM_KEYPOINTS = 0
    # (first, count) of each class's own keypoints, background left out. None: all have all.
    KEYPOINTS_OF_CLASS = None
    # Number of the heatmap of each keypoint, where keypoints of several classes share one (Lin et
    # al., arXiv 2005.00419). None: each has its own.
    LANDMARK_GROUPS = None
    # Cells of the pooled features; a heatmap has four times as many along each side.
    KEYPOINT_POOL_SIZE = 14
    # Side in pixels of the window that pools from P4; None: FPN_CANONICAL_SIZE.
    KEYPOINT_CANONICAL_SIZE = None
    # Filters and number of the keypoint head's 3x3 convolutions (DeepFashion2, section 4.1).
    KEYPOINT_CHANNELS = 512
    KEYPOINT_CONVS = 8
    # The head looks at the box and so much of its height and width beyond each edge. Landmarks lie
    # on the outline: 0, as in the papers, moves those within half a cell of the edge, and loses
    # those that a box a little small cuts off. Covered ones lie further out, and some out of reach:
    # a larger margin reaches more of them, with larger cells.
    KEYPOINT_MARGIN = 0.1
    # bilinear: a target is spread over the four nearest cells.   one_hot: one cell, as in the
    # papers; loses a quarter of a cell.
    KEYPOINT_TARGETS = "bilinear"
    # Whether covered keypoints (v = 1) train.
    KEYPOINT_TRAIN_OCCLUDED = True
    # Detections of an image, best first, that get keypoints (COCO's and DeepFashion2's measures
    # look at the best 20 of each class), and with a match head a vector.
    KEYPOINT_MAX_INSTANCES = 20

    # ---- losses ----
    # Smooth-L1 of the box deltas turns from square to linear at this many standard deviations.
    BBOX_LOSS_BETA = 1.0
    # positives: mean over positive anchors or ROIs (Matterport).   sampled: sum divided by all
    # sampled ones (Detectron).
    BBOX_LOSS_NORMALIZER = "positives"
    # Weight of each named loss in the total.
    LOSS_WEIGHTS = {
        "rpn_class_loss": 1.0,
        "rpn_bbox_loss": 1.0,
        "mrcnn_class_loss": 1.0,
        "mrcnn_bbox_loss": 1.0,
        "mrcnn_mask_loss": 1.0,
        "mrcnn_keypoint_loss": 1.0,
    }

    # ---- detection ----
    # Objects returned for an image, least score, and IoU above which the weaker one is dropped.
    DETECTION_MAX_INSTANCES = 100
    DETECTION_MIN_CONFIDENCE = 0.7
    DETECTION_NMS_THRESHOLD = 0.3
    # True: objects of different categories suppress each other too.
    DETECTION_CLASS_AGNOSTIC_NMS = False

    # ---- optimisation ----
    # sgd (momentum LEARNING_MOMENTUM) or adam (decoupled weight decay).
    OPTIMIZER = "sgd"
    LEARNING_RATE = 0.001
    LEARNING_MOMENTUM = 0.9
    # Biases and batch normalisation do not decay.
    WEIGHT_DECAY = 0.0001
    # Norm to which the gradient of all weights together is cut.
    GRADIENT_CLIP_NORM = 5.0
    # Rate of layers that did not come from the loaded weights, as a multiple of LEARNING_RATE.
    HEAD_LEARNING_RATE_MULTIPLIER = 1.0
    # constant, paper, 1x, matterport, one_cycle: see mrcnn/schedules.py.
    SCHEDULE = "constant"
    # Steps over which the rate rises linearly from near zero.
    WARMUP_STEPS = 0

    def __init__(self):
        self._warn_of_near_misses()
        self._derive()

    def _derive(self):
        """Set the values that follow from others; users read them, nobody sets them."""
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} is one of {choices}, got {getattr(self, name)!r}.")
        self.BATCH_SIZE = self.IMAGES_PER_GPU * self.GPU_COUNT
        side = self.IMAGE_MIN_DIM if self.IMAGE_RESIZE_MODE == "crop" else self.IMAGE_MAX_DIM
        if self.IMAGE_RESIZE_MODE == "shortest":
            side = -(-side // 64) * 64
        if side % 64:
            raise ValueError(
                f"The image side must be a multiple of 64, so that six halvings leave whole "
                f"cells; {self.IMAGE_RESIZE_MODE!r} with IMAGE_MIN_DIM={self.IMAGE_MIN_DIM}, "
                f"IMAGE_MAX_DIM={self.IMAGE_MAX_DIM} gives {side}. Use 256, 320, 384, ..., 1024."
            )
        self.IMAGE_SHAPE = np.array([side, side, self.IMAGE_CHANNEL_COUNT])
        # image id, original shape, molded shape, window, scale, active classes: Matterport's meta.
        self.IMAGE_META_SIZE = 1 + 3 + 3 + 4 + 1 + self.NUM_CLASSES

    def _warn_of_near_misses(self):
        known = knob_names(Config)
        for name in knob_names(type(self)):
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.85)
            if name not in known and close:
                logger.warning(
                    "%s.%s is no knob of Mask R-CNN; did you mean %s?",
                    type(self).__name__, name, close[0],
                )

    def class_weights(self):
        """CLASS_WEIGHTS as one number a class, [C]; None where no weights are set.

        Needs CLASS_NAMES (a tuple with "BG" first), since weights are given by name.
        """
        if not self.CLASS_WEIGHTS:
            return None
        unknown = sorted(set(self.CLASS_WEIGHTS) - set(self.CLASS_NAMES or ()))
        if unknown:
            raise ValueError(
                f"CLASS_WEIGHTS names {unknown}, which are not among CLASS_NAMES "
                f"{self.CLASS_NAMES}.")
        return [float(self.CLASS_WEIGHTS.get(name, 1.0)) for name in self.CLASS_NAMES]

    def to_dict(self):
        """All values by name, as plain Python that JSON can hold."""
        return {name: plain(getattr(self, name)) for name in knob_names(self)}

    def display(self):
        """Print all values, as Matterport's notebooks do."""
        print("\nConfigurations:")
        for name, value in self.to_dict().items():
            print(f"{name:30} {value}")
        print()

    def override(self, settings):
        """Return a copy with knobs changed from text, as `--set KEY=VALUE` gives them.

        Args:
            settings: dict of knob name -> text (or a value already of the right type).

        Raises:
            ValueError: unknown knob (the nearest is named), text that is no such value, or a
                derived value (BATCH_SIZE) that contradicts its knobs.
        """
        changed = copy.deepcopy(self)
        for name, value in settings.items():
            if name not in knob_names(Config) and not hasattr(self, name):
                close = difflib.get_close_matches(name.upper(), knob_names(self), n=1, cutoff=0.4)
                hint = f" Did you mean {close[0]}?" if close else ""
                raise ValueError(f"There is no knob {name!r}.{hint}")
            base_default = getattr(Config, name, None)
            setattr(changed, name, parse(name, value, getattr(self, name), base_default))
        asked = {name: getattr(changed, name) for name in _DERIVED if name in settings}
        changed._derive()
        for name, value in asked.items():
            if not np.array_equal(value, getattr(changed, name)):
                raise ValueError(
                    f"{name} follows from other knobs and would be {getattr(changed, name)}, not "
                    f"{value}; set {_DERIVED[name]} instead.")
        return changed

    def evaluation(self):
        """Return a copy with the preset that every average precision uses.

        A threshold of 0.7 hides the tail of the precision-recall curve; COCO's practice is a
        low threshold, NMS at 0.5 and 100 detections.
        """
        return self.override({
            "DETECTION_MIN_CONFIDENCE": 0.05,
            "DETECTION_NMS_THRESHOLD": 0.5,
            "DETECTION_MAX_INSTANCES": 100,
        })
