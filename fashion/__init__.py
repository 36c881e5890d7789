"""Clothes: DeepFashion2's garments, the data sets, configurations and commands around `mrcnn`."""
