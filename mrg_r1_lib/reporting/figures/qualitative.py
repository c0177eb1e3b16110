"""Reports before and after as a page: what they found, missed and invented, marked in their own
words.

Generated reports are quoted here and references are not: of those only the labels count. To be
shown in an executed notebook, never saved to a file. Colour is never alone: found words carry a
tick, invented ones a cross, and all three are named below each report.
"""

import textwrap
from collections.abc import Mapping, Sequence
from itertools import groupby

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from mrg_r1_lib.reporting.figures.marks import SIGNS, Marked, judged
from mrg_r1_lib.reporting.figures.theme import (
    GREY,
    NOTE,
    PALETTE,
    THEME,
    WIDTH,
    nothing_shown,
    refuse_credentialed,
)
from mrg_r1_lib.reporting.tables import label

COLOURS = {
    "found": PALETTE[2],
    "invented": PALETTE[3],
    "missed": PALETTE[0],
    "term": GREY,
    "id": "0.15",
    "": "0.15",
}
LETTER = (
    6 * 72 / 110
)  # points: a letter's width, six whole pixels at the theme's resolution, so that none is rounded
FONT, LINE = LETTER / 0.602, 8.6  # points: a letter's size (DejaVu Sans Mono's), a line's height
POINTS = WIDTH * 72  # the page's width
PICTURE, GAP = 84.0, 10.0  # points: a radiograph's side, the space between columns


@matplotlib.rc_context(THEME)
def qualitative(
    images: Sequence[Image.Image],
    ids: Sequence[str],
    terms: Sequence[str],
    reports: Mapping[str, Sequence[str]],
    reference: np.ndarray,
    note: str = NOTE,
) -> Figure:
    """A row per study: its radiograph, index terms, and each arm's report with what is found,
    missed and invented.

    `reports`: arm -> a report per study; `reference`: the rules labeler's codes `(studies, 14)` of
    the references. PermissionError for radiographs of a credentialed corpus.
    """
    refuse_credentialed(images)
    if not images:
        return nothing_shown()
    width = (POINTS - PICTURE) / len(reports) - GAP
    of_studies = zip(zip(*reports.values(), strict=True), reference, strict=True)
    rows = [
        [judged(report, codes, int(width / LETTER)) for report in written]
        for written, codes in of_studies
    ]
    heights = [max(PICTURE, (4 + max(map(len, row))) * LINE) + GAP for row in rows]
    figure, axis = _page(sum(heights) + 3 * LINE)
    for column, arm in enumerate(reports):
        axis.text(
            PICTURE + GAP + column * (width + GAP),
            2,
            label(arm),
            va="top",
            fontsize=8,
            fontweight="bold",
        )
    tops = 1.6 * LINE + np.cumsum([0.0, *heights[:-1]])
    for top, image, study_id, named, row in zip(tops, images, ids, terms, rows, strict=True):
        _study(axis, top, image, study_id, named)
        for column, lines in enumerate(row):
            for place, line in enumerate(lines):
                _write(
                    axis, PICTURE + GAP + column * (width + GAP), top + (3.3 + place) * LINE, line
                )
    axis.set(xlim=(0, POINTS), ylim=(sum(heights) + 3 * LINE, 0))
    said = f"{note}; what is in doubt counts as asserted"
    figure.supxlabel(said, x=0.995, y=0.01, ha="right", va="bottom", fontsize=6.5, color=GREY)
    return figure


def _study(axis: Axes, top: float, image: Image.Image, study_id: str, named: str) -> None:
    """A radiograph at the left, and beside it the study's id over its index terms."""
    grey = {"cmap": "gray", "vmin": 0, "vmax": 255, "aspect": "auto"}
    axis.imshow(np.asarray(image.convert("L")), extent=(0, PICTURE, top + PICTURE, top), **grey)
    _write(axis, PICTURE + GAP, top, [(letter, "id") for letter in study_id])
    for place, line in enumerate(_terms(named, int((POINTS - PICTURE - GAP) / LETTER))):
        _write(axis, PICTURE + GAP, top + (1 + place) * LINE, line)


def _terms(named: str, letters: int) -> list[Marked]:
    """Index terms on two lines at most."""
    lines = textwrap.wrap(f"indexed as: {named}", letters, max_lines=2, placeholder=" …")
    return [[(letter, "term") for letter in line] for line in lines]


def _page(height: float) -> tuple[Figure, Axes]:
    """A figure that is one axes without a frame, measured in points from its upper left corner."""
    figure = Figure(figsize=(WIDTH, height / 72))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set_axis_off()
    return figure, axis


def _write(axis: Axes, x: float, y: float, line: Marked) -> None:
    """One line of monospaced letters from (x, y) on, each word in its place and in the colour of
    its kind.
    """
    place = 0
    for (kind, space), group in groupby(line, key=lambda pair: (pair[1], pair[0] == " ")):
        letters = "".join(letter for letter, _ in group)
        weight = "bold" if kind in (*SIGNS, "id") else "normal"
        style = {
            "family": "DejaVu Sans Mono",
            "fontsize": FONT,
            "fontweight": weight,
            "color": COLOURS[kind],
        }
        if not space:
            axis.text(x + place * LETTER, y, letters, va="top", parse_math=False, **style)
        place += len(letters)
