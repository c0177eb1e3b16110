"""Figures of scores: rewards of reports, systems beside each other, differences with intervals, observation by observation."""

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mrg_r1_lib.figures.theme import GREY, NOTE, PALETTE, THEME, new_figure

# what needs no training is grey, what only a perfect reader reaches is green, what sees another study's image is hollow
_POINT = {"markersize": 7.5, "markeredgecolor": "white", "markeredgewidth": 0.8}
KINDS = {
    "trivial": _POINT | {"color": "0.55", "marker": "s"},
    "policy": _POINT | {"color": PALETTE[0], "marker": "o"},
    "images shuffled": _POINT
    | {"color": PALETTE[1], "marker": "o", "markerfacecolor": "white", "markeredgecolor": PALETTE[1], "markeredgewidth": 1.6},
    "ceiling": _POINT | {"color": PALETTE[2], "marker": "D"},
}


@matplotlib.rc_context(THEME)
def main_scores(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """CE micro-F1 over 13 with its 95 % interval, a row a system in the table's order.

    Columns system, value, low, high, kind (trivial, policy, images shuffled, ceiling); an interval may be NaN.
    ValueError for another kind.
    """
    unknown = sorted(set(table["kind"]) - set(KINDS))
    if unknown:
        raise ValueError(f"kind: {unknown[0]!r} is unknown; expected one of {', '.join(KINDS)}.")
    figure, axes = new_figure(1, 1, 1.3 + 0.3 * len(table), note="")
    axis: Axes = axes[0, 0]
    aside = axis.get_yaxis_transform()  # x in widths of the axes, y in rows
    for position, row in enumerate(table.itertuples()):
        axis.plot([row.low, row.high], [position] * 2, color=KINDS[row.kind]["color"], linewidth=2.4, solid_capstyle="round")
        axis.plot(row.value, position, linestyle="", **KINDS[row.kind])
        axis.text(1.03, position, f"{row.value:.2f}", transform=aside, va="center", fontsize=9.5, fontweight="bold")
        interval = "" if np.isnan(row.low) else f"{row.low:.2f} to {row.high:.2f}"
        axis.text(1.17, position, interval, transform=aside, va="center", fontsize=9, color=GREY)
    axis.set_yticks(range(len(table)), table["system"], fontsize=9.5)
    axis.set(xlim=(-0.02, 1.02), ylim=(len(table) - 0.5, -0.5))
    axis.set_xlabel("micro F1 over 13 observations, 95 % interval", fontsize=9.5)
    axis.tick_params(axis="x", labelsize=9)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", color="0.9")
    handles = [Line2D([], [], linewidth=2.4, label=kind, **KINDS[kind]) for kind in KINDS if kind in set(table["kind"])]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=9.5, frameon=False)
    figure.supxlabel(note, x=0.99, ha="right", fontsize=8, color=GREY)
    return figure


@matplotlib.rc_context(THEME)
def heatmap(table: pd.DataFrame, title: str, note: str = "", digits: int = 2) -> Figure:
    """A table of numbers in [0, 1] as coloured cells with their values; rows and columns as named in the table."""
    figure, axes = new_figure(1, 1, 0.5 + 0.36 * len(table), note=note)
    sns.heatmap(table, annot=True, fmt=f".{digits}f", vmin=0, vmax=1, cmap="viridis", cbar=False, linewidths=0.5, ax=axes[0, 0])
    axes[0, 0].set(title=title, xlabel="", ylabel="")
    axes[0, 0].tick_params(axis="x", rotation=0, labelsize=7)
    return figure


@matplotlib.rc_context(THEME)
def margin_curve(table: pd.DataFrame) -> Figure:
    """Mean reward against the margin: a curve for each kind of report. Columns margin, reward, report."""
    figure, axes = new_figure(1, 1, 2.6, note="real reports")
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
def forest(comparisons: pd.DataFrame, title: str, note: str = NOTE) -> Figure:
    """Differences with their 95 % intervals around a line at no difference. Columns system, difference, low, high."""
    figure, axes = new_figure(1, 1, 0.9 + 0.4 * len(comparisons), note=note)
    axis: Axes = axes[0, 0]
    for position, row in enumerate(comparisons.itertuples()):
        axis.plot([row.low, row.high], [position, position], color=PALETTE[0], linewidth=2)
        axis.plot(row.difference, position, "o", color=PALETTE[0])
    axis.axvline(0, color="0.3", linewidth=1, linestyle="--")
    axis.set_yticks(range(len(comparisons)), comparisons["system"])
    axis.set(ylim=(len(comparisons) - 0.5, -0.5), xlabel=title)
    return figure


@matplotlib.rc_context(THEME)
def precision_recall(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """Each system as a point in the plane of recall and precision; curves join equal F1. Columns system, precision, recall."""
    figure, axes = new_figure(1, 1, 3.8, note=note)
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
def observation_f1(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """F1 of each observation, a point a system; the number of positive references stands behind the name."""
    figure, axes = new_figure(1, 1, 4.0, note=note)
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
