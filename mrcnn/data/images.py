"""Photos of any kind from disk, as RGB."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

SIXTEEN_BITS = 65535
RGBA_MODES = ("RGBA", "LA", "PA", "RGBa", "La")


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
                image = ImageOps.exif_transpose(image)
            return np.asarray(_rgb(image))
    except FileNotFoundError:
        raise ImageError(
            f"{path}: expected a photo, but there is no such file. Check the path, or whether "
            "the data set was unpacked completely."
        ) from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(
            f"{path}: expected a photo that Pillow can decode, got: {error}. The file is "
            "damaged or of another kind; fetch it again or leave it out."
        ) from error


def _rgb(image):
    """Any Pillow image in mode RGB."""
    if image.mode in RGBA_MODES or "transparency" in image.info:
        layer = image.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(ground, layer).convert("RGB")
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_eight_bits(np.asarray(image)))
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
