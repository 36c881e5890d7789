"""Photos of any kind from disk, as RGB."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image

SIXTEEN_BITS = 65535
RGBA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")
ORIENTATION = 0x0112  # the EXIF tag, 1 to 8
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# What Pillow raises over files and EXIF blocks that are damaged, and over far too large photos.
DAMAGE = (OSError, SyntaxError, ValueError, TypeError, EOFError, LookupError, struct.error,
          Image.DecompressionBombError)


class ImageError(ValueError):
    """A photo that cannot be read. The text names the file."""


def read_image(path, exif=False):
    """Read a photo as RGB.

    Gray, palette, CMYK and 16-bit files are converted; 16 bits are scaled to 8, not cut off.
    What is transparent is laid on white, the ground of shop photos and of the viewers that
    people judge such files in: painting it black would join dark clothes with their background.

    Args:
        path: the file.
        exif: turn the photo as its EXIF orientation says. Right for photos that are only looked
            at; wrong for a data set whose annotations count the pixels as they are stored.

    Returns:
        [height, width, 3] uint8.

    Raises:
        ImageError: the file is missing, is no image, or ends too early.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            image.load()
            if exif:
                image = _upright(image)
            return np.asarray(_rgb(image))
    except FileNotFoundError:
        raise ImageError(
            f"{path}: expected a photo, but there is no such file. Check the path, or whether "
            "the data set was unpacked completely."
        ) from None
    except DAMAGE as error:
        raise ImageError(
            f"{path}: expected a photo that Pillow can decode, got: {error}. The file is "
            "damaged or of another kind; fetch it again or leave it out."
        ) from error


def orientation(image):
    """EXIF orientation of an open Pillow image, 1 to 8; 1, as stored, where none can be read."""
    try:
        found = image.getexif().get(ORIENTATION)
        return found if found in _TURNS else 1
    except DAMAGE:
        return 1


def _upright(image):
    """The image turned as its EXIF says.

    Pillow's own `exif_transpose` writes the whole block anew, and fails over tags that say nothing
    about the orientation.
    """
    turn = _TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def _rgb(image):
    """Any Pillow image in mode RGB."""
    if image.mode == "F" or image.mode.startswith("I"):
        # Before transparency: what converts that would cut 16 bits off at 255.
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode in RGBA_MODES or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values):
    """Gray values of more than 8 bits, scaled to 0..255 uint8.

    Integers are 16-bit samples (Pillow widens some of them to 32); floats are 0..1, or already
    0..255 where any exceeds 1.
    """
    if np.issubdtype(values.dtype, np.integer):
        scale = 255 / SIXTEEN_BITS
    else:
        values = np.nan_to_num(values)
        scale = 255 if values.max() <= 1 else 1
    return np.clip(np.round(values * scale), 0, 255).astype(np.uint8)
