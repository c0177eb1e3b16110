"""Boxes and arrows, for figures that show a course of things."""

from collections.abc import Sequence

import matplotlib
from matplotlib.axes import Axes


def draw_box(
    axis: Axes,
    centre: tuple[float, float],
    size: tuple[float, float],
    name: str,
    text: str,
    colour: object,
    fonts: tuple[float, float] = (8, 6.8),
) -> None:
    """A round box of `size` (width, height) around `centre`: a name in bold over a text; `fonts`
    of both in points.
    """
    (x, y), (width, height) = centre, size
    axis.add_patch(
        matplotlib.patches.FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.07",
            mutation_aspect=0.7,
            facecolor=(*matplotlib.colors.to_rgb(colour), 0.12),
            edgecolor=colour,
            linewidth=1.2,
        )
    )
    axis.text(
        x, y + 0.23 * height, name, ha="center", va="center", fontsize=fonts[0], fontweight="bold"
    )
    axis.text(
        x, y - 0.19 * height, text, ha="center", va="center", fontsize=fonts[1], linespacing=1.1
    )


def draw_arrow(axis: Axes, corners: Sequence[tuple[float, float]]) -> None:
    """A line through the corners with a head at its end."""
    axis.plot(
        *zip(*corners, strict=True), color="0.4", linewidth=1.1, solid_joinstyle="miter", zorder=0
    )
    style = {
        "arrowstyle": "-|>",
        "color": "0.4",
        "shrinkA": 0,
        "shrinkB": 0,
        "linewidth": 1.1,
        "mutation_scale": 9,
    }
    axis.annotate("", xy=corners[-1], xytext=corners[-2], arrowprops=style)
