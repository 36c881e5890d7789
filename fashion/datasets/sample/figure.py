"""A posed figure: where the trunk, arms and legs are, in units of the body's height.

The origin is the pit of the neck, x runs to the right of the picture, y down. The figure is a flat
doll: turning it by `yaw` narrows it and shifts what lies on its front towards the turn, as the
front of an elliptic trunk shifts when it turns.
"""

from dataclasses import dataclass, field

import numpy as np

from fashion.datasets.sample.geometry import direction

SHOULDER_Y, ARMPIT_Y, WAIST_Y, HIP_Y, CROTCH_Y = 0.032, 0.118, 0.235, 0.335, 0.385
HEAD_Y, FEET_Y = -0.17, 0.84
UPPER_ARM, FOREARM, HAND = 0.155, 0.135, 0.045
THIGH, SHIN = 0.215, 0.225
# Half width of the trunk at these heights, before build and yaw.
_TRUNK_Y = (0.0, SHOULDER_Y, ARMPIT_Y, WAIST_Y, HIP_Y, CROTCH_Y)
_TRUNK_X = (0.050, 0.105, 0.088, 0.074, 0.097, 0.099)
_DEPTH = 0.45  # depth of the trunk as a share of its width


def shoulder_line(x):
    """Height of the shoulders' slope at `x` from the middle of the neck."""
    return -0.014 + 0.40 * x


@dataclass(frozen=True)
class Arm:
    """Angles of an arm in radians from straight down, outwards; before or behind the trunk."""

    upper: float = 0.3
    fore: float = 0.2
    before: bool = True


@dataclass(frozen=True)
class Pose:
    """How a figure stands.

    Attributes:
        yaw: Turn about the vertical in radians, positive to the right of the picture.
        back: Whether the back is seen.
        lean: Tilt of the trunk in radians.
        arms, legs: Left of the picture first. Legs are pairs of thigh and shin angles.
        shoulders, hips, waist: Build, as factors of the usual widths.
        swing: Sideways drift of hanging hems, in widths of the body per length.
        worn: False for a garment laid flat without a body.
        place: Where the neck is, to the right of the origin.
    """

    yaw: float = 0.0
    back: bool = False
    lean: float = 0.0
    arms: tuple = (Arm(), Arm())
    legs: tuple = ((0.06, 0.03), (0.06, 0.03))
    shoulders: float = 1.0
    hips: float = 1.0
    waist: float = 1.0
    swing: float = 0.0
    worn: bool = True
    place: float = 0.0


def _arm(rng, kind):
    uniform = rng.uniform
    if kind == "hip":
        return Arm(uniform(0.6, 0.85), -uniform(0.7, 1.0))
    if kind == "front":
        return Arm(uniform(0.15, 0.45), -uniform(1.1, 2.3))
    if kind == "raised":
        return Arm(uniform(1.7, 2.6), uniform(2.0, 3.6), before=bool(rng.random() < 0.5))
    if kind == "aside":
        return Arm(uniform(0.4, 0.9), uniform(0.2, 1.0))
    if kind == "behind":
        return Arm(uniform(0.2, 0.35), -uniform(0.3, 0.6), before=False)
    upper = uniform(0.10, 0.38)
    return Arm(upper, upper - uniform(0.0, 0.35))


_ARM_KINDS = ("hang", "hip", "front", "raised", "aside", "behind")
_ARM_ODDS = (0.55, 0.12, 0.11, 0.04, 0.10, 0.08)


def random_pose(rng, calm=False):
    """A standing or walking pose; `calm` keeps to what shop pictures of models show."""
    turned = rng.random()
    yaw = rng.uniform(-0.25, 0.25)
    if turned < (0.10 if calm else 0.16):
        yaw = rng.choice([-1, 1]) * rng.uniform(0.55, 0.95)
    odds = np.array(_ARM_ODDS) * ([1.6, 1, 0.5, 0.3, 1, 1] if calm else 1)
    kinds = rng.choice(_ARM_KINDS, size=2, p=odds / odds.sum())
    walk = rng.uniform(0, 0.16)
    legs = tuple((rng.uniform(0.02, 0.10) + walk, rng.uniform(-0.02, 0.08)) for _ in range(2))
    return Pose(
        yaw=yaw,
        back=bool(rng.random() < (0.06 if calm else 0.08)),
        lean=rng.normal(0, 0.03 if calm else 0.05),
        arms=tuple(_arm(rng, kind) for kind in kinds),
        legs=legs,
        shoulders=rng.uniform(0.92, 1.1),
        hips=rng.uniform(0.92, 1.08),
        waist=rng.uniform(0.92, 1.12),
        swing=rng.normal(0, 0.07),
    )


def flat_pose(rng):
    """The still pose of a garment laid on the floor or hung on a hanger."""
    upper = rng.uniform(0.25, 0.75)
    arms = tuple(Arm(a, a - rng.uniform(0.0, 0.35)) for a in (upper, upper + rng.normal(0, 0.06)))
    spread = rng.uniform(0.08, 0.2)
    return Pose(arms=arms, legs=((spread, spread), (spread, spread)), worn=False)


@dataclass
class Figure:
    """Joints and outlines of a `Pose`; everything in body units."""

    pose: Pose
    narrow: float = field(init=False)  # how much narrower the turned trunk looks
    turn: float = field(init=False)  # how far its front shifts, in half widths

    def __post_init__(self):
        s, c = np.sin(self.pose.yaw), np.cos(self.pose.yaw)
        self.narrow = float(np.hypot(c, _DEPTH * s))
        self.turn = float(_DEPTH * s)
        self.axis = direction(1, -self.pose.lean)
        self.across = np.array([self.axis[1], -self.axis[0]])

    def half_width(self, y):
        """Half width of the trunk at heights `y`, not yet narrowed by the turn."""
        pose = self.pose
        build = np.array([1, pose.shoulders, pose.shoulders, pose.waist, pose.hips, pose.hips])
        return np.interp(y, _TRUNK_Y, _TRUNK_X * build)

    def trunk(self, x, y, surface=0.0):
        """Points of the trunk: x across from its middle, y down its axis.

        Args:
            x, y: Scalars or arrays [n] in the untilted frontal figure.
            surface: 1 for points on the front, -1 on the back, 0 on the outline.

        Returns:
            [n, 2], or [2] for scalars.
        """
        x, y = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
        half = self.half_width(y)
        bulge = half * np.sqrt(np.clip(1 - (x / half) ** 2, 0, 1))
        x = x * self.narrow + surface * self.turn * bulge
        x = x + self.pose.swing * np.maximum(y - HIP_Y, 0)
        return x[..., None] * self.across + y[..., None] * self.axis + [self.pose.place, 0.0]

    def arm(self, side):
        """[3, 2]: shoulder joint, elbow and wrist."""
        arm = self.pose.arms[0 if side < 0 else 1]
        shoulder = self.trunk(side * 0.088 * self.pose.shoulders, 0.052)
        narrow = [0.5 + 0.5 * self.narrow, 1]
        elbow = shoulder + UPPER_ARM * direction(side, arm.upper) * narrow
        return np.stack([shoulder, elbow, elbow + FOREARM * direction(side, arm.fore) * narrow])

    def legs_reach(self, y):
        """Half width of the trunk, before narrowing, that covers both legs at heights `y`."""
        reach = [
            np.interp(y, chain[:, 1], np.abs(chain[:, 0] - self.trunk(0.0, chain[:, 1])[:, 0]))
            for chain in (self.leg(-1), self.leg(1))
        ]
        reach = (np.maximum(*reach) + 0.046) / self.narrow
        return np.where(np.asarray(y) > HIP_Y, reach, 0.0)

    def leg(self, side):
        """[3, 2]: hip joint, knee and ankle."""
        thigh, shin = self.pose.legs[0 if side < 0 else 1]
        hip = self.trunk(side * 0.048 * self.pose.hips, HIP_Y)
        knee = hip + THIGH * direction(side, thigh)
        return np.stack([hip, knee, knee + SHIN * direction(side, shin)])
