"""The healthy phantom chest: the parts of a body as fields on the pixel grid.

Body -> `Chest` -> signs fill its air and add shadows (`density_signs.py`) -> film (`draw.py`).
Coordinates are the body's (see `body.py`). Soft edges are never narrower than a pixel, so every
image size shows the same chest.
"""

import math
from collections.abc import Iterable
from functools import cached_property, lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from mrg_r1_lib.radiographs.body import (
    LEFT,
    RIB_SPACING,
    RIGHT,
    WALL,
    Body,
    Line,
    rib_fall,
    vessel_lines,
)

_STROKE_PIXELS = 288  # lines are drawn on a canvas about this wide and averaged down


def rise(distance: np.ndarray, edge: float) -> np.ndarray:
    """A soft step from 0 to 1 where `distance` passes zero, about `2 * edge` wide."""
    return 0.5 + 0.5 * np.tanh(distance / edge)


@lru_cache(maxsize=8)
def _grid(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixel centres from -1 to 1 along a row `(1, size)` and a column `(size, 1)`."""
    centres = ((np.arange(size, dtype=np.float32) + 0.5) * 2 / size - 1).astype(np.float32)
    return centres[None, :], centres[:, None]


class Chest:
    """The parts of one body as float32 fields `(size, size)`.

    Signs change `air`, `vessels` and `shadow` in place.
    """

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
        gap = np.sqrt(np.square(self.heart - vessels) + 0.002)
        joined = 0.5 * (self.heart + vessels + gap)  # a smooth maximum
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
        """Signed depth inside the rib cage; each lung is a bullet with an open foot."""
        sideways = (self.out / (self.body.width * (0.945 + 0.09 * self.y)) - 0.385) / 0.365
        above = np.maximum(0.3 - self.y, 0) / 1.15
        return (1 - np.sqrt(np.square(sideways) + np.square(above) * (0.55 + 0.45 * above))) * 0.365

    @cached_property
    def floor(self) -> np.ndarray:
        """The y of the diaphragm: one dome per half, which falls to the costophrenic angle."""
        bend = (self.out / self.body.width - 0.3) / 0.4
        fall = np.square(np.maximum(bend, -0.5 * bend))
        return self.by_side(self.body.dome) + self.body.angle * fall

    def _mediastinum(self) -> np.ndarray:
        """Signed depth inside the vessels above the heart.

        Aortic knob and pulmonary trunk bulge to the left.
        """
        body = self.body
        knob = body.knob * np.exp(-np.square((self.y + 0.40) / 0.11))
        trunk = 0.045 * np.exp(-np.square((self.y + 0.1) / 0.13))
        border = body.mediastinum + np.where(self.left, knob + trunk, 0.5 * trunk)
        return border + 0.05 * np.maximum(-self.y - 0.62, 0) - np.abs(self.x - body.turn)

    def _heart(self) -> np.ndarray:
        """Signed depth inside the heart: a tilted ellipse on the diaphragm, two thirds left."""
        body = self.body
        half = body.heart_ratio * WALL * body.width
        cos, sin = math.cos(body.heart_tilt), math.sin(body.heart_tilt)
        long = half / math.hypot(cos, 0.75 * sin)
        right = self.x - (body.turn + body.heart_lean * half)
        low = self.y - (body.heart_base - 0.8 * long)
        along = (cos * right + sin * low) / long
        across = (cos * low - sin * right) / (0.75 * long)
        return (1 - np.sqrt(np.square(along) + np.square(across))) * 0.3

    def strokes(self, lines: Iterable[Line], blur: float = 0.0) -> np.ndarray:
        """Polylines as a field 0-1, drawn on a finer canvas and averaged, so thin lines stay even.

        `blur` is the radius of softening, in body units.
        """
        lines, factor = list(lines), max(1, -(-_STROKE_PIXELS // self.size))
        canvas = Image.new("L", (self.size * factor,) * 2)
        pen, unit = ImageDraw.Draw(canvas), self.size * factor / 2
        corners = np.concatenate([points for points, _, _ in lines])
        dots = ((self._on_film(corners) + 1) * unit).ravel().tolist()
        end = 0
        for points, width, ink in lines:
            start, end = end, end + 2 * len(points)
            thick = max(1, round(width * self.body.scale * unit))
            pen.line(dots[start:end], fill=round(255 * ink), width=thick, joint="curve")
        canvas = canvas.reduce(factor)
        if blur:
            radius = blur * self.body.scale * self.size / 2
            canvas = canvas.filter(ImageFilter.GaussianBlur(radius))
        return np.asarray(canvas, dtype=np.float32) / 255

    def _on_film(self, points: np.ndarray) -> np.ndarray:
        """Points `(n, 2)` in body coordinates -> film coordinates from -1 to 1."""
        body = self.body
        cos, sin = math.cos(body.tilt) * body.scale, math.sin(body.tilt) * body.scale
        return points @ np.array([[cos, sin], [-sin, cos]]) + body.shift

    def texture(self, rng: np.random.Generator, cells: int) -> np.ndarray:
        """Smooth noise of unit variance, `cells` per side; every size shows the same pattern."""
        lattice = Image.fromarray(rng.standard_normal((cells, cells), dtype=np.float32))
        return np.asarray(lattice.resize((self.size, self.size), Image.Resampling.BICUBIC))

    @cached_property
    def vessels(self) -> np.ndarray:
        """The vessels that fan out of both hila, 0-1, visible in air only."""
        return self.body.markings * self.strokes(vessel_lines(self.body.vessels), blur=0.007)

    @cached_property
    def ribs(self) -> np.ndarray:
        """Strong posterior ribs, faint anterior ribs that fall towards the middle; 0 to about 1."""
        out, wave, phase = self.out, 2 * math.pi / RIB_SPACING, 2 * math.pi * self.body.rib_phase
        lift = self._lift()
        back = np.cos((lift - rib_fall(out)) * wave + phase)
        front = np.cos((lift + 0.75 * out) * (wave * 0.92) + phase)
        band = rise(back - 0.25, 0.25) + 0.35 * np.exp(-np.square((back - 0.25) / 0.3))
        inner = rise(out - 0.3, 0.04) * rise(self.y + 0.5, 0.08)
        seen = rise(self.depth + 0.035, self.edge(0.012)) * rise(0.72 - self.y, 0.1)
        posterior = band * (0.75 + 0.9 * np.square(np.square(out)))
        return seen * (posterior + 0.42 * inner * rise(front - 0.35, 0.3))

    def _lift(self) -> np.ndarray:
        """The y of each point, shifted where the outer piece of a broken rib moved."""
        lift = self.y
        for side, x, y, step in self.body.breaks:
            near = np.exp(-np.square((self.y - y) / 0.09)) * rise(self.out - x, self.edge(0.01))
            lift = lift + step * RIB_SPACING * (near * self.half(side))
        return lift
