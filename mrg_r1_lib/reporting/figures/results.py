"""Figures of scores: arms beside each other, differences with intervals, precision and recall."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mrg_r1_lib.reporting.figures.theme import GREY, NOTE, PALETTE, THEME, new_figure
from mrg_r1_lib.reporting.tables import label

# grey needs no training, green is a perfect reader, hollow sees another study's image
_MARKERS = "oDs^vPXph<>8"
_POINT = {"markersize": 7.5, "markeredgecolor": "white", "markeredgewidth": 0.8}
KINDS = {
    "baseline": _POINT | {"color": "0.55", "marker": "s"},
    "policy": _POINT | {"color": PALETTE[0], "marker": "o"},
    "images shuffled": _POINT
    | {
        "color": PALETTE[1],
        "marker": "o",
        "markerfacecolor": "white",
        "markeredgecolor": PALETTE[1],
        "markeredgewidth": 1.6,
    },
    "ceiling": _POINT | {"color": PALETTE[2], "marker": "D"},
}


@matplotlib.rc_context(THEME)
def main_scores(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """CE micro-F1 over 13 with its 95 % interval over seeds and studies, a row per system, the
    highest first.

    Columns arm, value, low, high, kind (one of KINDS); an interval may be NaN. A policy whose
    images were shuffled is a hollow mark in the policy's own row. ValueError for another kind.
    """
    unknown = sorted(set(table["kind"]) - set(KINDS))
    if unknown:
        raise ValueError(f"kind: {unknown[0]!r} is unknown; expected one of {', '.join(KINDS)}.")
    twins = table["kind"] == "images shuffled"
    systems = table[~twins].sort_values("value", ascending=False, kind="stable")
    places = {arm: place for place, arm in enumerate(systems["arm"])}
    figure, axes = new_figure(1, 1, 1.3 + 0.3 * len(systems), note="")
    axis: Axes = axes[0, 0]
    aside = axis.get_yaxis_transform()  # x in widths of the axes, y in rows
    for row in table[twins].itertuples():
        if (policy := row.arm.removesuffix("_shuffled")) in places:
            axis.plot(row.value, places[policy], linestyle="", **KINDS[row.kind])
    for position, row in enumerate(systems.itertuples()):
        colour = KINDS[row.kind]["color"]
        line = {"linewidth": 2.4, "solid_capstyle": "round"}
        axis.plot([row.low, row.high], [position] * 2, color=colour, **line)
        axis.plot(row.value, position, linestyle="", **KINDS[row.kind])
        text = {"transform": aside, "va": "center"}
        bold = text | {"fontsize": 9.5, "fontweight": "bold"}
        axis.text(1.03, position, f"{row.value:.2f}", **bold)
        interval = "" if np.isnan(row.low) else f"{row.low:.2f} to {row.high:.2f}"
        axis.text(1.17, position, interval, fontsize=9, color=GREY, **text)
    axis.set_yticks(range(len(systems)), systems["arm"].map(label), fontsize=9.5)
    axis.set(xlim=(-0.02, 1.02), ylim=(len(systems) - 0.5, -0.5))
    axis.set_xlabel("clinical F1 (micro, 13 observations), 95 % interval", fontsize=9.5)
    axis.tick_params(axis="x", labelsize=9)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", color="0.9")
    shown = [kind for kind in KINDS if kind in set(table["kind"])]
    handles = [Line2D([], [], linewidth=2.4, label=kind, **KINDS[kind]) for kind in shown]
    above = {"loc": "outside upper center", "ncols": len(handles), "frameon": False}
    figure.legend(handles=handles, fontsize=9.5, **above)
    figure.supxlabel(note, x=0.99, ha="right", fontsize=8, color=GREY)
    return figure


@matplotlib.rc_context(THEME)
def forest(table: pd.DataFrame, title: str, note: str = NOTE) -> Figure:
    """Differences with their 95 % intervals around a line at no difference; hollow where the
    interval covers it, hollow and grey where there are fewer than three seeds.

    Columns arm, pairs (seeds, shown behind the arm), difference, low, high, and section, whose name
    stands beside its first row; in a section the largest difference stands first. A row without a
    difference is left out.
    """
    table = table.dropna(subset="difference")
    sections = list(dict.fromkeys(table["section"]))
    table = table.assign(place=table["section"].map(sections.index))
    table = table.sort_values(["place", "difference"], ascending=[True, False])
    figure, axes = new_figure(1, 1, 0.8 + 0.24 * len(table), note=note)
    axis: Axes = axes[0, 0]
    for position, row in enumerate(table.itertuples()):
        color = PALETTE[0] if row.pairs > 2 else GREY
        face = color if row.pairs > 2 and (row.low > 0 or row.high < 0) else "white"
        axis.plot([row.low, row.high], [position, position], color=color, linewidth=1.8)
        axis.plot(row.difference, position, "o", color=color, markerfacecolor=face, markersize=5.5)
    axis.axvline(0, color="0.3", linewidth=1, linestyle="--")
    names = [f"{label(row.arm)} ({row.pairs})" for row in table.itertuples()]
    axis.set_yticks(range(len(table)), names, fontsize=8)
    axis.set(ylim=(len(table) - 0.5, -0.5))
    axis.set_xlabel(title, fontsize=8.5)
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(axis="y", visible=False)
    axis.grid(axis="x", color="0.9")
    _name_sections(axis, list(table["section"]))
    return figure


def _name_sections(axis: Axes, sections: list[str]) -> None:
    """A line above the first row of each section, and its name at the right margin."""
    aside = axis.get_yaxis_transform()
    for position, section in enumerate(sections):
        if position == 0 or section != sections[position - 1]:
            axis.axhline(position - 0.5, color="0.8", linewidth=0.8, zorder=0)
            axis.text(
                1.01, position, section, transform=aside, va="center", fontsize=7.5, color=GREY
            )


@matplotlib.rc_context(THEME)
def precision_recall(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """Each arm as a point of recall and precision, curves joining equal F1; beside it the policies,
    enlarged.

    Columns arm, precision, recall and kind: policies have colours, all else is grey.
    """
    figure, axes = new_figure(1, 2, 4.2, note=note)
    figure.get_layout_engine().set(wspace=0.06)
    table = table.assign(policy=table["kind"] == "policy")
    near = [_around(table.loc[table["policy"], name]) for name in ("recall", "precision")]
    for axis, limits, step in zip(axes.flat, ([(-0.02, 1.04)] * 2, near), (0.1, 0.02), strict=True):
        _equal_f1(axis, *limits, step)
        for policy, rows in table.groupby("policy", sort=False):
            for place, row in enumerate(rows.itertuples()):
                style = _POINT | {
                    "color": PALETTE[place % len(PALETTE)] if policy else "0.4",
                    "label": label(row.arm),
                }
                axis.plot(row.recall, row.precision, _MARKERS[place % len(_MARKERS)], **style)
        axis.set(xlim=limits[0], ylim=limits[1])
        axis.set_xlabel("recall (micro, 13 observations)", fontsize=8)
        axis.tick_params(labelsize=7.5)
    axes[0, 0].set_ylabel("precision", fontsize=8)
    axes[0, 1].set_title("the policies, enlarged", fontsize=8)
    (left, right), (low, high) = near
    axes[0, 0].add_patch(
        matplotlib.patches.Rectangle(
            (left, low), right - left, high - low, fill=False, edgecolor="0.5"
        )
    )
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=7.5, frameon=False)
    return figure


def _around(values: pd.Series) -> tuple[float, float]:
    """A stretch of at least 0.1 around the values with some room."""
    if values.empty:
        return 0.0, 1.0
    middle, half = (values.max() + values.min()) / 2, max(0.05, 0.7 * (values.max() - values.min()))
    return middle - half, middle + half


def _equal_f1(
    axis: Axes, across: tuple[float, float], up: tuple[float, float], step: float
) -> None:
    """Thin curves of equal F1, `step` apart, with their values along the lower and the right
    margin.
    """
    recall, precision = np.meshgrid(
        np.linspace(*across, 200).clip(0.005), np.linspace(*up, 200).clip(0.005)
    )
    f1 = 2 * recall * precision / (recall + precision)
    margin = [(12, column) for column in range(188)] + [
        (row, 187) for row in range(12, 196)
    ]  # F1 rises along it
    levels = [
        level for level in np.arange(step, 1.0, step) if f1[margin[0]] < level < f1[margin[-1]]
    ]
    lines = axis.contour(recall, precision, f1, levels=levels, colors="0.75", linewidths=0.8)
    along = [margin[np.searchsorted([f1[point] for point in margin], level)] for level in levels]
    places = [(recall[point], precision[point]) for point in along]
    axis.clabel(
        lines, levels, fmt=lambda value: f"{value:.2g}", fontsize=6.5, colors="0.45", manual=places
    )
    axis.grid(visible=False)
