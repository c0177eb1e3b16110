"""One set of reports, two definitions of clinical F1: every run as a point."""

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from mrg_r1_lib.reporting.figures.theme import NOTE, PALETTE, THEME, new_figure
from mrg_r1_lib.reporting.tables import label

GROUPS = {  # what a policy was rewarded for -> its mark
    "no reward": {"color": "0.45", "marker": "s"},
    "reward of findings": {"color": PALETTE[0], "marker": "o"},
    "reward of wording": {"color": PALETTE[1], "marker": "D"},
}
FAR, NAMED = 0.1, 8  # below the median of all runs by so much a run is named; so many at most


@matplotlib.rc_context(THEME)
def two_definitions(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """Example-based F1 over 14 classes against micro F1 over 13, a point per run.

    Columns arm, seed, group (one of `GROUPS`), micro, example. Runs whose example-based F1 is far
    below the median of all runs are named, the lowest first.
    """
    figure, axes = new_figure(1, 1, 4.4, note)
    axis = axes[0, 0]
    axis.grid(color="0.92")
    for group, style in GROUPS.items():
        rows = table[table["group"] == group]
        mark = {"s": 34, "alpha": 0.75, "linewidth": 0, "label": f"{group} ({len(rows)} runs)"}
        axis.scatter(rows["micro"], rows["example"], **style, **mark)
    low = table[table["example"] < table["example"].median() - FAR]
    for place, row in enumerate(low.nsmallest(NAMED, "example").itertuples()):
        aside = {"xytext": (0.015, 0.05 + 0.065 * place), "textcoords": "axes fraction"}
        line = {"arrowstyle": "-", "color": "0.7", "linewidth": 0.7, "relpos": (1, 0.5)}
        under = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
        name = f"{label(row.arm)}, seed {row.seed}"
        where = (row.micro, row.example)
        axis.annotate(name, where, **aside, arrowprops=line, bbox=under, va="center", fontsize=8)
    axis.set_xlabel("micro-13: F1 over 13 abnormalities, all studies together", fontsize=9)
    axis.set_ylabel("example-14: mean F1 per study, “No Finding” counts", fontsize=9)
    axis.margins(x=0.04, y=0.08)
    if len(low):  # room for the names, at the left
        left, right = axis.get_xlim()
        axis.set_xlim(left - 0.55 * (right - left), right)
    above = {"loc": "outside upper center", "ncols": len(GROUPS), "frameon": False}
    figure.legend(fontsize=8.5, **above)
    return figure
