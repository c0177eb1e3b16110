"""What all figures share: one theme, seaborn's colour-blind palette, the page's width, and a
note of what is real and drawn.
"""

from collections.abc import Sequence

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from PIL import Image

NOTE = "real reports, drawn radiographs"
PALETTE = sns.color_palette("colorblind")
WIDTH = 7.0  # inches: a page's text width
GREY = "0.45"  # of notes and what stands aside
THEME = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("paper"),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.family": ["DejaVu Sans"],
    "figure.dpi": 110,
}


def new_figure(
    rows: int, columns: int, height: float, note: str = NOTE, **options
) -> tuple[Figure, np.ndarray]:
    """A figure of the study's width, `height` inches high, with its note, and its axes as an
    array `(rows, columns)`.
    """
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    if note:
        figure.supxlabel(note, x=0.99, ha="right", fontsize=6.5, color=GREY)
    return figure, axes


def refuse_credentialed(images: Sequence[Image.Image]) -> None:
    """PermissionError if one of the radiographs is of a credentialed corpus."""
    if any(image.info.get("credentialed") for image in images):
        raise PermissionError(
            "A radiograph of a credentialed corpus may not be shown: "
            "pass `privacy.quotable` studies only."
        )


def nothing_shown() -> Figure:
    """A line of text in the place of what may not be shown."""
    figure, axes = new_figure(1, 1, 0.5, note="")
    axes[0, 0].set_axis_off()
    axes[0, 0].text(
        0, 0.5, "Not shown: reports and radiographs of this corpus need credentials.", va="center"
    )
    return figure
