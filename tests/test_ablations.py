"""The ablation's tables, from made-up scores and logs whose values can be worked by hand."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from saved_scores import codes, write, write_log

from mrg_r1_lib.experiments import ARMS, SRL
from mrg_r1_lib.reporting import ablations, drawings, reward_scores
from mrg_r1_lib.reporting.sampled import ONE_SAMPLE, REWARD_CHOICES, best_expected, level_table
from mrg_r1_lib.reporting.schema import validated
from mrg_r1_lib.rewards import REWARDS

STUDIES = 8
FRACTURE = "Fracture"
REFERENCE = codes(STUDIES, Edema=4, negative=(FRACTURE, 6))
COUNTS = {
    "rewards/hits/mean": [1, 1, 1],
    "rewards/positives/mean": [2, 1, 1],
    "rewards/wanted/mean": [2, 1, 2],
}


@pytest.fixture
def results(tmp_path):
    """SFT finds 2 of 4 edemas, MCCS 4 (seed 0) or 2 (seed 1), net benefit 4; both seeds of MCCS
    deny all fractures."""
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE)
    for seed in (0, 1):
        write(tmp_path, "sft", seed, codes(STUDIES, Edema=2), REFERENCE)
        labels = codes(STUDIES, Edema=4 - 2 * seed, negative=(FRACTURE, 6))
        write(tmp_path, "srl_mccs", seed, labels, REFERENCE)
    write(tmp_path, "srl_net_benefit", 0, codes(STUDIES, Edema=4), REFERENCE)
    return tmp_path


def test_a_new_arm_stands_in_the_ablation_without_an_edit(results, run, monkeypatch):
    arm = dataclasses.replace(SRL, label="new", section="a new question", options={"margin": 0.45})
    monkeypatch.setitem(ARMS, "srl_new", arm)
    monkeypatch.setitem(ARMS, "srl_unnamed", dataclasses.replace(SRL, label="odd", section="other"))
    write(results, "srl_new", 0, codes(STUDIES, Edema=3), REFERENCE)
    table = ablations.ablation_table(run).set_index("arm")
    assert table.loc["srl_new", ["section", "seeds", "pairs"]].tolist() == ["a new question", 1, 1]
    assert table.loc["srl_unnamed", ["section", "seeds"]].tolist() == ["other", 0]
    assert ablations.settings_table().loc["srl_new", "changes"] == "margin 0.45"


def test_every_finetuned_arm_is_a_row_and_the_papers_stands_first():
    arms = ablations.settings_table().index
    finetuned = [arm for arm, each in ARMS.items() if each.stage in ("sft", "srl")]
    assert sorted(arms) == sorted(finetuned) and arms[0] == ablations.PAPER


def test_every_reward_can_be_read_off_saved_scores_or_is_said_to_need_the_reports():
    readable = {*reward_scores.LABEL_REWARDS, *reward_scores.TEXT_REWARDS, "report_tags"}
    assert readable | {*reward_scores.SAVED} == {*REWARDS, "cosine"}


def test_what_an_arm_changes_is_read_from_the_experiments():
    changes = ablations.settings_table()["changes"]
    assert changes["srl_mccs"] == "-" and changes["srl_margin_50"] == "margin 0.5"
    assert changes["srl_no_sft"] == "start pretrained"
    assert changes["srl_bleu"] == "rewards 0.75 bleu + 0.25 report_tags"
    assert changes["srl_all_studies"] == "abnormal_share None"


def test_the_t_interval_over_seeds_stands_beside_the_bootstrap_from_three_seeds_on(results, run):
    columns = ["t_low", "t_high"]
    two = ablations.ablation_table(run).set_index("arm")
    assert two[columns].isna().all(axis=None)
    for arm, found in (("sft", 2), ("srl_mccs", 2)):
        write(results, arm, 2, codes(STUDIES, Edema=found), REFERENCE)
    three = ablations.ablation_table(run).set_index("arm").loc["sft", columns].astype(float)
    # SFT minus MCCS by seed: 2/3 - 1, 0, 0; mean -1/9, standard error 1/9, t quantile 4.302653
    assert three.to_numpy() == pytest.approx([-5.302653 / 9, 3.302653 / 9])


def test_an_arm_is_compared_over_the_seeds_that_it_shares_with_the_papers(results, run):
    table = ablations.ablation_table(run).set_index("arm")
    assert table.loc["srl_mccs", ["seeds", "recall", "negatives"]].tolist() == [2, 0.75, 1.5]
    assert table.loc["srl_mccs", "f1"] == pytest.approx(2 * 6 / (6 + 8))
    assert np.isnan(table.loc["srl_mccs", "difference"])
    # two seeds pooled: SFT has 4 of 8 edemas, MCCS 6; net benefit shares seed 0, where both have
    # all
    assert table.loc["sft", "difference"] == pytest.approx(2 * 4 / (4 + 8) - 2 * 6 / (6 + 8))
    assert table.loc["srl_net_benefit", ["seeds", "pairs", "difference"]].tolist() == [1, 1, 0]
    assert table.loc["srl_bleu", "seeds"] == 0 and np.isnan(table.loc["srl_bleu", "f1"])
    assert ablations.reward_arms(run) == ["srl_mccs", "srl_net_benefit"]


def test_the_score_of_reports_under_every_reward_by_hand(results, run):
    table = reward_scores.reward_score_table(run).set_index(["arm", "seeds"])
    sft = table.loc["sft", "0 1"]
    # label F1: studies 0, 1 and the four without edema agree, 2 and 3 are missed
    assert sft["label_f1"] == sft["positive_cosine"] == 6 / 8
    assert sft["net_benefit"] == pytest.approx(1 - 2 / 8 / 13)  # two misses in 8 studies
    # cosine over 8 studies: 0 and 1 assert edema (1), 2 to 7 nothing (0)
    assert sft["cosine"] == 2 / 8 and sft["rouge_l"] == 0.25 and sft["bleu"] == 0.125
    assert sft["f1"] == pytest.approx(2 / 3)
    assert table.loc[("srl_mccs", "0 1"), "f1"] == pytest.approx(2 * 6 / (6 + 8))


def test_an_arm_is_compared_under_every_reward_with_sft_of_its_own_seeds(results, run):
    write(results, "sft", 1, codes(STUDIES, Edema=4), REFERENCE)  # seed 1 finds all: not shared
    write(results, "srl_bleu", 7, codes(STUDIES, Edema=4), REFERENCE)  # SFT has no seed 7
    table = reward_scores.reward_score_table(run)
    f1 = table.set_index(["arm", "seeds"])["f1"]
    assert f1["sft", "0 1"] == pytest.approx(2 * 6 / (6 + 8)) and "srl_bleu" not in f1
    assert f1["sft", "0"] == pytest.approx(2 / 3) and f1["srl_net_benefit", "0"] == 1
    shown = drawings.reward_heatmap(run, validated(table, reward_scores.REWARD_SCORES, "t")).axes[0]
    assert next(each.get_text() for each in shown.get_yticklabels()) == "SRL, net benefit (1)"
    columns = table.columns.drop(["split", "arm", "seeds"])
    written = [text.get_text() for text in shown.texts]
    assert written[len(columns) - 1] == "+0.333"


def test_reward_and_f1_are_followed_from_where_training_started(results, run):
    rewards = {"step": [1, 2, 3], "rewards/mccs/mean": [0.5, 0.75, 1.0]}
    write_log(results, "srl_mccs", 2, **rewards, **COUNTS)
    moved = reward_scores.since_start(run, ["srl_mccs"], window=1)
    moved = moved.pivot_table(index="step", columns="measure", values="change")
    assert moved["own reward"].tolist() == [0, 0.25, 0.5]
    # F1 1/2, 1, 2/3
    assert moved["F1 of sampled reports"].tolist() == pytest.approx([0, 1 / 2, 1 / 6])


def test_two_clinical_rewards_of_one_arm_are_weighed_together(results, run, monkeypatch):
    weights = {"mccs": 0.5, "label_f1": 0.25, "report_tags": 0.25}
    both = dataclasses.replace(ARMS["srl_label_f1"], rewards=weights)
    monkeypatch.setitem(ARMS, "srl_label_f1", both)
    write(results, "srl_label_f1", 0, codes(STUDIES, Edema=4), REFERENCE)
    rewards = {"rewards/mccs/mean": [0.0, 0.5, 1.0], "rewards/label_f1/mean": [0.3, 0.3, 0.6]}
    write_log(results, "srl_label_f1", 0, step=[1, 2, 3], **rewards, **COUNTS)
    moved = reward_scores.since_start(run, ["srl_label_f1"], window=1)
    # (2 mccs + label_f1) / 3: 0.1, 13 / 30, 26 / 30
    moved = moved.query("measure == 'own reward'")["change"]
    assert moved.tolist() == pytest.approx([0, 10 / 30, 23 / 30])


def test_a_study_that_gains_reward_and_no_finding_is_listed(results, run):
    # seed 0: studies 4 to 7 gain a denial and no finding (cosine 0 to 1); 2 and 3 gain both
    table = reward_scores.reward_without_findings(run)
    assert table["study_id"].tolist() == ["CXR4", "CXR5", "CXR6", "CXR7"]
    assert table["row"].tolist() == [4, 5, 6, 7]
    assert set(table["gain"]) == set(table["denials"]) == {1.0}
    assert reward_scores.reward_without_findings(dataclasses.replace(run, seed=7)).empty


def test_what_a_reward_chooses_stands_beside_what_training_with_it_reached(results, run):
    rewards = [ONE_SAMPLE, "mccs", "a reward whose arms have other names"]
    choices = pd.DataFrame({"reward": rewards, "f1": [0.2, 0.3, 0.4]})
    for arm, values in (("sft", [0.1, 0.5]), ("srl_mccs", [0.6, 0.4])):
        chosen = [value == max(values) for value in values]
        write_log(results, arm, 0, "validation.csv", f1=values, chosen=chosen)
    seen = {"against_index": [False, True], "f1": [0.7, 0.9]}
    write_log(results, "pretrained", 0, "tower_validation.csv", **seen)
    table = level_table(run, choices)
    assert table["chosen"].tolist()[:3] == [0.2, 0.3, 0.4]
    assert table["trained"].fillna(-1).tolist() == [0.5, 0.6, -1, 0.7]
    assert list(table.index)[:3] == ["SFT", "SRL, MCCS", rewards[-1]]
    write_log(results, "pretrained", 0, "tower_validation.csv", **{key: [] for key in seen})
    assert list(level_table(run, choices).index) == list(table.index)[:3]  # a published tower


def test_the_choice_of_a_reward_is_its_best_sample_against_the_others():
    edema, nothing = codes(1, Edema=1)[0], codes(1)[0]
    samples = np.array([[nothing, edema, edema]])
    table = best_expected(samples, np.array([edema]), reward_scores.LABEL_REWARDS)
    assert table.loc[ONE_SAMPLE, "recall"] == 0 and table.loc["label_f1", "recall"] == 1
    assert set(table.columns) == {*REWARD_CHOICES} - {"split", "reward"}
