"""Training over seeds: many arms as small panels beside common references, and one arm's seeds line
by line.

Bands reach from the lowest seed to the highest: with five seeds they are all there is, not an
interval.
"""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import matplotlib.ticker
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mrg_r1_lib.reporting.figures.theme import NOTE, PALETTE, THEME, new_figure
from mrg_r1_lib.reporting.tables import label

REFERENCES = (
    {"color": PALETTE[0], "linestyle": "--"},
    {"color": "0.45", "linestyle": ":"},
)  # from the last one named
OWN = {"color": PALETTE[3], "linestyle": "-"}


@matplotlib.rc_context(THEME)
def by_arm(
    table: pd.DataFrame,
    x: str,
    panels: Mapping[str, str],
    arms: Sequence[str],
    references: Sequence[str],
    note: str = NOTE,
    window: int = 1,
) -> Figure:
    """A column of small panels per arm, a row per column of `table`: the mean over seeds with their
    band, beside references.

    `table` has the columns `x` ("step" or "share" of training), arm, seed; `panels` maps its
    columns to names of rows; at most two `references` are drawn into every panel as lines. Values
    are running means over `window` rows.
    """
    beside = dict(zip(reversed(references), REFERENCES, strict=False))
    figure, axes = new_figure(
        len(panels), len(arms), 0.95 + 0.92 * len(panels), note, sharex=True, sharey="row"
    )
    for row, (column, name) in zip(axes, panels.items(), strict=True):
        for axis, arm in zip(row, arms, strict=True):
            for reference, style in beside.items():
                if reference != arm:
                    _mean_line(axis, table[table["arm"] == reference], x, column, window, style)
            _mean_line(axis, table[table["arm"] == arm], x, column, window, OWN, band=True)
            axis.tick_params(labelsize=7.5, pad=1)
            axis.grid(color="0.9", linewidth=0.7)
            axis.yaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4))
        row[0].set_ylabel(textwrap.fill(name, 14), fontsize=8)
    for axis, arm in zip(axes[0], arms, strict=True):
        axis.set_title(_titled(table, arm), fontsize=8)
    _label_below(axes[-1], x)
    figure.align_ylabels()
    shown = {label(arm): style for arm, style in beside.items()} | {"this column's arm": OWN}
    handles = [Line2D([], [], label=name, **style) for name, style in shown.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=7.5, frameon=False)
    return figure


def _mean_line(
    axis: Axes,
    rows: pd.DataFrame,
    x: str,
    column: str,
    window: int,
    style: dict,
    band: bool = False,
) -> None:
    """The mean over seeds at each x as a line, with a band from the lowest seed to the highest."""
    seeds = over_x(rows, x, column, window)
    axis.plot(seeds.index, seeds.mean(axis=1), linewidth=1.3, **style)
    if band:
        axis.fill_between(
            seeds.index,
            seeds.min(axis=1),
            seeds.max(axis=1),
            color=style["color"],
            alpha=0.2,
            linewidth=0,
        )


def over_x(rows: pd.DataFrame, x: str, column: str, window: int = 1) -> pd.DataFrame:
    """One arm's rows as a table of x by seed: running means over `window` rows of each seed."""
    return (
        rows.pivot_table(index=x, columns="seed", values=column, sort=True)
        .rolling(window, 1)
        .mean()
    )


def _titled(table: pd.DataFrame, arm: str) -> str:
    seeds = table.loc[table["arm"] == arm, "seed"].nunique()
    return textwrap.fill(label(arm), 24) + f"\n{seeds} seed{'s' * (seeds != 1)}"


def _label_below(row: Sequence[Axes], x: str) -> None:
    """The name of x once, below the middle panel; shares as percent."""
    row[len(row) // 2].set_xlabel("share of training" if x == "share" else x, fontsize=7.5)
    for axis in row:
        axis.xaxis.set_major_locator(
            matplotlib.ticker.MaxNLocator(2, steps=[1, 5, 10], integer=True)
        )
        if x == "share":
            axis.set_xticks([0, 0.5, 1], ["0", "50", "100 %"])


@matplotlib.rc_context(THEME)
def seed_curves(
    panels: Mapping[str, tuple[pd.DataFrame, str, str]], note: str = NOTE, window: int = 1
) -> Figure:
    """A panel per (rows of one arm, x, column): every seed as a thin line, their mean, and a band
    between the extremes.

    Rows have the column seed and, where a checkpoint was chosen, chosen: a ring. Logs by step are
    running means over `window` rows.
    """
    figure, axes = new_figure(1, len(panels), 2.4, f"{note}; ring: the checkpoint that was kept")
    first: dict[str, Axes] = {}  # panels of one column share their scale
    for axis, (title, (rows, x, column)) in zip(axes.flat, panels.items(), strict=True):
        if first.setdefault(column, axis) is not axis:
            axis.sharey(first[column])
        seeds = over_x(rows, x, column, 1 if "chosen" in rows else window)
        axis.plot(seeds.index, seeds, color=PALETTE[0], linewidth=0.7, alpha=0.6)
        axis.fill_between(
            seeds.index,
            seeds.min(axis=1),
            seeds.max(axis=1),
            color=PALETTE[0],
            alpha=0.12,
            linewidth=0,
        )
        axis.plot(seeds.index, seeds.mean(axis=1), color=PALETTE[0], linewidth=1.8)
        if "chosen" in rows:
            kept = rows[rows["chosen"].astype(bool)]
            axis.plot(
                kept[x],
                kept[column],
                "o",
                markersize=5.5,
                markerfacecolor="none",
                markeredgecolor="0.15",
            )
        axis.set_title(title, fontsize=8)
        axis.set_xlabel(x, fontsize=8)
        axis.tick_params(labelsize=7)
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
    return figure
