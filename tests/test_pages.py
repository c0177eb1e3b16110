"""The generated numbers: small saved tables -> the Markdown of the documents."""

import json

import numpy as np
import pandas as pd
import pytest

from mrg_r1_lib.reporting import build, pages
from mrg_r1_lib.runs.run import Run

DEFINITIONS = (("f1", "micro", 13), ("precision", "micro", 13), ("recall", "micro", 13))
DEFINITIONS += (("f1", "macro", 13), ("f1", "example", 14), ("f1", "micro", 14), ("f1", "micro", 5))
OTHERS = ("bleu_1", "bleu_4", "rouge_l", "format_rate")


def main_rows(arm, value):
    """An arm's scores of one seed: every number is `value`; as negative 0."""
    row = {"split": "test", "arm": arm, "seed": 0}
    for part, average, classes in DEFINITIONS:
        named = row | {"metric": f"ce_{part}", "average": average, "classes": classes}
        yield named | {"uncertain": "positive", "value": value}
        yield named | {"uncertain": "negative", "value": 0.0}
    yield from (row | {"metric": name, "value": value} for name in OTHERS)


def scores_row(arm, kind, seeds, value):
    ends = {"low": value - 0.1, "high": value + 0.1}
    row = {"split": "test", "arm": arm, "kind": kind, "seeds": seeds, "value": value}
    return row | ends | {"precision": value, "recall": value}


def compared(measure, difference, seeds, **corrected):
    row = {"split": "test", "family": "planned", "arm": "srl_mccs", "against": "sft"}
    row |= {"measure": measure, "seeds": seeds, "p": 0.02}
    row |= {"difference": difference, "low": difference - 0.01, "high": difference + 0.01}
    names = ("p_holm", "corrected_low", "corrected_high", "t_low", "t_high")
    return row | dict.fromkeys(names, np.nan) | corrected


MEASURES = (("f1", 0.04), ("precision", -0.02), ("recall", 0.08), ("macro_f1", 0.01))


@pytest.fixture
def saved(monkeypatch):
    """Put small tables in the place of the saved ones."""
    arms = {"sft": 0.25, "sft_shuffled": 0.05, "srl_mccs": 0.5, "srl_bleu": 0.75}
    scores = [scores_row("sft", "policy", 1, 0.25), scores_row("srl_mccs", "policy", 2, 0.5)]
    scores += [scores_row("sft_shuffled", "images shuffled", 1, 0.05)]
    scores += [scores_row("srl_bleu", "policy", 1, 0.75)]
    corrected = {"p_holm": 0.04, "corrected_low": -0.01, "corrected_high": 0.09}
    comparisons = [compared(measure, value, 2, **corrected) for measure, value in MEASURES]
    ablation = {
        "arm": ["srl_mccs", "srl_bleu", "srl_beta_0"],
        "section": "reward",
        "seeds": [2, 1, 0],
    }
    for name in ("f1", "precision", "recall", "macro_f1", "example_f1_14", "negatives"):
        ablation[name] = [0.5, 0.25, np.nan]
    ablation |= {"difference": [np.nan, -0.25, np.nan], "low": [np.nan, -0.3, np.nan]}
    ablation |= {"high": [np.nan, -0.2, np.nan], "pairs": [0, 1, 0]}
    ablation |= {"t_low": [np.nan, -0.4, np.nan], "t_high": [np.nan, -0.1, np.nan]}
    tables = {
        "main": pd.DataFrame([row for arm in arms for row in main_rows(arm, arms[arm])]),
        "scores": pd.DataFrame(scores),
        "comparisons": pd.DataFrame(comparisons),
        "confirmed_comparisons": pd.DataFrame(comparisons).assign(reference="index"),
        "ablations": pd.DataFrame(ablation),
    }
    tables["main"] = tables["main"].astype({"classes": "Int64"})
    monkeypatch.setattr(build, "read", lambda name, run: tables[name])
    return tables


def test_the_main_table_has_the_default_study_with_the_pooled_interval(saved):
    lines = pages.main_table().splitlines()
    assert lines[2].startswith("| SFT | 0.250 [0.150, 0.350] | 0.250 |")
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| SFT",
        "| SFT, images shuffled",
        "| SRL, MCCS",
    ]


def test_the_main_table_shows_the_arms_and_columns_that_a_page_names(saved):
    lines = pages.main_table("srl_mccs", "sft", columns=("rouge_l", pages.F1)).splitlines()
    assert lines[0] == f"| system | rouge_l | {pages.F1} |"
    assert lines[2:] == [
        "| SRL, MCCS | 0.500 | 0.500 [0.400, 0.600] |",
        "| SFT | 0.250 | 0.250 [0.150, 0.350] |",
    ]


def test_the_headline_names_each_planned_comparison(saved):
    assert pages.headline() == "clinical F1 of SRL: +0.040 [+0.030, +0.050] against SFT"
    saved["comparisons"] = saved["comparisons"].head(0)
    assert pages.headline().endswith(pages.NOT_SCORED)


def test_a_planned_comparison_shows_the_columns_that_a_page_names(saved):
    lines = pages.planned("planned", "difference", "seeds", "p (Holm)").splitlines()
    assert lines[0] == "| difference | seeds | p (Holm) |"
    assert lines[2] == "| SRL, MCCS − SFT | 2 | 0.040 |"


def test_a_planned_comparison_has_its_interval_and_its_corrected_one(saved):
    (row,) = pages.planned("planned").splitlines()[2:]
    assert row == (
        "| SRL, MCCS − SFT | 2 | +0.040 [+0.030, +0.050] | [-0.010, +0.090] | 0.040 | – "
        "| -0.020 | +0.080 | +0.010 |"
    )


def test_a_planned_comparison_is_shown_on_the_confirmation_set_too(saved):
    assert pages.planned("planned", reference="index") == pages.planned("planned")
    assert pages.planned("planned", reference="none") == pages.NOT_SCORED


def test_a_hypothesis_says_what_was_planned_and_whether_it_holds(saved):
    row = {"arm": "srl_mccs", "against": "sft", "on": "test", "at_least": 0.05, "seeds": 1}
    row |= {"difference": 0.04, "low": -0.01, "high": 0.09, "holds": False}
    row |= {"recall": 0.1, "macro_f1": 0.0, "sides": np.nan, "elsewhere": -0.02, "surely": True}
    saved["hypotheses"] = pd.DataFrame([row])
    (line,) = pages.hypotheses().splitlines()[2:]
    assert line == (
        "| SRL, MCCS − SFT | test | at least +0.05, interval above 0 | +0.040 [-0.010, +0.090] "
        "| +0.100 | +0.000 | – | -0.020 | 1 | **no** |"
    )


def test_the_definitions_name_the_code_that_uses_them_and_leave_out_twins(saved):
    text = pages.definitions()
    assert "shuffled" not in text
    (line,) = [line for line in text.splitlines() if line.startswith("| micro | 14 | negative |")]
    assert "r2gen" in line and line.endswith("| 0.000 | 0.000 |")


def test_systems_stand_against_sft_with_a_column_per_set_and_reference(saved):
    row = {"arm": "srl_mccs", "reference": "index", "seeds": 2, "same": 1}
    row |= {"difference": 0.04, "low": -0.01, "high": 0.09}
    saved["against_sft"] = pd.DataFrame([row | {"split": each} for each in ("test", "other")])
    head, _, line = pages.against_sft().splitlines()
    assert head == "| arm | seeds | same | test, index | other, index |"
    assert line.startswith("| SRL, MCCS | 2 | 1 | +0.040 [-0.010, +0.090] | +0.040")


def test_the_secondary_measures_are_those_of_one_set(saved):
    row = {"arm": "sft", "seeds": 2, "sides": 0.5, "zones": np.nan}
    rows = [row | {"split": "test"}, row | {"split": "other", "sides": 0.25}]
    saved["secondary"] = pd.DataFrame(rows)
    assert pages.secondary("other").splitlines()[2:] == ["| SFT | 0.250 | – | 2 |"]


def test_an_arm_of_the_ablation_that_has_not_run_is_named_below_the_table(saved):
    text = pages.ablations()
    assert "| SRL, BLEU-4 | srl_bleu | -0.250 [-0.300, -0.200] | [-0.400, -0.100] | 0.250 |" in text
    assert "| reward | SRL, MCCS | srl_mccs | – | – | 0.500 |" in text
    assert text.endswith("\n\nNot run: SRL, MCCS, KL 0.")


def test_the_cost_is_read_from_the_manifests(monkeypatch, tmp_path):
    run = Run("iu_xray/srl_mccs", "smoke", 0, tmp_path)
    for seed, seconds in enumerate((60.0, 90.0)):
        folder = run.folder.with_name(f"seed{seed}")
        folder.mkdir(parents=True)
        entry = {"seconds": seconds, "steps": 10, "trained_parameters": 1200}
        (folder / "manifest.json").write_text(json.dumps({"srl": entry}))
    trained = pd.DataFrame({"arm": "srl_mccs", "seed": [0, 1]})
    monkeypatch.setattr(build, "read", lambda name, run: trained)
    assert pages.cost(run).splitlines()[2] == "| SRL, MCCS | 10 | 1,200 | 2 | 1.2 |"


def test_the_settings_of_an_arm_stand_side_by_side_at_two_scales():
    text = pages.settings("srl_mccs", "laptop", "full")
    assert "| srl.steps | 100 | 300 |" in text and "| options.margin | 0.3 | 0.3 |" in text
