"""Picking rows of a batch by index, with static shapes."""

from keras import ops


def take_rows(values, indices):
    """Pick rows of each image: [B, A, ...] and [B, N] int -> [B, N, ...].

    One gather over the flattened batch; `take_along_axis` would gather every number by itself.
    """
    rows, rest = values.shape[1], tuple(values.shape[2:])
    offsets = ops.arange(ops.shape(values)[0], dtype="int32")[:, None] * rows
    flat = ops.reshape(values, (-1, *rest))
    return ops.take(flat, ops.cast(indices, "int32") + offsets, axis=0)


def take_class(values, class_ids):
    """Pick each row's own class: [B, N, C, ...] and [B, N] int -> [B, N, ...]."""
    count, classes, rest = values.shape[1], values.shape[2], tuple(values.shape[3:])
    flat = ops.reshape(values, (-1, classes, *rest))
    own = take_rows(flat, ops.reshape(class_ids, (-1, 1)))
    return ops.reshape(own, (-1, count, *rest))
