"""The main result's tables, from made-up scores whose differences can be worked by hand."""

import numpy as np
import pandas as pd
import pytest

from mrg_r1_lib.corpora.data_card import held_out_table
from mrg_r1_lib.metrics import holm
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.reporting import comparisons
from mrg_r1_lib.study import Study

STUDIES = 40
EDEMA, FRACTURE, DEVICES = (
    OBSERVATIONS.index(name) for name in ("Edema", "Fracture", "Support Devices")
)


def codes(**columns):
    """Codes of 40 studies: each named column positive in its first so many studies."""
    labels = np.zeros((STUDIES, 14), dtype=np.int8)
    for name, count in columns.items():
        labels[:count, {"edema": EDEMA, "fracture": FRACTURE, "devices": DEVICES}[name]] = (
            Label.POSITIVE
        )
    return labels


def write(results, arm, seed, labels):
    folder = results / "smoke" / "iu_xray" / arm / f"seed{seed}"
    folder.mkdir(parents=True)
    table = pd.DataFrame(labels, columns=list(OBSERVATIONS))
    table.insert(0, "study_id", [f"CXR{number}" for number in range(STUDIES)])
    table.to_csv(folder / "labels_per_study.csv", index=False)
    (folder / "metrics.json").write_text("{}")


@pytest.fixture
def results(tmp_path):
    """Reference: edema in 20 studies, devices in 10. SFT finds 10 edemas; SRL 20 (seed 0) or 10 (seed 1), and a device."""
    write(tmp_path, "reference", 0, codes(edema=20, devices=10))
    for seed in (0, 1):
        write(tmp_path, "sft", seed, codes(edema=10))
        write(tmp_path, "sft_continued", seed, codes(edema=20 - 10 * seed))
        write(tmp_path, "srl_mccs", seed, codes(edema=20 - 10 * seed, devices=1))
    return tmp_path


@pytest.fixture
def held_out():
    table = pd.DataFrame(codes(edema=20, fracture=20), columns=list(OBSERVATIONS))
    table.insert(0, "study_id", [f"CXR{number}" for number in range(STUDIES)])
    table.insert(1, "verbatim", np.arange(STUDIES) < 10)
    return table


def f1(both, written, wanted):
    return 2 * both / (written + wanted)


def test_holm_multiplies_the_smallest_most_and_keeps_the_order():
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03]), [0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]


def test_each_seed_has_its_own_difference(results):
    table = comparisons.seed_differences(results, "smoke").set_index(["against", "seed"])
    assert table.loc[("SFT", 0), "f1"] == pytest.approx(f1(21, 21, 30) - f1(10, 10, 30))
    assert table.loc[("SFT", 1), "f1"] == pytest.approx(f1(11, 11, 30) - f1(10, 10, 30))
    assert (
        table.loc[("SFT", 0), "recall"] == pytest.approx(11 / 30)
        and table.loc[("SFT", 0), "precision"] == 0
    )
    assert table.loc[("SFT continued", 1), "f1"] == table.loc[("SFT", 1), "f1"]


def test_planned_differences_pool_the_seeds_and_correct_f1_alone(results):
    table = comparisons.planned_comparisons(results, "smoke").set_index(["against", "measure"])
    row = table.loc[("SFT", "f1")]
    assert row["difference"] == pytest.approx(f1(32, 32, 60) - f1(20, 20, 60)) and row["seeds"] == 2
    assert row["low"] <= row["difference"] <= row["high"] and row["p_holm"] >= row["p"]
    assert table["p_holm"].notna().tolist() == [measure == "f1" for _, measure in table.index]


def test_the_checks_change_reference_observations_or_studies_as_they_say(results, held_out):
    scores = comparisons.checked_scores(
        results, "smoke", held_out, ("sft", "srl_mccs", "image_classifier")
    )
    table = scores.set_index(["system", "check"])["f1"]
    assert table["SFT", "as planned"] == pytest.approx(f1(10, 10, 30))
    assert table["SFT", "against the MeSH terms"] == pytest.approx(f1(10, 10, 40))
    assert table["SRL, MCCS", "without Support Devices"] == pytest.approx(f1(30, 30, 40))
    assert (
        table["SFT", "reports that training has not"] == 0
    )  # its ten edemas are among those that training has
    assert scores.set_index("check").loc["reports that training has not", "studies"].tolist() == [
        30,
        30,
    ]
    assert set(scores["system"]) == {"SFT", "SRL, MCCS"}  # what has not run has no row
    differences = comparisons.checked_differences(results, "smoke", held_out).set_index(
        ["check", "against"]
    )["difference"]
    assert differences["without Support Devices", "SFT continued"] == 0


def test_without_an_index_nothing_is_compared_with_one(results, held_out):
    held_out[list(OBSERVATIONS)] = 0
    assert "against the MeSH terms" not in set(
        comparisons.checked_differences(results, "smoke", held_out)["check"]
    )


def test_another_order_of_studies_is_an_error(results, held_out):
    with pytest.raises(ValueError, match=r"not the studies of the reference.*notebook 01"):
        comparisons.checked_differences(results, "smoke", held_out[::-1])


def test_a_changed_decision_is_found_or_invented_by_the_report_and_stands_beside_the_index(
    results, held_out
):
    write(results, "srl_mccs", 2, codes(fracture=1))
    write(results, "sft", 2, codes(edema=1))
    changed = comparisons.changed_studies(results, "smoke", held_out, seed=2)
    assert changed[
        ["study_id", "observation", "report", "index", "outcome"]
    ].to_numpy().tolist() == [
        ["CXR0", "Edema", True, True, "missed"],
        ["CXR0", "Fracture", False, True, "invented"],
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


def test_scores_that_are_asked_for_before_they_are_there_name_the_notebook_that_makes_them(
    results, tmp_path
):
    comparisons.require_scores(results, "smoke")
    with pytest.raises(
        FileNotFoundError,
        match=r"iu_xray/sft, seed 2, .*Run notebooks/02_supervised_finetuning\.ipynb",
    ):
        comparisons.require_scores(results, "smoke", seed=2)
    with pytest.raises(
        FileNotFoundError, match=r"held_out\.csv.*Run notebooks/01_data_preparation\.ipynb"
    ):
        comparisons.read_held_out(tmp_path)


def test_the_held_out_studies_are_read_as_they_were_saved(held_out, tmp_path):
    (tmp_path / "tables").mkdir()
    held_out.to_csv(tmp_path / "tables" / "held_out.csv", index=False)
    assert comparisons.read_held_out(tmp_path).equals(
        held_out.astype({name: int for name in OBSERVATIONS})
    )


def test_an_observation_alone_has_its_own_f1_pooled_over_seeds(results):
    table = comparisons.observation_scores(results, "smoke").set_index(["observation", "system"])
    assert table.loc[("Edema", "SFT"), "value"] == pytest.approx(f1(20, 20, 40))
    assert table.loc[("Edema", "SRL, MCCS"), "value"] == pytest.approx(f1(30, 30, 40))
    row = table.loc[("Edema", "difference")]
    assert (
        row["support"] == 20
        and row["low"] <= row["value"] == pytest.approx(30 * 2 / 70 - 2 / 3)
        and row["value"] <= row["high"]
    )
    assert table.loc[("Fracture", "difference"), ["value", "low", "high"]].tolist() == [
        0,
        0,
        0,
    ]  # nobody speaks of it
    assert len(table) == 3 * len(OBSERVATIONS)
