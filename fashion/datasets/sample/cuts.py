"""The cut of a garment: lengths, widths and details that belong to a product, whatever its cloth.

Lengths are in body heights and heights are measured down from the pit of the neck.
"""

from dataclasses import dataclass

TOPS = (1, 2, 5, 6)
OUTWEAR = (3, 4)
LOWER = (7, 8, 9)
DRESSES = (10, 11, 12, 13)
SHORT_SLEEVES, LONG_SLEEVES = (1, 3, 10), (2, 4, 11)


@dataclass(frozen=True)
class UpperCut:
    """Cut of a top, a dress or outwear.

    Attributes:
        neck_width: Half width of the neck opening.
        neck_depth: From the neck's corners to its lowest point.
        neckline: "round", "v" or "square".
        hem: Height of the hem.
        ease: Width of the trunk as a factor of the body's.
        flare: How much of the template's widening towards the hem is kept.
        sleeve: Length as a share of the arm; 0 for none.
        sleeve_ease, cuff_ease: Widths of the sleeve at the armpit and at the cuff.
        collar: "none", "shirt", "high" or "hood".
        placket: Whether buttons run down the front.
        opening: Half widths of the gap of outwear at the lapels and at the hem.
        seam: Whether a seam or belt marks the waist.
        pocket, emblem: Whether there is a chest pocket, a print on the chest.
    """

    neck_width: float
    neck_depth: float
    neckline: str
    hem: float
    ease: float
    flare: float
    sleeve: float = 0.0
    sleeve_ease: float = 1.0
    cuff_ease: float = 1.0
    collar: str = "none"
    placket: bool = False
    opening: tuple = (0.0, 0.0)
    seam: bool = False
    pocket: bool = False
    emblem: int = 0


@dataclass(frozen=True)
class LowerCut:
    """Cut of shorts, trousers or a skirt.

    Attributes:
        waist: Height of the waistband.
        length: From the crotch to the hem as a share of the leg; for a skirt the hem's height.
        ease: Width at the hips and thighs as a factor of the body's.
        cuff: Half width of the legs at the cuff; for a skirt the share of the template's flare.
        crease, pockets, pleats: What is sewn or pressed into it.
    """

    waist: float
    length: float
    ease: float
    cuff: float
    crease: bool = False
    pockets: bool = True
    pleats: int = 0


def random_cut(rng, category_id):
    """A cut for a new product of the category."""
    return (_lower if category_id in LOWER else _upper)(rng, category_id)


def _sleeve(rng, category_id):
    if category_id in SHORT_SLEEVES:
        return rng.uniform(0.22, 0.48)
    if category_id in LONG_SLEEVES:
        return rng.uniform(0.72, 1.02)
    return 0.0


def _hem(rng, category_id):
    if category_id in DRESSES:
        return rng.uniform(0.46, 0.76)
    if category_id in OUTWEAR:
        return rng.choice([rng.uniform(0.28, 0.38), rng.uniform(0.38, 0.62)], p=[0.6, 0.4])
    return rng.uniform(0.26, 0.40)


def _collar(rng, category_id):
    if category_id in (5, 6, 12, 13):
        return "none"
    odds = {3: (0.5, 0.4, 0.0, 0.1), 4: (0.3, 0.45, 0.0, 0.25), 2: (0.55, 0.2, 0.15, 0.1)}
    return str(
        rng.choice(["none", "shirt", "high", "hood"], p=odds.get(category_id, (0.8, 0.2, 0, 0)))
    )


def _upper(rng, category_id):
    outwear, dress = category_id in OUTWEAR, category_id in DRESSES
    sling = category_id in (6, 13)
    collar = _collar(rng, category_id)
    ease = rng.uniform(1.0, 1.22) if dress or sling else rng.uniform(1.02, 1.4)
    neckline = str(rng.choice(["round", "v", "square"], p=[0.6, 0.3, 0.1]))
    depth = rng.uniform(0.025, 0.10 if neckline == "round" else 0.13)
    if collar in ("high", "hood"):
        neckline, depth = "round", 0.02
    return UpperCut(
        neck_width=rng.uniform(0.036, 0.058),
        neck_depth=depth if not sling else rng.uniform(0.01, 0.05),
        neckline=neckline,
        hem=_hem(rng, category_id),
        ease=ease + (0.12 if outwear else 0.0),
        flare=rng.uniform(0.1, 0.9) if dress else rng.uniform(0.0, 1.6),
        sleeve=_sleeve(rng, category_id),
        sleeve_ease=rng.uniform(1.0, 1.45) + (0.25 if outwear else 0.0),
        cuff_ease=rng.uniform(1.1, 2.1) + (0.25 if outwear else 0.0),
        collar=collar,
        placket=bool(not outwear and rng.random() < (0.9 if collar == "shirt" else 0.12)),
        opening=_opening(rng) if outwear else (0.0, 0.0),
        seam=bool(dress and rng.random() < 0.6),
        pocket=bool(not sling and rng.random() < 0.2),
        emblem=int(rng.integers(1, 5)) if rng.random() < 0.25 and not outwear else 0,
    )


def _opening(rng):
    top = rng.uniform(0.008, 0.035)
    return (top, top + rng.uniform(0.0, 0.05))


def _lower(rng, category_id):
    if category_id == 9:
        return LowerCut(
            waist=rng.uniform(0.225, 0.27),
            length=rng.uniform(0.42, 0.74),
            ease=rng.uniform(1.0, 1.12),
            cuff=rng.uniform(0.1, 0.6),
            pockets=bool(rng.random() < 0.2),
            pleats=int(rng.integers(5, 12)) if rng.random() < 0.4 else 0,
        )
    trousers = category_id == 8
    cuff = rng.choice([0.030, 0.042, 0.064], p=[0.45, 0.3, 0.25]) * rng.uniform(0.9, 1.1)
    return LowerCut(
        waist=rng.uniform(0.23, 0.275),
        length=rng.uniform(0.72, 1.0) if trousers else rng.uniform(0.10, 0.36),
        ease=rng.uniform(1.02, 1.25) if trousers else rng.uniform(1.05, 1.4),
        cuff=cuff if trousers else rng.uniform(0.055, 0.085),
        crease=bool(rng.random() < 0.25),
        pockets=bool(rng.random() < 0.7),
    )
