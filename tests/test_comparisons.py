"""Planned comparisons and their checks, from made-up scores whose differences can be worked by
hand.
"""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from saved_scores import codes, write

from mrg_r1_lib.corpora.data_card import held_out_table
from mrg_r1_lib.metrics import holm
from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.reporting import build, by_observation, checks, comparisons
from mrg_r1_lib.reporting.comparisons import Pair
from mrg_r1_lib.study import Study

STUDIES = 40
REFERENCE = codes(STUDIES, **{"Edema": 20, "Support Devices": 10})


def add(results, arm, seed, **positive):
    write(results, arm, seed, codes(STUDIES, **positive), REFERENCE)


@pytest.fixture
def results(tmp_path):
    """Reference: edema in 20 studies, devices in 10. SFT finds 10 edemas; SRL 20 (seed 0) or 10
    (seed 1), and a device."""
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE)
    for seed in (0, 1):
        add(tmp_path, "sft", seed, Edema=10)
        add(tmp_path, "sft_continued", seed, Edema=20 - 10 * seed)
        add(tmp_path, "srl_mccs", seed, **{"Edema": 20 - 10 * seed, "Support Devices": 1})
    return tmp_path


@pytest.fixture
def held_out():
    table = pd.DataFrame(codes(STUDIES, Edema=20, Fracture=20), columns=list(OBSERVATIONS))
    table.insert(0, "study_id", [f"CXR{number}" for number in range(STUDIES)])
    table.insert(1, "verbatim", np.arange(STUDIES) < 10)
    table.insert(0, "split", "test")
    other = table.head(3).assign(split="validate", study_id=["CXRa", "CXRb", "CXRc"])
    return pd.concat([other, table], ignore_index=True)  # rows of another split are left out


def f1(both, written, wanted):
    return 2 * both / (written + wanted)


def test_holm_multiplies_the_smallest_most_and_keeps_the_order():
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03]), [0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    np.testing.assert_allclose(holm([0.04, 0.01], size=3), [0.08, 0.03])  # the third did not run


def test_each_seed_has_its_own_difference(results, run):
    table = comparisons.seed_table(run).set_index(["against", "seed"])
    assert table.loc[("sft", 0), "f1"] == pytest.approx(f1(21, 21, 30) - f1(10, 10, 30))
    assert table.loc[("sft", 1), "f1"] == pytest.approx(f1(11, 11, 30) - f1(10, 10, 30))
    assert table.loc[("sft", 0), "recall"] == pytest.approx(11 / 30)
    assert table.loc[("sft", 0), "precision"] == 0
    assert table.loc[("sft_continued", 1), "f1"] == table.loc[("sft", 1), "f1"]


def test_planned_differences_pool_the_seeds_and_correct_f1_alone(results, run):
    table = comparisons.comparison_table(run).set_index(["against", "measure"])
    row = table.loc[("sft", "f1")]
    assert row["difference"] == pytest.approx(f1(32, 32, 60) - f1(20, 20, 60)) and row["seeds"] == 2
    assert row["low"] <= row["difference"] <= row["high"] and row["p_holm"] >= row["p"]
    corrected = [measure == "f1" for _, measure in table.index]
    assert table["p_holm"].notna().tolist() == corrected
    assert table["corrected_low"].notna().tolist() == corrected


def test_a_family_of_three_is_corrected_as_planned_though_two_have_run(results, run):
    table = comparisons.comparison_table(run).query("measure == 'f1'")
    assert len(table) == 2 and table["p_holm"].tolist() == holm([*table["p"], 1.0])[:2].tolist()
    row = table.iloc[0]
    scored = comparisons.read_scores(run)
    wider = comparisons.compared(
        scored, Pair(row["arm"], row["against"]), [0, 1], run.settings.resamples, level=1 - 0.05 / 3
    )
    assert (row["corrected_low"], row["corrected_high"]) == (wider["low"], wider["high"])
    assert row["corrected_low"] <= row["low"] and row["high"] <= row["corrected_high"]


def test_a_t_interval_needs_three_seeds_and_covers_their_mean(results, run):
    assert comparisons.comparison_table(run)["t_low"].isna().all()
    for arm, found in (("sft", 10), ("srl_mccs", 14)):
        add(results, arm, 2, Edema=found)
    row = (
        comparisons.comparison_table(run).query("against == 'sft' and measure == 'recall'").iloc[0]
    )
    values = np.array([11, 1, 4]) / 30
    half = 4.302653 * values.std(ddof=1) / np.sqrt(3)  # the t quantile of 2 degrees of freedom
    assert row["t_low"] == pytest.approx(values.mean() - half, abs=1e-6)
    assert row["t_high"] == pytest.approx(values.mean() + half, abs=1e-6)


def test_the_share_of_right_sides_is_compared_where_all_runs_state_sides(results, run):
    assert "sides" not in set(comparisons.comparison_table(run)["measure"])
    found = {"sft": (0.5, 0.7), "srl_mccs": (0.8, 0.6), "sft_continued": (0.0, 0.0)}
    for arm, shares in found.items():
        for seed, share in enumerate(shares):
            path = results / run.scale / run.corpus / arm / f"seed{seed}" / "metrics.json"
            metrics = json.loads(path.read_text())
            sides = {"side_accuracy": share, "side_stated": 9 if share else 0}
            path.write_text(json.dumps(metrics | {"attributes": sides}))
    table = comparisons.comparison_table(run).query("measure == 'sides'")
    assert table["against"].tolist() == ["sft"]  # the control states no side, as templates do
    assert table["difference"].tolist() == pytest.approx([0.1])
    assert table[["low", "p_holm", "t_low"]].isna().all(axis=None)  # two seeds have no t interval


def test_the_checks_change_reference_observations_or_studies_as_they_say(results, run, held_out):
    table = checks.scored(run, held_out)
    f1s = table.set_index(["arm", "check"])["f1"]
    assert f1s["sft", "as planned"] == pytest.approx(f1(10, 10, 30))
    assert f1s["sft", "against the MeSH terms"] == pytest.approx(f1(10, 10, 40))
    assert f1s["srl_mccs", "without Support Devices"] == pytest.approx(f1(30, 30, 40))
    # the ten edemas of SFT are in reports that training has word for word
    assert f1s["sft", "reports not in the training split"] == 0
    assert set(table[table["check"] == "reports not in the training split"]["studies"]) == {30}
    assert set(table["arm"]) == {"sft", "sft_continued", "srl_mccs"}
    compared = checks.compared(run, held_out).set_index(["check", "against"])
    assert compared.loc[("without Support Devices", "sft_continued"), "difference"] == 0
    planned = comparisons.comparison_table(run).query("measure == 'f1'").set_index("against")
    for against in ("sft", "sft_continued"):
        same = ["difference", "low", "high", "p"]
        assert compared.loc[("as planned", against), same].equals(planned.loc[against, same])


def test_without_an_index_nothing_is_compared_with_one(results, run, held_out):
    held_out[list(OBSERVATIONS)] = 0
    assert checks.INDEX not in set(checks.compared(run, held_out)["check"])


def test_where_training_has_every_report_none_is_new(results, run, held_out):
    table = checks.compared(run, held_out.assign(verbatim=True))
    assert "reports not in the training split" not in set(table["check"]) and len(table)


def test_another_order_of_studies_is_an_error(results, run, held_out):
    with pytest.raises(ValueError, match=r"not the studies of the reference.*01_data_preparation"):
        checks.compared(run, held_out[::-1])


def test_a_changed_decision_is_found_or_invented_by_the_report_and_stands_beside_the_index(
    results, run, held_out
):
    add(results, "srl_mccs", 2, Fracture=1)
    add(results, "sft", 2, Edema=1)
    changed = checks.changed_studies(dataclasses.replace(run, seed=2), held_out)
    assert changed.to_numpy().tolist() == [
        ["CXR0", "Edema", True, True, True, False, "missed"],
        ["CXR0", "Fracture", False, True, False, True, "invented"],
    ]


def test_the_held_out_table_marks_what_training_says_word_for_word():
    def study(name, findings):
        return Study(
            study_id=name,
            patient_id=name,
            images=(),
            findings=findings,
            impression="",
            split="test",
        )

    table = held_out_table([study("a", "Clear.")], [study("b", "Clear."), study("c", "Clear .")])
    assert table["verbatim"].tolist() == [True, False] and table["study_id"].tolist() == ["b", "c"]
    assert held_out_table([], [study("b", "Clear.")], private=True)["study_id"].tolist() == [0]


def test_an_observation_alone_has_its_own_f1_pooled_over_seeds(results, run):
    table = by_observation.intervals(run)
    assert len(table) == 3 * len(OBSERVATIONS)
    alone = table[table["against"].isna()].set_index(["observation", "arm"])
    assert alone.loc[("Edema", "sft"), "value"] == pytest.approx(f1(20, 20, 40))
    assert alone.loc[("Edema", "srl_mccs"), "value"] == pytest.approx(f1(30, 30, 40))
    differences = table.dropna(subset="against").set_index("observation")
    row = differences.loc["Edema"]
    assert row["support"] == 20 and row["value"] == pytest.approx(30 * 2 / 70 - 2 / 3)
    assert row["low"] <= row["value"] <= row["high"]
    # nobody asserts a fracture
    assert differences.loc["Fracture", ["value", "low", "high"]].tolist() == [0, 0, 0]


def test_without_a_trained_arm_the_tables_are_empty_and_can_be_saved(tmp_path, run):
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE)
    for name in ("comparisons", "comparisons_by_seed", "observation_intervals"):
        assert build.show(name, run).empty and build.read(name, run).empty
