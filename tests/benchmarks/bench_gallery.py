"""Measures which detections a gallery should show: how many entries, and how many garments.

    python tests/benchmarks/bench_gallery.py --weights=sample [--dataset=DIR] [--limit=200]

For each least score and for both rules (every detection, or only the best one of a place, see
`gallery.is_shown`): entries of the gallery per true garment of the shops' photos, and the
share of these garments that have an entry with IoU 0.5. Copies fill the first places of a search;
garments without an entry are never found.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fashion.commands import common, data_sets, models
from fashion.datasets.selection import spread
from fashion.evaluation import retrieval_rules
from fashion.evaluation.retrieval import SHOP
from fashion.retrieval.gallery import SAME_GARMENT, is_shown

SCORES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models.add_weights_argument(parser, ("last", "sample", "PATH"), default="sample")
    data_sets.add_dataset_argument(parser)
    parser.add_argument("--limit", type=common.positive, default=200, help="photos of shops")
    photos = list(detections(parser.parse_args()))
    total = sum(len(true) for true, *_ in photos)
    print("score   every detection      best of a place\n"
          "        entries  garments    entries  garments")
    for least in SCORES:
        every = count(photos, lambda boxes, scores, least=least: scores >= least)
        best = count(photos, lambda boxes, scores, least=least: is_shown(boxes, scores, least))
        print(f"{least:5.2f}" + "".join(f"  {entries / total:9.2f} {found / total:9.3f}"
                                        for entries, found in (every, best)))


def detections(arguments):
    """Yields true boxes, found boxes and scores of each photo."""
    common.load_backend()
    from mrcnn.detection import Detector

    model = models.resolve(arguments)
    model = models.Model(model.config.evaluation(), model.weights)
    dataset = data_sets.load(data_sets.resolve(arguments.dataset), "validation")
    shops = dataset.image_ids[[dataset.image_domain(i) == SHOP for i in dataset.image_ids]]
    shops = spread(shops, arguments.limit)
    detector = Detector(models.build("inference", model, arguments.logs).network)
    found = detector.predict(dataset.load_image(image_id) for image_id in shops)
    for image_id, raw in zip(shops, found, strict=True):
        described = slice(model.config.KEYPOINT_MAX_INSTANCES)  # no others get a vector
        yield (retrieval_rules.corners(dataset.load_boxes(image_id)),
               retrieval_rules.corners(raw.boxes_px[described]), raw.scores[described])


def count(photos, rule):
    """Entries of the gallery, and true garments that have one."""
    entries = found = 0
    for true, boxes, scores in photos:
        shown = boxes[rule(boxes, scores)]
        entries += len(shown)
        on = retrieval_rules.overlaps(true, shown) >= SAME_GARMENT
        found += int(on.any(axis=1).sum())
    return entries, found


if __name__ == "__main__":
    main()
