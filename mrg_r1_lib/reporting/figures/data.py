"""Figures of the corpus: what is left at each filter, prevalence, report lengths, radiographs
and reports.
"""

import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import matplotlib.ticker
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from PIL import Image

from mrg_r1_lib.corpora.data_card import APART
from mrg_r1_lib.reporting.figures.diagram import draw_arrow, draw_box
from mrg_r1_lib.reporting.figures.theme import (
    GREY,
    NOTE,
    PALETTE,
    THEME,
    WIDTH,
    new_figure,
    nothing_shown,
    refuse_credentialed,
)

QUOTED = 420  # characters of a report that a sheet shows
FLOOR = 1e-3  # where a share of 0 stands on a logarithmic axis


@matplotlib.rc_context(THEME)
def flow(counts: pd.DataFrame, note: str = NOTE) -> Figure:
    """How many studies remain at each filter, what leaves beside it, and the splits at the end.

    Columns kind (filter or split), step, remaining, left_out, reason, as `data_card.filter_counts`
    gives them.
    """
    filters, splits = counts[counts["kind"] == "filter"], counts[counts["kind"] == "split"]
    figure, axes = new_figure(1, 1, 0.4 + 0.85 * (len(filters) + 1), note=note)
    axis: Axes = axes[0, 0]
    axis.set(xlim=(0, 9.2), ylim=(-len(filters) - 0.42, 0.42))
    axis.set_axis_off()
    trunk = 3.6
    for level, row in enumerate(filters.itertuples()):
        _counted(axis, trunk, -level, 3.6, f"{row.remaining:,}", row.step, PALETTE[0])
        if level:
            draw_arrow(axis, [(trunk, 0.3 - level + 0.4), (trunk, 0.3 - level)])
        if row.left_out:
            colour = PALETTE[2] if row.reason == APART else "0.55"
            _counted(axis, 7.7, 0.5 - level, 2.8, f"{row.left_out:,}", row.reason, colour)
            draw_arrow(axis, [(trunk, 0.5 - level), (6.3, 0.5 - level)])
    bottom = -len(filters)
    for x, row in zip(
        np.linspace(1.3, 2 * trunk - 1.3, len(splits)), splits.itertuples(), strict=True
    ):
        share = row.remaining / max(1, splits["remaining"].sum())
        _counted(axis, x, bottom, 2.0, f"{row.remaining:,}", f"{row.step}, {share:.0%}", PALETTE[2])
        draw_arrow(
            axis,
            [(trunk, bottom + 0.7), (trunk, bottom + 0.5), (x, bottom + 0.5), (x, bottom + 0.3)],
        )
    return figure


def _counted(
    axis: Axes, x: float, y: float, width: float, number: str, text: str, colour: object
) -> None:
    draw_box(axis, (x, y), (width, 0.6), number, text, colour, fonts=(10, 8))


@matplotlib.rc_context(THEME)
def contact_sheet(
    images: Sequence[Image.Image], titles: Sequence[str], columns: int = 6, note: str = NOTE
) -> Figure:
    """Radiographs side by side with short titles; PermissionError for those of a credentialed
    corpus.
    """
    refuse_credentialed(images)
    if not images:
        return nothing_shown()
    columns = min(columns, len(images))
    rows, side = -(-len(images) // columns), min(WIDTH / columns, 2.4)
    figure, axes = new_figure(rows, columns, rows * side * 1.22, note=note)
    figure.set_figwidth(columns * side)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, image, title in zip(axes.flat, images, titles, strict=False):
        axis.imshow(np.asarray(image.convert("L")), cmap="gray", vmin=0, vmax=255)
        axis.set_title(
            "\n".join(textwrap.fill(line, 18) for line in title.split("\n")), fontsize=6.5
        )
    return figure


@matplotlib.rc_context(THEME)
def studies_with_reports(
    images: Sequence[Image.Image],
    ids: Sequence[str],
    terms: Sequence[str],
    reports: Sequence[str],
    note: str = NOTE,
) -> Figure:
    """A sheet of studies: each row a radiograph and, beside it, its id, index terms and report (cut
    where it is long).

    PermissionError for radiographs of a credentialed corpus.
    """
    refuse_credentialed(images)
    if not images:
        return nothing_shown()
    figure = Figure(figsize=(WIDTH, 1.5 * len(images) + 0.2), layout="constrained")
    grid = GridSpec(len(images), 2, figure, width_ratios=(1, 3.6))
    for row, (image, study_id, named, report) in enumerate(
        zip(images, ids, terms, reports, strict=True)
    ):
        picture, text = figure.add_subplot(grid[row, 0]), figure.add_subplot(grid[row, 1])
        picture.set_axis_off()
        picture.imshow(np.asarray(image.convert("L")), cmap="gray", vmin=0, vmax=255)
        text.set(xlim=(0, 1), ylim=(0, 1))
        text.set_axis_off()
        quoted = textwrap.shorten(report, QUOTED, placeholder=" …")
        named = textwrap.fill(textwrap.shorten(named, 260, placeholder=" …"), 96)
        text.text(0, 0.97, study_id, va="top", fontsize=8, fontweight="bold")
        text.text(
            0, 0.85, named, va="top", fontsize=7, color=PALETTE[0], style="italic", parse_math=False
        )
        below = 0.85 - 0.105 * (named.count("\n") + 1)
        text.text(
            0,
            below,
            textwrap.fill(quoted, 96),
            va="top",
            fontsize=7.5,
            linespacing=1.25,
            parse_math=False,
        )
    figure.supxlabel(
        f"{note}; index terms blue; reports: Indiana University, CC BY-NC-ND 4.0",
        x=0.99,
        ha="right",
        fontsize=6.5,
        color=GREY,
    )
    return figure


@matplotlib.rc_context(THEME)
def prevalence(table: pd.DataFrame, note: str = NOTE) -> Figure:
    """Share of studies with each observation, a panel a source, a point with its 95 % interval a
    split; logarithmic.

    Columns observation, source, split, share, low, high. Most frequent first; a share of 0 stands
    at the left edge.
    """
    order = table.groupby("observation")["share"].mean().sort_values(ascending=False).index
    sources, splits = list(dict.fromkeys(table["source"])), list(dict.fromkeys(table["split"]))
    figure, axes = new_figure(1, len(sources), 0.9 + 0.29 * len(order), note, sharey=True)
    offsets = np.linspace(-0.26, 0.26, len(splits)) if len(splits) > 1 else [0.0]
    for axis, source in zip(axes.flat, sources, strict=True):
        for split, offset, colour, marker in zip(splits, offsets, PALETTE, "osD^v", strict=False):
            rows = (
                table[(table["source"] == source) & (table["split"] == split)]
                .set_index("observation")
                .loc[order]
            )
            position, shown = (
                np.arange(len(order)) + offset,
                rows[["share", "low", "high"]].clip(lower=FLOOR),
            )
            axis.hlines(position, shown["low"], shown["high"], color=colour, linewidth=1.3)
            axis.plot(shown["share"], position, marker, color=colour, markersize=3.8, label=split)
        axis.hlines(np.arange(len(order) - 1) + 0.5, 0, 1, color="0.92", linewidth=0.8, zorder=0)
        axis.set(
            xscale="log",
            xlim=(FLOOR, 1),
            ylim=(len(order) - 0.5, -0.5),
            title=source,
            xlabel="share of the studies, %",
        )
        axis.grid(axis="y", visible=False)
        axis.grid(axis="x", color="0.9")
        axis.set_xticks([0.001, 0.003, 0.01, 0.03, 0.1, 0.3], ["0.1", "0.3", "1", "3", "10", "30"])
        axis.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    axes[0, 0].set_yticks(range(len(order)), order)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names), frameon=False)
    return figure


@matplotlib.rc_context(THEME)
def report_lengths(words: Mapping[str, Sequence[int]], note: str = NOTE) -> Figure:
    """How many words the reports have, a curve a section."""
    figure, axes = new_figure(1, 1, 2.4, note=note)
    table = pd.DataFrame(
        [(name, count) for name, counts in words.items() for count in counts],
        columns=["section", "words"],
    )
    sns.histplot(
        table,
        x="words",
        hue="section",
        binwidth=4,
        element="step",
        palette=PALETTE[: table["section"].nunique()],
        ax=axes[0, 0],
    )
    axes[0, 0].set(xlim=(0, 120), ylabel="reports")
    return figure
