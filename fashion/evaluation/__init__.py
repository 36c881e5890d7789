"""Measures of what the networks find: average precision, retrieval, and their reports."""
