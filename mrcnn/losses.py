"""The few losses that all heads share, one number an image.

Every loss is `[batch]`: an image's loss is a function of that image alone, so that a smaller last
batch, gradient accumulation and several GPUs all give the mean over images, exactly. Padding
enters through a mask and changes nothing.
"""

from keras import ops


def masked_mean(values, mask, axis=1):
    """Mean over `axis` of `values` where `mask` is 1; 0 where the mask is all 0."""
    return ops.sum(values * mask, axis=axis) / ops.maximum(ops.sum(mask, axis=axis), 1e-6)


def classification(logits, labels, weights):
    """Softmax cross-entropy, weighted mean over an image's samples.

    Args:
        logits: [B, N, C].
        labels: [B, N] int.
        weights: [B, N], 0 for padding.

    Returns:
        [B].
    """
    loss = ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
    return masked_mean(loss, weights)


def smooth_l1(predicted, target, positive, beta, sampled=None):
    """Smooth L1 of box deltas (Fast R-CNN, equation 3; `beta` as in Detectron).

    Args:
        predicted: [B, N, 4]; target: the same.
        positive: [B, N], 1 for the rows that count.
        beta: where the square turns linear.
        sampled: divide the sum by this many (Detectron) rather than by the number of positive
            coordinates (Matterport).

    Returns:
        [B].
    """
    difference = ops.abs(predicted - target)
    square = 0.5 * difference**2 / beta
    loss = ops.where(difference < beta, square, difference - 0.5 * beta)
    if sampled is not None:
        return ops.sum(ops.sum(loss, axis=2) * positive, axis=1) / sampled
    return masked_mean(ops.mean(loss, axis=2), positive)


def binary(logits, targets, positive):
    """Binary cross-entropy of masks, mean over the cells of an image's positives.

    Args:
        logits: [B, P, h, w]; targets: the same, 0 to 1.
        positive: [B, P], 1 for the rows that count.

    Returns:
        [B].
    """
    loss = ops.maximum(logits, 0) - logits * targets + ops.log1p(ops.exp(-ops.abs(logits)))
    return masked_mean(ops.mean(loss, axis=(2, 3)), positive)
