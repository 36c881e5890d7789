"""Mask R-CNN in Keras 3: find, classify and cut out the objects of a picture.

Importing this package imports neither Keras nor a backend; `mrcnn.model` does.
"""

from mrcnn.data import imgaug_compat  # noqa: F401  (so that `import imgaug` works from here on)

__version__ = "1.0.0"
