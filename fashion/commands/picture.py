"""Draw the README's picture: what a network finds on made-up photos that it has never seen.

Above, customers' photos of the sample's validation set: one as it is, what is found on it
(outlines, landmarks, scores), what is cut out, and what is found on two more. Below, the garment
that it is most sure of, and those on the shops' photos that are most likely the same: the true
ones are named.
"""

from pathlib import Path

import numpy as np

from fashion.commands import common, data_sets, models

HELP = "draw the README's picture"

# One whose garment is found first; of all queries that are about a third.
PHOTOS = (3, 1, 0)
HEADS = ("mask", "keypoint", "match")
HITS = 10
# Overlap with an annotated garment that makes a box stand for it.
SAME_PLACE = 0.5
_GAP, _TEXT = 12, 26  # px


def add_arguments(parser):
    """Adds the command's options to an `argparse` parser."""
    parser.add_argument("--output", type=Path, default=common.ROOT / ".github" / "garments.jpg",
                        metavar="FILE", help="the picture (default: .github/garments.jpg)")
    parser.add_argument("--photos", type=int, nargs=3, default=PHOTOS, metavar="N",
                        help="which of the customers' photos, from 0 (default: 3 1 0)")
    models.add_weights_argument(parser, ("sample", "last", "PATH"), default="sample")


def run(arguments):
    """Draws the picture. Returns the exit code."""
    from fashion.retrieval.pictures import check_target, save

    check_target(arguments.output)
    model = models.resolve(arguments)
    missing = [head for head in HEADS if head not in model.config.HEADS]
    if missing:
        raise ValueError(f"The picture shows masks, landmarks and matches, but {model.weights} "
                         f"has no {' and no '.join(missing)} head. Take others with --weights.")
    dataset = data_sets.load(data_sets.built_in_sample(), "validation")
    common.load_backend()
    from fashion.match import similarity_of
    from mrcnn.detection import Detector

    network = models.build("inference", model, arguments.logs).network
    save(arguments.output,
         draw(Detector(network), similarity_of(network), dataset, arguments.photos))
    print(f"Drawn in {arguments.output}.")
    return 0


def draw(detector, similarity, dataset, photos):
    """The picture, [H, W, 3] uint8.

    Args:
        detector: `mrcnn.detection.Detector` of a network with all heads.
        similarity: `fashion.retrieval.similarity.Similarity` of the network.
        dataset: prepared `Dataset` with users' and shops' photos.
        photos: places of three photos among the users', from 0.

    Raises:
        ValueError: there is no such photo, or nothing is found on the first.
    """
    from fashion.evaluation.retrieval import SHOP

    is_shop = np.array([dataset.image_domain(i) == SHOP for i in dataset.image_ids])
    users, shops = dataset.image_ids[~is_shop], dataset.image_ids[is_shop]
    if not all(0 <= place < len(users) for place in photos):
        raise ValueError(f"--photos: expected numbers from 0 to {len(users) - 1}, got "
                         f"{' '.join(map(str, photos))}.")
    chosen = users[list(photos)]
    images = [dataset.load_image(image_id) for image_id in chosen]
    found = list(detector.predict(images))
    if not len(found[0].scores):
        raise ValueError(f"--photos: nothing is found on photo {photos[0]}; name another first.")
    sheet = _search(detector, similarity, dataset, (chosen[0], found[0]), shops)
    top = strip(_panels(images, found, dataset.class_names), sheet.shape[1])
    return np.concatenate([top, np.full((2 * _GAP, *top.shape[1:]), 255, np.uint8), sheet])


def _panels(images, found, class_names):
    """(picture, caption) of each place in the upper row."""
    from fashion.evaluation.pictures import draw_found

    drawn = [draw_found(*each, class_names) for each in zip(images, found, strict=True)]
    return [(images[0], "a photo"), (drawn[0], "found"), (_cut_out(images[0], found[0]), "cut out"),
            *((picture, "found") for picture in drawn[1:])]


def _cut_out(image, found):
    """The garments of a photo on white."""
    from fashion.cutouts import cut, found_garments, on_ground

    whole = (0, 0, *image.shape[:2])
    alphas = [cut(image, garment, whole)[..., 3] for garment in found_garments(found)]
    return on_ground(np.dstack([image, np.max(alphas, axis=0)]), (255, 255, 255))


def strip(panels, width):
    """Pictures in a row, all of one height, below their captions.

    Args:
        panels: list of ([h, w, 3] uint8, text).
        width: of the row, px.

    Returns:
        [H, width, 3] uint8.
    """
    import cv2

    from mrcnn.drawing import caption

    shares = np.array([picture.shape[1] / len(picture) for picture, _ in panels])
    height = (width - _GAP * (len(panels) - 1)) / shares.sum()
    ends = np.round(np.cumsum(shares) * height + _GAP * np.arange(len(panels))).astype(int)
    starts = np.concatenate([[0], ends[:-1] + _GAP])
    cells = [caption(cv2.resize(picture, (end - start, round(height)),
                                interpolation=cv2.INTER_AREA), text, _TEXT)
             for (picture, text), start, end in zip(panels, starts, ends, strict=True)]
    row = np.full((len(cells[0]), width, 3), 255, np.uint8)
    for cell, start, end in zip(cells, starts, ends, strict=True):
        row[:, start:end] = cell
    return row


def _search(detector, similarity, dataset, query, shops):
    """A contact sheet of the surest garment of a photo, and the most likely ones of the shops.

    Args:
        query: image id and `Raw` of the photo.
        shops: [S] ids of the gallery's photos.
    """
    from fashion.retrieval import pictures
    from fashion.retrieval.embed import garments_of
    from fashion.retrieval.exact import top_k
    from fashion.retrieval.garments import Garments

    garment = garments_of(*query).take([0])
    photos = (dataset.load_image(image_id) for image_id in shops)
    gallery = Garments.concatenate([garments_of(*each) for each in zip(
        shops, detector.predict(photos), strict=True)])
    [rows], [logits] = top_k(similarity, garment.embeddings, gallery.embeddings, HITS)
    hits = gallery.take(rows[rows >= 0])
    wanted = _identity(dataset, garment, 0)
    tiles = [_tile(dataset, hits, i, probability, wanted)
             for i, probability in enumerate(similarity.probabilities(logits[rows >= 0]))]
    return pictures.draw_search(_tile(dataset, garment, 0), tiles)


def _tile(dataset, garments, place, probability=None, wanted=None):
    """A garment for the sheet: one in question, or with a probability one that was found."""
    from fashion.retrieval.pictures import Tile

    class_id, name = garments.class_ids[place], dataset.class_names[garments.class_ids[place]]
    lines = (name, "and those in shops most like it")
    if probability is not None:
        is_same = wanted and wanted == _identity(dataset, garments, place)
        lines = (f"{probability:.0%}", "the same garment" if is_same else f"other {name}")
    path = dataset.image_info[int(garments.photos[place])]["path"]
    return Tile(path, garments.boxes_px[place], class_id, lines, probability)


def _identity(dataset, garments, place):
    """Identity of the annotated garment that was found; 0 where it is none or has none."""
    from mrcnn.boxes import iou

    image_id = int(garments.photos[place])
    overlaps = iou(np.float32(garments.boxes_px[place:place + 1]), dataset.load_boxes(image_id))[0]
    if not (overlaps >= SAME_PLACE).any():
        return 0
    return int(dataset.load_identities(image_id)[overlaps.argmax()])
