"""DeepFashion2's subsets: garments by scale, occlusion, zoom-in and viewpoint.

The attributes are annotated garment by garment (README of switchablenorms/DeepFashion2, "Data
Description"; the names are those of its tables 3, 5, 7 and 9). The code of those tables was never
released; what it must have done is told by `average_precision.on_subset`: their numbers of the
rarest subsets are as high as those of the others, so photos without such a garment, and the false
alarms on them, cannot have counted.
"""

NAMES = {"scale": ("small", "moderate", "large"), "occlusion": ("slight", "medium", "heavy"),
         "zoom_in": ("no", "medium", "large"), "viewpoint": ("no wear", "frontal", "side or back")}
# Garments whose annotation does not say; a part only where there are some.
UNKNOWN = "unknown"

# By division and part the garments in it: pairs (image id, place among the photo's garments).
Subsets = dict[str, dict[str, set[tuple[int, int]]]]


def subsets_of(dataset, image_ids) -> Subsets:
    """The subsets of some photos' garments; of each division every garment is in one part.

    Args:
        dataset: prepared `Dataset`. Divisions of which no "items" of its `image_info` say anything
            are left out; other data sets than DeepFashion2 have none.
        image_ids: which photos.
    """
    parts = {division: {name: set() for name in (UNKNOWN, *names)}
             for division, names in NAMES.items()}
    for image_id in image_ids:
        for place, item in enumerate(dataset.image_info[image_id].get("items", ())):
            for division, own in parts.items():
                own[list(own)[item.get(division, 0)]].add((int(image_id), place))
    return {division: _known(own) for division, own in parts.items()
            if any(garments for name, garments in own.items() if name != UNKNOWN)}


def _known(parts):
    """The parts in the order of `NAMES`, the unknown last, if there are any."""
    unknown = parts.pop(UNKNOWN)
    return {**parts, UNKNOWN: unknown} if unknown else parts
