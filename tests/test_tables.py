"""Tables of scores: which split and judge they are of, what is pooled, and that labels are for
printing.
"""

import dataclasses
import json
from contextlib import redirect_stdout
from io import StringIO

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell
from saved_scores import codes, write, write_log

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.metrics.bootstrap import Efficacy, interval
from mrg_r1_lib.metrics.clinical_efficacy import PRIMARY
from mrg_r1_lib.reporting import by_observation, drawings, scores, tables
from mrg_r1_lib.reporting.logs import readable_log, training_table, validation_logs
from mrg_r1_lib.reporting.needed import Missing, require_policy

REFERENCE = codes(12, Edema=6)


@pytest.fixture
def saved(tmp_path):
    """SFT finds 2 (seed 0) and 4 (seed 1) of 6 edemas; its twin invents one fracture."""
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE)
    write(tmp_path, "constant_normal", 0, codes(12), REFERENCE)
    for seed in (0, 1):
        write(tmp_path, "sft", seed, codes(12, Edema=2 + 2 * seed), REFERENCE)
    write(tmp_path, "sft_shuffled", 0, codes(12, Fracture=1), REFERENCE)
    return tmp_path


def test_scores_are_counted_over_all_seeds_and_their_interval_is_of_seeds_and_studies(saved, run):
    table = tables.score_table(run).set_index("arm")
    assert table.loc["sft", "value"] == pytest.approx(2 * 6 / (6 + 12))  # 2 + 4 found of 6 + 6
    assert table.loc["sft", ["precision", "recall", "seeds"]].tolist() == [1.0, 0.5, 2]
    both = scores.read_scores(run).codes("sft")
    expected = interval(REFERENCE, both, Efficacy(**PRIMARY), resamples=run.settings.resamples)
    assert tuple(table.loc["sft", ["value", "low", "high"]]) == expected
    assert table["kind"].to_dict() == {
        "reference": "ceiling",
        "constant_normal": "baseline",
        "sft": "policy",
        "sft_shuffled": "images shuffled",
    }


def test_the_main_table_keeps_each_seed_and_the_summary_shows_the_pooled_scores(saved, run):
    main = tables.main_table(run)
    f1 = main[(main[list(PRIMARY)] == pd.Series(PRIMARY)).all(axis=1) & (main["metric"] == "ce_f1")]
    assert f1[f1["arm"] == "sft"]["value"].tolist() == pytest.approx([0.5, 0.8])
    assert tables.summary(main).loc["sft", "F1 micro-13"] == pytest.approx(0.65)
    pooled = tables.summary(main, tables.score_table(run))
    assert pooled.loc["sft", "F1 micro-13"] == pytest.approx(2 / 3)
    assert pooled.loc["sft", "bleu_4"] == 0.125


def test_the_default_study_leaves_out_arms_of_the_ablation_and_their_twins(run):
    arms = ["sft", "srl_mccs", "srl_bleu", "srl_bleu_shuffled", "srl_mccs_shuffled"]
    shown = tables.main_study(pd.DataFrame({"arm": arms}), run.settings.arms)
    assert shown["arm"].tolist() == ["sft", "srl_mccs", "srl_mccs_shuffled"]


def test_a_study_without_its_main_arm_still_has_tables_by_observation(saved, run):
    table = by_observation.observation_table(run)
    assert set(table["arm"]) == {"sft"} and by_observation.intervals(run).empty
    with pytest.raises(Missing, match="SFT and srl_mccs have no scores of one seed"):
        drawings.observation_f1(run, by_observation.intervals(run))


def test_a_copy_beside_the_folder_of_a_seed_is_no_run(saved, run):
    before = scores.run_folders(run)
    folder = saved / "smoke" / "iu_xray" / "sft"
    (folder / "seed0_old").mkdir()
    (folder / "seedling").mkdir()
    assert scores.run_folders(run) == before and ("sft", 1) in before


def test_another_label_changes_what_is_printed_and_no_table(saved, run, monkeypatch):
    before = tables.score_table(run), tables.main_table(run)
    monkeypatch.setitem(ARMS, "sft", dataclasses.replace(ARMS["sft"], label="finetuned"))
    after = tables.score_table(run), tables.main_table(run)
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(one, other)
    assert "finetuned" in tables.labelled(after[0])["arm"].tolist()
    assert "finetuned" in tables.labelled(after[0].set_index("arm")).index


def test_test_scores_are_used_only_if_the_reference_has_them(tmp_path, run):
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE, split="validate")
    write(tmp_path, "sft", 0, codes(12, Edema=3), REFERENCE, split="validate")
    write(tmp_path, "sft", 1, codes(12, Edema=6), REFERENCE, split="test")
    table = tables.score_table(run).set_index("arm")
    assert set(table["split"]) == {"validate"} and table.loc["sft", "seeds"] == 1
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE, split="test")
    table = tables.score_table(run).set_index("arm")
    assert set(table["split"]) == {"test"} and table.loc["sft", "value"] == 1.0


def test_scores_by_different_judges_are_refused_with_both_folders(saved, run):
    write(saved, "sft", 1, codes(12, Edema=6), REFERENCE, judge="chexbert")
    with pytest.raises(
        ValueError,
        match=r"reference/seed0 was judged by 'rules' and .*sft/seed1 by 'chexbert'.*one table",
    ):
        tables.score_table(run)


def test_scores_without_a_judge_are_refused(saved, run):
    path = saved / "smoke" / "iu_xray" / "sft" / "seed0" / "metrics.json"
    metrics = json.loads(path.read_text())
    del metrics["judge"]
    path.write_text(json.dumps(metrics))
    with pytest.raises(ValueError, match=r"metrics\.json names no judge"):
        tables.main_table(run)


@pytest.mark.parametrize("kept", [0, 0.5, 0.97])
@pytest.mark.parametrize("name", ["metrics.json", "labels_per_study.csv"])
@pytest.mark.parametrize("arm", ["reference", "sft"])
def test_a_cut_file_is_named_with_what_to_do(saved, run, arm, name, kept):
    path = saved / "smoke" / "iu_xray" / arm / "seed0" / name
    data = path.read_bytes()
    path.write_bytes(data[: int(kept * len(data))])
    with pytest.raises(ValueError, match=rf"{arm}/seed0/{name} is damaged: .*git checkout"):
        tables.score_table(run)


def test_other_studies_than_the_references_are_refused(saved, run):
    write(saved, "sft", 1, codes(11, Edema=6), REFERENCE[:11])
    with pytest.raises(ValueError, match="scored on 11 studies, the reference has 12"):
        tables.score_table(run)


def test_missing_scores_name_the_command_that_makes_them_and_its_minutes(
    saved, run, tmp_path_factory
):
    command = rf"`\./run_all\.sh smoke --final --results {saved}` makes it in about 5 minutes"
    with pytest.raises(Missing, match=rf"srl_mccs has no scores of seed 0 on .* test .*{command}"):
        scores.require_scores(run)
    elsewhere = dataclasses.replace(run, results=tmp_path_factory.mktemp("empty"), seed=2)
    with pytest.raises(Missing, match=r"Nothing was scored.*`\./run_all\.sh smoke --seeds 2 "):
        tables.main_table(elsewhere)


def test_scores_of_a_policy_that_was_trained_anew_since_are_told_from_its_own(saved, run):
    sft = run.of_arm("sft")
    assert scores.trained_since(sft, "test") == []  # as in a new clone: nothing was trained here
    write_log(saved, "sft", 0, step=[1])
    write_log(saved, "sft", 0, "validation.csv", step=[1])
    sft.policy.mkdir(parents=True)
    sft.mark_finished("train", weights="aa")
    assert scores.trained_since(run, "test") == [sft]
    assert scores.trained_since(run, "impressions") == []  # it has no scores there
    sft.mark_finished("test")
    assert scores.trained_since(run, "test") == []


def test_a_notebook_shows_what_is_missing_as_one_line_without_a_traceback(run):
    shell = InteractiveShell.instance()
    with pytest.raises(Missing) as caught:
        require_policy(run.of_arm("sft"))
    with redirect_stdout(StringIO()) as shown:
        shell.showtraceback((caught.type, caught.value, caught.tb))
    assert shown.getvalue().strip() == str(caught.value)
    assert "02_supervised_finetuning SCALE=smoke SEED=0" in str(caught.value)


def test_a_log_is_read_with_precision_and_recall_of_each_step():
    counts = {"hits": [1.0, 1.0], "positives": [1.0, 2.0], "wanted": [2.0, 2.0], "mccs": [0.1, 0.2]}
    log = pd.DataFrame({f"rewards/{name}/mean": values for name, values in counts.items()})
    read = readable_log(log.assign(**{"completions/mean_length": 9.0}))
    assert read["precision"].tolist() == [1.0, 0.5] and read["recall"].tolist() == [0.5, 0.5]
    assert read["mccs"].tolist() == [0.1, 0.2] and read["tokens"].tolist() == [9.0, 9.0]


def test_validation_logs_of_several_runs_have_one_axis(tmp_path, run):
    for arm, steps in (("sft_continued", (300, 600)), ("srl_mccs", (0, 40, 80, 160))):
        folder = tmp_path / "smoke" / "iu_xray" / arm / "seed1"
        folder.mkdir(parents=True)
        pd.DataFrame({"step": steps, "f1": 0.5}).to_csv(folder / "validation.csv", index=False)
    log = validation_logs(run, ("srl_mccs", "sft_continued", "srl_rouge_l"))
    assert log["share"].tolist() == [0.5, 1.0, 0.0, 0.25, 0.5, 1.0] and set(log["seed"]) == {1}
    assert log["arm"].tolist() == ["sft_continued"] * 2 + ["srl_mccs"] * 4


def test_the_training_table_counts_the_reports_of_pretraining_alone(tmp_path, run):
    for arm, stage, loss in (
        ("pretrained", "pretrain", [9.0, 9.0, 4.0, 3.0, 2.0, 1.0]),
        ("sft", "sft", [4.0, 3.0, 2.0, 1.0]),
    ):
        folder = tmp_path / "smoke" / "iu_xray" / arm / "seed0"
        folder.mkdir(parents=True)
        pd.DataFrame({"loss": loss}).to_csv(folder / "train_log.csv", index=False)
        manifest = {
            "scale": {"pretrain": {"reports": 8, "batch_size": 2}},
            stage: {"trained_tensors": 3, "changed_tensors": 2},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))
    table = training_table(run)
    shown = table[["steps", "loss_first", "loss_last", "changed_tensors"]].to_numpy().tolist()
    assert shown == [[4, 4.0, 1.0, 2]] * 2 and table["reward_first"].isna().all()
