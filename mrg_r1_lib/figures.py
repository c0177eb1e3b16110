"""Figures as functions of saved scores and frames: each returns a matplotlib Figure; nobody saves here.

One theme: seaborn's colour-blind palette, column width, and a note in the picture itself of what is real and what is drawn.
No pyplot: a figure depends on its arguments alone.
"""

from collections.abc import Mapping, Sequence

import matplotlib
import matplotlib.ticker
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

NOTE = "real reports, drawn radiographs"
PALETTE = sns.color_palette("colorblind")
WIDTH = 7.0  # inches: a page's text width
THEME = {
    **sns.axes_style("whitegrid"),
    **sns.plotting_context("paper"),
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.family": ["DejaVu Sans"],
    "figure.dpi": 110,
}


def _figure(rows: int, columns: int, height: float, note: str = NOTE, **options) -> tuple[Figure, np.ndarray]:
    """A figure of the study's width with its note, and its axes as an array `(rows, columns)`."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    if note:
        figure.supxlabel(note, x=0.99, ha="right", fontsize=6.5, color="0.45")
    return figure, axes


@matplotlib.rc_context(THEME)
def contact_sheet(images: Sequence[Image.Image], titles: Sequence[str], columns: int = 6) -> Figure:
    """Radiographs side by side with short titles."""
    columns = min(columns, len(images))
    rows, side = -(-len(images) // columns), min(WIDTH / columns, 2.4)
    figure, axes = _figure(rows, columns, rows * side * 1.22, note="drawn radiographs, not patients")
    figure.set_figwidth(columns * side)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(np.asarray(image.convert("L")), cmap="gray", vmin=0, vmax=255)
        axis.set_title(title, fontsize=6)
    return figure


@matplotlib.rc_context(THEME)
def prevalence(table: pd.DataFrame) -> Figure:
    """Share of studies with each observation: a bar a source. Columns observation, source, share."""
    figure, axes = _figure(1, 1, 3.6, note="real reports and their hand-made index")
    sns.barplot(table, x="share", y="observation", hue="source", palette=PALETTE[: table["source"].nunique()], ax=axes[0, 0])
    axes[0, 0].set(xlabel="share of the studies that assert it", ylabel="")
    axes[0, 0].xaxis.set_major_locator(matplotlib.ticker.MultipleLocator(0.05))
    axes[0, 0].xaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1.0, decimals=0))
    axes[0, 0].legend(title="", loc="lower right")
    return figure


@matplotlib.rc_context(THEME)
def report_lengths(words: Mapping[str, Sequence[int]]) -> Figure:
    """How many words the reports have, a curve a section."""
    figure, axes = _figure(1, 1, 2.4, note="real reports")
    table = pd.DataFrame([(name, count) for name, counts in words.items() for count in counts], columns=["section", "words"])
    sns.histplot(table, x="words", hue="section", binwidth=4, element="step", palette=PALETTE[: len(words)], ax=axes[0, 0])
    axes[0, 0].set(xlim=(0, 120), ylabel="reports")
    return figure


@matplotlib.rc_context(THEME)
def training_curves(log: pd.DataFrame, panels: Mapping[str, str], note: str = NOTE, window: int = 5) -> Figure:
    """One panel a column of a training log: each run's smoothed curve, its raw points faint.

    `log` has the columns step, system, seed; `panels` maps its columns to axis titles; several seeds make a band.
    """
    figure, axes = _figure(1, len(panels), 2.5, note)
    order = list(dict.fromkeys(log["system"]))
    for axis, (column, title) in zip(axes.flat, panels.items(), strict=True):
        smooth = log.assign(value=log.groupby(["system", "seed"])[column].transform(lambda x: x.rolling(window, 1).mean()))
        sns.scatterplot(
            log,
            x="step",
            y=column,
            hue="system",
            hue_order=order,
            palette=PALETTE[: len(order)],
            s=6,
            alpha=0.3,
            legend=False,
            ax=axis,
        )
        sns.lineplot(
            smooth,
            x="step",
            y="value",
            hue="system",
            hue_order=order,
            palette=PALETTE[: len(order)],
            legend=axis is axes[0, 0],
            ax=axis,
        )
        axis.set(xlabel="step", ylabel="", title=title)
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
    axes[0, 0].legend(title="", fontsize=6.5)
    return figure


@matplotlib.rc_context(THEME)
def heatmap(table: pd.DataFrame, title: str, note: str = "") -> Figure:
    """A table of numbers in [0, 1] as coloured cells with their values; rows and columns as named in the table."""
    figure, axes = _figure(1, 1, 0.5 + 0.36 * len(table), note=note)
    sns.heatmap(table, annot=True, fmt=".2f", vmin=0, vmax=1, cmap="viridis", cbar=False, linewidths=0.5, ax=axes[0, 0])
    axes[0, 0].set(title=title, xlabel="", ylabel="")
    axes[0, 0].tick_params(axis="x", rotation=0)
    return figure


@matplotlib.rc_context(THEME)
def margin_curve(table: pd.DataFrame) -> Figure:
    """Mean reward against the margin: a curve for each kind of report. Columns margin, reward, report."""
    figure, axes = _figure(1, 1, 2.6, note="real reports")
    sns.lineplot(
        table,
        x="margin",
        y="reward",
        hue="report",
        style="report",
        markers=True,
        palette=PALETTE[: table["report"].nunique()],
        ax=axes[0, 0],
    )
    axes[0, 0].set(xlabel="margin m", ylabel="mean MCCS", ylim=(0, 1.03))
    axes[0, 0].legend(title="", fontsize=7)
    return figure


@matplotlib.rc_context(THEME)
def forest(comparisons: pd.DataFrame, title: str) -> Figure:
    """Differences with their 95 % intervals around a line at no difference. Columns system, difference, low, high."""
    figure, axes = _figure(1, 1, 0.9 + 0.4 * len(comparisons))
    axis: Axes = axes[0, 0]
    for position, row in enumerate(comparisons.itertuples()):
        axis.plot([row.low, row.high], [position, position], color=PALETTE[0], linewidth=2)
        axis.plot(row.difference, position, "o", color=PALETTE[0])
    axis.axvline(0, color="0.3", linewidth=1, linestyle="--")
    axis.set_yticks(range(len(comparisons)), comparisons["system"])
    axis.set(ylim=(len(comparisons) - 0.5, -0.5), xlabel=title)
    return figure


@matplotlib.rc_context(THEME)
def precision_recall(table: pd.DataFrame) -> Figure:
    """Each system as a point in the plane of recall and precision; curves join equal F1. Columns system, precision, recall."""
    figure, axes = _figure(1, 1, 3.8)
    axis: Axes = axes[0, 0]
    recall, precision = np.meshgrid(np.linspace(0.005, 1, 200), np.linspace(0.005, 1, 200))
    lines = axis.contour(
        recall,
        precision,
        2 * recall * precision / (recall + precision),
        levels=np.arange(0.1, 1.0, 0.1),
        colors="0.8",
        linewidths=0.8,
    )
    axis.clabel(lines, fmt=lambda f1: f"F1 {f1:.1f}", fontsize=6)
    sns.scatterplot(
        table, x="recall", y="precision", hue="system", style="system", palette=PALETTE[: len(table)], s=70, ax=axis, zorder=3
    )
    axis.set(xlim=(-0.02, 1.04), ylim=(-0.02, 1.04), xlabel="recall (micro, 13 observations)", ylabel="precision")
    axis.legend(title="", loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7, frameon=False)
    return figure


@matplotlib.rc_context(THEME)
def observation_f1(table: pd.DataFrame) -> Figure:
    """F1 of each observation, a point a system; the number of positive references stands behind the name."""
    figure, axes = _figure(1, 1, 4.0)
    table = table.assign(name=table["observation"] + " (" + table["support"].astype(int).astype(str) + ")")
    sns.stripplot(
        table,
        x="f1",
        y="name",
        hue="system",
        palette=PALETTE[: table["system"].nunique()],
        size=6,
        jitter=False,
        dodge=True,
        ax=axes[0, 0],
    )
    axes[0, 0].set(xlabel="F1", ylabel="", xlim=(-0.03, 1.03))
    axes[0, 0].legend(title="", fontsize=7)
    return figure
