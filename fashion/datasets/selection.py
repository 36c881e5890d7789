"""Chooses images: by what their garments are like (`--where`), or so many of them.

    occlusion <= 2 and viewpoint == 2
    category in ("skirt", "shorts") and not source == "shop"

An image is kept when at least one of its garments answers the condition. Its other garments stay
labelled: left out, they would be garments that the network is taught to call background. Images
without garments answer no condition.
"""

import ast
import functools
import operator

import numpy as np

from fashion.categories import NAMES
from fashion.datasets.annotations import ATTRIBUTES, SOURCES
from fashion.datasets.columns import Columns

_COMPARISONS = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.In: lambda value, options: np.isin(value, options),
    ast.NotIn: lambda value, options: ~np.isin(value, options),
}
_WORDS = {"category": ("background", *NAMES), "source": SOURCES}  # word -> its index

_GOLDEN = (5 ** 0.5 - 1) / 2
_ALLOWED = f"""\
Conditions compare {", ".join(ATTRIBUTES)} (1 to 3; 0 unknown), style and pair_id (numbers),
category (1 to {len(NAMES)}, or a name as "{NAMES[0]}") and source ("user" or "shop")
by == != < <= > >= in, joined by and, or, not and parentheses:
--where "occlusion <= 2 and viewpoint == 2"."""


def spread(values, count):
    """`count` of the values, evenly spread over them and in their order; all for None.

    The first ones would not stand for all: DeepFashion2's validation set begins with a third of
    consumers' photos.
    """
    if count is None or count >= len(values):
        return values
    return values[np.arange(count) * len(values) // count]


def spread_groups(groups: np.ndarray, count: int) -> np.ndarray:
    """Rows of as many whole groups as fit into `count` rows, at least one; rising.

    Multiples of the golden ratio fall evenly between 0 and 1 however many are taken, so the groups
    that fit are spread over all.
    """
    names, sizes = np.unique(groups, return_counts=True)
    order = np.argsort(np.arange(len(names)) * _GOLDEN % 1)
    fitting = max(1, np.searchsorted(np.cumsum(sizes[order]), count, side="right"))
    return np.flatnonzero(np.isin(groups, names[order[:fitting]]))


def select_images(columns: Columns, where: str) -> np.ndarray:
    """Finds the images with at least one item that answers a condition.

    Args:
        columns: the annotations.
        where: the condition, see the top of this file.

    Returns:
        [selected] int64: rows of the images, rising.

    Raises:
        ValueError: the condition cannot be understood; says what can be.
    """
    chosen = select_items(columns, where)
    return np.unique(columns.item_images()[chosen])


def select_items(columns: Columns, where: str) -> np.ndarray:
    """[items] bool: which items answer a condition. Arguments as for `select_images`."""
    try:
        tree = ast.parse(where.strip(), mode="eval").body
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"--where {where!r} is no condition ({error}).\n{_ALLOWED}") from None
    return _Evaluator(columns, where).condition(tree)


class _Evaluator:
    """Walks a condition's syntax tree; nothing but the forms named here is ever carried out."""

    def __init__(self, columns: Columns, where: str):
        images = columns.item_images()
        self._where = where
        self._values = {
            "category": columns.categories, "style": columns.styles,
            "source": columns.sources[images], "pair_id": columns.pair_ids[images],
            **{name: columns.attributes[:, i] for i, name in enumerate(ATTRIBUTES)}}

    def condition(self, node: ast.AST) -> np.ndarray:
        """[items] bool for `a and b`, `a or b`, `not a` and comparisons."""
        if isinstance(node, ast.BoolOp):
            join = np.logical_and if isinstance(node.op, ast.And) else np.logical_or
            return join.reduce([self.condition(value) for value in node.values])
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return ~self.condition(node.operand)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        raise self._error(node)

    def _comparison(self, node: ast.Compare) -> np.ndarray:
        sides = [node.left, *node.comparators]
        names = {side.id for side in sides if isinstance(side, ast.Name)}
        if len(names) != 1 or not names <= self._values.keys():
            raise self._error(node)
        name = names.pop()
        answers = [self._compare(node, *step, name)
                   for step in zip(sides, node.ops, sides[1:], strict=False)]
        return functools.reduce(np.logical_and, answers)

    def _compare(self, node: ast.Compare, left: ast.AST, comparison: ast.cmpop, right: ast.AST,
                 name: str) -> np.ndarray | bool:
        is_membership = isinstance(comparison, ast.In | ast.NotIn)
        is_list = isinstance(right, ast.Tuple | ast.List)
        if type(comparison) not in _COMPARISONS or is_membership != is_list:
            raise self._error(node)
        options = ([self._value(option, name) for option in right.elts] if is_list
                   else self._value(right, name))
        return _COMPARISONS[type(comparison)](self._value(left, name), options)

    def _value(self, node: ast.AST, name: str) -> np.ndarray | float:
        """The column called `name`, or a number to compare it with; words become their index."""
        if isinstance(node, ast.Name) and node.id == name:
            return self._values[name]
        try:
            value = ast.literal_eval(node)
        except (ValueError, TypeError):
            raise self._error(node) from None
        if isinstance(value, str) and value in _WORDS.get(name, ()):
            return _WORDS[name].index(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
        raise self._error(node)

    def _error(self, node: ast.AST) -> ValueError:
        part = ast.get_source_segment(self._where.strip(), node)
        return ValueError(f"--where {self._where!r}: cannot use {part!r}.\n{_ALLOWED}")
