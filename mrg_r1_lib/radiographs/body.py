"""One phantom person as numbers: what a key decides before anything is drawn.

Key -> `draw_body` -> (`bends.py` changes its numbers) -> fields on the pixel grid in `anatomy.py`. Body coordinates: x grows
towards the patient's left, which is the image's right; y grows downwards; both are about -1 to 1; the spine stands at x = 0.
"""

from dataclasses import dataclass, field

import numpy as np

RIGHT, LEFT = -1, 1  # the patient's sides, as the sign of x
WALL = 0.75  # half the inner width of a chest of width 1
RIB_SPACING = 0.165

Line = tuple[
    np.ndarray, float, float
]  # points (n, 2) in body coordinates, width in body units, ink 0-1


@dataclass
class Body:
    """Numbers that describe one person on one film; lengths in body units, all mutable for the signs."""

    scale: float
    tilt: float  # radians, in the film's plane
    turn: float  # shift of the mediastinum when the patient is turned
    shift: tuple[float, float]
    width: float
    dome: dict[int, float]  # height of each half of the diaphragm
    angle: float  # how steeply the domes fall to the costophrenic angles
    heart_ratio: float  # cardiothoracic ratio: widest heart over widest chest
    heart_tilt: float
    heart_lean: float  # how far its middle lies to the left, in halves of its width
    heart_base: float  # how low it lies; a dome that rises on one side leaves it
    mediastinum: float  # half width above the heart
    knob: float  # how far the aortic knob stands out
    bone: float  # how dense the bones are
    fat: float  # how thick the chest wall is
    breast: float
    rib_phase: float
    clavicle: float
    markings: float  # how plain the lung's vessels are
    vessels: np.ndarray  # (2, trees, 7) uniform numbers: see `vessel_lines`
    breaks: list[tuple[int, float, float, float]] = field(
        default_factory=list
    )  # side, x, y, step in rib spacings


def draw_body(rng: np.random.Generator) -> Body:
    """One healthy person on one film, from a fresh generator."""
    between = rng.uniform
    breath = between(-0.05, 0.05)
    return Body(
        scale=between(0.92, 1.03),
        tilt=rng.normal(0, 0.02),
        turn=rng.normal(0, 0.02),
        shift=(rng.normal(0, 0.025), rng.normal(0, 0.025) + 0.02),
        width=between(0.93, 1.06),
        dome={
            RIGHT: 0.48 + breath + rng.normal(0, 0.02),
            LEFT: 0.54 + breath + rng.normal(0, 0.02),
        },
        heart_lean=between(0.2, 0.34),
        heart_base=0.63 + breath,
        angle=between(0.11, 0.19),
        heart_ratio=between(0.415, 0.50),
        heart_tilt=between(0.45, 0.75),
        mediastinum=between(0.10, 0.155),
        knob=between(0.03, 0.07),
        bone=between(0.75, 1.2),
        fat=between(0.0, 1.0),
        breast=between(0.0, 1.0) * (between(0, 1) < 0.5),
        rib_phase=between(0, 1),
        clavicle=between(-0.03, 0.03),
        markings=between(0.7, 1.35),
        vessels=rng.random((2, 10, 7)),
    )


def rib_fall(out: np.ndarray | float) -> np.ndarray | float:
    """How far a posterior rib has fallen at a distance from the spine."""
    return out * (0.10 + 0.52 * np.square(out))


def rib_height(body: Body, out: float, near: float) -> float:
    """The y of the posterior rib next to `near`, at the distance `out` from the spine."""
    first = float(rib_fall(out)) - body.rib_phase * RIB_SPACING
    return first + RIB_SPACING * round((near - first) / RIB_SPACING)


def vessel_lines(trees: np.ndarray) -> list[Line]:
    """Trees that taper from the hila to the wall, each a bent trunk with two branches.

    `trees` `(2, n, 7)`: for the right and left lung seven uniform numbers a tree (angle, reach, bow, two branches).
    """
    count = trees.shape[1]
    side = np.array([[RIGHT], [LEFT]])
    jitter, reach, bow = trees[..., 0], trees[..., 1], trees[..., 2]
    angle = np.deg2rad(np.linspace(-80, 80, count) + 24 * (jitter - 0.5))
    length = (0.30 + 0.34 * reach) * np.where(np.arange(count) > count / 2, 1.1, 0.9)
    heading = angle[..., None] + 1.4 * (bow[..., None] - 0.5) * np.array([0.0, 0.3, 0.6])
    forward = np.stack(
        [side[..., None] * np.cos(heading), np.sin(heading)], axis=-1
    )  # (2, n, 3, 2)
    steps = forward * (length[..., None] * np.array([0.34, 0.33, 0.33]))[..., None]
    root = np.stack([0.15 * side, -0.03 - 0.03 * side], axis=-1)[:, :, None, :]
    path = np.cumsum(
        np.concatenate([np.broadcast_to(root, (2, count, 1, 2)), steps], axis=2), axis=2
    )
    spread = heading[..., 1:] + (0.3 + 0.4 * trees[..., 3:5]) * np.array([1, -1])
    reach = 0.5 * length[..., None] * (0.5 + 0.5 * trees[..., 5:7])
    tips = path[:, :, 1:3] + reach[..., None] * np.stack(
        [side[..., None] * np.cos(spread), np.sin(spread)], axis=-1
    )
    lines: list[Line] = [
        (pair, 0.010, 0.45) for pair in np.stack([path[:, :, 1:3], tips], axis=3).reshape(-1, 2, 2)
    ]
    for piece, (width, ink) in ((2, (0.010, 0.5)), (1, (0.016, 0.7)), (0, (0.026, 0.95))):
        lines += [(pair, width, ink) for pair in path[:, :, piece : piece + 2].reshape(-1, 2, 2)]
    return lines
