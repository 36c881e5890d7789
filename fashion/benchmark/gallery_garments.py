"""Galleries of single garments: their landmarks, and what was retrieved for them."""

import numpy as np

from fashion.benchmark import markup
from fashion.benchmark.galleries import MOST, UNREADABLE, pair, shown
from fashion.benchmark.gallery_pictures import corners, garment_photo, jpeg
from fashion.benchmark.sights import Sight
from fashion.datasets.selection import spread
from fashion.evaluation.retrieval_outcomes import NEVER
from mrcnn import skeletons

_LOOKED_AT = 120  # photos among whose garments the best and the worst landmarks are looked for
_SIDE, _TILE = 300, 180  # sides of pictures with landmarks and of retrieved garments, px
_HITS, _ROWS = 5, 4


def landmarks(scores, sights: list[Sight]) -> str:
    """The best and the worst landmarks.

    Args:
        scores: `scoring.Scores`.
        sights: of all its photos.
    """
    if "keypoints_visible" not in scores.metrics:
        return ""
    looked_at = spread(np.flatnonzero([(each.partners >= 0).any() for each in sights]), _LOOKED_AT)
    garments = [garment for i in looked_at for garment in _marked_garments(scores, sights[i])]
    garments.sort(key=lambda garment: garment[0])
    count = min(MOST, len(garments) // 2)
    among = (f"of {len(garments)} found garments on photos spread evenly over the set. Left "
             "annotated, covered landmarks hollow; right found, unsure ones hollow.")
    return (shown(f"<b>Landmarks that fit best</b>, {among}",
                  _landmark_shots(scores, garments[:count]))
            + shown(f"<b>Landmarks that fit worst</b>, {among}",
                    _landmark_shots(scores, garments[len(garments) - count:][::-1])))


def _marked_garments(scores, sight: Sight):
    """Yields (error, sight, place of the object, of the detection, true and found landmarks).

    The error is the mean distance over the longer side of the annotated box.
    """
    true = scores.dataset.load_keypoints(sight.image_id)
    found = scores.results[sight.image_id].found.keypoints
    if true is None or found is None:
        return
    for row, partner in enumerate(sight.partners):
        if partner >= 0:
            points = true[sight.places[partner]]
            own = scores.instances.landmarks.standard.own(sight.truth[partner]["category_id"])
            counted = points[own, 2] > 0
            if counted.any() and found[row].any():
                distances = np.linalg.norm((points - found[row])[own, :2][counted], axis=1)
                error = float(distances.mean() / max(sight.truth[partner]["bbox"][2:]))
                yield error, sight, partner, points, found[row]


def _landmark_shots(scores, garments) -> list[str]:
    shots = []
    for error, sight, place, true, found in garments:
        try:
            image = scores.dataset.load_image(sight.image_id)
        except UNREADABLE:
            continue
        garment = sight.truth[place]
        photo = garment_photo(image, corners(garment), _SIDE)
        class_id = garment["category_id"]
        shots.append(pair(
            photo.landmarks(true, skeletons.visibility_marks(true), class_id),
            photo.landmarks(found, skeletons.score_marks(found), class_id),
            f"{sight.name}: {scores.dataset.class_names[class_id]}, mean distance {error:.3f} of "
            "the box's longer side"))
    return shots


def retrieval(scores) -> str:
    """Queries with the five garments that are most alike."""
    if "retrieval" not in scores.metrics:
        return ""
    answers = [each for each in scores.garments.answers("retrieval") if each.box is not None]
    kinds = {"<b>Found at once</b>: the first one retrieved is the same garment.": range(0, 1),
             "<b>Found late</b>: a right one is among the first 20, not among the first five.":
                 range(_HITS, NEVER),
             "<b>Not found</b>: none of the first 20 is right.": range(NEVER, NEVER + 1)}
    return "".join(_search_gallery(
        scores, title, [each for each in answers if each.place in places])
        for title, places in kinds.items())


def _search_gallery(scores, title, answers) -> str:
    rows = [_search_row(scores, answers[i]) for i in spread(np.arange(len(answers)), _ROWS)]
    rows = [text for text in rows if text]
    if not rows:
        return ""
    return markup.figure(
        f"{title} Left the garment on a user's photo, then the five of shops that are most alike; "
        f"right ones green, wrong ones red. {len(rows)} of {len(answers):,} such queries, spread "
        "evenly over the set.", "".join(rows))


def _search_row(scores, answer) -> str:
    """A query and its hits in a row; nothing where the query's photo cannot be read."""
    query = _tile(scores, answer.image_id, answer.box, "query", "the garment in question")
    if not query:
        return ""
    hits = [_tile(scores, image_id, box, "right" if right else "wrong",
                  f"{'right' if right else 'wrong'}: {scores.dataset.class_names[class_id]}")
            for image_id, box, class_id, right in list(zip(
                answer.images, answer.boxes, answer.class_ids, answer.right, strict=True))[:_HITS]]
    place = (f"the first right one is number {answer.place + 1}" if answer.place < NEVER
             else "no right one among the first 20")
    text = (f"{scores.dataset.image_info[answer.image_id]['id']}: "
            f"{scores.dataset.class_names[answer.class_id]}, {place}")
    return (f'<div class="found"><div>{query}{"".join(hits)}</div>'
            f"<p>{markup.escape(text)}</p></div>")


def _tile(scores, image_id, box, css, alt) -> str:
    """A garment in a small square; box (x1, y1, x2, y2) px."""
    try:
        image = scores.dataset.load_image(image_id)
    except UNREADABLE:
        return ""
    x1, y1, x2, y2 = box
    return markup.picture(jpeg(garment_photo(image, (y1, x1, y2, x2), _TILE).picture), alt, css)
