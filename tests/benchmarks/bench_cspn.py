"""Trains small CSPNs from scratch on the landmark sample: the paper's tables 1 to 3 in small.

    python tests/benchmarks/bench_cspn.py
    python tests/benchmarks/bench_cspn.py --rows 1        # one more training, then the tables

One training for each number of stages and seed on annotated boxes, and one of four stages for each
seed on whole photos (the paper's NCSPN). Those on boxes are measured on the annotated boxes and on
those of the shipped detector, all on the test part, whose garments no training has seen, nor the
detector's. Finished trainings stand in --output and are not done again.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fashion.commands import common, cspn_evaluate, landmark_data, models  # noqa: E402
from fashion.cspn.config import CSPNTinyConfig  # noqa: E402
from fashion.cspn.crops import Crops, whole_photos  # noqa: E402
from fashion.evaluation import published  # noqa: E402
from mrcnn.files import atomic_path  # noqa: E402

STAGES, SEEDS = (4, 1, 2, 3), (0, 1, 2)
BOXES, WHOLE = "boxes", "whole"
ANNOTATED, DETECTED = "annotated boxes", "detected boxes"
PAPER_WHOLE = 0.0673  # Li et al. 2020, table 2


def trainings(seeds, stages):
    """Keys "boxes 4 0" of what is to be trained: kind of crops, stages, seed; seed by seed."""
    for seed in seeds:
        yield f"{BOXES} {stages[0]} {seed}"
        yield f"{WHOLE} {stages[0]} {seed}"
        for count in stages[1:]:
            yield f"{BOXES} {count} {seed}"


def train(key, data, steps):
    """A trained `CSPN`, and the seconds that it took."""
    from fashion.cspn.model import CSPN

    kind, stages, seed = key.split()
    config = CSPNTinyConfig().override({"CSPN_STAGES": int(stages), "SEED": int(seed), "EPOCHS": 1,
                                        "STEPS_PER_EPOCH": steps})
    dataset = data.load("train")
    crops = Crops(dataset, config.IMAGE_MAX_DIM, config.CSPN_MARGIN,
                  whole_photos(dataset) if kind == WHOLE else None)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        face = CSPN("training", config, folder)
        if face.train(crops, None, keep=1).stop_reason:
            raise KeyboardInterrupt
    return face, time.perf_counter() - start


def measure_all(face, key, dataset, boxes_of):
    """{what is cut out: {stage: numbers}}, see `NormalisedError.evaluate`."""
    from fashion.cspn.measure import measure

    ways = {WHOLE: whole_photos(dataset)} if key.startswith(WHOLE) else {
        ANNOTATED: None, DETECTED: boxes_of}
    return {name: {stage: errors.evaluate() for stage, errors in measure(
        face.predict, Crops(dataset, face.network.size, face.config.CSPN_MARGIN, of))[0].items()}
        for name, of in ways.items()}


def detector_boxes(kept, dataset, weights):
    """Function for `Crops(boxes_of=)`; `kept` remembers what the detector has found."""
    from fashion.cspn.measure import detected_boxes

    asked = [weights, dataset.num_images]
    if kept.get("asked") != asked:
        boxes_of, counts = detected_boxes(
            cspn_evaluate.load_detector(weights, models.LOGS), dataset)
        kept.update(asked=asked, counts=counts,
                    boxes=[boxes_of(i)[0].tolist() for i in dataset.image_ids])
    return lambda image_id: np.array(kept["boxes"][image_id])[None]


def cost(stages):
    """GFLOPs and MB of parameters (float32) of the small network."""
    from fashion.cspn.network import Network
    from mrcnn.cost import layer_costs

    costs = layer_costs(Network(CSPNTinyConfig().override({"CSPN_STAGES": stages}))
                        .inference_graph())
    return (sum(each.flops for each in costs) / 1e9,
            4 * sum(each.parameters for each in costs) / 1e6)


def summaries(rows, kind, stages, way, group, convention="NE"):
    """Of each seed's last stage the summary of a group of garments."""
    found = [rows[key]["numbers"][way] for key in rows if key.startswith(f"{kind} {stages} ")]
    return [list(each.values())[-1][convention][group] for each in found]


def averaged(several):
    """The mean of summaries of several seeds, landmark by landmark."""
    def mean(values):
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    names = several[0]["landmarks"]
    return {"landmarks": {name: mean([each["landmarks"][name] for each in several])
                          for name in names},
            "average": mean([each["average"] for each in several]),
            "garments": several[0]["garments"]}


def spread(several):
    """"0.0612 (0.0600 to 0.0630, 3 seeds)" of summaries."""
    values = [each["average"] for each in several]
    if not values:
        return "-"
    return (f"{np.mean(values):.4f} ({min(values):.4f} to {max(values):.4f}, {len(values)} "
            f"seed{'s' if len(values) > 1 else ''})")


def print_tables(rows):
    """What is known so far."""
    from fashion.evaluation.normalised_error import CONVENTIONS, format_table

    ways = {f"CSPN, {ANNOTATED}": (BOXES, ANNOTATED), f"CSPN, {DETECTED}": (BOXES, DETECTED),
            "NCSPN, whole photos": (WHOLE, WHOLE)}
    for convention, group in itertools.product(CONVENTIONS, ("full body", "all")):
        table = {name: summaries(rows, kind, 4, way, group, convention)
                 for name, (kind, way) in ways.items()}
        table = {name: averaged(several) for name, several in table.items() if several}
        if table:
            print(f"\nTables 1 and 2, {convention}, {group}, mean of the seeds:\n"
                  f"{format_table(table)}")
    papers = published.CSPN["stages"]
    print(f"\nTable 2 of the paper: CSPN {papers[-1]['NE']:.4f}, NCSPN {PAPER_WHOLE:.4f}")
    for way in (ANNOTATED, DETECTED):
        print(f"\nTable 3, NE of full-body garments, {way}; beside it the paper's:")
        for paper in papers:
            ours = "{:.2f} GFLOPs {:5.1f} MB".format(*cost(paper["stages"]))
            found = summaries(rows, BOXES, paper["stages"], way, "full body")
            print(f"{paper['stages']} stages  {ours}  {spread(found):42} "
                  f"{paper['GFLOPs']} GFLOPs {paper['MB']} MB {paper['NE']:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("bench_cspn.json"))
    parser.add_argument("--rows", type=int, default=10**6, help="at most so many new trainings")
    parser.add_argument("--steps", type=int, default=600, help="of a training, 16 garments each")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--stages", type=int, nargs="+", default=STAGES)
    parser.add_argument("--limit", type=int, help="measure on about so many garments only")
    parser.add_argument("--detector", default="sample", help="weights; as --weights takes them")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    common.load_backend()
    data = landmark_data.built_in_sample()
    known = (json.loads(arguments.output.read_text()) if arguments.output.is_file()
             else {"detector": {}, "trainings": {}})
    rows = known["trainings"]
    test = data.load("test", arguments.limit)
    waiting = [key for key in trainings(arguments.seeds, arguments.stages) if key not in rows]
    for key in waiting[:arguments.rows]:
        face, seconds = train(key, data, arguments.steps)
        boxes_of = detector_boxes(known["detector"], test, arguments.detector)
        rows[key] = {"steps": arguments.steps, "seconds": round(seconds),
                     "numbers": measure_all(face, key, test, boxes_of)}
        with atomic_path(arguments.output) as path:
            path.write_text(json.dumps(known))
        print(f"{key}: {seconds:.0f} s", flush=True)
    print_tables(rows)


if __name__ == "__main__":
    main()
