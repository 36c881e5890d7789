"""Find the garments of a photo in an index that `index` has made.

For each garment of the photo: the garments of the gallery that are most like it, with the
probability that they are the same, printed and drawn as a contact sheet. --json writes hits.json
beside the sheets: boxes are [x, y, width, height] in pixels of the photo as a viewer shows it, and
"logit" is the log-odds of the probability, which still tells hits apart where that is 1.
"""

import json
from pathlib import Path

from fashion.commands import common, cutting, matching, models

HELP = "find the garments of a photo in an index"


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--index", required=True, type=Path, metavar="INDEX",
                        help="folder that the command index has made")
    parser.add_argument("--image", required=True, nargs="+", metavar="FILE|DIR|GLOB",
                        help="photos of what is looked for")
    parser.add_argument("--top-k", type=common.positive, default=20, metavar="N",
                        help="hits for each garment (default: %(default)s)")
    parser.add_argument("--category", metavar="NAME",
                        help="look for garments of one category only, such as \"vest dress\", "
                             "among those of the same")
    parser.add_argument("--output", type=Path, default=Path("hits"), metavar="DIR",
                        help="where the contact sheets go (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="write hits.json beside the sheets")
    models.add_weights_argument(parser, ("index", "last", "sample", "PATH", "keras:NAME"),
                                default="index")
    matching.add_min_score_argument(parser)


def run(arguments):
    """Searches, prints and draws. Returns the exit code."""
    from fashion.datasets.photos import find_photos
    from fashion.retrieval.index import RetrievalIndex
    from fashion.retrieval.versions import Manifest

    matching.check_folder(arguments.output)
    paths = find_photos(arguments.image, arguments.output)
    manifest = Manifest.read(arguments.index)
    manifest.require_garments(arguments.index)
    class_id = None
    if arguments.category is not None:
        [class_id] = cutting.class_ids([arguments.category], manifest.class_names)
    _recall(arguments)
    describer = matching.open_describer(arguments, manifest.class_names)
    index = RetrievalIndex.open(arguments.index, describer.fingerprint)
    search = Search(index, arguments.top_k, class_id, arguments.output)
    failed = {}
    for path, garments in describer.embed(paths, failed):
        if not search.add(path, garments):
            print(f"\n{matching.nothing_found(path, describer.config)}")
    if arguments.json:
        search.write_json(failed)
    print(f"\nLooked for {search.garments:,} garments"
          + (f"; contact sheets in {arguments.output}." if search.garments else "."))
    matching.print_failed(failed)
    return 0 if search.garments else 1


def _recall(arguments):
    """Fills in what the arguments leave open as it was when the index was made."""
    from fashion.retrieval.recipe import Recipe

    if arguments.weights != "index" and not Recipe.is_at(arguments.index):
        return
    recipe = Recipe.read(arguments.index)
    arguments.set = [*recipe.settings, *arguments.set]
    arguments.config = arguments.config or recipe.config
    if arguments.weights == "index":
        arguments.weights = recipe.weights
        if not recipe.weights.startswith("keras:") and not Path(recipe.weights).is_file():
            raise FileNotFoundError(
                f"The weights that {arguments.index} was made with, {recipe.weights}, are no "
                "longer there. Say where they are: --weights=PATH")


class Search:
    """Looks the garments of photos up, prints what it finds, draws it and collects it as data.

    Args:
        index: `RetrievalIndex`.
        top_k: hits for each garment.
        class_id: the only category of interest, or None.
        folder: where everything is written.

    Attributes:
        rows: a dict for each photo, as `write_json` writes them.
        garments: how many were looked for so far.
    """

    def __init__(self, index, top_k, class_id, folder):
        self.index, self.top_k, self.class_id, self.folder = index, top_k, class_id, folder
        self.rows, self.garments = [], 0
        self._taken = set()

    def add(self, path, garments):
        """Looks for the garments of one photo.

        Args:
            path: of the photo.
            garments: `Garments` on it.

        Returns:
            Whether it has any, of the category of interest.
        """
        if self.class_id is not None:
            garments = garments.take(garments.class_ids == self.class_id)
        self.rows.append({"file": str(path), "garments": []})
        self.garments += len(garments)
        if not len(garments):
            return False
        hits = self.index.search(garments.embeddings, self.top_k, self.class_id)
        for i, rows in enumerate(hits.rows):
            self._add_garment(garments.take([i]), rows[rows >= 0], hits.logits[i][rows >= 0])
        return True

    def _add_garment(self, garment, rows, logits):
        """Takes the hits of one garment: rows [n] of the index, the best first, and logits [n]."""
        table = self.index.garments.take(rows)
        probabilities = self.index.similarity.probabilities(logits)
        [found] = self._dicts(garment)
        found["score"] = round(float(garment.scores[0]), 4)
        found["hits"] = [
            {"rank": rank, "probability": float(probability), "logit": float(logit), **hit}
            for rank, (probability, logit, hit) in enumerate(
                zip(probabilities, logits, self._dicts(table), strict=True), 1)]
        found["picture"] = self._draw(found, garment, table)
        self.rows[-1]["garments"].append(found)
        print_hits(found)

    def _dicts(self, garments):
        from fashion.evaluation.coco import coco_box

        return [{"file": str(photo), "category": self.index.class_names[class_id],
                 "bbox": coco_box(box)} for photo, class_id, box in zip(
            garments.photos, garments.class_ids, garments.boxes_px, strict=True)]

    def _draw(self, found, garment, table):
        """Draws a contact sheet and returns its name."""
        from fashion.datasets.photos import free_name
        from fashion.retrieval import pictures

        path = Path(found["file"])
        name = free_name(f"{path.stem}_{found['category'].replace(' ', '_')}", self._taken)
        query = pictures.Tile(path, garment.boxes_px[0], garment.class_ids[0], (
            found["category"], f"score {found['score']:.2f}", path.name))
        hits = [pictures.Tile(hit["file"], box, class_id, (
            f"{hit['probability']:.1%}", hit["category"], Path(hit["file"]).name),
            hit["probability"]) for hit, box, class_id in zip(
                found["hits"], table.boxes_px, table.class_ids, strict=True)]
        pictures.save(self.folder / name, pictures.draw_search(query, hits))
        return name

    def write_json(self, failed):
        """Writes hits.json: the photos, their garments and hits, and what could not be read.

        Args:
            failed: {path: reason}.
        """
        from mrcnn.files import atomic_path

        content = {"index": str(self.index.folder), "images": self.rows,
                   "failed": [{"file": str(path), "error": str(reason)}
                              for path, reason in failed.items()]}
        with atomic_path(self.folder / "hits.json") as temporary:
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")


def print_hits(found):
    """Prints the hits of a garment, as `Search` describes it."""
    print(f"\n{found['file']}: {found['category']} ({found['score']:.2f}) at "
          f"{_box(found['bbox'])}, drawn in {found['picture']}")
    if not found["hits"]:
        print("  nothing of this category in the index")
        return
    print(f"{'rank':>6}{'same':>8}  {'category':22}{'x, y, width, height':24}photo")
    for hit in found["hits"]:
        print(f"{hit['rank']:>6}{hit['probability']:>8.1%}  {hit['category']:22}"
              f"{_box(hit['bbox']):24}{hit['file']}")


def _box(bbox):
    return ", ".join(f"{value:.0f}" for value in bbox)
