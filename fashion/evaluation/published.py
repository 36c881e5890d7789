"""Published numbers, each family by itself: they come from different training sets.

`README`: Match R-CNN trained on the released part of the training set (191,961 images), measured on
the whole released validation set (README of switchablenorms/DeepFashion2, tables 2, 4, 6 and 8).
These are the ones to compare with.

`PAPER`: trained on 390,884 images that were never released, measured on a validation set of 33,669
(Ge et al., arXiv 1901.07973, tables 2 to 5; tables 3, 5, 7 and 9 of that README).

`CSPN`: Li et al., Computer Systems & Applications 29(4), 2020: landmarks of DeepFashion's landmark
benchmark, another data set. Its costs compare, its errors do not.
"""

from fashion.evaluation.retrieval_outcomes import NAMES as TOPS
from fashion.evaluation.subsets import NAMES as SUBSETS

PRECISIONS = ("AP", "AP50", "AP75")
# Images of the released validation set.
IMAGES = 32_153


def _precisions(*values):
    return dict(zip(PRECISIONS, values, strict=True))


def _by_subset(names, *rows):
    """By division and part the numbers of some names; each row runs over the twelve parts."""
    columns = iter(zip(*rows, strict=True))
    return {division: {part: dict(zip(names, next(columns), strict=True)) for part in parts}
            for division, parts in SUBSETS.items()}


def _task(overall, *rows):
    return {**_precisions(*overall), "subsets": _by_subset(PRECISIONS, *rows)}


def _paper_retrieval(tops, *subsets):
    overall = dict(zip(("top1", "top10", "top20"), tops, strict=True))
    return {**overall, "subsets": _by_subset(("top20",), subsets)}


README = {
    "note": "Match R-CNN, trained on the released 191,961 images; whole released validation set",
    "tasks": {"bbox": _precisions(0.638, 0.789, 0.745),
              "segm": _precisions(0.640, 0.797, 0.754),
              "keypoints_visible": _precisions(0.605, 0.790, 0.684),
              "keypoints_visible_and_occluded": _precisions(0.529, 0.775, 0.596)},
    # With detected boxes, by the features that the match head saw.
    "retrieval": {features: dict(zip(TOPS, tops, strict=True)) for features, tops in {
        "class": (0.079, 0.198, 0.273, 0.329, 0.366),
        "keypoints": (0.182, 0.326, 0.416, 0.469, 0.510),
        "masks": (0.135, 0.271, 0.350, 0.407, 0.447),
        "class and keypoints": (0.192, 0.345, 0.435, 0.488, 0.524),
        "class and masks": (0.152, 0.295, 0.379, 0.435, 0.477)}.items()},
}

PAPER = {
    "note": "Match R-CNN, trained on 390,884 and measured on 33,669 images, which were never "
            "released in full; retrieval only of garments that shops' photos show more than five "
            "times",
    "tasks": {
        "bbox": _task(
            (0.667, 0.814, 0.773),
            (.604, .700, .660, .712, .654, .372, .695, .629, .466, .624, .681, .641),
            (.780, .851, .768, .844, .810, .531, .848, .755, .563, .713, .832, .796),
            (.717, .809, .744, .812, .768, .433, .806, .718, .525, .688, .791, .744)),
        "segm": _task(
            (0.674, 0.834, 0.793),
            (.634, .703, .666, .720, .656, .381, .701, .637, .478, .664, .689, .635),
            (.811, .865, .798, .863, .824, .543, .861, .791, .591, .757, .849, .811),
            (.752, .826, .773, .836, .780, .444, .823, .751, .559, .737, .810, .755)),
        "keypoints_visible": _task(
            (0.641, 0.820, 0.728),
            (.587, .687, .599, .669, .631, .398, .688, .559, .375, .527, .677, .536),
            (.780, .854, .782, .851, .813, .534, .855, .757, .571, .724, .846, .748),
            (.671, .779, .678, .760, .718, .440, .786, .633, .390, .571, .771, .610)),
        "keypoints_visible_and_occluded": _task(
            (0.563, 0.805, 0.641),
            (.497, .607, .555, .643, .530, .248, .616, .489, .319, .510, .596, .456),
            (.764, .839, .774, .847, .799, .479, .848, .744, .549, .716, .832, .727),
            (.551, .703, .625, .739, .600, .236, .714, .537, .307, .550, .684, .506))},
    "retrieval": {
        "retrieval": {
            "class": _paper_retrieval(
                (.091, .312, .415),
                .485, .537, .502, .527, .508, .383, .553, .496, .405, .499, .523, .487),
            "keypoints": _paper_retrieval(
                (.243, .497, .588),
                .637, .702, .691, .710, .670, .580, .710, .701, .560, .690, .700, .645),
            "masks": _paper_retrieval(
                (.186, .422, .520),
                .552, .657, .608, .639, .593, .555, .654, .613, .495, .615, .630, .565),
            "class and keypoints": _paper_retrieval(
                (.244, .522, .617),
                .691, .730, .705, .725, .706, .605, .746, .709, .582, .699, .723, .684),
            "class and masks": _paper_retrieval(
                (.208, .451, .542),
                .610, .666, .649, .676, .623, .549, .674, .655, .536, .648, .661, .604)},
        "retrieval_true_boxes": {
            "class": _paper_retrieval(
                (.102, .361, .470),
                .520, .630, .540, .572, .563, .558, .618, .547, .444, .546, .584, .533),
            "keypoints": _paper_retrieval(
                (.264, .562, .654),
                .721, .778, .735, .756, .737, .728, .775, .751, .621, .731, .763, .711),
            "masks": _paper_retrieval(
                (.193, .474, .571),
                .624, .714, .646, .675, .651, .632, .711, .655, .526, .644, .682, .637),
            "class and keypoints": _paper_retrieval(
                (.268, .574, .665),
                .752, .786, .733, .754, .750, .728, .789, .750, .620, .726, .771, .719),
            "class and masks": _paper_retrieval(
                (.212, .496, .595),
                .656, .728, .687, .714, .676, .654, .725, .702, .565, .684, .712, .658)}},
}

CSPN = {
    "note": "Costs of the landmark network alone, behind a Faster R-CNN with VGG16; errors of "
            "another data set, DeepFashion's landmark benchmark, full body",
    "stages": [{"stages": stages, "NE": error, "GFLOPs": gflops, "MB": megabytes}
               for stages, error, gflops, megabytes in (
                   (1, 0.0661, 40, 102), (2, 0.0632, 48, 121), (3, 0.0600, 54, 129),
                   (4, 0.0560, 61, 136))],
    "seconds": 1.0,
}

_FEATURES = {"class": "class", "keypoint": "keypoints", "mask": "masks"}


def features_name(features) -> str:
    """What the tables call some of `match.FEATURES`: "class and keypoints"."""
    return " and ".join(_FEATURES[name] for name in _FEATURES if name in features)
