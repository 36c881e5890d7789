"""Which layers train, by name."""

import logging
import re

logger = logging.getLogger(__name__)

_HEADS = r"(mrcnn_.*)|(rpn_.*)|(fpn_.*)"
# Matterport's selections: everything but the backbone, or from a stage of the backbone on.
LAYER_PRESETS = {
    "heads": _HEADS,
    "3+": r"(res3.*)|(bn3.*)|(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|" + _HEADS,
    "4+": r"(res4.*)|(bn4.*)|(res5.*)|(bn5.*)|" + _HEADS,
    "5+": r"(res5.*)|(bn5.*)|" + _HEADS,
    "all": r".*",
}


def set_trainable(network, layers):
    """Let the layers train whose whole name matches, and no others.

    Batch normalisation with TRAIN_BN = False stays frozen all the same.

    Args:
        network: with `layers_by_name()`.
        layers: a key of `LAYER_PRESETS`, or a regular expression.

    Raises:
        ValueError: not a regular expression, or nothing that can train has such a name.
    """
    try:
        pattern = re.compile(LAYER_PRESETS.get(layers, layers))
    except re.error as error:
        raise ValueError(
            f"layers is one of {', '.join(LAYER_PRESETS)} or a regular expression of layer "
            f"names, got {layers!r}: {error}.") from error
    by_name = network.layers_by_name()
    for name, layer in by_name.items():
        layer.trainable = bool(pattern.fullmatch(name))
    names = [name for name, layer in by_name.items() if layer.trainable_variables]
    if not names:
        raise ValueError(
            f"No layer to train has a name like {layers!r}. There are: {', '.join(by_name)}.")
    logger.info("Layers %r: %d of %d layers train.", layers, len(names), len(by_name))
    logger.debug("They are: %s", ", ".join(names))
