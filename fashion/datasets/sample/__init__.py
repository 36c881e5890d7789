"""The sample: a made-up data set in DeepFashion2's layout, drawn with NumPy and OpenCV.

`write_sample` writes it; `statistics` says what is in it and how hard it is.
"""

from fashion.datasets.sample.writer import VERSION, write_sample

__all__ = ["VERSION", "write_sample"]
