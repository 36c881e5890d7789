"""The face `modellib`: Matterport's names, wherever they live now."""

from mrcnn import utils
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.matterport.data import data_generator, load_image_gt
from mrcnn.matterport.graphs import (
    build_fpn_mask_graph,
    build_rpn_model,
    compute_backbone_shapes,
    conv_block,
    fpn_classifier_graph,
    identity_block,
    resnet_graph,
    rpn_graph,
)
from mrcnn.matterport.images import (
    compose_image_meta,
    mold_image,
    parse_image_meta,
    unmold_image,
)
from mrcnn.matterport.layers import (
    DetectionLayer,
    ProposalLayer,
    PyramidROIAlign,
    refine_detections_graph,
)
from mrcnn.matterport.losses import (
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    smooth_l1_loss,
)
from mrcnn.matterport.sampled_targets import DetectionTargetLayer, detection_targets_graph
from mrcnn.matterport.targets import (
    build_detection_targets,
    build_rpn_targets,
    generate_random_rois,
)
from mrcnn.matterport.tensors import (
    apply_box_deltas_graph,
    batch_pack_graph,
    clip_boxes_graph,
    denorm_boxes_graph,
    log2_graph,
    norm_boxes_graph,
    overlaps_graph,
    parse_image_meta_graph,
    trim_zeros_graph,
)
from mrcnn.stages import log

__all__ = [
    "BatchNorm", "DetectionLayer", "DetectionTargetLayer", "MaskRCNN", "ProposalLayer",
    "PyramidROIAlign", "apply_box_deltas_graph", "batch_pack_graph", "build_detection_targets",
    "build_fpn_mask_graph", "build_rpn_model", "build_rpn_targets", "clip_boxes_graph",
    "compose_image_meta", "compute_backbone_shapes", "conv_block", "data_generator",
    "denorm_boxes_graph", "detection_targets_graph", "fpn_classifier_graph",
    "generate_random_rois", "identity_block", "load_image_gt", "log", "log2_graph", "mold_image",
    "mrcnn_bbox_loss_graph", "mrcnn_class_loss_graph", "mrcnn_mask_loss_graph",
    "norm_boxes_graph", "overlaps_graph", "parse_image_meta", "parse_image_meta_graph",
    "refine_detections_graph", "resnet_graph", "rpn_bbox_loss_graph", "rpn_class_loss_graph",
    "rpn_graph", "smooth_l1_loss", "trim_zeros_graph", "unmold_image", "utils",
]
