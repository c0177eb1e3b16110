"""What all figures share: one theme, seaborn's colour-blind palette, the page's width, and a note of what is real and drawn."""

import numpy as np
import seaborn as sns
from matplotlib.figure import Figure

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


def new_figure(rows: int, columns: int, height: float, note: str = NOTE, **options) -> tuple[Figure, np.ndarray]:
    """A figure of the study's width, `height` inches high, with its note, and its axes as an array `(rows, columns)`."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    if note:
        figure.supxlabel(note, x=0.99, ha="right", fontsize=6.5, color=GREY)
    return figure, axes
