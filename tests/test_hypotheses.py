"""Whether a hypothesis of the plan holds: all that it asks, on the sets that it was planned for."""

import numpy as np
import pandas as pd
import pytest

from mrg_r1_lib.reporting.confirmation import INDEX, JUDGE
from mrg_r1_lib.reporting.hypotheses import judged

MAIN = ("srl_mccs", "sft")
OWN = ("srl_graded_all_studies", "srl_all_studies")


def found(pair, split, difference, low, reference=None, **beside):
    """Rows of a table of comparisons: F1 with its interval, and the measures beside it."""
    row = {"split": split, "arm": pair[0], "against": pair[1], "seeds": 5}
    row |= {"corrected_low": np.nan, "corrected_high": np.nan, "reference": reference}
    ends = {"corrected_low": low, "corrected_high": 0.2}
    rows = [row | {"measure": "f1", "difference": difference} | ends]
    rows += [row | {"measure": name, "difference": value} for name, value in beside.items()]
    return pd.DataFrame(rows)


def only(table, pair):
    """The pair's row; no other hypothesis holds."""
    mine = (table["arm"] == pair[0]) & (table["against"] == pair[1])
    assert not table[~mine]["holds"].any()
    return table[mine].iloc[0]


@pytest.mark.parametrize(
    ("difference", "low", "recall", "elsewhere", "holds"),
    [
        (0.06, 0.01, 0.0, 0.01, True),
        (0.06, 0.01, -0.01, 0.01, True),
        (0.04, 0.01, 0.0, 0.01, False),
        (0.06, -0.01, 0.0, 0.01, False),
        (0.06, 0.01, -0.03, 0.01, False),
        (0.06, 0.01, 0.0, -0.01, False),
    ],
)
def test_the_main_claim_needs_size_interval_recall_and_the_other_set(
    difference, low, recall, elsewhere, holds
):
    test = found(MAIN, "test", difference, low, recall=recall)
    row = only(judged(test, found(MAIN, "impressions", elsewhere, -0.1, INDEX)), MAIN)
    assert (row["holds"], row["seeds"], row["at_least"]) == (holds, 5, 0.05)
    assert (row["recall"], row["elsewhere"]) == (recall, elsewhere)


def test_what_was_not_scored_on_the_other_set_does_not_hold():
    test = found(MAIN, "test", 0.06, 0.01, recall=0.0)
    table = judged(test, test.head(0))
    assert not only(table, MAIN)["holds"]
    assert table["seeds"].tolist() == [5, 0, 0, 0, 0] and np.isnan(table["difference"].iloc[-1])


def test_against_the_classifier_level_is_enough():
    pair = ("srl_mccs", "image_classifier")
    test = found(pair, "test", 0.0, -0.02)
    assert only(judged(test, test.head(0)), pair)["holds"]


@pytest.mark.parametrize(
    ("difference", "macro_f1", "sides", "holds"),
    [(0.04, 0.01, 0.1, True), (0.02, 0.01, 0.1, False), (0.04, 0.01, -0.1, False)],
)
def test_the_own_reward_is_judged_on_the_confirmation_set_against_the_index(
    difference, macro_f1, sides, holds
):
    good = {"macro_f1": 0.1, "sides": 0.1}
    index = found(OWN, "impressions", difference, 0.01, INDEX, macro_f1=macro_f1, sides=sides)
    judge = found(OWN, "impressions", 0.09, 0.05, JUDGE, **good)
    table = judged(found(OWN, "test", 0.1, 0.05, **good), pd.concat([judge, index]))
    row = only(table, OWN)
    assert (row["difference"], row["sides"], row["holds"]) == (difference, sides, holds)


def test_validation_scores_decide_no_hypothesis():
    validation = found(MAIN, "validate", 0.1, 0.05, recall=0.0)
    table = judged(validation, found(MAIN, "impressions", 0.1, 0.05, INDEX))
    assert (table["seeds"] == 0).all() and not table["holds"].any()
