"""The match head: which garment is this? (Match R-CNN, DeepFashion2, arXiv 1901.07973, section 4.1)

A garment becomes a vector, and two vectors are the same garment or not: subtract, square, one
fully connected layer, softmax. The paper's code was never released; the layers are those that its
authors told of (3 convolutions of 256 filters and one of 1024, average pooling, a fully connected
layer of 256 with batch norm). Importing this file makes "match" a head that `Config.HEADS` names.

Shapes: B batch, R boxes, P positive ROIs, G ground-truth objects, D detections, E numbers of a
vector, K = MATCH_ROIS, N = B * K ROIs of a whole batch.
"""

import keras
import numpy as np
from keras import ops

from fashion.retrieval.similarity import Similarity
from mrcnn import boxes, network
from mrcnn.data.pairs import UNKNOWN_DOMAIN
from mrcnn.layers.batch_norm import BatchNorm
from mrcnn.layers.fold import Fold, Unfold
from mrcnn.layers.gather import take_rows
from mrcnn.layers.roi_align import RoIAlign
from mrcnn.layers.stage import Stage

# A ROI stands for its garment from this IoU on (DeepFashion2, answers of its authors).
ROI_IOU = 0.7
FEATURES = ("class", "keypoint", "mask")
LOSSES = ("pairs", "contrastive")
SIMILARITY = "mrcnn_match_similarity"


class MatchHead:
    """Convolutions on features that other heads have made, pooled to a vector.

    Args:
        layers: `SharedLayers`.
        align: keyword arguments of `RoIAlign`, all but sizes.
        features: one or two of `FEATURES`. "class" are the features that the box head sees, the
            others those behind the convolutions of the mask and of the keypoint head.
        pool_size: side of the pooled "class" features.
        channels, convolutions: filters and number of the 3x3 convolutions.
        top_channels: filters of the last one, so many numbers are pooled.
        size: E.
        rois: K, ROIs of an image that are compared.
        loss: "pairs", the paper's, or "contrastive".
        positive_share: weight of all positive pairs together, that of the negative ones is the
            rest.

    Raises:
        ValueError: features or a loss of other names.
    """

    losses_of = ("mrcnn_match_loss",)
    best_only = True

    def __init__(self, layers, align, features, pool_size, channels, convolutions, top_channels,
                 size, rois, loss, positive_share):
        if not 1 <= len(features) <= 2 or not set(features) <= set(FEATURES):
            raise ValueError(f"MATCH_FEATURES are one or two of {FEATURES}, got {features}.")
        if loss not in LOSSES:
            raise ValueError(f"MATCH_LOSS is one of {LOSSES}, got {loss!r}.")
        self.layers, self.align, self.features, self.pool_size = layers, align, features, pool_size
        self.channels, self.convolutions, self.top_channels = channels, convolutions, top_channels
        self.size, self.rois, self.loss, self.positive_share = size, rois, loss, positive_share

    def choose(self, sample, truth):
        """The ROIs of an image that are compared: one of each garment, then more of paired ones.

        Args:
            sample: of `SampleRois`, cut to the positive prefix of P rows.
            truth: dict with gt_boxes [B, G, 4] normalised and gt_identities [B, G].

        Returns:
            A dict: rows [B, K] of the prefix, rois [B, K, 4], zero boxes where there are too few,
            identities [B, K] and valid [B, K], 0 or 1; without gradient.
        """

        def choose(sample, truth):
            rois = sample["rois"]
            own = take_rows(truth["gt_boxes"], sample["gt_index"])
            iou = boxes.iou(rois[:, :, None], own[:, :, None], xp=ops)[..., 0, 0]
            identities = take_rows(truth["gt_identities"], sample["gt_index"])
            stands = ops.logical_and(iou > ROI_IOU, sample["positive"] > 0)
            is_first = _first_of_each(sample["gt_index"], stands)
            rank = 1.0 + ops.cast(identities > 0, "float32") + 2.0 * is_first
            rank, rows = ops.top_k(ops.where(stands, rank, 0.0), min(self.rois, rois.shape[1]))
            valid = ops.cast(rank > 0, "float32")
            chosen = {"rois": take_rows(rois, rows) * valid[..., None], "valid": valid,
                      "identities": take_rows(identities, rows), "rows": ops.cast(rows, "int32")}
            return {name: ops.stop_gradient(value) for name, value in chosen.items()}

        return Stage(choose, name="mrcnn_match_rois")(sample, truth)

    def predict(self, pyramid, rois, image_shape, streams=None):
        """Vectors [B, R, E] of boxes [B, R, 4].

        Args:
            pyramid: [P2, ..., P5].
            rois: boxes, normalised.
            image_shape: (height, width, ...) px.
            streams: dict name -> features [B, R or more, h, w, channels], of the heads before.

        Raises:
            ValueError: no head before this one has features of that name.
        """
        pooled = [self._pooled(name, self._stream(name, pyramid, rois, image_shape, streams or {}))
                  for name in self.features]
        x = pooled[0] if len(pooled) == 1 else self.layers.fresh(
            keras.layers.Concatenate, name="mrcnn_match_pooled")(pooled)
        x = self.layers(keras.layers.Dense, self.size, dtype="float32",
                        name="mrcnn_match_vector")(x)
        # A new head, whatever the network began with, and its batch is all ROIs of all images: its
        # statistics always train, on the boxes that are one.
        real = Stage(lambda x: ops.reshape(boxes.valid(x, xp=ops), (-1,)),
                     name="mrcnn_match_real")(rois)
        x = self.layers(BatchNorm, dtype="float32", name="mrcnn_match_bn")(x, mask=real)
        self._similarity()
        return Unfold((rois.shape[1], self.size), name="mrcnn_match_embeddings",
                      dtype="float32")(x)

    def _stream(self, name, pyramid, rois, image_shape, streams):
        """Features [B, R, h, w, channels] of the boxes."""
        if name == "class":
            return RoIAlign(self.pool_size, **self.align, name="roi_align_match",
                            dtype=self.layers.dtype)(pyramid, rois, image_shape=image_shape[:2])
        if name not in streams:
            raise ValueError(
                f"MATCH_FEATURES names {name!r}: HEADS must have {name!r} before 'match'.")
        count = rois.shape[1]
        return Stage(lambda x: x[:, :count], name=f"mrcnn_match_{name}",
                     dtype=self.layers.dtype)(streams[name])

    def _pooled(self, name, x):
        """Convolutions and average pooling of one stream: [B * R, top_channels]."""
        place = f"mrcnn_match_{name}"
        x = Fold(name=f"{place}_fold", dtype=self.layers.dtype)(x)
        filters = [self.channels] * self.convolutions + [self.top_channels]
        for number, width in enumerate(filters, start=1):
            x = self.layers(keras.layers.Conv2D, width, 3, padding="same", activation="relu",
                            kernel_initializer="he_normal", name=f"{place}_conv{number}")(x)
        return self.layers.fresh(keras.layers.GlobalAveragePooling2D, name=f"{place}_pool")(x)

    def _similarity(self):
        """The layer [..., E] -> [..., 2], built, so that every graph's weights include it."""
        start = keras.initializers.RandomNormal(stddev=0.01)
        layer = self.layers(keras.layers.Dense, 2, dtype="float32", kernel_initializer=start,
                            name=SIMILARITY)
        if not layer.built:
            layer.build((None, self.size))
        return layer

    def targets(self, part, truth):
        """Which ROIs of a batch are the same garment, and which are to be told apart.

        Positive are two ROIs on garments of one identity on two images of different domains (user
        and shop); negative are all other pairs across domains. An image of unknown domain is
        compared with all others. Garments without identity (style 0) are never positive.

        Args:
            part: what `choose` returned.
            truth: dict with image_domain [B].

        Returns:
            A dict: positive and negative, [N, N] of 0 and 1, symmetric.
        """
        return Stage(pair_targets, name="mrcnn_match_targets")(
            part["identities"], part["valid"], truth["image_domain"])

    def losses(self, outputs, targets, part):
        """The loss of all pairs of a batch, the same number for each image, and what it tells.

        Besides mrcnn_match_loss: match_accuracy, the mean of the shares of positive and of
        negative pairs that are told right; match_positive_distance and match_negative_distance,
        Euclidean; match_positives and match_negatives, how many pairs.
        """
        vectors = Fold(name="mrcnn_match_vectors", dtype="float32")(outputs)
        squares = Stage(lambda x: (x[:, None] - x[None]) ** 2, name="mrcnn_match_squares")(vectors)
        logits = Stage(lambda x: x[..., 1] - x[..., 0], name="mrcnn_match_logits")(
            self._similarity()(squares))
        loss = pair_loss if self.loss == "pairs" else contrastive_loss

        def measure(logits, squares, targets, images):
            positive, negative = targets["positive"], targets["negative"]
            numbers = {"mrcnn_match_loss": loss(logits, positive, negative, self.positive_share),
                       **pair_metrics(logits, squares, positive, negative)}
            return {name: ops.broadcast_to(value, ops.shape(images)[:1])
                    for name, value in numbers.items()}

        return Stage(measure, name="mrcnn_match_loss")(logits, squares, targets, part["valid"])

    def decode(self, outputs, detections):
        """A dict: embeddings [B, D, E], zeros in rows of padding."""

        def own(vectors, detections):
            return vectors * ops.cast(detections[..., 4:5] > 0, vectors.dtype)

        return {"embeddings": Stage(own, name="mrcnn_match_own")(outputs, detections)}


def _first_of_each(gt_index, stands):
    """[B, P] 1 for the first of the rows that stand for each object, else 0."""
    count = gt_index.shape[1]
    same = ops.logical_and(gt_index[:, :, None] == gt_index[:, None], stands[:, None])
    earlier = ops.convert_to_tensor(np.tril(np.ones((count, count), bool), -1))
    return 1.0 - ops.cast(ops.any(ops.logical_and(same, earlier), axis=2), "float32")


def pair_targets(identities, valid, domains):
    """[B, K] identities, [B, K] valid, [B] domains -> dict of positive and negative [N, N]."""
    count = identities.shape[1]
    identities, valid = ops.reshape(identities, (-1,)), ops.reshape(valid, (-1,))
    images = ops.repeat(ops.arange(ops.shape(domains)[0]), count)
    domains = ops.repeat(domains, count)
    known = domains != UNKNOWN_DOMAIN
    apart = ops.logical_not(ops.logical_and(
        domains[:, None] == domains[None], ops.logical_and(known[:, None], known[None])))
    apart = ops.logical_and(apart, images[:, None] != images[None])
    counted = ops.cast(apart, "float32") * valid[:, None] * valid[None]
    same = ops.logical_and(identities[:, None] == identities[None], identities[:, None] > 0)
    positive = counted * ops.cast(same, "float32")
    return {"positive": positive, "negative": counted - positive}


def _mean(values, mask):
    return ops.sum(values * mask) / ops.maximum(ops.sum(mask), 1.0)


def pair_loss(logits, positive, negative, positive_share):
    """Cross-entropy of "the same" (DeepFashion2, section 4.1, L_pair), both kinds weighted.

    Args:
        logits: [N, N], log-odds.
        positive, negative: [N, N] of 0 and 1.
        positive_share: weight of the positive pairs' mean; the rest is the negative ones'.
    """
    return (positive_share * _mean(ops.softplus(-logits), positive)
            + (1 - positive_share) * _mean(ops.softplus(logits), negative))


def contrastive_loss(logits, positive, negative, positive_share):
    """Supervised contrastive loss (Khosla et al., arXiv 2004.11362, equation 2), and `pair_loss`.

    The similarity is the learned log-odds, in place of a cosine over a temperature: so that
    search and verification stay what they are. It says which of all is the same and not how
    likely, which the pair loss adds.
    """
    others = ops.where(positive + negative > 0, logits, -1e9)
    log_share = logits - ops.logsumexp(others, axis=1, keepdims=True)
    per_row = ops.sum(log_share * positive, axis=1) / ops.maximum(ops.sum(positive, axis=1), 1.0)
    has_positive = ops.cast(ops.sum(positive, axis=1) > 0, "float32")
    return (_mean(-per_row, has_positive)
            + pair_loss(logits, positive, negative, positive_share))


def pair_metrics(logits, squares, positive, negative):
    """What to watch: see `MatchHead.losses`. Each pair stands twice in the arguments."""
    distances = ops.sqrt(ops.sum(squares, axis=-1))
    hits = _mean(ops.cast(logits > 0, "float32"), positive)
    rejections = _mean(ops.cast(logits <= 0, "float32"), negative)
    return {"match_accuracy": (hits + rejections) / 2,
            "match_positive_distance": _mean(distances, positive),
            "match_negative_distance": _mean(distances, negative),
            "match_positives": ops.sum(positive) / 2,
            "match_negatives": ops.sum(negative) / 2}


def similarity_of(network):
    """The `Similarity` that a `Network` with a match head has learned."""
    kernel, bias = network.layers_by_name()[SIMILARITY].get_weights()
    return Similarity(kernel[:, 1] - kernel[:, 0], float(bias[1] - bias[0]))


def _match_head(config, layers, align):
    if config.MATCH_CANONICAL_SIZE is not None:
        align = align | {"canonical_size": config.MATCH_CANONICAL_SIZE}
    return MatchHead(
        layers, align, tuple(config.MATCH_FEATURES), config.POOL_SIZE, config.MATCH_CHANNELS,
        config.MATCH_CONVS, config.MATCH_TOP_CHANNELS, config.MATCH_EMBEDDING_SIZE,
        config.MATCH_ROIS, config.MATCH_LOSS, config.MATCH_POSITIVE_SHARE,
    )


network.HEADS["match"] = _match_head
