"""Landmarks that are the same part of different garments: 294 landmarks, 81 parts.

A left cuff is a left cuff on a shirt, a coat and a dress. Lin et al. (arXiv 2005.00419, first in
DeepFashion2's challenge of 2020) train one heatmap for each of 81 parts, then go on with a heatmap
for each landmark. The parts are those of their published table, written here as runs: where a
category's outline goes along a part, landmark by landmark, its numbers go along too.
"""

import numpy as np

from fashion.categories import NUM_LANDMARKS, by_id

# First part of a run, its length, and where it begins among a category's landmarks (0-based).
# Categories: 1 short and 2 long sleeve top, 3 short and 4 long sleeve outwear, 5 vest, 6 sling,
# 7 shorts, 8 trousers, 9 skirt, 10 short and 11 long sleeve dress, 12 vest and 13 sling dress.
_RUNS = (
    # neckline; an outwear's is open at one point, which it has twice
    (0, 6, {1: 0, 2: 0, 5: 0, 6: 0, 10: 0, 11: 0, 12: 0, 13: 0}),
    (0, 3, {3: 0, 4: 0}), (4, 2, {3: 4, 4: 4}), (6, 1, {3: 3, 4: 3}), (7, 1, {3: 25, 4: 33}),
    # sleeves from shoulder to armpit: short left and right, long left and right
    (8, 6, {1: 6, 3: 6, 10: 6}), (14, 6, {1: 19, 3: 19, 10: 23}),
    (20, 10, {2: 6, 4: 6, 11: 6}), (30, 10, {2: 23, 4: 23, 11: 27}),
    # the sides below the armpit, left and right
    (40, 3, {1: 12, 3: 12, 10: 12, 2: 16, 4: 16, 11: 16, 5: 7, 6: 7, 12: 7, 13: 7}),
    (43, 3, {1: 16, 3: 16, 2: 20, 4: 20, 10: 20, 11: 24, 5: 11, 6: 11, 12: 15, 13: 15}),
    # middle of a top's hem; the open front of an outwear
    (46, 1, {1: 15, 2: 19, 5: 10, 6: 10}), (47, 5, {3: 26, 4: 34}), (52, 1, {3: 15, 4: 19}),
    # shoulders of vests, straps of slings
    (53, 1, {5: 6, 12: 6}), (54, 1, {5: 14, 12: 18}), (55, 1, {6: 6, 13: 6}),
    (56, 1, {6: 14, 13: 18}),
    # the skirt of a dress
    (57, 5, {10: 15, 11: 19, 12: 10, 13: 10}),
    # waistband; hems of the legs; crotch; hips
    (62, 3, {7: 0, 8: 0, 9: 0}), (65, 2, {7: 4, 8: 5}), (67, 2, {7: 7, 8: 10}),
    (69, 1, {7: 6, 8: 8}), (70, 1, {7: 3, 8: 3}), (71, 1, {7: 9, 8: 13}),
    # knees of trousers, outside and inside; the skirt
    (72, 1, {8: 4}), (73, 1, {8: 7}), (74, 1, {8: 9}), (75, 1, {8: 12}), (76, 5, {9: 3}),
)


def _table():
    groups = np.full(NUM_LANDMARKS, -1)
    for part, length, starts in _RUNS:
        for category, start in starts.items():
            first = by_id(category).start + start
            groups[first:first + length] = np.arange(part, part + length)
    return tuple(groups.tolist())


# [294] number of the part of each landmark, for `Config.LANDMARK_GROUPS`.
LANDMARK_GROUPS = _table()
NUM_GROUPS = max(LANDMARK_GROUPS) + 1
