"""Laws of the whole repository: who may import whom, knobs that are read, documents that agree."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mrcnn.config import Config, knob_names

ROOT = Path(__file__).resolve().parent.parent

# Floors, lowest first. A module imports from its own floor and those below, never from above.
MRCNN_FLOORS = (
    {"knobs", "config"},
    {"boxes", "anchors", "masks", "keypoints", "heatmaps", "files", "interrupt",
     "matterport_layout", "keras_layout", "schedules", "trainable", "drawing", "skeletons",
     "plots", "outlines", "projector"},
    {"layers", "data"},
    {"backbone", "losses", "rpn", "sampling", "heads"},
    {"network"},
    {"weights", "weights_file", "weights_report", "download", "detection", "cost", "stages",
     "optimizers", "resume", "callbacks", "checkpoints", "plan", "training", "export"},
    {"matterport"},
    {"mask_rcnn", "model", "utils", "parallel_model", "figures", "visualize"},
)
FASHION_FLOORS = (
    {"categories", "landmark_groups", "quiet"}, {"config"},
    {"datasets", "cutouts", "video", "retrieval"},
    {"evaluation", "match"}, {"model"}, {"cspn", "benchmark"}, {"commands", "looking"},
    {"fashion"},
)
# `data` stands beside the network: it works where no backend is installed.
DATA_MAY_IMPORT = MRCNN_FLOORS[0] | MRCNN_FLOORS[1] | {"data"}
TENSORFLOW = {"mrcnn/layers/nms.py", "mrcnn/layers/roi_align.py", "mrcnn/callbacks.py",
              "mrcnn/export.py", "mrcnn/training.py"}
# What worker processes and the command line's help import must start fast.
LIGHT = (
    "mrcnn", "mrcnn.config", "mrcnn.boxes", "mrcnn.anchors", "mrcnn.masks", "mrcnn.keypoints",
    "mrcnn.heatmaps", "mrcnn.drawing", "mrcnn.skeletons", "mrcnn.figures", "mrcnn.plots",
    "mrcnn.visualize", "mrcnn.utils", "mrcnn.data.*", "fashion", "fashion.categories",
    "fashion.landmark_groups", "fashion.config", "fashion.datasets.*", "fashion.datasets.sample.*",
    "fashion.commands.*", "fashion.fashion", "fashion.cutouts", "fashion.video", "fashion.quiet",
    *(f"fashion.retrieval.{name}" for name in (
        "similarity", "space", "exact", "garments", "gallery", "store", "faiss_store",
        "milvus_store", "versions", "lock", "index", "parts", "recipe", "json_files")),
)


def sources(*folders):
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def imports(path):
    """(module, whether at the top level) of all imports in a file, absolute names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top_level = set(ast.walk(ast.Module([node for node in tree.body if not isinstance(
        node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)], [])))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in top_level) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the package's name"
            yield node.module, node in top_level
            yield from ((f"{node.module}.{alias.name}", node in top_level) for alias in node.names)


def rooms_imported(path, package):
    """Names of the modules directly under `package` that a file imports."""
    names = {module.split(".")[1] for module, _ in imports(path)
             if module.startswith(package + ".")}
    return {name for name in names if (ROOT / package / name).is_dir()
            or (ROOT / package / f"{name}.py").is_file()}


def room(path):
    return path.relative_to(ROOT).parts[1].removesuffix(".py")


@pytest.mark.parametrize("package, floors", [("mrcnn", MRCNN_FLOORS), ("fashion", FASHION_FLOORS)])
def test_imports_go_downward_only(package, floors):
    floor_of = {name: floor for floor, names in enumerate(floors) for name in names}
    for path in sources(package):
        if path.name == "__init__.py" and path.parent == ROOT / package:
            continue
        assert room(path) in floor_of, f"{path}: give this module a floor in {__file__}"
        for other in rooms_imported(path, package):
            assert floor_of[other] <= floor_of[room(path)], f"{path} imports {other} from above"


def test_the_data_road_needs_no_network():
    for path in sources("mrcnn/data"):
        assert rooms_imported(path, "mrcnn") <= DATA_MAY_IMPORT, path


def test_old_functions_with_old_results_serve_the_faces_only():
    faces = {"matterport", "mask_rcnn", "model", "utils", "figures"}
    for path in sources("mrcnn"):
        if room(path) not in faces:
            assert "matterport" not in rooms_imported(path, "mrcnn"), path
    for path in sources("fashion"):
        assert "matterport" not in rooms_imported(path, "mrcnn"), path


def test_mrcnn_knows_nothing_of_clothes():
    for path in sources("mrcnn"):
        assert not any(module.split(".")[0] == "fashion" for module, _ in imports(path)), path


def test_tensorflow_is_imported_late_and_in_few_files():
    for path in sources("mrcnn", "fashion"):
        for module, at_top in imports(path):
            if module.split(".")[0] == "tensorflow":
                assert path.relative_to(ROOT).as_posix() in TENSORFLOW, path
                assert not at_top, f"{path}: import tensorflow inside the function that needs it"


def light_modules():
    for name in LIGHT:
        folder = ROOT / name.removesuffix(".*").replace(".", "/")
        if name.endswith(".*"):
            yield from (f"{name[:-2]}.{path.stem}" for path in sorted(folder.glob("*.py"))
                        if path.stem != "__init__")
        else:
            yield name


def test_light_modules_import_no_backend():
    code = "\n".join([
        "import importlib, sys",
        f"for name in {list(light_modules())!r}:",
        "    importlib.import_module(name)",
        "    heavy = {'keras', 'tensorflow', 'jax'} & set(sys.modules)",
        "    assert not heavy, f'{name} imports {heavy}'",
    ])
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_knob_is_read():
    read = set()
    for path in sources("mrcnn", "fashion"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                read.add(node.attr)
    assert set(knob_names(Config)) <= read


def test_ruff_is_content():
    done = subprocess.run([sys.executable, "-m", "ruff", "check", "--no-cache", "."], cwd=ROOT,
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("file", ["requirements.txt", "tests/requirements.txt"])
def test_requirements_are_pinned_to_a_minor_version(file):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line and not line.startswith("#"):
            assert re.match(r"[\w-]+==\d+\.\d+\.\*( |$)", line), line


def commands_in(path):
    """Lines of a document or script that install and run something."""
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines()
            if line.strip().startswith("python3 -m venv")]


def test_readme_has_the_two_commands_and_ci_runs_the_second():
    demo, tests = commands_in(ROOT / "README.md")
    assert demo.endswith("fashion/fashion.py demo") and tests.endswith("-m pytest")
    assert commands_in(ROOT / ".ci" / "run") == [tests]
    for command in (demo, tests):
        for file in re.findall(r"-r (\S+)", command):
            assert (ROOT / file).is_file()


@pytest.mark.parametrize("document", [
    "README.md", "mrcnn/README.md", "weights/README.md", "notebooks/README.md",
    "docs/tensorboard.md"])
def test_links_in_documents_lead_somewhere(document):
    path = ROOT / document
    for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), f"{document} links to {target}"
