"""The whole benchmark of a network: one pass over a data set, every table and figure of it."""
