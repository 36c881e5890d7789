"""What came of loading weights, to be read at a glance."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

_MOST_NAMES = 6


@dataclass
class Report:
    """What came of loading a file. Weights are named `layer/weight`, such as `conv1/kernel`.

    `print(report)` shows it as a table.

    Attributes:
        path: the file.
        loaded: weights that were assigned.
        excluded: weights of the network left out on request.
        missing: weights of the network that the file lacks; they keep their values.
        left_over: weights of the file that the network has no place for.
        mismatched: (weight, shape in the file, shape in the network).
        parameters: numbers loaded.
        capacity: numbers that the network has.
    """

    path: Path
    loaded: list = field(default_factory=list)
    excluded: list = field(default_factory=list)
    missing: list = field(default_factory=list)
    left_over: list = field(default_factory=list)
    mismatched: list = field(default_factory=list)
    parameters: int = 0
    capacity: int = 0

    @property
    def new_layers(self):
        """Layers of the network that did not come from the file."""
        return set(layers_of(self.excluded + self.missing))

    @property
    def line(self):
        """One line: counts, and which layers are new."""
        counts = [f"{title} {len(names)}" for title, names in (
            ("excluded", self.excluded), ("missing", self.missing), ("left over", self.left_over))
            if names]
        new = layers_of(self.excluded + self.missing)
        return (f"{self.path.name}: loaded {', '.join([_amount(self.loaded), *counts])}"
                f"{f'; new: {shorten(new)}' if new else ''}.")

    def summary(self, title="loaded"):
        """Return a few lines: counts, and the layers behind every count but the first.

        Args:
            title: what became of the weights in `loaded`; after a refusal they were not.
        """
        lines = [f"{self.path.name}: {_share(self.parameters, self.capacity)}",
                 f"  {title:11} {_amount(self.loaded)}"]
        lines += [f"  {kind:11} {_amount(names)}, {meaning}: {shorten(layers_of(names))}"
                  for kind, meaning, names in (
                      ("excluded", "as they were", self.excluded),
                      ("missing", "not in the file", self.missing),
                      ("left over", "in the file only", self.left_over)) if names]
        lines += [f"  mismatched  {name}: {_shape(ours)} here, {_shape(theirs)} in the file"
                  for name, theirs, ours in self.mismatched]
        return "\n".join(lines)

    def __str__(self):
        return self.summary()

    def details(self):
        """Return every weight that was not loaded, a line each."""
        return "\n".join(f"{title}: {name}" for title, names in (
            ("excluded", self.excluded), ("missing", self.missing), ("left over", self.left_over))
            for name in names)


def layers_of(names):
    """Layer names of `layer/weight` names, once each, in order."""
    return list(dict.fromkeys(name.rsplit("/", 1)[0] for name in names))


def shorten(layers):
    """Name a few layers, or count many by what their names begin with: `res (53), fpn (8)`."""
    if len(layers) <= _MOST_NAMES:
        return ", ".join(layers)
    families = Counter(re.match(r"[^\W\d_]*", layer)[0] or layer for layer in layers)
    names = [f"{family}* ({count})" for family, count in families.most_common(_MOST_NAMES)]
    rest = len(layers) - sum(count for _, count in families.most_common(_MOST_NAMES))
    return ", ".join(names) + (f" and {rest} more" if rest else "")


def _amount(names):
    return f"{_count(names, 'weight')} of {_count(layers_of(names), 'layer')}"


def _count(things, name):
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _share(part, whole):
    """In millions, unless that would be none."""
    if part < 1e5:
        return f"{part:,} of the network's {whole:,} numbers"
    return f"{part / 1e6:.1f} of the network's {whole / 1e6:.1f} million numbers"


def _shape(shape):
    return "x".join(map(str, shape)) or "one number"
