"""Lets imgaug 0.4 run on NumPy 2. Import this module before imgaug.

imgaug's last release (2020) reads two names that NumPy has since removed. They are put back with
their old meaning, only where they are missing; nothing else of NumPy or imgaug is touched.
"""

import numpy as np

if not hasattr(np, "sctypes"):
    np.sctypes = {
        "float": [np.float16, np.float32, np.float64],
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
    }
if not hasattr(np, "complex"):
    np.complex = complex


def repair_elastic_transformation():
    """Give `ElasticTransformation` float32 shifts again.

    NumPy 2 lets a float64 number times a float32 array be float64, which OpenCV then refuses.
    """
    from imgaug.augmenters.geometric import ElasticTransformation

    original = ElasticTransformation.__dict__["_map_coordinates"].__func__
    if getattr(original, "repaired", False):
        return

    def map_coordinates(cls, image, dx, dy, *args, **kwargs):
        return original(cls, image, dx.astype(np.float32), dy.astype(np.float32), *args, **kwargs)

    map_coordinates.repaired = True
    ElasticTransformation._map_coordinates = classmethod(map_coordinates)
