"""What a garment is made of: pieces of cloth to paint, and the landmarks that lie on them."""

from dataclasses import dataclass, field

import numpy as np

from fashion.datasets.sample.textures import Cloth


@dataclass(frozen=True)
class Stroke:
    """A seam, crease, button row or band drawn over a piece.

    Attributes:
        points: [n, 2] body units.
        tone: Brightness as a factor of the cloth's mean colour.
        width: Body units.
        dots: Whether to draw buttons at the points instead of a line through them.
    """

    points: np.ndarray
    tone: float = 0.65
    width: float = 0.003
    dots: bool = False


@dataclass(frozen=True)
class Frame:
    """Where the cloth's pattern lies: its origin and its axes, in body units."""

    origin: np.ndarray
    x_axis: np.ndarray
    y_axis: np.ndarray


@dataclass
class Piece:
    """One patch of cloth or skin.

    Attributes:
        name: Landmarks name the pieces that hold them; unique within a garment.
        outlines: Polygons [n, 2] in body units, painted as their union.
        frame: Of the pattern.
        cloth: What to fill it with; None takes the garment's own.
        tone: Brightness factor.
        counted: Whether it belongs to the garment's mask (the inside of a collar does not).
        beyond: Polygons into which its surface goes on, so that no edge shows between them.
        strokes: Drawn over it.
    """

    name: str
    outlines: list
    frame: Frame
    cloth: Cloth | None = None
    tone: float = 1.0
    counted: bool = True
    beyond: list = field(default_factory=list)
    strokes: list = field(default_factory=list)


@dataclass
class Garment:
    """A garment bent onto a figure.

    Attributes:
        category: Its `fashion.categories.Category`; of an accessory the name of its kind.
        landmarks: [count, 2] body units.
        holders: [count] sets of names: a landmark shows where one of these pieces shows.
        layers: Lists of pieces by layer: "inside", "trunk", "left" and "right" (upper sleeves),
            "left low" and "right low" (below the elbow).
        cloth: What it is made of.
    """

    category: object
    landmarks: np.ndarray
    holders: list
    layers: dict
    cloth: Cloth

    def pieces(self):
        """All pieces, lowest layer first."""
        return [piece for layer in self.layers.values() for piece in layer]
