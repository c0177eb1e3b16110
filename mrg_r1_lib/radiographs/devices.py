"""Support devices as lines on a frontal film.

Term and side -> lines in body coordinates -> metal (`density_signs.py`). The term names the device,
else its random stream picks one of four kinds. Every device is placed correctly: a catheter ends in
the superior vena cava, a tracheal tube above the carina, a pacemaker's lead in the right ventricle.
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.radiographs.body import LEFT, Body, Line


def device_lines(term: str, side: int, body: Body, rng: np.random.Generator) -> list[Line]:
    """The lines of one device; its kind depends on how `term` begins, `side` is -1 or 1 (left)."""
    for prefix, kinds in _KINDS_OF_TERM.items():
        if term.startswith(prefix):
            return kinds[rng.integers(len(kinds))](side, body, rng)
    return _ANY_KIND[rng.integers(len(_ANY_KIND))](side, body, rng)


def _arc(*points: tuple[float, float]) -> np.ndarray:
    """A smooth path `(25, 2)`: the Bezier curve of a polygon."""
    path = np.repeat(np.array(points)[:, None, :], 25, axis=1)
    share = np.linspace(0, 1, 25)[:, None]
    while len(path) > 1:
        path = path[:-1] * (1 - share) + path[1:] * share
    return path[0]


def _ring(x: float, y: float, wide: float, high: float) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 25)
    return np.stack([x + wide * np.cos(turn), y + high * np.sin(turn)], axis=1)


def _pacemaker(side: int, body: Body, rng: np.random.Generator) -> list[Line]:
    """A generator under the clavicle and one or two leads through the vein into the heart."""
    x, y = side * rng.uniform(0.5, 0.58), rng.uniform(-0.52, -0.40)
    vein = [(x - side * 0.05, y - 0.06), (side * 0.36, -0.72), (side * 0.1, -0.62), (-0.14, -0.42)]
    apex = (rng.uniform(0.24, 0.34), body.dome[LEFT] - 0.1)
    ventricle = _arc(*vein, (-0.24, 0.35), (0.1, body.dome[LEFT]), apex)
    lines = [(_ring(x, y, 0.036, 0.03), 0.07, 0.9), (ventricle, 0.018, 0.9)]
    if rng.random() < 0.6:
        atrium = _arc(*vein, (-0.2, 0.2), (-0.1, 0.35), (-0.19, rng.uniform(0.05, 0.15)))
        lines.append((atrium, 0.018, 0.9))
    return lines


def _central_line(side: int, body: Body, rng: np.random.Generator) -> list[Line]:
    """A catheter from neck, subclavian vein or arm to the superior vena cava; some have a port."""
    end = (-0.10 + body.turn, rng.uniform(-0.1, 0.12))
    starts = ((side * 0.17, -0.98), (side * 0.52, -0.52), (side * 0.95, -0.45))
    start = starts[rng.integers(3)]
    over = () if abs(start[0]) < 0.2 else ((side * 0.5, -0.74), (side * 0.22, -0.66))
    lines = [(_arc(start, *over, (side * 0.06, -0.55), (-0.12, -0.42), end), 0.02, 0.75)]
    if start[0] == side * 0.52:
        lines.append((_ring(*start, 0.032, 0.032), 0.03, 1.0))
    return lines


def _tracheal_tube(side: int, body: Body, rng: np.random.Generator) -> list[Line]:
    x = 0.5 * body.turn
    tube = np.array([(x, -1.05), (x + rng.normal(0, 0.01), rng.uniform(-0.5, -0.36))])
    thread = tube + np.array([0.014, 0.0])  # the opaque stripe in its wall
    return [(tube, 0.05, 0.55), (thread, 0.014, 1.0)]


def _enteric_tube(side: int, body: Body, rng: np.random.Generator) -> list[Line]:
    tip = (rng.uniform(0.2, 0.38), body.dome[LEFT] + rng.uniform(0.16, 0.26))
    tube = _arc((0.01, -1.05), (0.0, -0.2), (0.03, 0.2), (0.03, 0.5), (0.1, 0.75), tip)
    return [(tube, 0.024, 0.85)]


def _both_tubes(side: int, body: Body, rng: np.random.Generator) -> list[Line]:
    return _tracheal_tube(side, body, rng) + _enteric_tube(side, body, rng)


def _sternal_wires(side: int, body: Body, rng: np.random.Generator) -> list[Line]:
    """The wires of a split breastbone, with clips or the ring of a valve."""
    heights = np.linspace(-0.42, 0.36, 6) + rng.normal(0, 0.012, 6)
    wires = [_ring(body.turn + rng.normal(0, 0.008), y, 0.036, 0.022) for y in heights]
    lines = [(wire, 0.018, 1.0) for wire in wires]
    if rng.random() < 0.5:
        return [*lines, (_ring(0.1, 0.12, 0.06, 0.035), 0.02, 1.0)]
    starts = rng.uniform((0.1, -0.2), (0.32, 0.25), (5, 2))
    clips = [np.linspace(start, start + np.array([0.0, 0.022]), 2) for start in starts]
    return lines + [(clip, 0.014, 1.0) for clip in clips]


_Kind = Callable[[int, Body, np.random.Generator], list[Line]]
_KINDS_OF_TERM: dict[str, tuple[_Kind, ...]] = {
    "Catheters": (_central_line,),
    "Tube, Inserted/trachea": (_tracheal_tube,),
    "Tube, Inserted": (_enteric_tube, _both_tubes),
    "Implanted Medical Device/aortic valve": (_sternal_wires,),
    "Implanted Medical Device/mitral valve": (_sternal_wires,),
    "Implanted Medical Device": (_pacemaker,),
}
_ANY_KIND: tuple[_Kind, ...] = (_pacemaker, _pacemaker, _central_line, _both_tubes, _sternal_wires)
