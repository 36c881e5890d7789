"""Run folders, and a killed training that goes on as if nothing had happened."""

import json
import logging
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn import resume, training, weights
from mrcnn.checkpoints import Checkpoints
from mrcnn.resume import Progress, RunFolder
from mrcnn.schedules import make_schedule
from tests.mrcnn.stand_in import StandInConfig, StandInNetwork, batches

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "OMP_NUM_THREADS": "1",
                            "TF_NUM_INTRAOP_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def trainer(progress=None, epochs=2, **knobs):
    config = StandInConfig().override(knobs)
    schedule = make_schedule(config, config.STEPS_PER_EPOCH, "constant", epochs=epochs)
    return training.Trainer(
        StandInNetwork(config), config, schedule, config.STEPS_PER_EPOCH, progress)


def save(made, path):
    resume.save_state(path, made.network, {"epoch": made.progress.epoch}, made.progress,
                      made.variables)


# ---- the whole: kill -9 and go on ----

def start(logs, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "tests.mrcnn.resumable", str(logs), *map(str, arguments)],
        cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def losses(logs):
    """Rows of the log without what the clock says."""
    file, = logs.glob("*/losses.jsonl")
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [{name: x for name, x in row.items() if "seconds" not in name} for row in rows]


def test_a_killed_training_goes_on_with_the_same_losses(tmp_path):
    step = random.randint(3, 17)  # of 18; resume files are written every 2 steps
    whole = start(tmp_path / "whole")
    killed = start(tmp_path / "killed", step)
    assert killed.communicate(timeout=300) and killed.returncode == -signal.SIGKILL
    assert len(losses(tmp_path / "killed")) == step - 1
    resumed = start(tmp_path / "killed")
    for process in (whole, resumed):
        output, _ = process.communicate(timeout=300)
        assert process.returncode == 0, output[-3000:]
    expected, got = losses(tmp_path / "whole"), losses(tmp_path / "killed")
    assert [row["step"] for row in expected] == list(range(1, 19))
    assert got == expected, f"killed after step {step}"
    ends = [next((tmp_path / name).glob("*/mask_rcnn_*_0003.h5")) for name in ("whole", "killed")]
    assert weights.fingerprint(ends[0]) == weights.fingerprint(ends[1])
    bests = [json.loads((end.parent / "best.json").read_text(encoding="utf-8")) for end in ends]
    assert bests[0] == bests[1]  # validation went the same way too


KILLED_WHILE_WRITING = """
import os, signal, sys
from tests.mrcnn.test_resume import RunFolder, h5py, save, trainer
made = trainer()
run = RunFolder(sys.argv[1], "standin")
run.make()
save(made, run.state(2))
create = h5py.Group.create_dataset
def create_or_die(group, name, *args, **kwargs):
    if name == "optimizer/00003":
        group.file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    return create(group, name, *args, **kwargs)
h5py.Group.create_dataset = create_or_die
save(made, run.state(4))
"""


def test_a_process_killed_while_writing_leaves_the_file_before(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, str(tmp_path)], cwd=ROOT,
                          env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    last = resume.find_last(tmp_path, "standin")
    assert last.name == "resume_00000002.h5"
    assert len(list(last.parent.iterdir())) == 2  # and the half of a file
    RunFolder(tmp_path, "standin", last.parent).thin(keep=3)
    assert list(last.parent.iterdir()) == [last]


# ---- states ----

def test_a_state_gives_back_everything(tmp_path):
    made = trainer(OPTIMIZER="adam")
    made.fit(batches())
    save(made, tmp_path / "state.h5")
    progress = resume.read_progress(tmp_path / "state.h5")
    assert progress == made.progress and progress.step == 8 and progress.epoch == 2
    again = trainer(progress, epochs=3, OPTIMIZER="adam")
    weights.load_weights(again.network, tmp_path / "state.h5")
    again.restore(tmp_path / "state.h5")
    for part, variables in made.variables.items():
        for ours, theirs in zip(variables, again.variables[part], strict=True):
            assert np.array_equal(ours.numpy(), theirs.numpy()), ours.path
    assert int(again.optimizer.iterations.numpy()) == 8


def test_a_state_of_another_optimizer_is_refused_and_changes_nothing(tmp_path):
    made = trainer()
    made.fit(batches())
    save(made, tmp_path / "state.h5")
    other = trainer(resume.read_progress(tmp_path / "state.h5"), epochs=3, OPTIMIZER="adam")
    with pytest.raises(resume.ResumeError, match="state.h5 was written with another optimizer"):
        other.restore(tmp_path / "state.h5")
    assert int(other.optimizer.iterations.numpy()) == 0


def test_a_new_length_of_epochs_keeps_the_step():
    progress = Progress(step=250, epoch=2, sums={"loss": 1.0}, images=4)
    resume.realign(progress, 100, 1000)
    assert progress.epoch == 2 and progress.images == 4
    resume.realign(progress, 60, 1000)
    assert progress == Progress(step=250, epoch=4)
    finished = Progress(step=250, epoch=3)  # the last epoch had 50 steps
    resume.realign(finished, 100, 250)
    assert finished.epoch == 3


def test_changed_knobs_are_named(tmp_path):
    made = trainer()
    path = tmp_path / "state.h5"
    weights.save_weights(made.network, path, weights.network_metadata(made.network))
    assert resume.changed_knobs(path, made.config) == []
    other = made.config.override({"LEARNING_RATE": 0.5, "BACKBONE_STRIDES": [4, 8]})
    assert resume.changed_knobs(path, other) == ["BACKBONE_STRIDES", "LEARNING_RATE"]


# ---- run folders ----

def test_a_run_folder_is_dated_and_made_at_the_first_write(tmp_path):
    run = RunFolder(tmp_path / "logs", "Balloon")
    assert not run.logs.exists()
    run.check_writable()
    assert list(run.logs.iterdir()) == []
    assert run.make().parent == run.logs
    assert resume._RUN.fullmatch(run.path.name)["name"] == "balloon"
    assert run.checkpoint(7).name == "mask_rcnn_balloon_0007.h5"


def test_two_trainings_of_one_minute_do_not_share_a_folder(tmp_path):
    runs = [RunFolder(tmp_path, "a") for _ in range(3)]
    paths = [run.make() for run in runs]
    assert len(set(paths)) == 3
    assert resume.run_folders(tmp_path, "A") == paths[::-1]


def test_other_folders_are_no_runs(tmp_path):
    for name in ("via20260101T1200", "via_big20260102T1200", "via", "via2026"):
        (tmp_path / name).mkdir()
    (tmp_path / "via20260103T1200").touch()
    assert [path.name for path in resume.run_folders(tmp_path, "via")] == ["via20260101T1200"]


def state_file(path, step=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        group = file.create_group("resume_state")
        group.attrs["progress"] = json.dumps({"step": step})
    return path


def test_find_last_passes_over_what_is_empty_or_broken(tmp_path, caplog):
    good = state_file(tmp_path / "a20260101T1200" / "resume_00000100.h5")
    broken = state_file(good.with_name("resume_00000200.h5"))
    broken.write_bytes(broken.read_bytes()[:-100])
    incomplete = good.with_name("resume_00000300.h5")
    h5py.File(incomplete, "w").close()
    empty = tmp_path / "a20260102T1200"
    empty.mkdir()
    with caplog.at_level(logging.WARNING):
        assert resume.find_last(tmp_path, "a") == good
    for path in (broken, incomplete, empty):
        assert f"Passed over {path}" in caplog.text


def test_find_last_takes_matterports_weights_too(tmp_path):
    path = tmp_path / "a20260101T1200" / "mask_rcnn_a_0003.h5"
    path.parent.mkdir()
    h5py.File(path, "w").close()
    assert resume.find_last(tmp_path, "a") == path


def test_find_last_says_when_there_is_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match="no run of 'a'"):
        resume.find_last(tmp_path / "nowhere", "a")


def test_a_path_tells_run_and_epoch(tmp_path):
    run = tmp_path / "a20260101T1200"
    assert resume.parse_path(run / "mask_rcnn_a_0012.h5", "a") == (run, 12)
    assert resume.parse_path(state_file(run / "resume_00000007.h5"), "A") == (run, 0)
    assert resume.parse_path(run / "mask_rcnn_a_0012.h5", "b") is None
    assert resume.parse_path(tmp_path / "mask_rcnn_coco.h5", "coco") is None


def test_old_files_are_thinned_and_the_best_stays(tmp_path):
    run = RunFolder(tmp_path, "a")
    run.make()
    for epoch in range(1, 7):
        run.checkpoint(epoch).touch()
        run.state(10 * epoch).touch()
    run.thin(keep=2, best_epoch=3)
    assert list(run.checkpoints()) == [6, 5, 3] and list(run.states()) == [60, 50]


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").touch()  # no folder can be made in it, not even by root
    with pytest.raises(PermissionError, match=r"file.logs, where nothing can be written.*--logs"):
        RunFolder(tmp_path / "file" / "logs", "a").check_writable()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(PermissionError, match="nothing can be written"):
        RunFolder(tmp_path, "a").check_writable()


# ---- a full disk ----

@pytest.fixture
def full_disk():
    """Files of this process cannot grow beyond 30 kB."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_training_outlives_a_full_disk_within_an_epoch(tmp_path, caplog, full_disk):
    made = trainer(epochs=1, OPTIMIZER="adam")
    run = RunFolder(tmp_path, "standin")
    checkpoints = Checkpoints(made, run, {}, every=1)
    with pytest.raises(OSError):
        made.fit(batches(), callbacks=[checkpoints])
    assert made.progress.step == 4 and made.progress.epoch == 1
    assert caplog.text.count("No resume file written, training goes on") == 3
    assert not list(run.path.glob(".*"))
