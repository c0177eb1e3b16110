"""The figure of GRPO by hand: how the probability of each sentence moves under each reward."""

from collections import Counter
from collections.abc import Mapping

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from mrg_r1_lib.reporting.figures.theme import PALETTE, THEME, new_figure

KIND_COLOURS = {  # in the order of the legend's columns
    "right finding": PALETTE[2],
    "wrong": PALETTE[3],
    "right denial": PALETTE[0],
}
DASHES = ("-", "--", ":", "-.")


@matplotlib.rc_context(THEME)
def sentence_probabilities(
    table: pd.DataFrame, kinds: Mapping[str, str], note: str = "made-up sentences, real rewards"
) -> Figure:
    """A panel per reward, a line per sentence, in the colour of its kind.

    `table`: columns reward, step, sentence, probability. `kinds`: sentence -> one of
    `KIND_COLOURS`.
    """
    rewards = list(dict.fromkeys(table["reward"]))
    figure, axes = new_figure(1, len(rewards), 3.1, note, sharey=True)
    before: Counter[str] = Counter()
    styles = {}
    for sentence in sorted(kinds, key=lambda each: list(KIND_COLOURS).index(kinds[each])):
        kind = kinds[sentence]
        styles[sentence] = (KIND_COLOURS[kind], DASHES[before[kind] % len(DASHES)])
        before[kind] += 1
    for axis, reward in zip(axes.flat, rewards, strict=True):
        lines = dict(list(table[table["reward"] == reward].groupby("sentence")))
        for sentence, (colour, dash) in styles.items():
            steps, values = lines[sentence]["step"], lines[sentence]["probability"]
            name = f"{kinds[sentence]}: {sentence}"
            axis.plot(steps, values, color=colour, linestyle=dash, linewidth=1.4, label=name)
        axis.set(xlabel="step", title=reward, ylim=(0, 1))
    axes[0, 0].set_ylabel("probability of the sentence")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3, fontsize=6.5, frameon=False)
    return figure
