"""The table of garments: its columns, its file."""

import dataclasses

import numpy as np
import pytest

from fashion.retrieval.garments import Garments


def table(photos=("a.jpg", "Kleid größer.jpg", "a.jpg")):
    count = len(photos)
    numbers = np.arange(count)
    return Garments(photos, np.tile(numbers[:, None], 4), numbers + 1, numbers / 10,
                    np.ones((count, 5)) * numbers[:, None])


def assert_same(one, other):
    for field in dataclasses.fields(Garments):
        mine, its = getattr(one, field.name), getattr(other, field.name)
        np.testing.assert_array_equal(mine, its)
        assert mine.dtype.kind == its.dtype.kind


def test_rows_are_taken_and_put_together():
    taken = table().take([2, 0])
    assert taken.photos.tolist() == ["a.jpg", "a.jpg"] and taken.class_ids.tolist() == [3, 1]
    assert_same(Garments.concatenate([table().take([0]), table().take(slice(1, 3))]), table())
    assert len(table().take(np.zeros(3, bool))) == 0
    assert_same(Garments.concatenate([Garments.none(5), table()]), table())


def test_file_there_and_back(tmp_path):
    for garments in (table(), Garments.none(5)):
        garments.save(tmp_path / "part.npz")
        assert_same(Garments.load(tmp_path / "part.npz", ""), garments)
    assert [path.name for path in tmp_path.iterdir()] == ["part.npz"]


@pytest.mark.parametrize("share", [0, 0.3, 0.95])
def test_file_cut_short(tmp_path, share):
    path = tmp_path / "part.npz"
    table().save(path)
    path.write_bytes(path.read_bytes()[:int(share * path.stat().st_size)])
    with pytest.raises(ValueError, match="part.npz is not a whole table.*Copy it again."):
        Garments.load(path, "Copy it again.")


def test_every_damaged_byte_of_the_zip_is_harmless_or_told(tmp_path):
    path, advices = tmp_path / "part.npz", set()
    table().save(path)
    whole = path.read_bytes()
    for place in range(whole.index(b"PK\x01\x02"), len(whole)):  # its directory, at the end
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 9]) + whole[place + 1:])
        try:
            Garments.load(path, "Copy it again.")
        except ValueError as error:
            advices.add(str(error).split(". ")[-1])
    assert advices == {"Copy it again."}


def test_other_files(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    np.savez(tmp_path / "other.npz", photos=["a"])
    np.savez(tmp_path / "pickled.npz", photos=np.array([None], object))
    for name in ("array.npy", "other.npz", "pickled.npz"):
        with pytest.raises(ValueError, match=f"{name} is not a whole table"):
            Garments.load(tmp_path / name, "")
    with pytest.raises(FileNotFoundError):
        Garments.load(tmp_path / "none.npz", "")


def test_columns_of_other_lengths():
    with pytest.raises(ValueError, match="one row per garment"):
        Garments(["a", "b"], np.zeros((2, 4)), [1], [1, 1], np.zeros((2, 5)))
    with pytest.raises(ValueError, match=r"lengths \[4, 5\]"):
        Garments.concatenate([Garments.none(4), table()])
    with pytest.raises(ValueError, match="0 tables"):
        Garments.concatenate([])
