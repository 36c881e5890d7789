"""Compares our retrieval numbers with those of DeepFashion2's own script.

    git clone https://github.com/switchablenorms/DeepFashion2
    python fashion/fashion.py evaluate --weights=... --tasks=retrieval --output=DIR
    python tests/benchmarks/check_official_retrieval.py --official=DeepFashion2 --results=DIR

The official script is read, not installed: it is mended where Python 3 or its one NameError stops
it, is given the names of the files, and runs on what `evaluate` wrote. Ends with an error where a
number differs by more than 1e-12.
"""

import argparse
import contextlib
import io
import json
import re
from pathlib import Path

SOURCE = "deepfashion2_api/PythonAPI/deepfashion2_retrieval_test.py"
TASKS = ("retrieval", "retrieval_true_boxes")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--official", type=Path, required=True, help="checkout of DeepFashion2")
    parser.add_argument("--results", type=Path, required=True, help="evaluate's --output")
    arguments = parser.parse_args()
    metrics = measured(arguments.official, arguments.results)
    for task in TASKS:
        theirs = official(arguments.official / SOURCE, arguments.results, task)
        for name, their in theirs.items():
            mine = metrics[task][name]
            print(f"{task:22} {name:6} ours {mine:.12f}  official {their:.12f}")
            if abs(mine - their) > 1e-12:
                raise SystemExit("They differ.")


def measured(checkout, folder):
    """The metrics in a folder of results; ends the program if they or a file are missing."""
    if not (checkout / SOURCE).is_file():
        raise SystemExit(f"--official={checkout}: expected a checkout of DeepFashion2, with "
                         f"{SOURCE}.")
    path = folder / "metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    names = [name for task in TASKS for name in files_of(task).values()]
    if not (metrics.keys() >= set(TASKS) and all((folder / name).is_file() for name in names)):
        raise SystemExit(f"--results={folder}: expected metrics.json with {' and '.join(TASKS)}, "
                         f"and {', '.join(dict.fromkeys(names))}. Give the --output of `evaluate` "
                         "with --tasks=retrieval.")
    return metrics


def files_of(task):
    """Names of a task's files, by the official script's variables."""
    return {"results_name": f"{task}_results.json", "query_name": "val_query.json",
            "gallery_name": "val_gallery.json"}


def official(script, folder, task):
    """What the official script says of the files in a folder: {"top1": 0 to 1, ...}."""
    source = script.read_text(encoding="utf-8").replace("gellery_box)", "gallery_box)")
    source = re.sub(r"^print (.*)$", r"print(\1)", source, flags=re.MULTILINE)
    for variable, name in files_of(task).items():
        line = f"{variable} = {str(folder / name)!r}".replace("\\", r"\\")  # re.sub's own escapes
        source = re.sub(rf"^{variable} = .*$", line, source, flags=re.MULTILINE)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, str(script), "exec"), {})
    lines = printed.getvalue().split()
    return {name.replace("-", ""): float(value)
            for name, value in zip(lines[::2], lines[1::2], strict=True)}


if __name__ == "__main__":
    main()
