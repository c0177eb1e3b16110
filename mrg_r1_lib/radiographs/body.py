"""One phantom person as numbers, decided by a key before anything is drawn.

Key -> `draw_body` -> `shape_signs.py` changes its numbers -> fields on a pixel grid (`anatomy.py`).
Body coordinates are about -1 to 1. x grows towards the patient's left, which is the image's right;
y grows downwards; the spine stands at x = 0.
"""

from dataclasses import dataclass, field

import numpy as np

RIGHT, LEFT = -1, 1  # the patient's sides, as the sign of x
WALL = 0.75  # half the inner width of a chest of width 1
RIB_SPACING = 0.165

# points (n, 2) in body coordinates, width in body units, ink 0-1
Line = tuple[np.ndarray, float, float]


@dataclass
class Body:
    """Numbers that describe one person on one film, lengths in body units; signs change them."""

    scale: float
    tilt: float  # radians, in the film's plane
    turn: float  # shift of the mediastinum when the patient is turned
    shift: tuple[float, float]
    width: float
    dome: dict[int, float]  # height of each half of the diaphragm
    angle: float  # how steeply the domes fall to the costophrenic angles
    heart_ratio: float  # cardiothoracic ratio: widest heart over widest chest
    heart_tilt: float
    heart_lean: float  # shift of its middle to the left, in halves of its width
    heart_base: float  # y of its lower end; a dome that rises on one side does not move it
    mediastinum: float  # half width above the heart
    knob: float  # how far the aortic knob stands out
    bone: float  # density of the bones
    fat: float  # thickness of the chest wall
    breast: float
    rib_phase: float
    clavicle: float
    markings: float  # visibility of the lung's vessels
    vessels: np.ndarray  # (2, trees, 7) uniform numbers: see `vessel_lines`
    # side, x, y, step in rib spacings
    breaks: list[tuple[int, float, float, float]] = field(default_factory=list)


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
    """The drop in y of a posterior rib at a distance from the spine."""
    return out * (0.10 + 0.52 * np.square(out))


def rib_height(body: Body, out: float, near: float) -> float:
    """The y of the posterior rib nearest to `near`, at the distance `out` from the spine."""
    first = float(rib_fall(out)) - body.rib_phase * RIB_SPACING
    return first + RIB_SPACING * round((near - first) / RIB_SPACING)


def vessel_lines(trees: np.ndarray) -> list[Line]:
    """Trees that taper from the hila to the wall; each is a bent trunk with two branches.

    `trees` `(2, n, 7)`: per lung (right, left) and tree seven uniform numbers (angle, reach, bow,
    two branches).
    """
    heading, length = _headings(trees)
    trunks = _trunks(heading, length)
    forks = trunks[:, :, 1:3]  # (2, n, 2, 2)
    spread = heading[..., 1:] + (0.3 + 0.4 * trees[..., 3:5]) * np.array([1, -1])
    reach = 0.5 * length[..., None] * (0.5 + 0.5 * trees[..., 5:7])
    tips = forks + reach[..., None] * _directions(spread)
    branches = np.stack([forks, tips], axis=3)
    lines: list[Line] = [(pair, 0.010, 0.45) for pair in branches.reshape(-1, 2, 2)]
    for piece, width, ink in ((2, 0.010, 0.5), (1, 0.016, 0.7), (0, 0.026, 0.95)):
        pieces = trunks[:, :, piece : piece + 2]
        lines += [(pair, width, ink) for pair in pieces.reshape(-1, 2, 2)]
    return lines


def _headings(trees: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The angles of each trunk's three pieces `(2, n, 3)` and its length `(2, n)`."""
    count = trees.shape[1]
    jitter, reach, bow = trees[..., 0], trees[..., 1], trees[..., 2]
    angle = np.deg2rad(np.linspace(-80, 80, count) + 24 * (jitter - 0.5))
    length = (0.30 + 0.34 * reach) * np.where(np.arange(count) > count / 2, 1.1, 0.9)
    bend = 1.4 * (bow[..., None] - 0.5) * np.array([0.0, 0.3, 0.6])
    return angle[..., None] + bend, length


def _trunks(heading: np.ndarray, length: np.ndarray) -> np.ndarray:
    """The four points of each trunk, from the hilum outwards, `(2, n, 4, 2)`."""
    pieces = length[..., None] * np.array([0.34, 0.33, 0.33])
    steps = _directions(heading) * pieces[..., None]
    side = np.array([[RIGHT], [LEFT]])
    hilum = np.stack([0.15 * side, -0.03 - 0.03 * side], axis=-1)[:, :, None, :]
    hilum = np.broadcast_to(hilum, (*length.shape, 1, 2))
    return np.cumsum(np.concatenate([hilum, steps], axis=2), axis=2)


def _directions(angle: np.ndarray) -> np.ndarray:
    """Angles `(2, n, k)` against the outward horizontal -> unit vectors `(2, n, k, 2)`."""
    outward = np.array([RIGHT, LEFT])[:, None, None]
    return np.stack([outward * np.cos(angle), np.sin(angle)], axis=-1)
