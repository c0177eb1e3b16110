"""The gain of a run over its start, on every set that was scored."""

import numpy as np
import pytest
from saved_scores import codes, write

from mrg_r1_lib.reporting.gains import gain_table

REFERENCE = codes(12, Edema=8)


def test_a_gain_on_validation_stands_beside_the_gains_on_the_sealed_sets(tmp_path, run):
    found = {"validate": (4, 8), "test": (4, 5)}
    for split, (before, after) in found.items():
        write(tmp_path, "reference", 0, REFERENCE, REFERENCE, split=split)
        write(tmp_path, "sft", 0, codes(12, Edema=before), REFERENCE, split=split)
        write(tmp_path, "srl_mccs", 0, codes(12, Edema=after), REFERENCE, split=split)
    write(tmp_path, "srl_mccs", 1, REFERENCE, REFERENCE)  # its start was not scored
    table = gain_table(run).set_index(["arm", "seed"])
    row = table.loc[("srl_mccs", 0)]
    assert row["validate"] == pytest.approx(1 - 8 / 12)
    assert row["test"] == pytest.approx(10 / 13 - 8 / 12) and np.isnan(row["impressions"])
    assert table.loc[("srl_mccs", 1), ["validate", "test", "impressions"]].isna().all()
    assert table.loc[("sft", 0), "against"] == "pretrained" and len(table) == 3
