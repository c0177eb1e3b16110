"""The ablation's tables, from made-up scores and logs whose values can be worked by hand."""

import json

import numpy as np
import pandas as pd
import pytest

from mrg_r1_lib.evaluation.evaluate import efficacy_rows
from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.reporting import ablations
from mrg_r1_lib.rewards import REWARDS

STUDIES = 8
EDEMA, FRACTURE = OBSERVATIONS.index("Edema"), OBSERVATIONS.index("Fracture")


def codes(edema=0, no_fracture=0):
    """Codes of 8 studies: edema in its first so many, no fracture in its last so many."""
    labels = np.zeros((STUDIES, 14), dtype=np.int8)
    labels[:edema, EDEMA] = Label.POSITIVE
    labels[STUDIES - no_fracture :, FRACTURE] = Label.NEGATIVE
    return labels


REFERENCE = codes(edema=4, no_fracture=6)


def write(results, arm, seed, labels, log=None):
    folder = results / "smoke" / "iu_xray" / arm / f"seed{seed}"
    folder.mkdir(parents=True)
    table = pd.DataFrame(labels, columns=list(OBSERVATIONS))
    table.insert(0, "study_id", [f"CXR{number}" for number in range(STUDIES)])
    table.to_csv(folder / "labels_per_study.csv", index=False)
    metrics = {
        "clinical_efficacy": efficacy_rows(REFERENCE, labels),
        "text": {"rouge_l": 0.25, "bleu_4": 0.125},
        "style": {"negatives": 1.5},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    if log is not None:
        log.to_csv(folder / "train_log.csv", index=False)


@pytest.fixture
def results(tmp_path):
    """SFT finds 2 of 4 edemas, MCCS 4 (seed 0) or 2 (seed 1), net benefit 4; both seeds of MCCS deny all fractures."""
    write(tmp_path, "reference", 0, REFERENCE)
    for seed in (0, 1):
        write(tmp_path, "sft", seed, codes(edema=2))
        write(tmp_path, "srl_mccs", seed, codes(edema=4 - 2 * seed, no_fracture=6))
    write(tmp_path, "srl_net_benefit", 0, codes(edema=4))
    return tmp_path


def test_every_reinforced_arm_stands_in_one_section_of_the_ablation():
    reinforced = {
        arm
        for arm, each in ARMS.items()
        if each.stage == "srl" and each.generation == "transformers"
    }
    assert sorted(ablations.ARMS) == sorted(reinforced | {"sft", "sft_continued"})


def test_every_clinical_and_lexical_reward_can_be_read_off_saved_scores():
    assert {*ablations.LABEL_REWARDS, *ablations.TEXT_REWARDS, "report_tags"} == {
        *REWARDS,
        "cosine",
    }


def test_what_an_arm_changes_is_read_from_the_ladder():
    changes = ablations.settings_table()["changes"]
    assert (
        changes["srl_mccs"] == "-"
        and changes["srl_margin_50"] == "margin 0.5"
        and changes["srl_no_sft"] == "start pretrained"
    )
    assert (
        changes["srl_bleu"] == "rewards 0.75 bleu + 0.25 report_tags"
        and changes["srl_all_studies"] == "abnormal None"
    )


def test_an_arm_is_compared_over_the_seeds_that_it_shares_with_the_papers_and_one_that_has_not_run_is_a_row(
    results,
):
    table = ablations.ablation_table(results, "smoke")
    assert list(table.index) == list(ablations.ARMS)
    assert table.loc["srl_mccs", ["seeds", "f1", "recall", "negatives"]].tolist() == [
        2,
        (1 + 2 / 3) / 2,
        0.75,
        1.5,
    ]
    assert np.isnan(table.loc["srl_mccs", "difference"])
    # two seeds pooled: SFT has 4 of 8 edemas, MCCS 6; net benefit shares seed 0 alone, where both have all
    assert table.loc["sft", "difference"] == pytest.approx(2 * 4 / (4 + 8) - 2 * 6 / (6 + 8))
    assert table.loc["srl_net_benefit", ["seeds", "pairs", "difference"]].tolist() == [1, 1, 0]
    assert table.loc["srl_bleu", "seeds"] == 0 and np.isnan(table.loc["srl_bleu", "f1"])


def test_a_forest_shows_what_has_a_difference_with_its_number_of_pairs(results):
    shown = ablations.forest_table(ablations.ablation_table(results, "smoke"))
    assert shown["system"].tolist() == ["net benefit (1)", "SFT (2)"]
    assert ablations.trained_rewards(results, "smoke") == ["srl_mccs", "srl_net_benefit"]


def test_what_a_policy_earns_under_every_reward_by_hand(results):
    earned = ablations.earned(results, "smoke")
    sft = earned.loc["SFT"]
    # label F1: studies 0, 1 and the four without edema agree, 2 and 3 are missed; net benefit: two misses in 8 studies
    assert sft["label_f1"] == sft["positive_cosine"] == 6 / 8 and sft[
        "net_benefit"
    ] == pytest.approx(1 - 2 / 8 / 13)
    # cosine over 8 studies: 0 and 1 assert edema (1), 2 to 7 nothing (0)
    assert (
        sft["cosine"] == 2 / 8
        and sft["rouge_l"] == 0.25
        and sft["bleu"] == 0.125
        and sft["CE F1"] == pytest.approx(2 / 3)
    )
    assert earned.loc["SRL, MCCS", "CE F1"] == pytest.approx((1 + 2 / 3) / 2)


def test_the_gap_is_closed_from_where_training_started(results):
    log = pd.DataFrame({"step": [1, 2, 3], "rewards/mccs/mean": [0.5, 0.75, 1.0]})
    for name, values in {"hits": [1, 1, 1], "positives": [2, 1, 1], "wanted": [2, 1, 2]}.items():
        log[f"rewards/{name}/mean"] = values
    write(results, "srl_mccs", 2, codes(), log)
    closed = ablations.gap_closed(results, "smoke", window=1).pivot_table(
        index="step", columns="measure", values="closed"
    )
    assert closed["own reward"].tolist() == [0, 0.5, 1]
    # F1 1/2, 1, 2/3
    assert closed["F1 of sampled reports"].tolist() == pytest.approx([0, 1, 1 / 3])


def test_the_study_where_reward_and_findings_part_gains_reward_and_no_finding(results):
    # seed 0: studies 4 to 7 gain a denial and no finding (cosine 0 to 1); 2 and 3 gain both, and are not chosen
    table = ablations.parted(results, "smoke")
    assert table["study_id"].tolist() == ["CXR4", "CXR5", "CXR6", "CXR7"] and table[
        "row"
    ].tolist() == [4, 5, 6, 7]
    assert set(table["gain"]) == set(table["denials"]) == {1.0}
    assert ablations.parted(results, "smoke", seed=7).empty
