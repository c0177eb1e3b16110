"""The method as a diagram: from a study to an update of the policy, and beside it how reports are
scored.

Boxes stand on a grid of five columns and four rows; arrows run between neighbours or through the
free lanes between them, so that none crosses another.
"""

from collections.abc import Mapping
from typing import NamedTuple

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrg_r1_lib.reporting.figures.diagram import draw_arrow, draw_box
from mrg_r1_lib.reporting.figures.theme import NOTE, PALETTE, THEME, new_figure

DATA, POLICY, LABELS, REWARD, JUDGED = PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[4], "0.45"
HALF_WIDTH, HALF_HEIGHT = 0.41, 0.3  # of a box, in columns and rows


class Box(NamedTuple):
    """A box of the diagram: its column from the left, its row from the bottom, name, text below
    it, colour.
    """

    column: int
    row: int
    name: str
    text: str
    colour: object


# a row a line of arrows; corners in columns and rows, "edge" points lie on the rim of a box
ARROWS = (
    [(0, 2, "right"), (1, 2, "left")],  # study, prompt, policy, completions, report text
    [(1, 2, "right"), (2, 2, "left")],
    [(2, 2, "right"), (3, 2, "left")],
    [(3, 2, "right"), (4, 2, "left")],
    [(4, 2, "bottom"), (4, 1, "top")],  # labeler, labels, reward, advantages, update, policy
    [(4, 1, "bottom"), (4, 0, "top")],
    [(4, 0, "left"), (3, 0, "right")],
    [(3, 0, "top"), (3, 1, "bottom")],
    [(3, 1, "left"), (2, 1, "right")],
    [(2, 1, "top"), (2, 2, "bottom")],
    [(1, 1, "right"), (2, 1, "left")],  # the SFT policy's KL
    [(0, 2, "bottom"), (0, 0, "top")],  # the reference's way
    [(0, 0, "right"), (1, 0, "left")],
    [(1, 0, "right"), (2, 0, "left")],
    [(2, 0, "right"), (3, 0, "left")],
    [(2, 2, "top"), (2, 3, "bottom")],  # held-out reports, labeler, metrics
    [(2, 3, "right"), (3, 3, "left")],
    [(3, 3, "right"), (4, 3, "left")],
)
FORMAT_LANE = (
    (3.5, 2),
    (3.5, 0.18),
    (3 + HALF_WIDTH, 0.18),
)  # completions -> reward, beside the labeler's way


@matplotlib.rc_context(THEME)
def method_overview(
    rewards: Mapping[str, float], group_size: int, beta: float, note: str = NOTE
) -> Figure:
    """The method as boxes and arrows; rewards by name with their weights.

    `group_size` completions per study, `beta` the weight of the KL term: the numbers of the run
    that is shown.
    """
    figure, axes = new_figure(1, 1, 4.1, note=note)
    axis: Axes = axes[0, 0]
    axis.set(xlim=(-0.45, 4.45), ylim=(-0.35, 3.35))
    axis.set_axis_off()
    axis.grid(False)
    for box in boxes(rewards, group_size, beta):
        size = (2 * HALF_WIDTH, 2 * HALF_HEIGHT)
        draw_box(axis, (box.column, box.row), size, box.name, box.text, box.colour)
    for start, end in ARROWS:
        draw_arrow(axis, [_rim(*start), _rim(*end)])
    draw_arrow(axis, FORMAT_LANE)
    axis.text(3.47, 1.5, "format", ha="right", va="center", fontsize=6.8)
    axis.text(
        -HALF_WIDTH,
        3,
        "Scored after training",
        va="center",
        fontsize=8,
        fontweight="bold",
        color=JUDGED,
    )
    axis.text(
        -HALF_WIDTH, 2.5, "Every step of training", va="center", fontsize=8, fontweight="bold"
    )
    return figure


def boxes(rewards: Mapping[str, float], group_size: int, beta: float) -> list[Box]:
    """All boxes, by rows from the top."""
    weighted = "\n+ ".join(f"{weight:g} {name}" for name, weight in rewards.items())
    return [
        Box(2, 3, "Reports", "one per held-out\nstudy, greedy", JUDGED),
        Box(3, 3, "Labeler", "the same for\nboth reports", JUDGED),
        Box(4, 3, "Metrics", "CE F1, BLEU,\nROUGE-L", JUDGED),
        Box(0, 2, "Study", "radiograph\nand report", DATA),
        Box(1, 2, "Prompt", "radiograph\nand instruction", DATA),
        Box(2, 2, "Policy", "vision-language\nmodel, after SFT", POLICY),
        Box(3, 2, f"{group_size} completions", "a group per prompt:\n<think> <report>", POLICY),
        Box(4, 2, "Report text", "the text inside\n<report>", POLICY),
        Box(1, 1, "SFT policy", f"frozen; KL to it\nweighs {beta:g}", POLICY),
        Box(2, 1, "Update", "policy gradient\nminus KL", REWARD),
        Box(3, 1, "Advantages", "within the group:\n(r − mean) / sd", REWARD),
        Box(4, 1, "Labeler", "report → what it\nasserts, denies", LABELS),
        Box(0, 0, "Reference", "the radiologist's\nreport", DATA),
        Box(1, 0, "Labeler", "the same", LABELS),
        Box(2, 0, "14 labels", "of the reference", LABELS),
        Box(3, 0, "Reward", weighted, REWARD),
        Box(4, 0, "14 labels", "of each\ncompletion", LABELS),
    ]


def _rim(column: int, row: int, side: str) -> tuple[float, float]:
    """The middle of a side of the box at (column, row)."""
    across, up = {"left": (-1, 0), "right": (1, 0), "top": (0, 1), "bottom": (0, -1)}[side]
    return column + across * HALF_WIDTH, row + up * HALF_HEIGHT
