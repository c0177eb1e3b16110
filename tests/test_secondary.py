"""Secondary measures: means over seeds on each sealed set, beside those of the reference."""

import json

import numpy as np
import pandas as pd
import pytest
from saved_scores import codes, write

from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.reporting.secondary import secondary_table

REFERENCE = codes(12, Edema=4)


@pytest.fixture
def held_out():
    """The index: the first four of twelve studies have an edema, the last eight are normal."""
    index = codes(12, Edema=4)
    index[4:, OBSERVATIONS.index("No Finding")] = 1
    table = pd.DataFrame(index, columns=list(OBSERVATIONS))
    return table.assign(study_id=[f"CXR{number}" for number in range(12)], split="test")


def test_a_system_has_means_over_its_seeds(tmp_path, run, held_out):
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE)
    for seed, (asserted, sides) in enumerate(((4, 0.5), (8, 0.7))):
        folder = write(tmp_path, "srl_mccs", seed, codes(12, Edema=asserted), REFERENCE)
        path = folder / "metrics.json"
        extra = {"attributes": {"side_accuracy": sides, "outside_13_per_report": 0.25}}
        extra["degeneration"] = {"share neither normal nor of the 13": 0.125}
        path.write_text(json.dumps(json.loads(path.read_text()) | extra))
    write(tmp_path, "srl_mccs_shuffled", 0, REFERENCE, REFERENCE)
    table = secondary_table(run, held_out).set_index("arm")
    assert list(table.index) == ["reference", "srl_mccs"]  # a twin is no system
    row = table.loc["srl_mccs"]
    assert row["false_alarms"] == pytest.approx((0 + 4 / 8) / 2)
    assert (row["seeds"], row["outside_13"], row["only_outside"]) == (2, 0.25, 0.125)
    assert row["sides"] == pytest.approx(0.6) and (row["graded"], row["denials"]) == (0.75, 1.5)
    assert np.isnan(row["zones"]) and np.isnan(table.loc["reference", "sides"])


def test_the_confirmation_set_has_rows_of_its_own(tmp_path, run, held_out):
    held_out = pd.concat([held_out, held_out.assign(split="impressions")])
    for split in ("test", "impressions"):
        write(tmp_path, "reference", 0, REFERENCE, REFERENCE, split=split)
    assert secondary_table(run, held_out)["split"].tolist() == ["test", "impressions"]


def test_without_an_index_no_study_is_normal(tmp_path, run, held_out):
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE)
    held_out[list(OBSERVATIONS)] = 0
    assert secondary_table(run, held_out)["false_alarms"].isna().all()
