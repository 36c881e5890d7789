"""Photos of every kind come in as RGB; what cannot be read says which file it was."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageOps

from mrcnn.data.images import ImageError, read_image

GRAY = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


def saved(path, image, **options):
    image.save(path, **options)
    return path


def test_rgb_is_itself(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    image = read_image(saved(tmp_path / "a.png", Image.fromarray(pixels)))
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, pixels)


def test_gray(tmp_path):
    image = read_image(saved(tmp_path / "a.png", Image.fromarray(GRAY)))
    np.testing.assert_array_equal(image, np.repeat(GRAY[..., None], 3, 2))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_are_scaled_not_cut_off(tmp_path, suffix):
    values = GRAY.astype(np.uint16) * 257
    values[0, 1] = 30000
    image = read_image(saved(tmp_path / f"a.{suffix}", Image.fromarray(values)))
    assert image[0, 1, 0] == 117  # 30000 / 65535 * 255 = 116.7
    np.testing.assert_array_equal(image[1:, :, 0], GRAY[1:])


def test_sixteen_bits_with_a_transparent_shade(tmp_path):
    memory = io.BytesIO()
    Image.fromarray(GRAY.astype(np.uint16) * 257).save(memory, "PNG")
    png, chunk = memory.getvalue(), b"tRNS" + (65535).to_bytes(2, "big")
    chunk = (2).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(png[:33] + chunk + png[33:])  # after the header
    np.testing.assert_array_equal(read_image(tmp_path / "a.png")[..., 0], GRAY)


@pytest.mark.parametrize("scale", [1.0, 255.0])
def test_float_files(tmp_path, scale):
    values = (GRAY / 255 * scale).astype(np.float32)
    image = read_image(saved(tmp_path / "a.tiff", Image.fromarray(values)))
    np.testing.assert_array_equal(image[..., 1], GRAY)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_become_white(tmp_path, mode):
    image = Image.fromarray(GRAY).convert(mode)
    image.putalpha(Image.fromarray(np.where(np.arange(8) < 4, 0, 255)[None].repeat(6, 0)
                                   .astype(np.uint8)))
    pixels = read_image(saved(tmp_path / "a.png", image))
    assert (pixels[:, :4] == 255).all()
    np.testing.assert_array_equal(pixels[:, 4:, 0], GRAY[:, 4:])


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.fromarray(np.eye(4, dtype=np.uint8))
    image.putpalette([200, 10, 20, 30, 40, 250])
    pixels = read_image(saved(tmp_path / "a.png", image))
    assert tuple(pixels[0, 1]) == (200, 10, 20) and tuple(pixels[0, 0]) == (30, 40, 250)
    pixels = read_image(saved(tmp_path / "b.png", image, transparency=0))
    assert tuple(pixels[0, 1]) == (255, 255, 255)


def test_cmyk_and_one_bit(tmp_path):
    white = Image.new("RGB", (16, 16), "white").convert("CMYK")
    assert read_image(saved(tmp_path / "a.jpg", white)).min() > 250
    bits = Image.fromarray(GRAY > 100)
    np.testing.assert_array_equal(
        read_image(saved(tmp_path / "b.png", bits))[..., 0], 255 * (GRAY > 100)
    )


def test_orientation_only_when_asked_for(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    path = saved(tmp_path / "a.jpg", Image.fromarray(GRAY), exif=exif)
    assert read_image(path).shape == (6, 8, 3)
    assert read_image(path, exif=True).shape == (8, 6, 3)


@pytest.mark.parametrize("orientation", range(10))
def test_every_orientation(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.png", Image.fromarray(GRAY), exif=exif)
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_image(path, exif=True)[..., 0], expected)


def exif_block(*entries):
    """Little-endian TIFF directory; entries are (tag, type, count, 4 bytes of value)."""
    rows = b"".join(struct.pack("<HHI", *entry[:3]) + entry[3] for entry in entries)
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + rows + bytes(4)


TURNED = (0x0112, 3, 1, b"\x06\0\0\0")


@pytest.mark.parametrize("block, shape", [
    (exif_block(TURNED, (0x0128, 2, 2, b"2\0\0\0")), (8, 6, 3)),  # a text as resolution unit
    (exif_block(TURNED)[:-12], (6, 8, 3)),
    (exif_block((0x0112, 2, 4, b"six\0")), (6, 8, 3)),
    (b"Exif\0\0nonsense", (6, 8, 3)),
])
def test_damaged_exif_blocks_are_no_reason_to_fail(tmp_path, block, shape):
    path = saved(tmp_path / "a.jpg", Image.fromarray(GRAY), exif=block)
    assert read_image(path, exif=True).shape == shape


def test_missing(tmp_path):
    with pytest.raises(ImageError, match=r"nowhere\.jpg.*no such file"):
        read_image(tmp_path / "nowhere.jpg")


def test_truncated(tmp_path):
    memory = io.BytesIO()
    Image.effect_noise((200, 200), 50).save(memory, "JPEG")
    path = tmp_path / "half.jpg"
    path.write_bytes(memory.getvalue()[: len(memory.getvalue()) // 2])
    with pytest.raises(ImageError, match=r"half\.jpg.*truncated"):
        read_image(path)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\xff\xd8\xff\xe0broken"])
def test_no_image_at_all(tmp_path, content):
    path = tmp_path / "odd.jpg"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"odd\.jpg"):
        read_image(path)


def test_a_folder_is_no_image(tmp_path):
    with pytest.raises(ImageError, match="expected a photo"):
        read_image(tmp_path)
