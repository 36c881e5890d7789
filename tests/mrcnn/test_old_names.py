"""Every public name of Matterport's code is there, with its parameters in their order."""

import importlib
import inspect

import numpy as np
import pytest

from mrcnn.config import Config

# module -> name -> parameters, as in the code of 2019. Methods without `self`.
SIGNATURES = {
    "model": {
        "log": "text, array=None",
        "compute_backbone_shapes": "config, image_shape",
        "identity_block": "input_tensor, kernel_size, filters, stage, block, use_bias=True, "
                          "train_bn=True",
        "conv_block": "input_tensor, kernel_size, filters, stage, block, strides=(2, 2), "
                      "use_bias=True, train_bn=True",
        "resnet_graph": "input_image, architecture, stage5=False, train_bn=True",
        "apply_box_deltas_graph": "boxes, deltas",
        "clip_boxes_graph": "boxes, window",
        "ProposalLayer": "proposal_count, nms_threshold, config=None, **kwargs",
        "log2_graph": "x",
        "PyramidROIAlign": "pool_shape, **kwargs",
        "overlaps_graph": "boxes1, boxes2",
        "detection_targets_graph": "proposals, gt_class_ids, gt_boxes, gt_masks, config",
        "DetectionTargetLayer": "config, **kwargs",
        "refine_detections_graph": "rois, probs, deltas, window, config",
        "DetectionLayer": "config=None, **kwargs",
        "rpn_graph": "feature_map, anchors_per_location, anchor_stride",
        "build_rpn_model": "anchor_stride, anchors_per_location, depth",
        "fpn_classifier_graph": "rois, feature_maps, image_meta, pool_size, num_classes, "
                                "train_bn=True, fc_layers_size=1024",
        "build_fpn_mask_graph": "rois, feature_maps, image_meta, pool_size, num_classes, "
                                "train_bn=True",
        "smooth_l1_loss": "y_true, y_pred",
        "rpn_class_loss_graph": "rpn_match, rpn_class_logits",
        "rpn_bbox_loss_graph": "config, target_bbox, rpn_match, rpn_bbox",
        "mrcnn_class_loss_graph": "target_class_ids, pred_class_logits, active_class_ids",
        "mrcnn_bbox_loss_graph": "target_bbox, target_class_ids, pred_bbox",
        "mrcnn_mask_loss_graph": "target_masks, target_class_ids, pred_masks",
        "load_image_gt": "dataset, config, image_id, augment=False, augmentation=None, "
                         "use_mini_mask=False",
        "build_detection_targets": "rpn_rois, gt_class_ids, gt_boxes, gt_masks, config",
        "build_rpn_targets": "image_shape, anchors, gt_class_ids, gt_boxes, config",
        "generate_random_rois": "image_shape, count, gt_class_ids, gt_boxes",
        "data_generator": "dataset, config, shuffle=True, augment=False, augmentation=None, "
                          "random_rois=0, batch_size=1, detection_targets=False, "
                          "no_augmentation_sources=None",
        "compose_image_meta": "image_id, original_image_shape, image_shape, window, scale, "
                              "active_class_ids",
        "parse_image_meta": "meta",
        "parse_image_meta_graph": "meta",
        "mold_image": "images, config",
        "unmold_image": "normalized_images, config",
        "trim_zeros_graph": "boxes, name='trim_zeros'",
        "batch_pack_graph": "x, counts, num_rows",
        "norm_boxes_graph": "boxes, shape",
        "denorm_boxes_graph": "boxes, shape",
        "MaskRCNN": "mode, config, model_dir",
        "MaskRCNN.build": "mode, config",
        "MaskRCNN.find_last": "",
        "MaskRCNN.load_weights": "filepath, by_name=False, exclude=None",
        "MaskRCNN.get_imagenet_weights": "",
        "MaskRCNN.compile": "learning_rate, momentum",
        "MaskRCNN.set_trainable": "layer_regex, keras_model=None, indent=0, verbose=1",
        "MaskRCNN.set_log_dir": "model_path=None",
        "MaskRCNN.train": "train_dataset, val_dataset, learning_rate, epochs, layers, "
                          "augmentation=None, custom_callbacks=None, "
                          "no_augmentation_sources=None",
        "MaskRCNN.mold_inputs": "images",
        "MaskRCNN.unmold_detections": "detections, mrcnn_mask, original_image_shape, "
                                      "image_shape, window",
        "MaskRCNN.detect": "images, verbose=0",
        "MaskRCNN.detect_molded": "molded_images, image_metas, verbose=0",
        "MaskRCNN.get_anchors": "image_shape",
        "MaskRCNN.ancestor": "tensor, name, checked=None",
        "MaskRCNN.find_trainable_layer": "layer",
        "MaskRCNN.get_trainable_layers": "",
        "MaskRCNN.run_graph": "images, outputs, image_metas=None",
    },
    "utils": {
        "extract_bboxes": "mask",
        "compute_iou": "box, boxes, box_area, boxes_area",
        "compute_overlaps": "boxes1, boxes2",
        "compute_overlaps_masks": "masks1, masks2",
        "non_max_suppression": "boxes, scores, threshold",
        "apply_box_deltas": "boxes, deltas",
        "box_refinement_graph": "box, gt_box",
        "box_refinement": "box, gt_box",
        "resize_image": "image, min_dim=None, max_dim=None, min_scale=None, mode='square'",
        "resize_mask": "mask, scale, padding, crop=None",
        "minimize_mask": "bbox, mask, mini_shape",
        "expand_mask": "bbox, mini_mask, image_shape",
        "mold_mask": "mask, config",
        "unmold_mask": "mask, bbox, image_shape",
        "generate_anchors": "scales, ratios, shape, feature_stride, anchor_stride",
        "generate_pyramid_anchors": "scales, ratios, feature_shapes, feature_strides, "
                                    "anchor_stride",
        "trim_zeros": "x",
        "compute_matches": "gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, "
                           "pred_scores, pred_masks, iou_threshold=0.5, score_threshold=0.0",
        "compute_ap": "gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, "
                      "pred_scores, pred_masks, iou_threshold=0.5",
        "compute_ap_range": "gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, "
                            "pred_score, pred_mask, iou_thresholds=None, verbose=1",
        "compute_recall": "pred_boxes, gt_boxes, iou",
        "batch_slice": "inputs, graph_fn, batch_size, names=None",
        "download_trained_weights": "coco_model_path, verbose=1",
        "norm_boxes": "boxes, shape",
        "denorm_boxes": "boxes, shape",
        "resize": "image, output_shape, order=1, mode='constant', cval=0, clip=True, "
                  "preserve_range=False, anti_aliasing=False, anti_aliasing_sigma=None",
        "Dataset": "class_map=None",
        "Dataset.add_class": "source, class_id, class_name",
        "Dataset.add_image": "source, image_id, path, **kwargs",
        "Dataset.append_data": "class_info, image_info",
        "Dataset.image_reference": "image_id",
        "Dataset.prepare": "class_map=None",
        "Dataset.map_source_class_id": "source_class_id",
        "Dataset.get_source_class_id": "class_id, source",
        "Dataset.source_image_link": "image_id",
        "Dataset.load_image": "image_id",
        "Dataset.load_mask": "image_id",
    },
    "visualize": {
        "display_images": "images, titles=None, cols=4, cmap=None, norm=None, "
                          "interpolation=None",
        "random_colors": "N, bright=True",
        "apply_mask": "image, mask, color, alpha=0.5",
        "display_instances": "image, boxes, masks, class_ids, class_names, scores=None, "
                             "title='', figsize=(16, 16), ax=None, show_mask=True, "
                             "show_bbox=True, colors=None, captions=None",
        "display_differences": "image, gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, "
                               "pred_score, pred_mask, class_names, title='', ax=None, "
                               "show_mask=True, show_box=True, iou_threshold=0.5, "
                               "score_threshold=0.5",
        "draw_rois": "image, rois, refined_rois, mask, class_ids, class_names, limit=10",
        "draw_box": "image, box, color",
        "display_top_masks": "image, mask, class_ids, class_names, limit=4",
        "plot_precision_recall": "AP, precisions, recalls",
        "plot_overlaps": "gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, "
                         "threshold=0.5",
        "draw_boxes": "image, boxes=None, refined_boxes=None, masks=None, captions=None, "
                      "visibilities=None, title='', ax=None",
        "display_table": "table",
        "display_weight_stats": "model",
    },
    "config": {"Config": "", "Config.display": ""},
    "parallel_model": {"ParallelModel": "keras_model, gpu_count"},
}
# Attributes that scripts read. Attributes of instances are tested where they are made.
ATTRIBUTES = {
    "model": ["BatchNorm", "MaskRCNN.keras_model", "MaskRCNN.log_dir", "MaskRCNN.anchors",
              "MaskRCNN.checkpoint_path", "utils"],
    "utils": ["COCO_MODEL_URL", "Dataset.image_ids"],
}
# Values that scripts count on without setting them.
KNOBS = {
    "NAME": None, "GPU_COUNT": 1, "IMAGES_PER_GPU": 2, "STEPS_PER_EPOCH": 1000,
    "BACKBONE": "resnet101", "BACKBONE_STRIDES": [4, 8, 16, 32, 64],
    "FPN_CLASSIF_FC_LAYERS_SIZE": 1024, "TOP_DOWN_PYRAMID_SIZE": 256, "NUM_CLASSES": 1,
    "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512),
    "RPN_ANCHOR_RATIOS": [0.5, 1, 2], "RPN_ANCHOR_STRIDE": 1, "RPN_NMS_THRESHOLD": 0.7,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 256, "PRE_NMS_LIMIT": 6000, "POST_NMS_ROIS_TRAINING": 2000,
    "POST_NMS_ROIS_INFERENCE": 1000, "USE_MINI_MASK": True, "MINI_MASK_SHAPE": (56, 56),
    "IMAGE_RESIZE_MODE": "square", "IMAGE_MIN_DIM": 800, "IMAGE_MAX_DIM": 1024,
    "IMAGE_MIN_SCALE": 0, "IMAGE_CHANNEL_COUNT": 3, "MEAN_PIXEL": [123.7, 116.8, 103.9],
    "TRAIN_ROIS_PER_IMAGE": 200, "ROI_POSITIVE_RATIO": 0.33, "POOL_SIZE": 7, "MASK_POOL_SIZE": 14,
    "MASK_SHAPE": [28, 28], "MAX_GT_INSTANCES": 100, "RPN_BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2],
    "BBOX_STD_DEV": [0.1, 0.1, 0.2, 0.2], "DETECTION_MAX_INSTANCES": 100,
    "DETECTION_MIN_CONFIDENCE": 0.7, "DETECTION_NMS_THRESHOLD": 0.3, "LEARNING_RATE": 0.001,
    "LEARNING_MOMENTUM": 0.9, "WEIGHT_DECAY": 0.0001, "USE_RPN_ROIS": True, "TRAIN_BN": False,
    "GRADIENT_CLIP_NORM": 5.0, "BATCH_SIZE": 2, "IMAGE_SHAPE": [1024, 1024, 3],
    "IMAGE_META_SIZE": 13,
}
SIGNED = [(module, name) for module, names in SIGNATURES.items() for name in names]


def find(module, name):
    """What a dotted name of a module stands for."""
    found = importlib.import_module(f"mrcnn.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    return found


def parameters(function):
    """(name, parameter) of a callable without `self`; of a class, what makes an instance."""
    found = list(inspect.signature(function).parameters.items())
    return found[1:] if found and found[0][0] == "self" else found


@pytest.mark.parametrize(("module", "name"), SIGNED, ids=[".".join(pair) for pair in SIGNED])
def test_parameters_are_the_old_ones(module, name):
    expected = parameters(eval(f"lambda {SIGNATURES[module][name]}: None"))
    here = parameters(find(module, name))
    old = [key for key, parameter in expected if parameter.kind is not parameter.VAR_KEYWORD]
    assert [key for key, _ in here[: len(old)]] == old
    for key, parameter in expected:
        if parameter.default is not parameter.empty:
            assert dict(here)[key].default == parameter.default, key
        if parameter.kind is parameter.VAR_KEYWORD:
            assert any(p.kind is p.VAR_KEYWORD for _, p in here)
    for key, parameter in here[len(old):]:  # what is new may be left out
        optional = parameter.default is not parameter.empty
        assert optional or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL), key


@pytest.mark.parametrize("module", ATTRIBUTES)
def test_attributes_are_there(module):
    for name in ATTRIBUTES[module]:
        assert find(module, name) is not None


@pytest.mark.parametrize("name", KNOBS)
def test_knobs_have_their_old_defaults(name):
    class OldConfig(Config):
        pass

    np.testing.assert_array_equal(getattr(OldConfig(), name), KNOBS[name])
