"""Data sets of clothes: DeepFashion2 as published, and the made-up sample in its layout."""
