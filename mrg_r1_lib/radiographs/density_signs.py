"""The look of the observations inside the chest on a frontal film.

`Place` -> fluid in a share of the air, or a shadow, on a finished chest. `shape_signs.py` has
changed the shape (heart, domes, bones) before; some signs do both. Visibility differs between
studies, so that no sign is always seen and none gives the label away.
"""

from collections.abc import Sequence

import numpy as np

from mrg_r1_lib.radiographs.anatomy import Chest, rise
from mrg_r1_lib.radiographs.body import LEFT, RIGHT, WALL
from mrg_r1_lib.radiographs.devices import device_lines
from mrg_r1_lib.radiographs.placement import Place

_HEIGHTS = {"upper": -0.42, "middle": -0.05, "lower": 0.28}  # y of a zone's middle


def paint_signs(chest: Chest, places: Sequence[Place]) -> None:
    """Fill the chest's air and add shadows, in place, one place after another."""
    for place in places:
        if place.observation in SHADOWS:
            SHADOWS[place.observation](chest, place, place.rng())


def _fill(chest: Chest, share: np.ndarray) -> None:
    """Replace a share of the air by fluid."""
    chest.air *= 1 - np.clip(share, 0, 0.95)


def _spot(place: Place, side: int, rng: np.random.Generator) -> tuple[float, float]:
    """A point inside the lung, in the place's zone."""
    return side * rng.uniform(0.32, 0.55), _HEIGHTS[place.zone] + rng.normal(0, 0.05)


def _haze(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Lung Opacity: a hazy patch without edge."""
    for side in place.sides:
        x, y = _spot(place, side, rng)
        wide = 0.13 + 0.09 * place.extent
        patch = chest.blob(x, y, wide, wide * rng.uniform(0.8, 1.4))
        _fill(chest, chest.half(side) * (0.42 + 0.3 * place.plain) * patch)


def _nodules(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Lung Lesion: one to three round shadows with an edge."""
    for side in place.sides:
        for _ in range(1 + rng.integers(3)):
            x, y = side * rng.uniform(0.28, 0.6), _HEIGHTS[place.zone] + rng.normal(0, 0.11)
            radius = 0.055 + 0.06 * place.extent * rng.uniform(0.6, 1)
            inside = radius - np.hypot(chest.x - x, chest.y - y)
            thick = 0.75 + 0.5 * np.sqrt(np.maximum(inside / radius, 0))
            ball = rise(inside, chest.edge(0.014)) * thick
            chest.shadow += (0.30 + 0.14 * place.plain) * ball * chest.lung


def _edema(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Edema: haze about both hila, full vessels, short septal (Kerley B) lines at the bases."""
    degree = 0.08 + 0.42 * place.extent + 0.25 * place.plain
    wings = np.exp(-np.square((chest.out - 0.26) / 0.2) - np.square((chest.y - 0.02) / 0.34))
    _fill(chest, 0.42 * degree * wings * (1 + 0.2 * chest.texture(rng, 12)))
    chest.vessels = chest.vessels * (1 + 0.6 * degree)
    lines = []
    for side in (RIGHT, LEFT):
        for y in np.arange(0.2, 0.5, 0.055) + rng.normal(0, 0.01):
            wall = side * (WALL * chest.body.width * (0.945 + 0.09 * y) - 0.015)
            end = (wall - side * rng.uniform(0.06, 0.12), y + 0.01)
            lines.append((np.array([(wall, y), end]), 0.009, 0.8))
    chest.shadow += (0.22 * degree) * chest.strokes(lines) * chest.lung


def _consolidation(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Consolidation: a dense part of a lobe, sharp at the fissure below, with dark bronchi."""
    for side in place.sides:
        x, y = side * rng.uniform(0.4, 0.5), _HEIGHTS[place.zone]
        wide, high = 0.17 + 0.12 * place.extent, 0.13 + 0.10 * place.extent
        slope = rng.uniform(-0.3, 0.3)
        across, down = (chest.x - x) / wide, (chest.y + slope * (chest.out - abs(x)) - y) / high
        ragged = 0.25 * chest.texture(rng, 18)
        lobe = rise(1 - np.square(across) - np.square(np.minimum(down, 0)) + ragged, 0.35)
        lobe = lobe * rise(0.6 - down, 0.06)
        lines = []
        for _ in range(3):
            end = (x + side * wide * rng.uniform(0.1, 0.8), y + high * rng.uniform(-0.7, 0.5))
            lines.append((np.array([(side * 0.18, -0.02), end]), 0.02, 1.0))
        bronchi = chest.strokes(lines, blur=0.006)
        _fill(chest, chest.half(side) * lobe * (0.34 + 0.34 * place.plain) * (1 - 0.6 * bronchi))


def _pneumonia(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Pneumonia: patchy clumps that run together over a segment."""
    for side in place.sides:
        x, y = _spot(place, side, rng)
        wide = 0.20 + 0.10 * place.extent
        clumps = rise(chest.texture(rng, 16) - 0.1, 0.35)
        clumps = clumps * chest.blob(x, y, wide, wide * rng.uniform(0.9, 1.3))
        _fill(chest, chest.half(side) * (0.6 + 0.3 * place.plain) * clumps)


def _plates(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Atelectasis: thin plates across the base above a raised dome."""
    lines = []
    for side in place.sides:
        for _ in range(1 + (place.extent > 0.4) + (place.extent > 0.8)):
            x, y = rng.uniform(0.2, 0.36), chest.body.dome[side] - rng.uniform(0.06, 0.24)
            length, slope = rng.uniform(0.22, 0.38), rng.uniform(-0.3, 0.3)
            plate = np.array([(side * x, y), (side * (x + length), y + slope * length)])
            lines.append((plate, rng.uniform(0.030, 0.045), 1.0))
    density = (0.34 + 0.16 * place.plain) * chest.strokes(lines, blur=0.013)
    chest.shadow += density * (chest.lung - 0.7 * chest.lung * chest.middle)


def _pneumothorax(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Pneumothorax: a thin line, the edge of the fallen lung; beyond it air without vessels."""
    for side in place.sides:
        gap = 0.05 + 0.13 * place.extent + 0.02 * place.plain
        gap = gap * (0.45 + 0.75 * rise(-0.1 - chest.y, 0.35))
        beyond = rise(gap - chest.depth, chest.edge(0.008)) * chest.half(side) * chest.lung
        chest.vessels = chest.vessels * (1 - beyond)
        chest.shadow -= 0.05 * beyond
        edge = np.exp(-np.square((gap - chest.depth) / chest.edge(0.011)))
        edge = edge * chest.half(side) * chest.air
        chest.shadow += (0.09 + 0.06 * place.plain) * edge
        _fill(chest, 0.12 * place.extent * (chest.half(side) * (1 - beyond)))


def _effusion(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Pleural Effusion: fluid fills the costophrenic angle and climbs the wall in a meniscus."""
    for side in place.sides:
        level = chest.body.dome[side] + 0.29 - 0.07 * place.plain - 0.5 * place.extent**1.5
        climb = np.maximum((chest.out / chest.body.width - 0.25) / 0.5, 0)
        surface = level - (0.18 + 0.05 * rng.random()) * climb * np.square(climb)
        density = 0.45 + 0.3 * place.plain + 0.2 * place.extent
        below = rise(chest.y - surface, chest.edge(0.03))
        _fill(chest, chest.half(side) * density * below)


def _pleura(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Pleural Other: an apical cap, a thick rind along the wall, or calcified plaques on it."""
    kind = 0 if "apex" in place.term else rng.integers(3)
    for side in place.sides:
        thick = 0.024 + 0.036 * place.extent + 0.015 * place.plain
        rind = rise(thick * (1 + 0.25 * chest.texture(rng, 10)) - chest.depth, chest.edge(0.012))
        if kind == 0:
            rind = rind * rise(-0.5 - chest.y, 0.05)
        else:
            low = rng.uniform(0.1, 0.3)
            rind = rind * rise(chest.y - (low - 0.6), 0.06) * rise(low - chest.y, 0.06)
            rind = rind * (chest.out > 0.4)
        rind = rind * chest.half(side) * chest.lung
        _fill(chest, (0.75 if kind < 2 else 0.4) * rind)
        if kind == 2:
            chest.shadow += 0.22 * rind * rise(chest.texture(rng, 14), 0.3)


def _callus(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Fracture: callus and cleft; `shape_signs._break_bones` makes the step of the bone."""
    for side, x, y, _ in chest.body.breaks:
        if side in place.sides:
            chest.shadow += (0.34 + 0.16 * place.plain) * chest.blob(side * x, y, 0.05, 0.055)
            cleft = np.array([(side * x, y - 0.05), (side * (x + 0.015), y + 0.05)])
            chest.shadow -= 0.2 * chest.strokes([(cleft, 0.014, 1.0)])


def _devices(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Support Devices: metal and plastic over the chest."""
    for side in place.sides:
        density = 0.20 + 0.16 * place.plain
        chest.shadow += density * chest.strokes(device_lines(place.term, side, chest.body, rng))


SHADOWS = {
    "Lung Opacity": _haze,
    "Lung Lesion": _nodules,
    "Edema": _edema,
    "Consolidation": _consolidation,
    "Pneumonia": _pneumonia,
    "Atelectasis": _plates,
    "Pneumothorax": _pneumothorax,
    "Pleural Effusion": _effusion,
    "Pleural Other": _pleura,
    "Fracture": _callus,
    "Support Devices": _devices,
}
