"""Measures of what the networks find: instances by COCO's average precision, and their reports."""
