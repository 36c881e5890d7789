"""Batches in a fixed order, from threads or processes, whatever the files are like."""

import multiprocessing
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mrcnn.data.augment import AugmentationError, Jitter
from mrcnn.data.batches import UNREADABLE, UNUSABLE, Packed, UnpackError
from mrcnn.data.dataset import Dataset
from mrcnn.data.images import ImageError
from mrcnn.data.loader import Loader
from tests.mrcnn.drawn_dataset import Drawn, DrawnConfig

ROOT = Path(__file__).resolve().parents[2]
CONFIG = DrawnConfig()


class Numbered(Drawn):
    """Every pixel of photo i is i; the photos in `bad` cannot be used."""

    def __init__(self, images=7, bad=()):
        super().__init__(images)
        self.bad = dict.fromkeys(bad, ImageError) if isinstance(bad, range | list) else dict(bad)

    def load_image(self, image_id):
        if image_id in self.bad:
            raise self.bad[image_id](f"{image_id}.png is no good")
        return np.full((120, 100, 3), image_id, np.uint8)


def numbers(batch):
    return batch["input_image"][:, 64, 64, 0].tolist()


def take(loader, steps):
    batches = [next(loader) for _ in range(steps)]
    loader.close()
    return batches


def same(batches, others):
    pairs = zip(batches, others, strict=True)
    return all(np.array_equal(a[name], b[name]) for a, b in pairs for name in a | b)


def test_every_image_once_an_epoch():
    loader = Loader(Numbered(7), CONFIG, 2)
    assert len(loader) == 4
    seen = [n for batch in take(loader, 7) for n in numbers(batch)]
    assert sorted(seen[:7]) == sorted(seen[7:]) == list(range(7)) and seen[:7] != seen[7:]


def test_sources_that_are_not_augmented():
    dataset = Numbered(2)
    dataset.image_info[0]["source"] = "finished"
    colour = Jitter(flip=0, scale=(1, 1), translate=0, colour=1)
    loader = Loader(dataset, CONFIG, 2, shuffle=False, augmentation=colour,
                    no_augmentation_sources=["finished", "elsewhere"])
    dataset.load_image = lambda image_id: np.full((120, 100, 3), 100, np.uint8)
    (batch,) = take(loader, 1)
    assert numbers(batch)[0] == 100 != numbers(batch)[1]


def test_a_batch_has_one_array_of_every_kind():
    (batch,) = take(Loader(Drawn(), CONFIG, 3), 1)
    shapes = {name: array.shape for name, array in batch.items()}
    assert shapes == {
        "input_image": (3, 128, 128, 3), "gt_class_ids": (3, 4), "gt_boxes": (3, 4, 4),
        "gt_masks": (3, 4, 28, 28), "active_class_ids": (3, 3),
    }
    assert all(type(array) is np.ndarray for array in batch.values())


@pytest.mark.parametrize("workers", [0, 3])
def test_any_step_can_be_the_first(workers, monkeypatch):
    monkeypatch.setattr("mrcnn.data.processes.why_not", lambda: "the test wants threads")
    options = {"seed": 5, "augmentation": Jitter(), "workers": workers}
    whole = take(Loader(Drawn(), CONFIG, 4, **options), 8)
    late = Loader(Drawn(), CONFIG, 4, start_step=5, **options)
    assert same(take(late, 3), whole[5:]) and late.step == 8
    assert same(take(Loader(Drawn(), CONFIG, 4, seed=5, augmentation=Jitter()), 8), whole)
    assert not same(take(Loader(Drawn(), CONFIG, 4, seed=6, augmentation=Jitter()), 8), whole)


def test_validation_is_the_whole_set_in_order_every_time():
    loader = Loader(Numbered(7), CONFIG, 3, shuffle=False, repeat=False)
    for _ in range(2):
        assert [numbers(batch) for batch in loader] == [[0, 1, 2], [3, 4, 5], [6]]
    assert loader.step == len(loader) == 3


def test_a_pass_that_was_left_begins_anew():
    loader = Loader(Numbered(7), CONFIG, 2, shuffle=False, repeat=False)
    assert numbers(next(iter(loader))) == [0, 1]
    assert [numbers(batch) for batch in loader] == [[0, 1], [2, 3], [4, 5], [6]]
    loader.close()


def test_a_batch_larger_than_the_data_set():
    (batch,) = take(Loader(Numbered(2), CONFIG, 5), 1)
    assert sorted(numbers(batch))[:2] == [0, 0] and len(numbers(batch)) == 5


def test_bad_files_are_replaced_counted_and_named_once(caplog):
    dataset = Numbered(6, bad={2: ImageError, 4: ValueError})
    loader = Loader(dataset, CONFIG, 2, shuffle=False)
    seen = [n for batch in take(loader, 6) for n in numbers(batch)]
    assert seen == [0, 1, 3, 3, 5, 5] * 2
    assert loader.skipped[UNREADABLE] >= 2 and loader.skipped[UNUSABLE] >= 2
    assert loader.skipped_files == {"2.png": "2.png is no good", "4.png": "4.png is no good"}
    assert sum("2.png" in message for message in caplog.messages) == 1


def test_bad_files_are_left_out_of_validation():
    loader = Loader(Numbered(7, bad=[0, 1, 2, 5]), CONFIG, 2, shuffle=False, repeat=False)
    assert [numbers(batch) for batch in loader] == [[3], [4], [6]]
    assert loader.skipped == {UNREADABLE: 4}


@pytest.mark.parametrize("repeat", [True, False])
def test_when_nothing_can_be_read_it_says_so(repeat):
    loader = Loader(Numbered(4, bad=range(4)), CONFIG, 2, repeat=repeat)
    with pytest.raises(RuntimeError, match="could not be used.*is no good"):
        list(loader)


def test_a_programming_error_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        take(Loader(Numbered(4, bad={1: ZeroDivisionError}), CONFIG, 4), 1)


def test_objects_left_out_are_counted():
    dataset = Drawn(3)
    dataset.image_info[2].update(outlines=dataset.image_info[2]["outlines"] * 3,
                                 class_ids=[1] * 9)
    loader = Loader(dataset, CONFIG, 3, shuffle=False, repeat=False)
    assert (list(loader)[0]["gt_class_ids"][2] == 1).all()
    assert loader.skipped == {"objects beyond MAX_GT_INSTANCES": 5}


def test_active_classes_are_those_of_each_image():
    dataset = Drawn(2)
    dataset.class_info[2]["source"] = dataset.image_info[1]["source"] = "other"
    dataset.prepare()
    (batch,) = Loader(dataset, CONFIG, 2, shuffle=False, repeat=False)
    assert batch["active_class_ids"].tolist() == [[1, 1, 0], [1, 0, 1]]


def test_rare_classes_come_more_often():
    dataset = Drawn(9)
    for i, info in enumerate(dataset.image_info):
        info.update(outlines=info["outlines"][:1], class_ids=[2 if i == 0 else 1])
    rare = type("Rare", (DrawnConfig,), {"REPEAT_FACTOR_THRESHOLD": 1.0})()
    loader = Loader(dataset, rare, 12)
    (batch,) = take(loader, 1)
    assert len(loader) == 1  # sqrt(9) + 8 * sqrt(9 / 8) = 11.49 images an epoch
    assert 3 <= (batch["gt_class_ids"][:, 0] == 2).sum() <= 4
    assert len(Loader(dataset, rare, 3, repeat=False)) == 3


def test_waiting_is_measured():
    loader = Loader(Drawn(), CONFIG, 2)
    assert loader.wait_seconds == 0
    take(loader, 2)
    assert 0 < loader.wait_seconds < 60


def test_refusals():
    empty = Dataset()
    empty.prepare()
    with pytest.raises(ValueError, match="no images"):
        Loader(empty, CONFIG, 2)
    with pytest.raises(ValueError, match="3 classes.*NUM_CLASSES = 8"):
        Loader(Drawn(), type("Eight", (DrawnConfig,), {"NUM_CLASSES": 8})(), 2)
    with pytest.raises(AugmentationError):
        Loader(Drawn(), CONFIG, 2, augmentation="flip")
    plain = Drawn()
    plain.num_keypoints = 0
    with pytest.raises(ValueError, match="has 0 keypoints, the configuration NUM_KEYPOINTS = 3"):
        Loader(plain, type("Points", (DrawnConfig,), {"HEADS": ("keypoint",)})(), 2)


# Worker processes.


class Confessing(Numbered):
    """Photo 3 is unusable: the reason tells which large packages its process has imported."""

    def load_image(self, image_id):
        if image_id == 3:
            large = sorted({"tensorflow", "keras", "matplotlib"} & sys.modules.keys())
            raise ValueError(f"process {os.getpid()} imported {large}")
        return super().load_image(image_id)


def test_processes_give_the_same_batches_and_import_no_keras():
    import imgaug.augmenters as iaa

    pipeline = iaa.Sequential([iaa.Fliplr(0.5), iaa.Affine(rotate=(-9, 9))])
    options = {"seed": 2, "start_step": 3, "augmentation": pipeline}
    loader = Loader(Confessing(), CONFIG, 3, workers=2, **options)
    batches = take(loader, 6)
    assert same(batches, take(Loader(Confessing(), CONFIG, 3, **options), 6))
    (message,) = loader.skipped_files.values()
    assert message.endswith("imported []") and f"process {os.getpid()}" not in message


def test_threads_take_over_from_a_killed_worker(caplog):
    loader = Loader(Drawn(), CONFIG, 2, workers=1)
    before = [next(loader)]
    (worker,) = multiprocessing.active_children()
    worker.kill()
    batches = before + take(loader, 5)
    assert same(batches, take(Loader(Drawn(), CONFIG, 2), 6))
    assert "going on with threads" in caplog.text


def test_threads_read_what_cannot_be_copied(caplog):
    dataset = Drawn()
    dataset.lock = threading.Lock()
    loader = Loader(dataset, CONFIG, 2, workers=2)
    assert same(take(loader, 2), take(Loader(Drawn(), CONFIG, 2), 2))
    assert "cannot be copied" in caplog.text


SCRIPT = """
import logging
import sys

sys.path.insert(0, {root!r})
from mrcnn.data.loader import Loader
from tests.mrcnn.drawn_dataset import Drawn, DrawnConfig

logging.basicConfig()


class Mine(Drawn):
    pass


def main():
    loader = Loader(Mine(), DrawnConfig(), 2, workers=1)
    print([next(loader)["gt_boxes"].shape for _ in range(3)])
    loader.close()


{call}
"""
GUARD = 'if __name__ == "__main__":\n    main()'


@pytest.mark.parametrize(
    "call, way, word",
    [
        (GUARD, "file", None),
        (GUARD, "-c", None),  # as in a notebook: there is no file, so nothing runs again
        ("main()", "file", "has no `if __name__"),
        (GUARD, "stdin", "not a file"),
        ('if __name__ == "__main__":\n    pass\nmain()', "file", "going on with threads"),
    ],
)
def test_programs_of_all_kinds(tmp_path, call, way, word):
    script = SCRIPT.format(root=str(ROOT), call=call)
    path = tmp_path / "program.py"
    path.write_text(script)
    command = [sys.executable, *{"file": [str(path)], "-c": ["-c", script], "stdin": []}[way]]
    done = subprocess.run(
        command, input=script if way == "stdin" else "", capture_output=True, text=True, timeout=90,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[(2, 4, 4), (2, 4, 4), (2, 4, 4)]"
    assert word in done.stderr if word else "threads" not in done.stderr


def test_what_a_worker_cannot_rebuild():
    packed = Packed(Loader(Drawn(), CONFIG, 2)._batches)
    assert packed[0]["batch"]["gt_boxes"].shape == (2, 4, 4)
    broken = Packed(None)
    broken._bytes = b"\x80\x04cnowhere\nDataset\n."
    with pytest.raises(UnpackError, match="nowhere"):
        broken[0]


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_workers_end_with_a_killed_parent(tmp_path):
    call = GUARD.replace("main()", "next(Loader(Mine(), DrawnConfig(), 2, workers=1))\n"
                         "    import os\n    os.kill(os.getpid(), 9)")
    path = tmp_path / "program.py"
    path.write_text(SCRIPT.format(root=str(ROOT), call=call))
    # The pipe to us stays open as long as a worker lives: `run` would not come back.
    done = subprocess.run([sys.executable, str(path)], capture_output=True, timeout=90)
    assert done.returncode == -9
