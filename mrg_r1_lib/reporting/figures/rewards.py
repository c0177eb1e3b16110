"""Figures of rewards: the score of each report under each reward, changes in it, and what a margin
leaves of it.
"""

import matplotlib
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrg_r1_lib.reporting.figures.theme import PALETTE, THEME, new_figure

FULL = 0.01  # a smaller change is never drawn in full colour


@matplotlib.rc_context(THEME)
def heatmap(table: pd.DataFrame, title: str, note: str = "", digits: int = 2) -> Figure:
    """A table of numbers in [0, 1] as coloured cells with their values, "none" where there is
    none; named as in the table.
    """
    figure, axes = new_figure(1, 1, 0.7 + 0.25 * len(table), note=note)
    shown = table.map(lambda value: "none" if pd.isna(value) else f"{value:.{digits}f}")
    options = {
        "vmin": 0,
        "vmax": 1,
        "cmap": "viridis",
        "cbar": False,
        "linewidths": 0.5,
        "annot_kws": {"fontsize": 7.5},
    }
    axes[0, 0].set_facecolor("0.9")
    sns.heatmap(table, annot=shown, fmt="", **options, ax=axes[0, 0])
    for row, column in np.argwhere(table.isna().to_numpy()):
        axes[0, 0].text(
            column + 0.5, row + 0.5, "none", ha="center", va="center", fontsize=7.5, color="0.35"
        )
    axes[0, 0].set_title(title, fontsize=9)
    _name_cells(axes[0, 0], table)
    return figure


def _name_cells(axis: Axes, table: pd.DataFrame) -> None:
    """Names of rows and columns; a long name of a column is broken behind its underscore."""
    room = 72 // len(table.columns)  # letters of a column's name on one line
    names = [
        name if len(name) <= room else name.replace("_", "_\n") for name in map(str, table.columns)
    ]
    axis.set(xlabel="", ylabel="")
    axis.set_xticks(np.arange(len(names)) + 0.5, names)
    axis.tick_params(axis="x", rotation=0, labelsize=7.5)
    axis.tick_params(axis="y", labelsize=8)


def signed(value: float, digits: int = 3) -> str:
    """A change with its sign, as it is printed.

    >>> signed(-0.0206)
    '−0.021'
    """
    return f"{value:+.{digits}f}".replace("-", "−")


@matplotlib.rc_context(THEME)
def changes(table: pd.DataFrame, title: str, note: str = "") -> Figure:
    """A table of signed changes as coloured cells with their values: each column has a colour scale
    of its own, white at 0 and full at the column's largest change, at least at FULL. Named as in
    the table.
    """
    figure, axes = new_figure(1, 1, 0.9 + 0.25 * len(table), note=note)
    largest = table.abs().max().clip(lower=FULL)
    options = {"vmin": -1, "vmax": 1, "cmap": "PuOr_r", "cbar": False, "linewidths": 0.5}
    text = {"annot_kws": {"fontsize": 7.5}, "annot": table.map(signed), "fmt": ""}
    sns.heatmap(table / largest, **options, **text, ax=axes[0, 0])
    axes[0, 0].set_title(title, fontsize=9)
    _name_cells(axes[0, 0], table)
    return figure


@matplotlib.rc_context(THEME)
def margin_curve(table: pd.DataFrame) -> Figure:
    """Mean reward against the margin: a curve for each kind of report. Columns margin, reward,
    report.
    """
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
    axes[0, 0].set_title("one constant normal report, compared with", fontsize=9)
    axes[0, 0].legend(title="", fontsize=8)
    return figure
