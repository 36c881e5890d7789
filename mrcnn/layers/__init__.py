"""Keras layers with plain arguments: RoIAlign, non-maximum suppression, batch norm."""
