"""`index`: from a folder of photos to an index, whatever happens on the way."""

import os
import shutil
import signal

import numpy as np
import pytest

from fashion import fashion
from fashion.commands import matching
from fashion.retrieval.index import RetrievalIndex
from fashion.retrieval.recipe import Recipe
from tests.fashion.color_detector import ColorDetector, use, write_colors
from tests.fashion.command_files import photo_folder

COLORS = {"red": (250, 0, 0), "pink": (250, 120, 120), "green": (0, 250, 0), "blue": (0, 0, 250),
          "teal": (0, 120, 130)}


@pytest.fixture
def gallery(tmp_path):
    return write_colors(tmp_path / "gallery", **COLORS)


def run(gallery, *words):
    return fashion.main(["index", "--weights=w.h5", f"--gallery={gallery}",
                         f"--output={gallery.parent / 'index'}", *words])


def contents(gallery):
    """{name of a photo: its vector} of the index."""
    garments = RetrievalIndex.open(gallery.parent / "index").garments
    assert len(set(garments.photos.tolist())) == len(garments)
    return {os.path.basename(photo): vector.tolist()
            for photo, vector in zip(garments.photos, garments.embeddings, strict=True)}


def test_every_readable_photo_is_taken_and_the_others_are_told(tmp_path, monkeypatch, capsys):
    gallery = photo_folder(tmp_path / "gallery")
    write_colors(gallery, **COLORS)
    use(monkeypatch, ColorDetector())
    assert run(gallery) == 0
    out = capsys.readouterr().out
    assert "11 photos, 7 garments" in out and "4  short sleeve top" in out
    assert "4  photos without a garment" in out and "cut.jpg: expected a photo" in out
    assert set(contents(gallery)) == {f"{name}.png" for name in [*COLORS, "rgba", "sixteen"]}
    recipe = Recipe.read(tmp_path / "index")
    assert recipe.weights == os.path.abspath("w.h5") and recipe.config is None


def test_a_second_run_looks_at_new_and_changed_photos_only(gallery, monkeypatch, capsys):
    detector = use(monkeypatch, ColorDetector())
    assert run(gallery) == 0 and detector.seen == 5
    assert run(gallery) == 0 and detector.seen == 5
    write_colors(gallery, red=(150, 0, 0), gray=(99, 99, 99))
    (gallery / "blue.png").unlink()
    assert run(gallery) == 0 and detector.seen == 7
    assert "1  photos no longer there, kept" in capsys.readouterr().out
    assert contents(gallery)["red.png"] == pytest.approx([150 / 255, 0, 0])
    assert set(contents(gallery)) == {f"{name}.png" for name in [*COLORS, "gray"]}
    assert run(gallery, "--prune") == 0 and detector.seen == 7
    assert "blue.png" not in contents(gallery) and len(contents(gallery)) == 5
    assert run(gallery, "--min-score=0.4") == 0 and detector.seen == 12


@pytest.mark.parametrize("failure, code", [
    (lambda: os.kill(os.getpid(), signal.SIGINT), 130),  # asked to stop
    (lambda: (_ for _ in ()).throw(KeyboardInterrupt), 130),  # stopped at once
    (lambda: (_ for _ in ()).throw(RuntimeError("out of memory")), 1),
])
def test_an_interrupted_run_goes_on_where_it_stopped(gallery, monkeypatch, capsys, failure, code):
    use(monkeypatch, ColorDetector(fail_at=4, failure=failure))
    assert run(gallery) == code
    detector = use(monkeypatch, ColorDetector())
    assert run(gallery) == 0
    assert 1 <= detector.seen <= 2 and len(contents(gallery)) == 5
    fresh = shutil.copytree(gallery, gallery.parent / "other" / "gallery")
    assert run(fresh) == 0 and contents(fresh) == contents(gallery)


def test_photos_deleted_since_an_interrupted_run_are_pruned(gallery, monkeypatch):
    use(monkeypatch, ColorDetector(fail_at=4, failure=lambda: os.kill(os.getpid(), signal.SIGINT)))
    assert run(gallery) == 130
    (gallery / "blue.png").unlink()  # the first, which the run has finished
    use(monkeypatch, ColorDetector())
    assert run(gallery, "--prune") == 0
    assert set(contents(gallery)) == {f"{name}.png" for name in COLORS if name != "blue"}


def test_a_photo_that_was_damaged_after_it_was_indexed_is_kept(gallery, monkeypatch, capsys):
    use(monkeypatch, ColorDetector())
    assert run(gallery) == 0
    before = contents(gallery)
    (gallery / "red.png").write_text("no photo")
    (gallery / "new.png").write_text("no photo")
    assert run(gallery) == 0 and contents(gallery) == before
    out = capsys.readouterr().out
    assert f"Left out, kept as it was indexed: {gallery / 'red.png'}: " in out
    assert f"Left out: {gallery / 'new.png'}: " in out


def test_an_output_that_is_a_file_or_holds_the_gallery_is_said(gallery, monkeypatch, capsys):
    monkeypatch.setattr(matching, "open_describer", lambda *_: pytest.fail("loads weights"))
    (gallery.parent / "index").write_text("")
    assert run(gallery) == 1
    assert "index is a file, expected a folder" in capsys.readouterr().err
    assert run(gallery, f"--output={gallery.parent / 'gallery'}") == 1
    assert f"all photos of {gallery} lie in the output folder" in capsys.readouterr().err


def test_an_index_of_other_weights_is_refused(gallery, monkeypatch, capsys):
    use(monkeypatch, ColorDetector())
    assert run(gallery) == 0
    use(monkeypatch, ColorDetector(), fingerprint="f00d")
    assert run(gallery) == 1
    error = capsys.readouterr().err
    assert "c0105" in error and "f00d" in error


def test_a_gallery_without_garments_is_said(tmp_path, monkeypatch, capsys):
    gallery = write_colors(tmp_path / "gallery", black=(0, 0, 0), dark=(5, 5, 5))
    use(monkeypatch, ColorDetector())
    assert run(gallery) == 1
    assert "2 photos, 0 garments" in capsys.readouterr().out
    (gallery / "none").mkdir()
    assert run(gallery / "none") == 1
    assert "--gallery" in capsys.readouterr().err


def test_another_kind_for_an_index_that_is_there_is_refused(gallery, monkeypatch, capsys):
    use(monkeypatch, ColorDetector())
    assert run(gallery) == 0
    assert run(gallery, "--kind=flat") == 0
    assert run(gallery, "--kind=hnsw") == 1
    assert "flat" in capsys.readouterr().err


def test_a_second_writer_is_told_of_the_first(gallery, monkeypatch, capsys):
    codes = []
    use(monkeypatch, ColorDetector(fail_at=2, failure=lambda: codes.append(run(gallery))))
    assert run(gallery) == 0 and codes == [1]
    assert str(os.getpid()) in capsys.readouterr().err
    assert len(contents(gallery)) == 5


def test_vectors_are_those_of_the_photos(gallery, monkeypatch):
    use(monkeypatch, ColorDetector())
    assert run(gallery) == 0
    for name, color in COLORS.items():
        np.testing.assert_allclose(contents(gallery)[f"{name}.png"], np.array(color) / 255,
                                   atol=1e-6)
