"""What the notebooks compute and draw: a file for each of them, and `start`, how all begin."""

import os

# Before TensorFlow comes: in a notebook its warnings would fill the page.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
