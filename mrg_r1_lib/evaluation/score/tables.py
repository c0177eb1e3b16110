"""Label codes and texts of one or two systems -> the tables of a score, each with a note on it.

Numbers only: rows, definitions and observations are named, reports and study ids are not, unless
they are to be quoted.
"""

from collections.abc import Sequence
from importlib.metadata import version
from typing import NamedTuple

import numpy as np
import pandas as pd

from mrg_r1_lib.evaluation.attributes import attribute_metrics
from mrg_r1_lib.evaluation.baselines import best_single_report
from mrg_r1_lib.evaluation.score.inputs import System
from mrg_r1_lib.labelers.rules import explain
from mrg_r1_lib.metrics.clinical_efficacy import MEASURES, positives, users
from mrg_r1_lib.metrics.degeneration import degeneration, said
from mrg_r1_lib.metrics.resampling import DEFINITIONS, Scores, percentiles, scores, two_sided_p
from mrg_r1_lib.metrics.text import text_metrics
from mrg_r1_lib.observations import ABNORMALITIES, OBSERVATIONS, Label

SHOWN = 10  # studies where two systems part most
NOTES = {
    "clinical efficacy": (
        "F1 [95 % interval]. normal: F1 of one normal report for every study. single: F1 of the "
        "reference that scores best when every study gets it (micro, 13; it is chosen on these "
        "references, which no policy can do). macro_defined leaves out classes that are 0/0."
    ),
    "by observation": "Uncertain counts as positive; references and generated: positive reports.",
    "difference": (
        "F1 of the first file, of the second, first - second [95 % interval], p of no difference "
        "by the paired bootstrap, not corrected for the number of definitions: choose one before."
    ),
    "where they part most": (
        f"The {SHOWN} studies with the greatest difference in wrong observations of the 13, and "
        "the labeler's rule for each label. row: of the first file; a header is row 1."
    ),
    "text": (
        f"BLEU: of the whole file, sacrebleu {version('sacrebleu')}, tokenizer 13a, lower case, no "
        f"smoothing. ROUGE-L: mean F of the reports, rouge-score {version('rouge-score')}: lower "
        "case, runs of letters and digits, no stemming. Texts are not cut. METEOR and CIDEr are "
        "left out: no package of requirements.lock computes them without a download."
    ),
    "attributes": (
        "matched: findings that both reports name, by the rules labeler's readings, whatever "
        "labels are scored. Of these, accuracy: right / named by the reference; accuracy_stated: "
        "right / named by both. outside_13: asserted findings that none of the 13 observations "
        "stands for. contradictions: findings that a report asserts and denies, where its "
        "reference does not."
    ),
    "degeneration": (
        "Shares are in [0, 1]. Neither normal nor of the 13: another abnormality, or nothing that "
        "a label stands for. Repeated 4-grams: within a report."
    ),
}


class Labelled(NamedTuple):
    """A system with the label codes `(n, 14)` that are scored, and a name for its column."""

    system: System
    name: str
    reference: np.ndarray
    generated: np.ndarray


def efficacy_table(
    system: Labelled, value: Scores, drawn: Scores, normal: np.ndarray
) -> pd.DataFrame:
    """One row per definition; `normal` `(14,)` are the codes of the constant normal report."""
    reference = system.reference
    best = reference[best_single_report(range(len(reference)), reference)]
    table = pd.DataFrame(DEFINITIONS, columns=["average", "classes", "uncertain"])
    table = pd.concat([table, _measures(value.definitions, drawn.definitions)], axis=1)
    for name, codes in (("normal", normal), ("single", best)):
        same = np.broadcast_to(codes, reference.shape)
        table[name] = scores(reference, same).definitions[:, 2]
    table["used by"] = [", ".join(users(*each)) for each in DEFINITIONS]
    return table


def observation_table(system: Labelled, value: Scores, drawn: Scores) -> pd.DataFrame:
    """One row per observation: positive reports on both sides, and the three measures."""
    table = pd.DataFrame({"observation": OBSERVATIONS})
    table["references"] = positives(system.reference, 14).sum(axis=0)
    table["generated"] = positives(system.generated, 14).sum(axis=0)
    return pd.concat([table, _measures(value.observations, drawn.observations)], axis=1)


def _measures(value: np.ndarray, drawn: np.ndarray) -> pd.DataFrame:
    """Values `(rows, 3)` and their draws `(resamples, rows, 3)` as nine columns."""
    low, high = percentiles(drawn)
    columns = {}
    for place, measure in enumerate(MEASURES):
        parts = {"": value, " low": low, " high": high}
        columns |= {measure + name: part[:, place] for name, part in parts.items()}
    return pd.DataFrame(columns)


def difference_table(names: Sequence[str], values: Sequence[tuple[Scores, Scores]]) -> pd.DataFrame:
    """One row per definition: both F1, first - second with its interval, p."""
    (one, drawn_one), (two, drawn_two) = values
    drawn = drawn_one.definitions[..., 2] - drawn_two.definitions[..., 2]
    table = pd.DataFrame(DEFINITIONS, columns=["average", "classes", "uncertain"])
    f1 = [each.definitions[:, 2] for each in (one, two)]
    table[names[0]], table[names[1]] = f1
    table["difference"] = f1[0] - f1[1]
    table["difference low"], table["difference high"] = percentiles(drawn)
    table["p"] = two_sided_p(drawn)
    return table


def parting_table(systems: Sequence[Labelled], explained: bool, quote: bool) -> pd.DataFrame:
    """One row per observation on which the two differ, in the studies where they part most.

    `explained`: the rules labeler read the texts, so that its rules are known. `quote`: with study
    ids and the sentences that were read.
    """
    first, other = systems
    actual = positives(first.reference)
    wrong = [(positives(each.generated) != actual).sum(axis=1) for each in systems]
    order = np.argsort(-np.abs(wrong[0] - wrong[1]), kind="stable")
    rows = [row for row in order[:SHOWN] if wrong[0][row] != wrong[1][row]]
    found = []
    for row in rows:
        parted = positives(first.generated[row]) != positives(other.generated[row])
        for place in np.flatnonzero(parted):
            found.append(_parted(systems, int(row), int(place), explained, quote))
    columns = ["row", "observation", "reference", *(each.name for each in systems)]
    return pd.DataFrame(found) if found else pd.DataFrame(columns=columns)


def _parted(
    systems: Sequence[Labelled], row: int, place: int, explained: bool, quote: bool
) -> dict[str, object]:
    first = systems[0].system
    line: dict[str, object] = {"row": row + first.table.first}
    if quote and first.ids is not None:
        line["study_id"] = first.ids[row]
    line["observation"] = ABNORMALITIES[place]
    reads = [("reference", first, systems[0].reference, "reference")]
    reads += [(each.name, each.system, each.generated, "generated") for each in systems]
    for name, system, codes, side in reads:
        label = Label(codes[row, place])
        line[name] = label.name.lower()
        if explained and label != Label.BLANK:
            report = system.texts[side][row]
            decision = next(
                (
                    d
                    for d in explain(report)
                    if (d.observation, d.label) == (ABNORMALITIES[place], label)
                ),
                None,
            )
            if decision is not None:
                line[name] += f" ({decision.rule})" + (f': "{decision.sentence}"' if quote else "")
    return line


def text_table(systems: Sequence[Labelled]) -> pd.DataFrame:
    """BLEU-1 to 4 and ROUGE-L, a column per system."""
    values = {
        each.name: text_metrics(each.system.texts["reference"], each.system.texts["generated"])
        for each in systems
    }
    return pd.DataFrame(values).rename_axis("metric").reset_index()


def attribute_table(systems: Sequence[Labelled]) -> pd.DataFrame:
    """Attributes of matched findings and what labels do not show, a column per system."""
    values = {
        each.name: attribute_metrics(each.system.texts["reference"], each.system.texts["generated"])
        for each in systems
    }
    frame = pd.DataFrame({name: pd.Series(found, dtype=object) for name, found in values.items()})
    return frame.rename_axis("attribute").reset_index()


def degeneration_table(systems: Sequence[Labelled]) -> pd.DataFrame:
    """The signs of degeneration, a column for the references and one per system."""
    sides = [("references", systems[0], "reference")]
    sides += [(each.name, each, "generated") for each in systems]
    values = {}
    for name, each, side in sides:
        codes, texts = getattr(each, side), each.system.texts.get(side)
        signs = said(codes) if texts is None else degeneration(texts, codes)
        values[name] = pd.Series(signs, dtype=object)  # a number of reports stays whole
    return pd.DataFrame(values).rename_axis("sign").reset_index()
