"""Two readings of the same reports side by side: how far they agree, and where not, why, and who is
right by a third one.

A reading is label codes `(reports, 14)`: a labeler's, or an index made by hand. Positive and
uncertain both count as asserted.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.metrics import cohen_kappa_score

from mrg_r1_lib.labelers.rules import explain
from mrg_r1_lib.labelers.scope import Decision
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import ABNORMALITIES, OBSERVATIONS, Label

POOLED = "micro over 13"
_WEIGHT = {Label.NEGATIVE: 1, Label.UNCERTAIN: 2, Label.POSITIVE: 3}


def compare_labelers(readings: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Agreement of every two readings, a row for each of the 14 observations and one for all
    decisions on the 13.

    Columns one, other, observation, one_asserts, other_asserts, both (reports), f1 (which favours
    neither side) and kappa (Cohen's); NaN where neither asserts anything. ValueError if the
    readings differ in their number of reports.
    """
    shapes = {name: np.shape(labels) for name, labels in readings.items()}
    if len(set(shapes.values())) > 1 or any(len(shape) != 2 for shape in shapes.values()):
        raise ValueError(
            f"The readings are of different reports: {shapes}. "
            f"Expected labels of one shape, (reports, 14)."
        )
    rows = []
    for (one, left), (other, right) in combinations(readings.items(), 2):
        left, right = positives(left, classes=14), positives(right, classes=14)
        columns = {name: (left[:, i], right[:, i]) for i, name in enumerate(OBSERVATIONS)}
        columns[POOLED] = (
            left[:, : len(ABNORMALITIES)].ravel(),
            right[:, : len(ABNORMALITIES)].ravel(),
        )
        rows += [
            {"one": one, "other": other, "observation": name} | _agreement(*pair)
            for name, pair in columns.items()
        ]
    return pd.DataFrame(rows)


def _agreement(one: np.ndarray, other: np.ndarray) -> dict:
    counts = {
        "one_asserts": int(one.sum()),
        "other_asserts": int(other.sum()),
        "both": int((one & other).sum()),
    }
    asserted = counts["one_asserts"] + counts["other_asserts"]
    kappa = cohen_kappa_score(one, other) if asserted else np.nan
    return counts | {"f1": 2 * counts["both"] / asserted if asserted else np.nan, "kappa": kappa}


def disagreements(
    rules: np.ndarray, other: np.ndarray, judge: np.ndarray, reports: Sequence[str]
) -> pd.DataFrame:
    """Where the rules labeler and another reading differ on one of the 13, why the rules decided
    so, and who is right.

    Labels `(reports, 14)` each; `judge` is a third reading, and who agrees with it is right.
    Columns report (its position), observation, rules ("asserts" or not), right ("rules" or
    "other"), and of the deciding mention span, cue and rule, which is "not mentioned" where there
    is none. Sorted by who is right, observation and span.
    """
    rules, other, judge = (positives(labels) for labels in (rules, other, judge))
    rows = []
    for report, column in np.argwhere(rules != other):
        decision = _deciding(reports[report], ABNORMALITIES[column])
        rows.append(
            {
                "report": report,
                "observation": ABNORMALITIES[column],
                "rules": "asserts" if rules[report, column] else "does not",
                "right": "rules" if rules[report, column] == judge[report, column] else "other",
                "span": decision.span if decision else "",
                "cue": decision.cue if decision else "",
                "rule": decision.rule if decision else "not mentioned",
            }
        )
    columns = ["report", "observation", "rules", "right", "span", "cue", "rule"]
    return pd.DataFrame(rows, columns=columns).sort_values(
        ["right", "observation", "span", "report"], ignore_index=True
    )


def _deciding(report: str, observation: str) -> Decision | None:
    """The first of the strongest decisions on an observation, None if the report does not speak of
    it."""
    decisions = [decision for decision in explain(report) if decision.observation == observation]
    return max(decisions, key=lambda decision: _WEIGHT.get(decision.label, 0), default=None)
