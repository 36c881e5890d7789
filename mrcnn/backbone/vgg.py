"""VGG16 (Simonyan & Zisserman, arXiv 1409.1556, column D) as the backbone of Faster R-CNN.

Its thirteen convolutions, named and shaped as in Keras' own VGG16 without top, whose weights fit in
by name. The last pooling is left out (Ren et al., arXiv 1506.01497, section 3.1): one feature
level, of stride 16.
"""

import keras

# Convolutions and filters of each block.
BLOCKS = ((2, 64), (2, 128), (3, 256), (3, 512), (3, 512))
# Pixels between neighbouring cells of the last block's map.
STRIDE = 16


def vgg16(layers, image, width=1.0):
    """Wire the network.

    Args:
        layers: `SharedLayers`.
        image: [batch, height, width, channels], mean subtracted.
        width: multiplies the filters of every convolution.

    Returns:
        [C5], the last block's map: a list of one level.
    """
    x = image
    for block, (count, filters) in enumerate(BLOCKS, start=1):
        if block > 1:
            x = layers.fresh(keras.layers.MaxPooling2D, 2, name=f"block{block - 1}_pool")(x)
        for number in range(1, count + 1):
            x = layers(keras.layers.Conv2D, max(8, round(filters * width / 8) * 8), 3,
                       padding="same", activation="relu", kernel_initializer="he_normal",
                       name=f"block{block}_conv{number}")(x)
    return [x]
