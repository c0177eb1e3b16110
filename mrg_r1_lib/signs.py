"""What each of the 13 observations looks like on a frontal film.

Index term -> `Place` (what the term leaves open, its stream decides) -> a bend of the body's numbers before the chest is laid
out (`BENDS`), a shadow on the laid-out chest (`SHADOWS`), or both. How plain a sign is differs from study to study.
Departure from the index: a term that asserts Lung Opacity beside a closer name (a consolidation is an opacity) shows the
closer one only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mrg_r1_lib.anatomy import LEFT, RIB_SPACING, RIGHT, WALL, Body, Chest, rise
from mrg_r1_lib.devices import device_lines
from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.study import IndexTerm

_SIDES = {"left": (LEFT,), "right": (RIGHT,), "bilateral": (RIGHT, LEFT)}
_HEIGHTS = {"upper": -0.42, "middle": -0.05, "lower": 0.28}  # y of a zone's middle
_EXTENTS = {"small": 0.0, "moderate": 0.5, "large": 1.0}


@dataclass(frozen=True)
class Place:
    """One sign to be drawn: the observation, where, how far (0 small to 1 large), how plain (0-1), and its numbers' seed."""

    observation: str
    term: str
    sides: tuple[int, ...]
    zone: str
    extent: float
    plain: float
    seed: int

    def rng(self) -> np.random.Generator:
        """A fresh generator: bend and shadow of one sign see the same numbers."""
        return np.random.Generator(np.random.PCG64(self.seed))


def check_terms(terms: Sequence[IndexTerm]) -> None:
    """ValueError where a term asserts an observation that has no sign."""
    for term in terms:
        unknown = [name for name in term.observations if name not in ABNORMALITIES]
        if unknown:
            raise ValueError(
                f"index term {term.term!r} asserts {unknown[0]!r}, which has no sign on a radiograph. "
                f"Expected one of: {', '.join(ABNORMALITIES)}."
            )


def place_terms(terms: Sequence[IndexTerm], stream: Callable[[str], np.random.Generator]) -> list[Place]:
    """The signs of `terms`; what a term leaves open is drawn from `stream(term)`, so that no term moves another's sign."""
    places = {}
    for term in terms:
        rng = stream(f"{term.term}/{term.side}/{term.zone}/{term.size}")
        side = term.side or ("left", "right")[rng.integers(2)]
        zone = term.zone or ("upper", "middle", "lower", "lower")[rng.integers(4)]
        extent = min(max((_EXTENTS[term.size] if term.size else rng.random()) + rng.uniform(-0.15, 0.15), 0.0), 1.0)
        plain, seed = rng.random(), int(rng.integers(2**62))
        names = [name for name in term.observations if name != "Lung Opacity"] or term.observations
        for name in names:
            places[name, seed] = Place(name, term.term, _SIDES[side], zone, extent, plain, seed)
    return list(places.values())


def bend_body(body: Body, terms: Sequence[IndexTerm], places: Sequence[Place]) -> None:
    """Change the body's numbers, in place, to what the signs and the terms about inflation and aorta say."""
    for prefix, bend in TERM_BENDS.items():
        if any(term.term.startswith(prefix) for term in terms):
            bend(body)
    for place in places:
        if place.observation in BENDS:
            BENDS[place.observation](body, place, place.rng())


def paint_signs(chest: Chest, places: Sequence[Place]) -> None:
    """Fill the chest's air and add shadows, in place, in the order of the places."""
    for place in places:
        if place.observation in SHADOWS:
            SHADOWS[place.observation](chest, place, place.rng())


def _move_domes(body: Body, by: float) -> None:
    body.dome = {side: y + by for side, y in body.dome.items()}


def _tortuous(body: Body) -> None:
    body.knob += 0.035


def _enlarge_heart(body: Body, place: Place, rng: np.random.Generator) -> None:
    body.heart_ratio = 0.51 + 0.08 * place.extent + 0.02 * rng.random()


def _widen_mediastinum(body: Body, place: Place, rng: np.random.Generator) -> None:
    body.mediastinum += 0.02 + 0.04 * place.extent + 0.02 * place.plain
    body.knob += 0.02 * rng.random()


def _lose_volume(body: Body, place: Place, rng: np.random.Generator) -> None:
    for side in place.sides:
        body.dome[side] -= 0.03 + 0.06 * place.extent + 0.04 * rng.random()


def _break_bones(body: Body, place: Place, rng: np.random.Generator) -> None:
    for side in place.sides:
        if "clavicle" in place.term or (place.term.count("/") == 0 and rng.random() < 0.2):
            body.breaks.append((side, rng.uniform(0.3, 0.5), -0.75, rng.choice((-1, 1)) * (0.15 + 0.12 * place.extent)))
            continue
        y, x = rng.uniform(-0.35, 0.2), rng.uniform(0.48, 0.64)
        for rib in range(2 + round(2 * place.extent)):
            step = rng.choice((-1, 1)) * rng.uniform(0.4, 0.55)
            body.breaks.append((side, x + rng.normal(0, 0.02), y + rib * RIB_SPACING, step))


BENDS = {
    "Cardiomegaly": _enlarge_heart,
    "Enlarged Cardiomediastinum": _widen_mediastinum,
    "Atelectasis": _lose_volume,
    "Fracture": _break_bones,
}
TERM_BENDS = {
    "Lung/hypoinflation": lambda body: _move_domes(body, -0.10),
    "Lung/hyperdistention": lambda body: _move_domes(body, 0.08),
    "Aorta/tortuous": _tortuous,
}


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
        _fill(chest, chest.half(side) * (0.42 + 0.3 * place.plain) * chest.blob(x, y, wide, wide * rng.uniform(0.8, 1.4)))


def _nodules(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Lung Lesion: one to three round shadows with an edge."""
    for side in place.sides:
        for _ in range(1 + rng.integers(3)):
            x, y = _spot(place, side, rng)
            y += rng.normal(0, 0.12)
            radius = 0.05 + 0.06 * place.extent * rng.uniform(0.6, 1)
            ball = rise(radius - np.hypot(chest.x - x, chest.y - y), chest.edge(0.012))
            chest.shadow += (0.26 + 0.14 * place.plain) * ball * chest.lung


def _edema(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Edema: haze like a bat's wings about both hila, full vessels, short septal (Kerley B) lines at the bases."""
    degree = 0.3 + 0.35 * place.extent + 0.35 * place.plain
    wings = np.exp(-np.square((chest.out - 0.26) / 0.2) - np.square((chest.y - 0.02) / 0.34))
    _fill(chest, 0.42 * degree * wings * (1 + 0.2 * chest.texture(rng, 12)))
    chest.vessels = chest.vessels * (1 + 0.6 * degree)
    lines = []
    for side in (RIGHT, LEFT):
        for y in np.arange(0.2, 0.5, 0.055) + rng.normal(0, 0.01):
            wall = side * (WALL * chest.body.width * (0.945 + 0.09 * y) - 0.015)
            lines.append((np.array([(wall, y), (wall - side * rng.uniform(0.06, 0.12), y + 0.01)]), 0.009, 0.8))
    chest.shadow += (0.22 * degree) * chest.strokes(lines) * chest.lung


def _consolidation(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Consolidation: a dense part of a lobe, sharp below where the fissure bounds it, and the bronchi dark within it."""
    for side in place.sides:
        x, y = side * rng.uniform(0.4, 0.5), _HEIGHTS[place.zone]
        wide, high = 0.17 + 0.12 * place.extent, 0.13 + 0.10 * place.extent
        slope = rng.uniform(-0.3, 0.3)
        across, down = (chest.x - x) / wide, (chest.y + slope * (chest.out - abs(x)) - y) / high
        ragged = 0.25 * chest.texture(rng, 18)
        lobe = rise(1 - np.square(across) - np.square(np.minimum(down, 0)) + ragged, 0.35) * rise(0.6 - down, 0.06)
        ends = [(x + side * wide * rng.uniform(0.1, 0.8), y + high * rng.uniform(-0.7, 0.5)) for _ in range(3)]
        bronchi = chest.strokes([(np.array([(side * 0.18, -0.02), end]), 0.02, 1.0) for end in ends], blur=0.006)
        _fill(chest, chest.half(side) * lobe * (0.34 + 0.34 * place.plain) * (1 - 0.6 * bronchi))


def _pneumonia(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Pneumonia: patchy clumps that run together over a segment."""
    for side in place.sides:
        x, y = _spot(place, side, rng)
        wide = 0.18 + 0.10 * place.extent
        clumps = rise(chest.texture(rng, 16) - 0.1, 0.35) * chest.blob(x, y, wide, wide * rng.uniform(0.9, 1.3))
        _fill(chest, chest.half(side) * (0.65 + 0.3 * place.plain) * clumps)


def _plates(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Atelectasis: thin plates across the base above a raised dome."""
    lines = []
    for side in place.sides:
        for _ in range(1 + (place.extent > 0.4) + (place.extent > 0.8)):
            x, y = rng.uniform(0.2, 0.36), chest.body.dome[side] - rng.uniform(0.06, 0.24)
            length, slope = rng.uniform(0.22, 0.38), rng.uniform(-0.3, 0.3)
            lines.append((np.array([(side * x, y), (side * (x + length), y + slope * length)]), rng.uniform(0.028, 0.042), 1.0))
    chest.shadow += (
        (0.30 + 0.16 * place.plain) * chest.strokes(lines, blur=0.008) * (chest.lung - 0.7 * chest.lung * chest.middle)
    )


def _pneumothorax(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Pneumothorax: the lung has fallen from the wall; its edge is a thin line, and beyond it is air without vessels."""
    for side in place.sides:
        gap = (0.05 + 0.13 * place.extent + 0.02 * place.plain) * (0.45 + 0.75 * rise(-0.1 - chest.y, 0.35))
        beyond = rise(gap - chest.depth, chest.edge(0.008)) * chest.half(side) * chest.lung
        chest.vessels = chest.vessels * (1 - beyond)
        chest.shadow -= 0.05 * beyond
        edge = np.exp(-np.square((gap - chest.depth) / chest.edge(0.011))) * chest.half(side) * chest.air
        chest.shadow += (0.09 + 0.06 * place.plain) * edge
        _fill(chest, 0.12 * place.extent * (chest.half(side) * (1 - beyond)))


def _effusion(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Pleural Effusion: fluid fills the costophrenic angle and climbs the wall in a meniscus."""
    for side in place.sides:
        level = chest.body.dome[side] + 0.26 - 0.06 * place.plain - 0.5 * place.extent**1.5
        climb = np.maximum((chest.out / chest.body.width - 0.25) / 0.5, 0)
        surface = level - (0.18 + 0.05 * rng.random()) * climb * np.square(climb)
        _fill(chest, chest.half(side) * (0.6 + 0.3 * place.plain) * rise(chest.y - surface, chest.edge(0.03)))


def _pleura(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Pleural Other: an apical cap, a thick rind along the wall, or calcified plaques on it."""
    kind = 0 if "apex" in place.term else rng.integers(3)
    for side in place.sides:
        thick = 0.03 + 0.035 * place.extent + 0.015 * place.plain
        rind = rise(thick * (1 + 0.25 * chest.texture(rng, 10)) - chest.depth, chest.edge(0.012))
        if kind == 0:
            rind = rind * rise(-0.5 - chest.y, 0.05)
        else:
            low = rng.uniform(0.1, 0.3)
            rind = rind * rise(chest.y - (low - 0.6), 0.06) * rise(low - chest.y, 0.06) * (chest.out > 0.4)
        rind = rind * chest.half(side) * chest.lung
        _fill(chest, (0.75 if kind < 2 else 0.4) * rind)
        if kind == 2:
            chest.shadow += 0.22 * rind * rise(chest.texture(rng, 14), 0.3)


def _callus(chest: Chest, place: Place, rng: np.random.Generator) -> None:
    """Fracture: beside the step of the bone (see `_break_bones`), the callus and the cleft."""
    for side, x, y, _ in chest.body.breaks:
        if side in place.sides:
            chest.shadow += (0.22 + 0.12 * place.plain) * chest.blob(side * x, y, 0.04, 0.045)
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
