"""Find and describe every garment of many photos, so that `search` finds them again.

Ctrl-C or a kill loses half a minute at most: the same command goes on where it stopped. Run again
later, it looks only at photos that are new or have changed since, or that are to be looked at with
other settings (--set, --min-score). Photos that cannot be read are named at the end and tried again
by the next run; one that was damaged after it was indexed stays in the index as it was.
"""

import contextlib
import os
import time
from pathlib import Path

from fashion.commands import matching, models
from fashion.retrieval.store import KINDS

HELP = "describe the garments of a gallery, for search"


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--gallery", required=True, nargs="+", metavar="DIR|GLOB|FILE",
                        help="photos: folders (with all below them), patterns or files")
    parser.add_argument("--output", required=True, type=Path, metavar="INDEX",
                        help="folder of the index, made or brought up to date")
    parser.add_argument("--kind", choices=KINDS,
                        help="of a new index: flat (the default) finds exactly what comparing "
                             "every pair would; hnsw and ivf are faster in galleries of millions "
                             "and miss some")
    parser.add_argument("--store", metavar="faiss|milvus|http://...",
                        help="what holds a new index")
    parser.add_argument("--prune", action="store_true",
                        help="forget photos that are no longer on the disk")
    models.add_weights_argument(parser, ("sample", "last", "PATH", "keras:NAME"),
                                default="sample")
    matching.add_min_score_argument(parser)


def run(arguments):
    """Brings the index up to date and says what is in it. Returns the exit code."""
    from fashion.datasets.photos import find_photos
    from fashion.retrieval.lock import hold
    from fashion.retrieval.parts import Parts

    start = time.perf_counter()
    matching.check_folder(arguments.output)
    paths = [os.path.abspath(path)
             for path in find_photos(arguments.gallery, arguments.output, "--gallery")]
    describer = matching.open_describer(arguments, class_names(arguments.output, paths))
    failed, folder = {}, arguments.output / "parts"
    with hold(folder / "lock"):  # the index has its own, for the moment that changes it
        index, recipe = open_index(arguments, describer)
        parts = Parts(folder, index.fingerprint)
        todo = to_do(paths, recipe, parts)
        print(f"{len(paths):,} photos, {len(todo):,} to look at")
        if describe(describer, todo, parts, failed):
            print(f"Stopped; {len(parts.finished):,} photos are kept, the same command goes on.")
            return 130
        gone = [photo for photo in recipe.photos | parts.finished if not os.path.exists(photo)]
        parts.move_into(index, recipe, gone if arguments.prune else ())
    print_summary(index, recipe, time.perf_counter() - start)
    if gone:
        print(f"{len(gone):>10,}  photos no longer there, "
              + ("forgotten" if arguments.prune else "kept (--prune forgets them)"))
    matching.print_failed(failed, recipe.photos)
    return 0 if len(index.garments) else 1


def class_names(folder, paths):
    """The classes of an index, or, where there is none yet, those of the cut-outs among the paths.

    Args:
        folder: of the index.
        paths: of the gallery's pictures.
    """
    from fashion.retrieval import cutout_files
    from fashion.retrieval.versions import FILE, Manifest

    if (folder / FILE).exists():
        return Manifest.read(folder).class_names
    return cutout_files.class_names(cutout_files.listed([Path(path) for path in paths]).values())


def open_index(arguments, describer):
    """The index that the arguments ask for, made if need be.

    Args:
        arguments: with output, kind, store, config, and set as `matching.open_describer` left it.
        describer: see `matching.open_describer`.

    Returns:
        `RetrievalIndex`, and a `Recipe`: the photos that are in it, the settings of this run.

    Raises:
        ValueError: an index of other weights, or of another kind or store than asked for.
    """
    from fashion.retrieval.index import RetrievalIndex
    from fashion.retrieval.recipe import Recipe
    from fashion.retrieval.versions import FILE, Manifest

    folder = arguments.output
    wanted = {name: getattr(arguments, name) for name in ("kind", "store")
              if getattr(arguments, name)}
    if (folder / FILE).exists():
        _check_kind(folder, Manifest.read(folder), wanted)
        index = RetrievalIndex.open(folder, describer.fingerprint)
    else:
        index = RetrievalIndex.create(folder, describer.similarity, describer.fingerprint,
                                      describer.class_names, **wanted)
    recipe = Recipe(describer.source, arguments.config, arguments.set)
    if Recipe.is_at(folder):
        recipe.photos = Recipe.read(folder).photos
    else:
        recipe.write(folder)
    return index, recipe


def _check_kind(folder, manifest, wanted):
    for name, value in wanted.items():
        if value != getattr(manifest, name):
            raise ValueError(f"--{name}={value}: {folder} is an index of {name} "
                             f"{getattr(manifest, name)}, which stays. Leave --{name} out, or "
                             "make another index with another --output.")


def to_do(paths, recipe, parts):
    """{photo: its stamp} of those that are new or not as they were when they were looked at."""
    finished = recipe.photos | parts.finished
    stamps = {path: recipe.stamp(path) for path in paths}
    return {photo: stamp for photo, stamp in stamps.items() if finished.get(photo) != stamp}


def describe(describer, todo, parts, failed):
    """Finds the garments of photos; what is finished is on the disk whatever happens.

    Args:
        describer: see `matching.open_describer`.
        todo: {photo: stamp}.
        parts: `Parts`, which gets them.
        failed: dict that gets {path: error} of those that cannot be read.

    Returns:
        Whether Ctrl-C or a kill asked to stop before the end.
    """
    from mrcnn.interrupt import interruptible

    try:
        with interruptible() as is_stopping:
            found = describer.embed([Path(photo) for photo in todo], failed)
            with contextlib.closing(found):
                for path, garments in found:
                    parts.add(str(path), todo[str(path)], garments)
                    if is_stopping():
                        return True
    finally:
        parts.flush()
    return False


def print_summary(index, recipe, seconds):
    """Prints what is in an index, and how large it is."""
    garments = index.garments
    size = sum(file.stat().st_size for file in index.folder.rglob("*") if file.is_file())
    print(f"\n{index.folder}: {len(recipe.photos):,} photos, {len(garments):,} garments, "
          f"{size / 1e6:,.2f} MB; {seconds:,.0f} s")
    for class_id, name in enumerate(index.class_names):
        count = int((garments.class_ids == class_id).sum())
        if count:
            print(f"{count:>10,}  {name}")
    empty = len(recipe.photos) - len(set(garments.photos.tolist()))
    print(f"{empty:>10,}  photos without a garment")
