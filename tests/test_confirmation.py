"""The confirmation set in tables: against the index first, then against the IMPRESSIONs."""

import pandas as pd
import pytest
from saved_scores import codes, write

from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.reporting.confirmation import INDEX, JUDGE, compared, scored

IMPRESSIONS, TERMS = codes(12, Edema=4), codes(12, Edema=8)


@pytest.fixture
def confirmed(tmp_path):
    write(tmp_path, "reference", 0, IMPRESSIONS, IMPRESSIONS, split="impressions")
    for seed in (0, 1):
        write(tmp_path, "sft", seed, codes(12, Edema=4), IMPRESSIONS, split="impressions")
        write(tmp_path, "srl_mccs", seed, codes(12, Edema=8), IMPRESSIONS, split="impressions")


@pytest.fixture
def held_out():
    table = pd.DataFrame(TERMS, columns=list(OBSERVATIONS))
    table.insert(0, "study_id", [f"CXR{number}" for number in range(12)])
    return table.assign(split="impressions", verbatim=False)


def test_a_policy_that_reads_the_picture_wins_against_the_index_and_not_the_text(
    confirmed, held_out, run
):
    scores = scored(run, held_out).set_index(["reference", "arm"])["value"]
    assert scores[INDEX, "srl_mccs"] == 1 and scores[INDEX, "sft"] == pytest.approx(2 * 4 / 12)
    assert scores[JUDGE, "sft"] == 1 and scores[JUDGE, "srl_mccs"] == pytest.approx(2 * 4 / 12)
    table = compared(run, held_out).query("measure == 'f1' and against == 'sft'")
    differences = table.set_index("reference")["difference"]
    assert differences[INDEX] == pytest.approx(1 / 3) == -differences[JUDGE]


def test_a_study_that_was_not_confirmed_has_empty_tables(held_out, run):
    assert scored(run, held_out).empty and compared(run, held_out).empty


def test_other_held_out_studies_are_refused(confirmed, held_out, run):
    with pytest.raises(ValueError, match="not the studies of the confirmation set"):
        scored(run, held_out[::-1])
