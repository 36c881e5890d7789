"""Mask R-CNN in Keras 3: find, classify and cut out the objects of a picture.

Importing this package imports neither Keras nor a backend; `mrcnn.model` does.
"""

__version__ = "1.0.0"
