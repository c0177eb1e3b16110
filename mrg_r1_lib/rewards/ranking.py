"""Ranking cases: does a reward prefer the report that a radiologist would prefer?

Cases -> two candidate reports per case -> each scored by a reward against the case's reference. The
cases are in `ranking_cases.csv`: 21 kinds, at least 8 cases per kind, references with none to four
findings. Columns: case, kind, relation, reference, better, worse.

Relation "better": nine of ten radiologists would call `better` clearly the better report. Passed: a
difference above 0.005. Reversed: a difference below -0.005. Relation "equal": `better` is the exact
reference and `worse` says the same. Passed: a difference of at most 0.05. Never reversed. A case
with a reward of None is neither passed nor reversed.

A constant reward passes every equal case.

How the cases were written. They predate the graded reward, and their writer wrote no reward. All
sentences are the writer's own, without report text of any corpus (Apache-2.0, as this project). The
writer judged all cases again on the same day, shuffled and with the preferred report hidden: 200 of
201 agreed, and the case with hesitation was mended. Then 37 preferred reports got a longer wording,
because the shorter report was better too often; the changed cases were judged once more and all
agreed. No second person and no radiologist has read the cases.
"""

from collections.abc import Mapping
from importlib.resources import files

import numpy as np
import pandas as pd

from mrg_r1_lib.labelers import Labeler
from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.rewards import Reward

MARGIN = 0.005  # a smaller difference of two rewards prefers neither report
TOLERANCE = 0.05  # largest difference of the rewards of two equal reports
ALL = "all kinds"


def load_cases() -> pd.DataFrame:
    """The cases, one row per case: case, kind, relation, reference, better, worse (all text)."""
    with files("mrg_r1_lib.rewards").joinpath("ranking_cases.csv").open(encoding="utf-8") as table:
        return pd.read_csv(table, dtype=str, keep_default_na=False)


def score_reports(
    reward: Reward, labeler: Labeler, references: list[str], reports: list[str]
) -> np.ndarray:
    """The reward of each report against its reference, `(n,)` float; NaN where it is None.

    The reports are the completions' report text, the think text is empty.
    """
    values = reward(
        completions=[render_target("", report) for report in reports],
        reference=references,
        reference_labels=labeler(references).tolist(),
    )
    return np.array(values, dtype=float)


def score_cases(rewards: Mapping[str, Reward], labeler: Labeler) -> pd.DataFrame:
    """Every case scored by every reward, one row per pair of them.

    Columns case, kind, relation, reward, better and worse (rewards in [0, 1] or NaN), passed and
    reversed (bool).
    """
    cases = load_cases()
    references = cases["reference"].tolist()
    parts = []
    for name, reward in rewards.items():
        better, worse = (
            score_reports(reward, labeler, references, cases[column].tolist())
            for column in ("better", "worse")
        )
        scores = cases[["case", "kind", "relation"]].assign(reward=name, better=better, worse=worse)
        parts.append(scores.assign(**outcomes(cases["relation"] == "equal", better - worse)))
    return pd.concat(parts, ignore_index=True)


def outcomes(equal: np.ndarray, difference: np.ndarray) -> dict[str, np.ndarray]:
    """`passed` and `reversed`, `(n,)` bool each, of differences better - worse; NaN is neither.

    >>> equal = np.array([False, False, False, True, True])
    >>> result = outcomes(equal, np.array([0.2, 0.0, -0.2, 0.04, 0.2]))
    >>> result["passed"].tolist(), result["reversed"].tolist()
    ([True, False, False, True, False], [False, False, True, False, False])
    """
    passed = np.where(equal, np.abs(difference) <= TOLERANCE, difference > MARGIN)
    return {"passed": passed, "reversed": ~np.asarray(equal) & (difference < -MARGIN)}


def ranking_table(rewards: Mapping[str, Reward], labeler: Labeler) -> pd.DataFrame:
    """Shares of cases per kind, in [0, 1]: `table["passed"]` and `table["reversed"]`.

    Rows are the kinds and, last, all kinds together (every case counts once). Columns are
    ("passed" or "reversed", reward), and ("cases", "") with the number of cases.
    """
    scores = score_cases(rewards, labeler)
    together = pd.concat([scores, scores.assign(kind=ALL)])
    table = together.pivot_table(
        index="kind", columns="reward", values=["passed", "reversed"], aggfunc="mean", sort=False
    )
    table.insert(0, ("cases", ""), together.groupby("kind")["case"].nunique())
    return table
