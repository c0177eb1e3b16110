"""The healthy phantom chest: a body drawn from a key, and its parts as fields on the pixel grid.

Key -> `draw_body` -> (signs bend its numbers) -> `Chest` -> (signs fill its air, add shadows) -> film in `radiograph.py`.
Body coordinates: x grows towards the patient's left, which is the image's right; y grows downwards; both are about -1 to 1, and
the spine stands at x = 0. Soft edges are never narrower than a pixel, so every image size shows the same chest.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

RIGHT, LEFT = -1, 1  # the patient's sides, as the sign of x
WALL = 0.75  # half the inner width of a chest of width 1
RIB_SPACING = 0.165
_STROKE_PIXELS = 288  # lines are drawn on a canvas about this wide and averaged down

Line = tuple[np.ndarray, float, float]  # points (n, 2) in body coordinates, width in body units, ink 0-1


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
    mediastinum: float  # half width above the heart
    knob: float  # how far the aortic knob stands out
    bone: float  # how dense the bones are
    fat: float  # how thick the chest wall is
    breast: float
    rib_phase: float
    clavicle: float
    markings: float  # how plain the lung's vessels are
    vessels: np.ndarray  # (2, trees, 7) uniform numbers: see `vessel_lines`
    breaks: list[tuple[int, float, float, float]] = field(default_factory=list)  # side, x, y, step in rib spacings


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
        dome={RIGHT: 0.48 + breath + rng.normal(0, 0.02), LEFT: 0.54 + breath + rng.normal(0, 0.02)},
        angle=between(0.11, 0.19),
        heart_ratio=between(0.39, 0.495),
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


def rise(distance: np.ndarray, edge: float) -> np.ndarray:
    """A soft step from 0 to 1 where `distance` passes zero, about `2 * edge` wide."""
    return 0.5 + 0.5 * np.tanh(distance / edge)


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres from -1 to 1 along a row `(1, size)` and a column `(size, 1)`."""
    centres = ((np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1).astype(np.float32)
    return centres[None, :], centres[:, None]


class Chest:
    """The parts of one body as float32 fields `(size, size)`; signs change `air`, `vessels` and `shadow` in place."""

    def __init__(self, body: Body, size: int):
        self.body, self.size = body, size
        self.pixel = 2 / size / body.scale
        across, down = _grid(size)
        cos, sin = math.cos(body.tilt) / body.scale, math.sin(body.tilt) / body.scale
        right, low = across - body.shift[0], down - body.shift[1]
        self.x = cos * right + sin * low
        self.y = cos * low - sin * right
        self.out = np.abs(self.x)  # distance from the spine
        self.left = self.x > 0
        self.depth = self._depth()
        self.cage = rise(self.depth, self.edge(0.012))
        self.lung = self.cage * rise(self.floor - self.y, self.edge(0.012))
        self.heart, vessels = self._heart(), self._mediastinum()
        joined = 0.5 * (self.heart + vessels + np.sqrt(np.square(self.heart - vessels) + 0.002))  # a smooth maximum
        self.middle = rise(joined - 0.01, self.edge(0.016))
        self.air = self.lung * (1 - 0.94 * self.middle)
        self.shadow = np.zeros_like(self.x)  # density that signs add

    def edge(self, width: float) -> float:
        """`width`, or about a pixel where that is wider."""
        return max(width, 0.6 * self.pixel)

    def by_side(self, values: dict[int, float]) -> np.ndarray:
        """A field that takes one value in each half of the chest."""
        return np.where(self.left, np.float32(values[LEFT]), np.float32(values[RIGHT]))

    def half(self, side: int) -> np.ndarray:
        """True in the half of the chest on the patient's `side`."""
        return self.left if side == LEFT else ~self.left

    def blob(self, x: float, y: float, wide: float, high: float) -> np.ndarray:
        """A Gaussian hill of height 1."""
        return np.exp(-np.square((self.x - x) / wide) - np.square((self.y - y) / high))

    def _depth(self) -> np.ndarray:
        """How far inside the cage's wall a point lies (negative: outside): each lung is a bullet, its foot open."""
        sideways = (self.out / (self.body.width * (0.945 + 0.09 * self.y)) - 0.385) / 0.365
        above = np.maximum(0.3 - self.y, 0) / 1.15
        return (1 - np.sqrt(np.square(sideways) + np.square(above) * (0.55 + 0.45 * above))) * 0.365

    @cached_property
    def floor(self) -> np.ndarray:
        """The y of the diaphragm: a dome in each half that falls towards the wall (the costophrenic angle)."""
        bend = (self.out / self.body.width - 0.3) / 0.4
        return self.by_side(self.body.dome) + self.body.angle * np.square(np.maximum(bend, -0.5 * bend))

    def _mediastinum(self) -> np.ndarray:
        """Signed depth inside the vessels above the heart; aortic knob and pulmonary trunk bulge to the left."""
        body = self.body
        knob = body.knob * np.exp(-np.square((self.y + 0.40) / 0.11))
        trunk = 0.045 * np.exp(-np.square((self.y + 0.1) / 0.13))
        border = body.mediastinum + np.where(self.left, knob + trunk, 0.5 * trunk)
        return border + 0.05 * np.maximum(-self.y - 0.62, 0) - np.abs(self.x - body.turn)

    def _heart(self) -> np.ndarray:
        """Signed depth inside the heart: a tilted ellipse on the diaphragm, two thirds of it in the left half."""
        body = self.body
        half = body.heart_ratio * WALL * body.width
        cos, sin = math.cos(body.heart_tilt), math.sin(body.heart_tilt)
        long = half / math.hypot(cos, 0.75 * sin)
        right, low = self.x - (body.turn + 0.27 * half), self.y - (body.dome[LEFT] + 0.09 - 0.8 * long)
        along = (cos * right + sin * low) / long
        across = (cos * low - sin * right) / (0.75 * long)
        return (1 - np.sqrt(np.square(along) + np.square(across))) * 0.3

    def strokes(self, lines: Iterable[Line], blur: float = 0.0) -> np.ndarray:
        """Polylines as a field 0-1; drawn on a finer canvas and averaged, so that thin lines stay even.

        `blur` is the radius, in body units, by which they are softened.
        """
        body, factor = self.body, max(1, -(-_STROKE_PIXELS // self.size))
        canvas = Image.new("L", (self.size * factor,) * 2)
        pen, unit = ImageDraw.Draw(canvas), self.size * factor / 2
        cos, sin = math.cos(body.tilt) * body.scale, math.sin(body.tilt) * body.scale
        turn = np.array([[cos, sin], [-sin, cos]])
        lines = list(lines)
        dots = ((np.concatenate([points for points, _, _ in lines]) @ turn + body.shift + 1) * unit).ravel().tolist()
        end = 0
        for points, width, ink in lines:
            start, end = end, end + 2 * len(points)
            pen.line(dots[start:end], fill=round(255 * ink), width=max(1, round(width * body.scale * unit)), joint="curve")
        canvas = canvas.reduce(factor)
        if blur:
            canvas = canvas.filter(ImageFilter.GaussianBlur(blur * body.scale * self.size / 2))
        return np.asarray(canvas, dtype=np.float32) / 255

    def texture(self, rng: np.random.Generator, cells: int) -> np.ndarray:
        """Smooth noise from a lattice of `cells` a side with unit variance; the same pattern at every size."""
        lattice = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
        return np.asarray(lattice.resize((self.size, self.size), Image.Resampling.BICUBIC))

    @cached_property
    def vessels(self) -> np.ndarray:
        """The vessels that fan out of both hila, 0-1; air shows them, fluid hides them."""
        return self.body.markings * self.strokes(vessel_lines(self.body.vessels), blur=0.007)

    @cached_property
    def ribs(self) -> np.ndarray:
        """Posterior ribs, strong, and anterior ones, faint and falling towards the middle; 0 to about 1."""
        out, wave, phase = self.out, 2 * math.pi / RIB_SPACING, 2 * math.pi * self.body.rib_phase
        lift = self.y
        for side, x, y, step in self.body.breaks:  # the outer piece of a broken rib is shifted
            near = np.exp(-np.square((self.y - y) / 0.09)) * rise(out - x, self.edge(0.01)) * self.half(side)
            lift = lift + step * RIB_SPACING * near
        back = np.cos((lift - out * (0.10 + 0.52 * np.square(out))) * wave + phase)
        front = np.cos((lift + 0.75 * out) * (wave * 0.92) + phase)
        band = rise(back - 0.25, 0.25) + 0.35 * np.exp(-np.square((back - 0.25) / 0.3))
        inner = rise(out - 0.3, 0.04) * rise(self.y + 0.5, 0.08)
        seen = rise(self.depth + 0.035, self.edge(0.012)) * rise(0.72 - self.y, 0.1)
        return seen * (band * (0.75 + 0.9 * np.square(np.square(out))) + 0.42 * inner * rise(front - 0.35, 0.3))


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
    forward = np.stack([side[..., None] * np.cos(heading), np.sin(heading)], axis=-1)  # (2, n, 3, 2)
    steps = forward * (length[..., None] * np.array([0.34, 0.33, 0.33]))[..., None]
    root = np.stack([0.15 * side, -0.03 - 0.03 * side], axis=-1)[:, :, None, :]
    path = np.cumsum(np.concatenate([np.broadcast_to(root, (2, count, 1, 2)), steps], axis=2), axis=2)
    spread = heading[..., 1:] + (0.3 + 0.4 * trees[..., 3:5]) * np.array([1, -1])
    reach = 0.5 * length[..., None] * (0.5 + 0.5 * trees[..., 5:7])
    tips = path[:, :, 1:3] + reach[..., None] * np.stack([side[..., None] * np.cos(spread), np.sin(spread)], axis=-1)
    lines: list[Line] = [(pair, 0.010, 0.45) for pair in np.stack([path[:, :, 1:3], tips], axis=3).reshape(-1, 2, 2)]
    for piece, (width, ink) in ((2, (0.010, 0.5)), (1, (0.016, 0.7)), (0, (0.026, 0.95))):
        lines += [(pair, width, ink) for pair in path[:, :, piece : piece + 2].reshape(-1, 2, 2)]
    return lines
