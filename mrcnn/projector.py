"""Vectors and their pictures as files that TensorBoard's projector shows as a cloud of points."""

import json

import numpy as np
from PIL import Image

from mrcnn.files import atomic_path

_SIDE = 64  # of a picture, px
_BLANK = 255


def write_projector(folder, vectors, labels, pictures):
    """Writes what TensorBoard's projector reads from a run's folder.

    TensorBoard reads the vectors of a folder once: start it anew to see newer ones.

    Args:
        folder: of a run, with TensorBoard's event files in it.
        vectors: [N, E] float.
        labels: list of N dicts name -> text or number, all with the same names; a name's values
            can colour the points and be searched.
        pictures: list of N pictures [h, w, 3] uint8, drawn in place of the points.

    Raises:
        ValueError: no vectors, or not as many labels or pictures.
    """
    if not len(vectors) or not len(vectors) == len(labels) == len(pictures):
        raise ValueError("The projector shows vectors with a label and a picture each, got "
                         f"{len(vectors)}, {len(labels)} and {len(pictures)}.")
    _write(folder / "embeddings.tsv", ([f"{number:.6g}" for number in row] for row in vectors))
    _write(folder / "embeddings_labels.tsv", [list(labels[0]), *(
        [str(value) for value in label.values()] for label in labels)])
    with atomic_path(folder / "embeddings.png") as temporary:
        Image.fromarray(sprite(pictures)).save(temporary, format="png")
    # Last: a configuration names files that are there.
    with atomic_path(folder / "projector_config.pbtxt") as temporary:
        temporary.write_text(_configuration(), encoding="utf-8")


def sprite(pictures, side=_SIDE):
    """All pictures, each fitted into a square, row by row in one large square."""
    columns = int(np.ceil(np.sqrt(len(pictures))))
    sheet = np.full((columns * side, columns * side, 3), _BLANK, np.uint8)
    for i, picture in enumerate(pictures):
        image = Image.fromarray(picture)
        image.thumbnail((side, side))
        y = i // columns * side + (side - image.height) // 2
        x = i % columns * side + (side - image.width) // 2
        sheet[y:y + image.height, x:x + image.width] = np.asarray(image)
    return sheet


def _write(path, rows):
    """A file of values apart by tabs, a line for each row of texts."""
    lines = ("\t".join(" ".join(text.split()) for text in row) + "\n" for row in rows)
    with atomic_path(path) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")


def _configuration():
    """`ProjectorConfig`, as Protocol Buffers write it in text."""
    names = {"tensor_name": "embeddings", "tensor_path": "embeddings.tsv",
             "metadata_path": "embeddings_labels.tsv"}
    lines = [f"  {name}: {json.dumps(value)}" for name, value in names.items()]
    lines.append(f'  sprite {{ image_path: "embeddings.png" single_image_dim: {_SIDE} '
                 f'single_image_dim: {_SIDE} }}')
    return "embeddings {\n" + "\n".join(lines) + "\n}\n"
