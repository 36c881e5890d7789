"""Measure everything: the DeepFashion2 benchmark with its four tasks and all its subsets.

The network runs once over the photos; what it finds is kept in --output, shard by shard, so that
an interrupted run goes on where it stopped and a second run only makes the report anew. Results of
other weights, data or thresholds stay beside these, untouched.

--output gets report.html (one file, for a browser), report.json and report.txt: average precision
of boxes, masks and landmarks overall, by category and by scale, occlusion, zoom-in and viewpoint;
retrieval with detected and true boxes; the published numbers beside them; where the errors lie; and
what the network costs. Beside them lie the files that DeepFashion2's own evaluation reads.

With --refine a landmark network looks once more for the landmarks that the network has found, and
its are measured. --compare puts reports side by side, with their differences from the first.
"""

import json
import time
from pathlib import Path

from fashion.commands import common, cspn, cspn_refine, data_sets, models
from mrcnn.files import atomic_path

HELP = "all four tasks of DeepFashion2, every subset, one report"


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    models.add_weights_argument(parser, ("last", "sample", "PATH"), default="last")
    data_sets.add_dataset_argument(parser)
    parser.add_argument("--subset", default="validation", choices=("train", "validation"),
                        help="default: %(default)s (the test annotations were never released)")
    parser.add_argument("--limit", type=common.positive, metavar="N",
                        help="measure on about N images only, spread evenly over the subset")
    parser.add_argument("--batch-size", type=common.positive, metavar="N",
                        help="images run at once (default: the configuration's)")
    parser.add_argument("--output", type=Path, default=Path("benchmark"), metavar="DIR",
                        help="where the report goes (default: %(default)s)")
    parser.add_argument("--compare", nargs="+", metavar="REPORT",
                        help="no measurement: compare the reports in these folders")
    cspn_refine.add_argument(parser)


def run(arguments):
    """Measures and writes the report, or compares reports. Returns the exit code."""
    common.load_backend()
    return _compare(arguments) if arguments.compare else _measure(arguments)


def _compare(arguments):
    from fashion.benchmark import compare, page_compare

    if len(arguments.compare) < 2:
        raise ValueError("--compare takes two reports or more, the first to compare others with.")
    comparison = compare.compare([compare.read(path) for path in arguments.compare])
    text = compare.format_comparison(comparison)
    _write(arguments.output, "comparison", comparison, text)
    page_compare.write_page(arguments.output / "compare.html", comparison)
    print(f"{text}\nAs a page: {arguments.output / 'compare.html'}")
    return 0


def _write(folder, name, content, text):
    for suffix, written in (("json", json.dumps(content, indent=1)), ("txt", text)):
        with atomic_path(folder / f"{name}.{suffix}") as path:
            path.write_text(written, encoding="utf-8")


def _measure(arguments):
    from fashion.benchmark import analysis, page, report, scoring, text
    from fashion.benchmark.costs import peak_memory_mb

    model, data, dataset, image_ids = _inputs(arguments)
    results, facts = _results(arguments, model, dataset, image_ids)
    start = time.perf_counter()
    scores = scoring.score(results, dataset, scoring.similarity(facts))
    scored, memory, peak = time.perf_counter(), facts["peak_memory_MB"], peak_memory_mb()
    # The pass may have been another process: what grows must not seem to shrink.
    memory["after scoring"] = peak and max(peak, memory["after the pass"] or 0)
    found = analysis.analyse(scores)
    seconds = {"pass": results.seconds(), "scoring": scored - start,
               "analysis": time.perf_counter() - scored}
    about = _about(arguments, model, data, results.recipe["weights"])
    made = report.make(scores, {**about, "environment": facts["environment"]}, {
        **facts["costs"], "peak_memory_MB": memory, "seconds": seconds})
    made |= {"analysis": found, "files": scores.write(arguments.output)}
    _write(arguments.output, "report", made, text.format_report(made))
    page.write_page(arguments.output / "report.html", made, scores)
    print(f"\n{text.format_report(made)}\nAs a page: {arguments.output / 'report.html'}")
    return 0


def _about(arguments, model, data, fingerprint):
    """What is measured, see `report.make`, but for the machine."""
    sample = data.sample and {key: data.sample[key] for key in ("version", "seed")}
    return {"name": arguments.output.resolve().name, "limit": arguments.limit,
            "weights": {"file": str(model.weights), "fingerprint": fingerprint,
                        "refiner": arguments.refine},
            "configuration": {"name": model.config.NAME, "values": model.config.to_dict()},
            "dataset": {"folder": str(data.root), "subset": arguments.subset, "sample": sample}}


def _inputs(arguments):
    """`models.Model`, `data_sets.Data`, the prepared data set and ids of its images."""
    from fashion.evaluation.sampling import images_to_measure

    model = models.resolve(arguments)
    if cspn.is_cspn(model.config):
        raise ValueError(f"{model.weights} are of a landmark network, which `evaluate` measures; "
                         "`benchmark` takes them as --refine, behind the weights of a detector.")
    data = data_sets.resolve(arguments.dataset, arguments.class_attribute)
    dataset = data_sets.load(data, arguments.subset, class_names=model.config.CLASS_NAMES)
    image_ids = images_to_measure(dataset, arguments.limit, model.config.HEADS)
    print(f"{model.weights}\non {len(image_ids):,} {arguments.subset} images of {data}")
    return models.Model(model.config.evaluation(), model.weights), data, dataset, image_ids


def _results(arguments, model, dataset, image_ids):
    """The network's `Results`, complete, and the facts about it."""
    from fashion.benchmark.collect import recipe_of
    from fashion.benchmark.results import Results
    from mrcnn import weights

    recipe = recipe_of(weights.fingerprint(model.weights), model.config, dataset, image_ids)
    if arguments.refine:
        refiner = cspn.named(arguments.refine, arguments.logs)
        recipe["refiner"] = weights.fingerprint(refiner.weights)
    results = Results(arguments.output, recipe, image_ids)
    if results.others():
        print(f"{', '.join(results.others())} in {arguments.output}: results of other weights, "
              "data or thresholds. They stay as they are.")
    if results.missing() or results.facts() is None:
        _run_network(arguments, model, dataset, results)
    return results, results.facts()


def _run_network(arguments, model, dataset, results):
    from fashion.benchmark import collect, costs, report
    from mrcnn.detection import Detector
    from mrcnn.training import peak_gpu_memory_mb

    network = models.build("inference", model, arguments.logs).network
    detector = Detector(network)
    collect.collect(results, dataset, cspn_refine.refined(detector, arguments),
                    arguments.batch_size)
    measured = costs.measure(detector, dataset, results.asked, model.weights)
    results.write_facts({
        **collect.facts_of(detector), "costs": measured, "environment": report.environment(),
        "peak_memory_MB": {"after the pass": costs.peak_memory_mb(),
                           "on the GPU": peak_gpu_memory_mb()}})
