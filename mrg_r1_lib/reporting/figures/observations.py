"""Observation by observation: the F1 of two arms and their difference, with intervals."""

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrg_r1_lib.reporting.figures.theme import NOTE, PALETTE, THEME, new_figure
from mrg_r1_lib.reporting.tables import label

STYLES = ((PALETTE[0], "o"), (PALETTE[3], "D"))


@matplotlib.rc_context(THEME)
def observation_f1(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """F1 of each observation before and after, and beside it the difference; bars are 95 %
    intervals.

    `table` is `by_observation.intervals`: observation, support, arm, against, value,
    low, high. Most frequent first, the number of positive references behind the name; a difference
    whose interval covers 0 is hollow.
    """
    order = table.drop_duplicates("observation").sort_values(
        "support", ascending=False, kind="stable"
    )
    alone = table[table["against"].isna()]
    arms = list(dict.fromkeys(alone["arm"]))
    figure, axes = new_figure(
        1, 2, 0.9 + 0.27 * len(order), note, sharey=True, width_ratios=(1.25, 1)
    )
    figure.get_layout_engine().set(wspace=0.06)
    for arm, offset, (colour, marker) in zip(arms, (-0.17, 0.17), STYLES, strict=False):
        rows = alone[alone["arm"] == arm].set_index("observation").loc[order["observation"]]
        _bars(axes[0, 0], rows, offset, colour)
        style = {"color": colour, "markersize": 4.5, "label": label(arm)}
        axes[0, 0].plot(rows["value"], np.arange(len(order)) + offset, marker, **style)
    differences = table.dropna(subset="against").set_index("observation")
    _differences(axes[0, 1], differences.loc[order["observation"]])
    names = order["observation"] + " (" + order["support"].astype(str) + ")"
    axes[0, 0].set_yticks(range(len(order)), names, fontsize=8)
    axes[0, 0].set(xlim=(-0.03, 1.03), ylim=(len(order) - 0.5, -0.5))
    axes[0, 0].set_xlabel("F1, 95 % interval", fontsize=8)
    axes[0, 1].set_xlabel(f"difference, {' − '.join(map(label, reversed(arms)))}", fontsize=8)
    for axis in axes.flat:
        axis.tick_params(axis="x", labelsize=7.5)
        axis.grid(axis="y", visible=False)
        axis.grid(axis="x", color="0.9")
        axis.hlines(
            np.arange(len(order) - 1) + 0.5, *axis.get_xlim(), color="0.92", linewidth=0.8, zorder=0
        )
    figure.legend(loc="outside upper center", ncols=2, fontsize=8, frameon=False)
    return figure


def _bars(axis: Axes, rows: pd.DataFrame, offset: float, colour: object) -> None:
    axis.hlines(
        np.arange(len(rows)) + offset, rows["low"], rows["high"], color=colour, linewidth=1.6
    )


def _differences(axis: Axes, rows: pd.DataFrame) -> None:
    """Points with bars around a line at no difference; hollow where the interval covers it."""
    _bars(axis, rows, 0.0, "0.25")
    sure = (rows["low"] > 0) | (rows["high"] < 0)
    for place, (value, filled) in enumerate(zip(rows["value"], sure, strict=True)):
        axis.plot(
            value,
            place,
            "s",
            markersize=4.8,
            color="0.25",
            markerfacecolor="0.25" if filled else "white",
        )
    reach = 1.05 * np.nanmax(np.abs(rows[["low", "high"]].to_numpy()), initial=0.05)
    axis.set_xlim(-reach, reach)
    axis.axvline(0, color="0.3", linewidth=1, linestyle="--")
