"""What makes the scripts' networks small: a laptop trains one in seconds, and it learns little."""


class SmallNetwork:
    BACKBONE = "resnet18"
    BACKBONE_WIDTH = 0.25
    TOP_DOWN_PYRAMID_SIZE = RPN_CHANNELS = MASK_CHANNELS = 16
    FPN_CLASSIF_FC_LAYERS_SIZE = 32
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    PRE_NMS_LIMIT = 200
    POST_NMS_ROIS_TRAINING = POST_NMS_ROIS_INFERENCE = 50
    TRAIN_ROIS_PER_IMAGE = 16
    STEPS_PER_EPOCH = 1
    WORKERS = 0
    TRAIN_BN = None
    DETECTION_MIN_CONFIDENCE = 0
