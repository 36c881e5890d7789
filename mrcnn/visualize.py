"""The old face of pictures: Matterport's figures, plots and tables, and our pictures from NumPy.

`from mrcnn import visualize` imports neither Keras nor Matplotlib.
"""

from mrcnn.drawing import (
    apply_mask,
    caption,
    class_color,
    contact_sheet,
    draw_box,
    draw_detections,
    side_by_side,
)
from mrcnn.figures import (
    display_differences,
    display_images,
    display_instances,
    display_top_masks,
    draw_boxes,
    draw_rois,
    random_colors,
)
from mrcnn.plots import (
    display_table,
    display_weight_stats,
    plot_overlaps,
    plot_precision_recall,
)
from mrcnn.skeletons import draw_keypoints, heatmap_sheet, score_marks, visibility_marks

__all__ = [
    "apply_mask", "caption", "class_color", "contact_sheet", "display_differences",
    "display_images", "display_instances", "display_table", "display_top_masks",
    "display_weight_stats", "draw_box", "draw_boxes", "draw_detections", "draw_keypoints",
    "draw_rois", "heatmap_sheet", "plot_overlaps", "plot_precision_recall", "random_colors",
    "score_marks", "side_by_side", "visibility_marks",
]
