"""Whether a hypothesis of the plan holds: size and interval, on the set that it was planned for."""

import numpy as np
import pandas as pd
import pytest

from mrg_r1_lib.reporting.confirmation import INDEX, JUDGE
from mrg_r1_lib.reporting.hypotheses import judged


def found(arm, against, split, difference, low, seeds=5):
    row = {"split": split, "arm": arm, "against": against, "measure": "f1", "seeds": seeds}
    return row | {"difference": difference, "corrected_low": low, "corrected_high": 0.2}


@pytest.mark.parametrize(
    ("difference", "low", "holds"),
    [(0.06, 0.01, True), (0.04, 0.01, False), (0.06, -0.01, False)],
)
def test_a_hypothesis_needs_its_size_and_an_interval_above_zero(difference, low, holds):
    test = pd.DataFrame([found("srl_mccs", "sft", "test", difference, low)])
    table = judged(test, pd.DataFrame(columns=["reference", *test]))
    row = table[table["against"] == "sft"].iloc[0]
    assert (row["holds"], row["seeds"], row["at_least"]) == (holds, 5, 0.05)
    assert not table[table["against"] != "sft"]["holds"].any()  # not scored
    assert table["seeds"].tolist() == [5, 0, 0, 0, 0] and np.isnan(table["difference"].iloc[-1])


def test_against_the_classifier_level_is_enough():
    test = pd.DataFrame([found("srl_mccs", "image_classifier", "test", 0.0, -0.02)])
    table = judged(test, pd.DataFrame(columns=["reference", *test]))
    assert table.set_index("against")["holds"]["image_classifier"]


def test_the_own_reward_is_judged_on_the_confirmation_set_against_the_index():
    pair = ("srl_graded_all_studies", "srl_all_studies")
    test = pd.DataFrame([found(*pair, "test", 0.1, 0.05)])
    confirmed = [
        found(*pair, "impressions", 0.02, 0.01) | {"reference": INDEX},
        found(*pair, "impressions", 0.09, 0.05) | {"reference": JUDGE},
    ]
    table = judged(test, pd.DataFrame(confirmed))
    row = table[table["against"] == "srl_all_studies"].iloc[0]
    assert row["difference"] == 0.02 and not row["holds"]


def test_validation_scores_decide_no_hypothesis():
    test = pd.DataFrame([found("srl_mccs", "sft", "validate", 0.1, 0.05)])
    table = judged(test, pd.DataFrame(columns=["reference", *test]))
    assert (table["seeds"] == 0).all() and not table["holds"].any()
