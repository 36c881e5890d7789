"""Matterport's functions of images, masks and their descriptions, in NumPy and scikit-image."""

import dataclasses
import random

import numpy as np
import scipy.ndimage
import skimage.transform

from mrcnn.data import mold
from mrcnn.matterport.boxes import denorm_boxes, norm_boxes


def resize(image, output_shape, order=1, mode="constant", cval=0, clip=True,
           preserve_range=False, anti_aliasing=False, anti_aliasing_sigma=None):
    """`skimage.transform.resize` as it was before it smoothed by default, and of bitmaps too.

    Shrinking skips pixels; `mrcnn.data.mold.warp` averages over them.
    """
    if image.dtype == bool:
        image = image.astype(np.float64)
    return skimage.transform.resize(
        image, output_shape, order=order, mode=mode, cval=cval, clip=clip,
        preserve_range=preserve_range, anti_aliasing=anti_aliasing,
        anti_aliasing_sigma=anti_aliasing_sigma)


def resize_image(image, min_dim=None, max_dim=None, min_scale=None, mode="square"):
    """Scale an image and pad or crop it; `mrcnn.data.mold` does it for image and labels at once.

    Pixels are cut off to whole numbers where ours are rounded, and shrunk as by `resize`.

    Args:
        image: [height, width, channels].
        min_dim: see `mrcnn.data.mold.plan`, as the next three.
        max_dim: px.
        min_scale: least factor.
        mode: square, pad64, none, crop or shortest. A crop's place comes from `random`.

    Returns:
        image: scaled, padded or cropped, of the type it had.
        window: (y1, x1, y2, x2) px, where the photo is on it.
        scale: factor.
        padding: [(top, bottom), (left, right), (0, 0)] px.
        crop: (y, x, height, width) px, or None.
    """
    plan = mold.plan(image.shape, mode, min_dim, max_dim, min_scale)
    if mode == "none":
        return image, plan.window, plan.scale, plan.padding, None
    scaled = image
    if plan.scale != 1:
        scaled = resize(image, plan.scaled_shape, preserve_range=True)
    if plan.crop:
        plan = _cropped_at_random(plan)
        y, x, height, width = plan.crop
        scaled = scaled[y:y + height, x:x + width]
    scaled = np.pad(scaled, plan.padding).astype(image.dtype)
    return scaled, plan.window, plan.scale, plan.padding, plan.crop


def _cropped_at_random(plan):
    """The plan with another place for its crop."""
    _, _, height, width = plan.crop
    y = random.randint(0, plan.scaled_shape[0] - height)
    x = random.randint(0, plan.scaled_shape[1] - width)
    return dataclasses.replace(plan, crop=(y, x, height, width))


def resize_mask(mask, scale, padding, crop=None):
    """Move bitmaps as `resize_image` moved their image.

    Nearest neighbours, and at one scale in 25 a rounding error empties the last row or column;
    `mrcnn.data.objects` moves outlines exactly and bitmaps with their grey borders.

    Args:
        mask: [height, width, N].
        scale: factor.
        padding: [(top, bottom), (left, right), (0, 0)] px.
        crop: (y, x, height, width) px, or None; with a crop there is no padding.
    """
    mask = scipy.ndimage.zoom(mask, zoom=[scale, scale, 1], order=0)
    if crop is None:
        return np.pad(mask, padding)
    y, x, height, width = crop
    return mask[y:y + height, x:x + width]


def minimize_mask(bbox, mask, mini_shape):
    """Cut bitmaps to their boxes and shrink them.

    Thin objects vanish, since shrinking skips pixels; `mrcnn.masks.minimize` keeps them.

    Args:
        bbox: [N, (y1, x1, y2, x2)] int px.
        mask: [height, width, N].
        mini_shape: (h, w), such as `Config.MINI_MASK_SHAPE`.

    Returns:
        [h, w, N] bool.

    Raises:
        ValueError: a box without area.
    """
    mini = np.zeros((*mini_shape, mask.shape[-1]), bool)
    for i in range(mask.shape[-1]):
        y1, x1, y2, x2 = bbox[i][:4]
        cut = mask[y1:y2, x1:x2, i].astype(bool)
        if not cut.size:
            raise ValueError(
                f"Invalid bounding box with area of zero: {(y1, x1, y2, x2)}. Leave out objects "
                "with empty masks, as load_image_gt does.")
        mini[..., i] = _rounded(cut, mini_shape)
    return mini


def expand_mask(bbox, mini_mask, image_shape):
    """Mini-masks [h, w, N] back in their int boxes `bbox` [N, 4]: [height, width, N] bool.

    `mrcnn.masks.expand` takes boxes that lie between the pixels.
    """
    mask = np.zeros((*image_shape[:2], mini_mask.shape[-1]), bool)
    for i in range(mask.shape[-1]):
        y1, x1, y2, x2 = bbox[i][:4]
        mask[y1:y2, x1:x2, i] = _rounded(mini_mask[..., i], (y2 - y1, x2 - x1))
    return mask


def _rounded(mask, shape):
    return np.around(resize(mask, shape)).astype(bool)


def unmold_mask(mask, bbox, image_shape):
    """One predicted mask as a bitmap of the whole image.

    Its box is of whole pixels; `mrcnn.masks.paste` keeps the fractions.

    Args:
        mask: [h, w] probabilities, usually 28x28.
        bbox: (y1, x1, y2, x2) int px, within the image.
        image_shape: (height, width, ...).

    Returns:
        [height, width] bool.
    """
    y1, x1, y2, x2 = bbox
    full = np.zeros(image_shape[:2], bool)
    full[y1:y2, x1:x2] = resize(mask, (y2 - y1, x2 - x1)) >= 0.5
    return full


def unmold_masks(masks, boxes_px, image_shape):
    """`unmold_mask` of masks [N, h, w] in int boxes [N, 4] px: [height, width, N] bool."""
    bitmaps = np.zeros((*image_shape[:2], len(boxes_px)), bool)
    for i, (mask, box) in enumerate(zip(masks, boxes_px, strict=True)):
        bitmaps[..., i] = unmold_mask(mask, box, image_shape)
    return bitmaps


def rounded(raw, config):
    """What was found on a photo, with boxes and masks where Matterport's code would round them.

    Args:
        raw: `mrcnn.detection.Raw`.
        config: how the photo was molded.

    Returns:
        As `raw.to_dict()`; rois and masks are the original's.
    """
    result = dataclasses.replace(raw, mask_probs=None).to_dict()
    shape = mold.plan_for(config, raw.shape).scaled_shape
    scaled_px = raw.boxes_px * np.tile(np.divide(shape, raw.shape), 2)
    result["rois"] = denorm_boxes(norm_boxes(scaled_px, shape), raw.shape)
    if raw.mask_probs is not None:
        result["masks"] = unmold_masks(raw.mask_probs, result["rois"], raw.shape)
    return result


def mold_image(images, config):
    """Images [..., 3] RGB less `config.MEAN_PIXEL`; the network here does that itself."""
    return images.astype(np.float32) - config.MEAN_PIXEL


def unmold_image(normalized_images, config):
    """The inverse of `mold_image`, uint8."""
    return (normalized_images + config.MEAN_PIXEL).astype(np.uint8)


def compose_image_meta(image_id, original_image_shape, image_shape, window, scale,
                       active_class_ids):
    """What is known of an image in one array [12 + classes], the old network's second input.

    Args:
        image_id: number.
        original_image_shape: (height, width, channels) px of the photo.
        image_shape: (height, width, channels) px after `resize_image`.
        window: (y1, x1, y2, x2) px, where the photo is.
        scale: factor.
        active_class_ids: [classes] 1 for those that the image's source annotates.
    """
    return np.array([
        image_id, *original_image_shape, *image_shape, *window, scale, *active_class_ids])


def parse_image_meta(meta):
    """The parts of metas [batch, 12 + classes] by name, int32 but for the scale [batch] float32."""
    return {
        "image_id": meta[:, 0].astype(np.int32),
        "original_image_shape": meta[:, 1:4].astype(np.int32),
        "image_shape": meta[:, 4:7].astype(np.int32),
        "window": meta[:, 7:11].astype(np.int32),
        "scale": meta[:, 11].astype(np.float32),
        "active_class_ids": meta[:, 12:].astype(np.int32),
    }
