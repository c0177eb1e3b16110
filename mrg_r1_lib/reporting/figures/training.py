"""Figures of training: curves of the log by step, validation by epoch."""

from collections.abc import Mapping, Sequence

import matplotlib
import matplotlib.ticker
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrg_r1_lib.reporting.figures.rewards import signed
from mrg_r1_lib.reporting.figures.theme import GREY, NOTE, PALETTE, THEME, new_figure
from mrg_r1_lib.reporting.tables import label

FEW = 400  # steps whose points can be told apart


@matplotlib.rc_context(THEME)
def training_curves(
    log: pd.DataFrame,
    panels: Mapping[str, str],
    note: str = NOTE,
    window: int = 0,
    marks: Mapping[float, str] | None = None,
) -> Figure:
    """One panel per column of a training log: each arm's smoothed curve, its raw points faint.

    `log` has the columns step, arm, seed; `panels` maps its columns to axis titles; several seeds
    make a band that reaches from the lowest to the highest. A log without rows, of a policy that
    was adopted as it is, is said to be one. `window`: steps of the running mean; 0 takes a fiftieth
    of the steps, at least 5. Points of more than `FEW` steps would hide the curve and are left out.
    `marks`: steps at which a dashed line stands, with its words.
    """
    figure, axes = new_figure(1, len(panels), 2.7, note)
    if log.empty:
        for axis in axes.flat:
            axis.text(0.5, 0.5, "not trained here", ha="center", transform=axis.transAxes)
        return figure
    order = list(dict.fromkeys(log["arm"]))
    colours = {"hue": "arm", "hue_order": order, "palette": PALETTE[: len(order)]}
    window = window or max(5, int(log["step"].max()) // 50)
    for axis, (column, title) in zip(axes.flat, panels.items(), strict=True):
        by_run = log.groupby(["arm", "seed"])[column]
        smooth = log.assign(value=by_run.transform(lambda x: x.rolling(window, 1).mean()))
        if log["step"].max() <= FEW:
            points = {"s": 6, "alpha": 0.3, "legend": False}
            sns.scatterplot(log, x="step", y=column, **colours, **points, ax=axis)
        band = {"errorbar": ("pi", 100), "legend": axis is axes[0, 0]}
        sns.lineplot(smooth, x="step", y="value", **colours, **band, ax=axis)
        for step, words in (marks or {}).items():
            axis.axvline(step, color="0.4", linewidth=1, linestyle="--")
            beside = {"transform": axis.get_xaxis_transform(), "va": "top", "fontsize": 7.5}
            axis.text(step, 0.98, f" {words}", color=GREY, **beside)
        axis.set(xlabel="step", ylabel="", title=title)
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5, integer=True))
    _legend_above(figure, axes[0, 0], list(map(label, order)))
    return figure


@matplotlib.rc_context(THEME)
def reward_hacking(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """A panel per arm of `reward_scores.since_start`: how far its own reward and the F1 of its
    sampled reports have moved, seeds as a band, their number and both ends in the title.

    Columns step, arm, seed, measure, change.
    """
    order, measures = list(dict.fromkeys(table["arm"])), list(dict.fromkeys(table["measure"]))
    figure, axes = new_figure(1, len(order), 3.0, note, sharex=True, sharey=True)
    hue = {"hue": "measure", "hue_order": measures, "palette": PALETTE[: len(measures)]}
    for axis, arm in zip(axes.flat, order, strict=True):
        rows = table[table["arm"] == arm]
        shown = {"errorbar": ("pi", 100), "legend": axis is axes[0, 0], "linewidth": 2}
        sns.lineplot(rows, x="step", y="change", style="measure", **hue, **shown, ax=axis)
        axis.axhline(0, color="0.3", linewidth=0.8)
        last = rows.groupby(["measure", "seed"])["change"].last().groupby("measure").mean()
        reward, f1 = (signed(last[measure], digits=2) for measure in measures)
        name = f"{label(arm)} ({rows['seed'].nunique()})"
        axis.set_title(f"{name}\nreward {reward}, F1 {f1}", fontsize=9)
        axis.set(xlabel="step", ylabel="")
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(4, integer=True))
    axes[0, 0].set_ylabel("change since the start", fontsize=9)
    _legend_above(figure, axes[0, 0], measures)
    return figure


def _legend_above(figure: Figure, axis: Axes, names: Sequence[str]) -> None:
    """The legend of `axis` above all panels, its entries under `names`."""
    handles, _ = axis.get_legend_handles_labels()
    axis.get_legend().remove()
    figure.legend(
        handles,
        names,
        loc="outside upper center",
        ncols=min(4, len(names)),
        fontsize=8,
        frameon=False,
    )


@matplotlib.rc_context(THEME)
def validation_curve(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """Validation loss and CE micro-F1 over 13 by epoch, the chosen epoch marked.

    Columns epoch (none at the start), loss, f1 and, where one was chosen, chosen (bool).
    """
    figure, axes = new_figure(1, 2, 2.6, note)
    table = table.assign(chosen=table.get("chosen", False), epoch=table["epoch"].fillna(0))
    marked = table[table["chosen"].astype(bool)]
    panels = {"loss": "loss per token, validation", "f1": "clinical F1, validation"}
    for axis, (column, title), colour in zip(
        axes.flat, panels.items(), (PALETTE[0], PALETTE[2]), strict=True
    ):
        axis.plot(table["epoch"], table[column], "o-", color=colour, markersize=4)
        for row in marked.dropna(subset=column).itertuples():
            axis.axvline(row.epoch, color="0.6", linewidth=1, linestyle="--", zorder=0)
            axis.plot(
                row.epoch,
                getattr(row, column),
                "o",
                markersize=9,
                markerfacecolor="none",
                markeredgecolor="0.15",
            )
            axis.annotate(
                f"chosen: epoch {row.epoch:g}, {getattr(row, column):.2f}",
                (row.epoch, 1),
                xycoords=("data", "axes fraction"),
                xytext=(-4, -3) if row.epoch > table["epoch"].mean() else (4, -3),
                textcoords="offset points",
                ha="right" if row.epoch > table["epoch"].mean() else "left",
                va="top",
                fontsize=7,
                color="0.25",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
            )
        axis.set(xlabel="epoch", title=title)
        axis.margins(y=0.15)
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(8, integer=True))
    return figure
