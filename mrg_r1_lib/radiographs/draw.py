"""Phantom radiographs: hand-made index terms and a key -> a drawn frontal chest film.

No labeler's output enters the drawing. The key alone decides body, pose, exposure and noise; each
term draws its sign from its own random stream. So one key with and without a term gives twins that
differ by that sign alone. Convention: the patient's left is on the image's right; bone and fluid
are bright, air is dark.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image

from mrg_r1_lib.radiographs.anatomy import Chest, rise
from mrg_r1_lib.radiographs.body import LEFT, RIGHT, draw_body
from mrg_r1_lib.radiographs.density_signs import paint_signs
from mrg_r1_lib.radiographs.placement import check_terms, place_terms
from mrg_r1_lib.radiographs.shape_signs import bend_body
from mrg_r1_lib.study import IndexTerm

SMALLEST = 32  # pixels; below, ribs are thinner than the grid


def draw_radiograph(terms: Sequence[IndexTerm], key: str, size: int = 96) -> Image.Image:
    """A frontal chest radiograph `(size, size)`, mode "L", with the signs of `terms`.

    `key` (a study id) seeds everything through SHA-256, so each call gives the same bytes. It also
    decides side, zone, size and kind of device where a term names none. Terms without observation
    draw nothing, except the lungs' inflation and a tortuous aorta. ValueError for an observation
    without a sign, or a size below 32.

    >>> draw_radiograph([IndexTerm("Cardiomegaly", ("Cardiomegaly",))], key="CXR1").size
    (96, 96)
    """
    check_terms(terms)
    if size < SMALLEST:
        raise ValueError(f"size is {size}; expected at least {SMALLEST} pixels.")
    places = place_terms(terms, lambda name: _stream(key, name))
    body = draw_body(_stream(key, "body"))
    bend_body(body, terms, places)
    chest = Chest(body, size)
    paint_signs(chest, places)
    density = _density(chest, _stream(key, "texture"))
    return _develop(density, _stream(key, "film"), _stream(key, "noise"))


def _stream(*names: str) -> np.random.Generator:
    """An independent generator for these names; PCG64 gives the same numbers on every platform."""
    digest = hashlib.sha256("\x1f".join(names).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))


def _plateau(distance: np.ndarray) -> np.ndarray:
    """1 near zero and 0 beyond one, with a flatter top than a Gaussian."""
    return np.exp(-np.square(np.square(distance)))


def _oval(chest: Chest, x: float, y: float, wide: float, high: float, edge: float) -> np.ndarray:
    """1 inside an ellipse, 0 outside."""
    return rise(1 - np.square((chest.x - x) / wide) - np.square((chest.y - y) / high), edge)


def _soft_tissue(chest: Chest) -> np.ndarray:
    """Muscle, fat, breasts and belly, without the air of the lungs: 0 outside the body."""
    body, y, out = chest.body, chest.y, chest.out
    top = 0.30 * np.square(rise(out - 0.45, 0.2)) - 1.12
    flank = 0.93 + 0.07 * body.fat + 0.1 * np.maximum(-y - 0.35, 0)
    tissue = 0.78 + 0.10 * body.fat - 0.34 * np.square(out) + 0.10 * rise(y - chest.floor, 0.1)
    if body.breast:
        for side in (RIGHT, LEFT):
            tissue += 0.10 * body.breast * _oval(chest, 0.42 * side, 0.28, 0.33, 0.36, 0.12)
    stomach = _oval(chest, 0.33, body.dome[LEFT] + 0.14, 0.16, 0.09, 0.3)  # its gas
    tissue -= 0.16 * stomach * rise(y - chest.floor, 0.02)
    return tissue * rise(y - top, 0.03) * rise(flank - out, 0.03)


def _density(chest: Chest, rng: np.random.Generator) -> np.ndarray:
    """Attenuation summed along the beam: 0 is air, about 1 soft tissue, more bone or metal."""
    body, x, y = chest.body, chest.x, chest.y
    tissue = _soft_tissue(chest)
    spine = _plateau(x / 0.075) * (1 + 0.22 * np.cos(y * (2 * math.pi / 0.15)))
    windpipe = _plateau((x - 0.5 * body.turn) / 0.042) * rise(-0.26 - y, 0.05)
    hila = chest.blob(-0.19, -0.02, 0.07, 0.12) + chest.blob(0.18, -0.07, 0.065, 0.11)
    film = tissue * (1 - (0.76 + 0.012 * chest.texture(rng, 24)) * chest.air)
    heart = 0.16 * np.sqrt(np.maximum(chest.heart, 0))
    film += 0.06 * chest.middle + heart + 0.13 * spine - 0.16 * windpipe
    film += chest.air * (0.22 * chest.vessels + 0.14 * hila)
    film += body.bone * (0.10 * chest.ribs + np.minimum(tissue, 1) * _shoulder_girdle(chest))
    return film + chest.shadow


def _shoulder_girdle(chest: Chest) -> np.ndarray:
    """Clavicles, the edge of the shoulder blades and the heads of the arms."""
    out, y, body = np.abs(chest.x - 0.6 * chest.body.turn), chest.y, chest.body
    curve = body.clavicle - 0.60 - 0.30 * out + 0.035 * np.sin(out * 8)
    for side, x, break_y, step in body.breaks:
        if break_y < -0.6:  # only breaks of the clavicle are so high
            curve = curve + 0.3 * step * rise(out - x, chest.edge(0.01)) * chest.half(side)
    clavicle = _plateau((y - curve) / 0.034) * rise(out - 0.05, 0.012) * rise(0.8 - out, 0.02)
    blade = np.exp(-np.square((out - 0.80 + 0.12 * (y + 0.4)) / 0.03))
    blade = blade * rise(y + 0.7, 0.05) * rise(0.05 - y, 0.1)
    arm = rise(1 - np.square((out - 0.98) / 0.15) - np.square((y + 0.70) / 0.16), 0.2)
    return 0.22 * clavicle + 0.09 * blade + 0.22 * arm


def _develop(
    density: np.ndarray, rng: np.random.Generator, noise: np.random.Generator
) -> Image.Image:
    """Density -> grey values with exposure, contrast, noise, side marker and collimator border."""
    size = len(density)
    gain, gamma = rng.uniform(0.75, 1.05), rng.uniform(0.95, 1.2)
    grain, border = rng.uniform(0.010, 0.022), rng.random(4)
    light = (1 - np.exp(-gain * np.maximum(density, 0))) / (1 - math.exp(-1.5 * gain))
    light = np.exp(gamma * np.log(np.maximum(light, 1e-6)))
    light += grain * noise.standard_normal(density.shape, dtype=np.float32) * (0.5 + light)
    top, bottom, left, right = (round(size * max(0.0, share - 0.6) * 0.09) for share in border)
    _mark_left(light, top, right)
    closed = np.ones(density.shape, dtype=bool)
    closed[top : size - bottom, left : size - right] = False
    light[closed] = 0.02
    return Image.fromarray((np.clip(light, 0, 1) * 255).astype(np.uint8))


def _mark_left(light: np.ndarray, top: int, right: int) -> None:
    """The letter L in lead, in the corner over the patient's left shoulder."""
    size = len(light)
    tall, thick = max(5, round(size * 0.062)), max(1, round(size * 0.012))
    row, column = top + round(size * 0.035), size - right - round(size * 0.035) - round(tall * 0.65)
    light[row : row + tall, column : column + thick] = 0.95
    light[row + tall - thick : row + tall, column : column + round(tall * 0.65)] = 0.95
