"""The gain of a run over its start, on every set that was scored, and of systems over SFT."""

import numpy as np
import pandas as pd
import pytest
from saved_scores import codes, write

from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.reporting.confirmation import INDEX, JUDGE
from mrg_r1_lib.reporting.gains import FINDINGS, gain_table, sft_table

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


def test_every_system_stands_against_sft_on_both_sets_and_says_where_it_is_sft(tmp_path, run):
    found = {"sft": (8, 8, 4), "srl_mccs": (8, 12, 4), "image_classifier": (12, 12, 12)}
    for split in ("test", "impressions"):
        write(tmp_path, "reference", 0, REFERENCE, REFERENCE, split=split)
        for arm, numbers in found.items():
            for seed, number in enumerate(numbers):
                write(tmp_path, arm, seed, codes(12, Edema=number), REFERENCE, split=split)
        write(tmp_path, "sft_shuffled", 0, REFERENCE, REFERENCE, split=split)
    write(tmp_path, "srl_mccs", 5, REFERENCE, REFERENCE)  # a seed that SFT lacks
    held_out = pd.DataFrame(codes(12, Edema=12), columns=list(OBSERVATIONS)).assign(
        study_id=[f"CXR{number}" for number in range(12)], split="impressions", verbatim=False
    )
    table = sft_table(run, held_out)
    assert table["reference"].unique().tolist() == [FINDINGS, INDEX, JUDGE]
    assert set(table["arm"]) == {"srl_mccs", "image_classifier"}
    rows = table[table["arm"] == "srl_mccs"].set_index("reference")
    assert rows["seeds"].eq(3).all() and rows["same"].eq(2).all()
    # hits, asserted and wanted over three seeds: 20, 24, 24 against 20, 20, 24
    assert rows.loc[FINDINGS, "difference"] == pytest.approx(40 / 48 - 40 / 44)
    assert rows.loc[INDEX, "difference"] == pytest.approx(48 / 60 - 40 / 56)
    assert table.query("arm == 'image_classifier'")["same"].eq(0).all()
