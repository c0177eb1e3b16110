"""Signs that change the shape: a larger heart, a wider mediastinum, a higher dome, a broken bone.

`Place` or index term -> the body's numbers, before the chest is laid out. `density_signs.py` has
the signs inside the lungs.
"""

from collections.abc import Sequence

import numpy as np

from mrg_r1_lib.radiographs.body import RIB_SPACING, Body, rib_height
from mrg_r1_lib.radiographs.placement import Place
from mrg_r1_lib.study import IndexTerm


def bend_body(body: Body, terms: Sequence[IndexTerm], places: Sequence[Place]) -> None:
    """Change the body's numbers in place, for the signs and for terms about inflation and aorta."""
    for prefix, bend in TERM_BENDS.items():
        if any(term.term.startswith(prefix) for term in terms):
            bend(body)
    for place in places:
        if place.observation in BENDS:
            BENDS[place.observation](body, place, place.rng())


def _move_domes(body: Body, by: float) -> None:
    body.dome = {side: y + by for side, y in body.dome.items()}
    body.heart_base += by


def _tortuous(body: Body) -> None:
    body.knob += 0.035


def _enlarge_heart(body: Body, place: Place, rng: np.random.Generator) -> None:
    body.heart_ratio = 0.502 + 0.02 * place.extent + 0.07 * place.extent**2 + 0.008 * rng.random()


def _widen_mediastinum(body: Body, place: Place, rng: np.random.Generator) -> None:
    body.mediastinum += 0.02 + 0.04 * place.extent + 0.02 * place.plain
    body.knob += 0.02 * rng.random()


def _lose_volume(body: Body, place: Place, rng: np.random.Generator) -> None:
    for side in place.sides:
        body.dome[side] -= 0.03 + 0.06 * place.extent + 0.04 * rng.random()


def _break_bones(body: Body, place: Place, rng: np.random.Generator) -> None:
    for side in place.sides:
        if "clavicle" in place.term or (place.term.count("/") == 0 and rng.random() < 0.2):
            x, direction = rng.uniform(0.3, 0.5), rng.choice((-1, 1))
            body.breaks.append((side, x, -0.75, direction * (0.15 + 0.12 * place.extent)))
            continue
        y, x = rng.uniform(-0.35, 0.2), rng.uniform(0.48, 0.64)
        for rib in range(2 + round(2 * place.extent)):
            out, step = x + rng.normal(0, 0.02), rng.choice((-1, 1)) * rng.uniform(0.35, 0.5)
            body.breaks.append((side, out, rib_height(body, out, y + rib * RIB_SPACING), step))


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
