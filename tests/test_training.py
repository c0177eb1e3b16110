"""Real training, a few steps of it: the stages from a new policy to SRL, on real reports, on the
CPU."""

import dataclasses
import json
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from trl import GRPOTrainer

from mrg_r1_lib import experiments, scales
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation import beliefs
from mrg_r1_lib.evaluation.completions import write_completions
from mrg_r1_lib.evaluation.evaluate import evaluate
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.policies.load_save import load_policy
from mrg_r1_lib.policies.prompts import srl_rows
from mrg_r1_lib.rewards import REWARDS
from mrg_r1_lib.rewards.advantage import combine_rewards, group_advantage
from mrg_r1_lib.rewards.counts import COUNTS
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked
from mrg_r1_lib.training import srl
from mrg_r1_lib.training.pretrain import pretrain
from mrg_r1_lib.training.sft import config as sft_config
from mrg_r1_lib.training.sft import sft
from mrg_r1_lib.training.trainer import command_line, read_log

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished_results(minute_scale, indiana, tmp_path_factory):
    """A results folder in which pretraining and SFT have finished."""
    results = tmp_path_factory.mktemp("results")
    run = Run("iu_xray/srl_mccs", "smoke", 0, results)
    pretrain(run)
    sft(run)
    return results


@pytest.fixture
def trained(finished_results, tmp_path):
    """A run on a copy of that folder."""
    shutil.copytree(finished_results, tmp_path / "results")
    return Run("iu_xray/srl_mccs", "smoke", 0, tmp_path / "results")


def test_the_stages_move_every_tensor_and_a_finished_one_is_not_repeated(trained):
    first = srl.srl(trained)
    assert first["kl"].iloc[0] == 0 and len(first) == trained.settings.srl.steps
    manifest = trained.read_manifest()["srl"]
    assert manifest["changed_tensors"] == manifest["trained_tensors"] > 0
    supervised = sft(trained)
    assert supervised["loss"].iloc[-4:].mean() < supervised["loss"].iloc[:4].mean()
    written = (trained.folder / "train_log.csv").stat().st_mtime_ns
    pd.testing.assert_frame_equal(srl.srl(trained), first, check_exact=False, check_dtype=False)
    assert (trained.folder / "train_log.csv").stat().st_mtime_ns == written


def test_sft_continued_starts_from_sft_and_goes_on_at_its_own_rate(trained):
    run = Run("iu_xray/sft_continued", "smoke", 0, trained.results)
    assert (
        run.start.arm == "sft"
        and sft_config(run, 24).learning_rate < sft_config(run.start, 24).learning_rate
    )
    log, settings = sft(run), trained.settings.sft_continued
    rows = trained.settings.studies["train"] + settings.phantoms
    assert len(log) == -(-rows // settings.batch_size) * settings.epochs
    assert log["loss"].iloc[0] < read_log(run.start)["loss"].iloc[0]
    evaluations = pd.read_csv(run.folder / "validation.csv")
    assert evaluations["step"].tolist() == [0, len(log) // 2, len(log)]


def test_srl_counts_and_evaluates_beside_its_rewards(trained):
    log = srl.srl(trained)
    assert {f"rewards/{name}/mean" for name in ("mccs", "report_tags", *COUNTS)} <= set(log)
    mixed = 0.75 * log["rewards/mccs/mean"] + 0.25 * log["rewards/report_tags/mean"]
    unscored = log["rewards/mccs/mean"].isna()
    assert (
        (log["reward"] <= mixed + 1e-6) | unscored
    ).all()  # the counts weigh nothing; a study without labels earns less
    evaluations = pd.read_csv(trained.folder / "validation.csv")
    assert evaluations["step"].tolist() == [0, trained.settings.srl.steps]
    kept = evaluations[evaluations["chosen"]]
    assert len(kept) == 1 and kept["f1"].item() == evaluations["f1"].max()


def test_srl_trains_on_mostly_abnormal_studies_and_hands_each_reward_what_it_asks_for(
    trained, monkeypatch
):
    asked = {}

    def build(labeler, prevalence):
        asked["prevalence"] = prevalence
        return lambda completions, **_: [0.0] * len(completions)

    monkeypatch.setitem(REWARDS, "mccs", build)
    monkeypatch.setitem(
        experiments.ARMS, "srl_mccs", dataclasses.replace(trained.recipe, options={})
    )
    monkeypatch.setattr(
        srl,
        "GRPOTrainer",
        lambda *_, train_dataset, **__: (
            asked.update(rows=train_dataset) or SimpleNamespace(model=0)
        ),
    )
    monkeypatch.setattr(srl, "train", lambda *_: None)
    monkeypatch.setattr(srl, "stop_tower_gradients", lambda _: None)
    srl.srl(trained)
    labels = load_labeler("rules")(
        [study.findings for study in load_split("iu_xray", "train", trained.settings)]
    )
    seen = positives(np.array(asked["rows"].with_format(None)["reference_labels"]))
    assert len(seen) < len(labels) and seen.any(axis=1).sum() == positives(labels).any(axis=1).sum()
    assert seen.any(axis=1).mean() == pytest.approx(trained.recipe.abnormal_share, abs=0.05)
    np.testing.assert_allclose(asked["prevalence"], positives(labels).mean(axis=0))


def test_beliefs_are_sampled_by_the_seed_kept_and_loaded_where_the_policy_is_not(trained):
    first = beliefs.sample_labels(trained.start)
    assert first.shape == (
        trained.settings.studies["validate"],
        beliefs.SAMPLES,
        14,
    ) and trained.start.finished("beliefs")
    (trained.start.private / "beliefs.done").unlink()
    np.testing.assert_array_equal(beliefs.sample_labels(trained.start), first)
    shutil.rmtree(trained.start.private)
    np.testing.assert_array_equal(beliefs.sample_labels(trained.start), first)
    trained.start.outputs("beliefs")[0].unlink()
    with pytest.raises(FileNotFoundError, match="02_supervised_finetuning"):
        beliefs.sample_labels(trained.start)


def test_the_taught_advantage_is_the_one_that_trl_logs(trained, tmp_path):
    config = srl.config(trained)
    config.log_completions, config.num_completions_to_print, config.max_steps = True, 0, 2
    studies = load_split("iu_xray", "train", trained.settings)
    labels = load_labeler("rules")([study.findings for study in studies])
    model, processor = load_policy(trained.start.policy)
    trainer = GRPOTrainer(
        model,
        reward_funcs=srl.reward_functions(trained, labels),
        args=config,
        train_dataset=srl_rows(studies, labels),
        processing_class=processor,
    )
    trainer.train()
    logs = sorted((trained.private / "trainer" / "completions").glob("*.parquet"))
    assert len(logs) == 2
    for log in logs:
        table = pd.read_parquet(log)
        rewards = combine_rewards(table[["mccs", "report_tags"]].to_numpy(), np.array([0.75, 0.25]))
        expected = group_advantage(rewards.reshape(-1, trained.group_size))
        np.testing.assert_allclose(
            table["advantage"].to_numpy().reshape(expected.shape), expected, atol=1e-5
        )


def test_every_setting_that_the_method_needs_is_the_methods_and_not_trls_default(run):
    config = srl.config(run)
    method = {
        "loss_type": "grpo",
        "beta": 0.04,
        "scale_rewards": "group",
        "reward_weights": [
            0.75,
            0.25,
            *[0.0] * len(COUNTS),
        ],  # the paper's; the counts weigh nothing
        "multi_objective_aggregation": "sum_then_normalize",
        "num_iterations": 1,
        "epsilon": 0.2,
        "importance_sampling_level": "token",
        "use_bias_correction_kl": False,
        "mask_truncated_completions": False,
        "repetition_penalty": 1.0,
        "temperature": 0.6,
        "top_p": 1.0,
        "top_k": 0,
        "disable_dropout": True,
        "report_to": [],
        "log_completions": False,
    }
    assert {name: getattr(config, name) for name in method} == method
    assert sft_config(run.start, 24).max_length is None
    assert sft_config(run.start, 24).completion_only_loss


def test_pretraining_in_a_notebook_takes_one_gpu_where_several_are_visible(trained, monkeypatch):
    module = sys.modules[pretrain.__module__]
    config = module.config

    def with_two(run):
        args = config(run)
        args._n_gpu = 2  # as transformers finds them; TRL refuses more than one in a process
        return args

    monkeypatch.setattr(module, "config", with_two)
    monkeypatch.setattr(module, "train", lambda run, trainer: trainer.args.n_gpu)
    trained.of_stage("pretrain").forget()
    assert pretrain(trained) == 1


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(
    run, minute_scale, indiana, tmp_path
):
    runs = [
        run,
        Run(run.experiment, run.scale, 0, tmp_path / "again"),
        Run(run.experiment, run.scale, 1, tmp_path / "seed"),
    ]
    for each in runs:
        pretrain(each)
        evaluate(each.of_stage("pretrain"))
    first, again, other = (each.of_stage("pretrain") for each in runs)
    for name in ("metrics_validate.json", "labels_per_study_validate.csv", "train_log.csv"):
        assert (first.folder / name).read_bytes() == (again.folder / name).read_bytes()
    assert (first.folder / "train_log.csv").read_bytes() != (
        other.folder / "train_log.csv"
    ).read_bytes()


def test_reinforcement_learning_is_the_same_to_the_byte_for_one_seed(finished_results, tmp_path):
    runs = []
    for name in ("first", "again"):
        shutil.copytree(finished_results, tmp_path / name)
        runs.append(Run("iu_xray/srl_mccs", "smoke", 0, tmp_path / name))
        srl.srl(runs[-1])
        evaluate(runs[-1])
    for name in ("metrics_validate.json", "labels_per_study_validate.csv", "train_log.csv"):
        assert (runs[0].folder / name).read_bytes() == (runs[1].folder / name).read_bytes()


def test_sft_keeps_the_epoch_that_validates_best(trained):
    validation = pd.read_csv(trained.start.folder / "validation.csv")
    assert (
        validation["epoch"].tolist() == list(range(1, trained.settings.sft.epochs + 1))
        and validation["chosen"].sum() == 1
    )
    kept = validation[validation["chosen"]].iloc[0]
    equal = validation[validation["f1"] == validation["f1"].max()]
    assert kept["f1"] == validation["f1"].max() and kept["loss"] == equal["loss"].min()
    evaluate(trained.start, "validate")
    scores = json.loads((trained.start.folder / "metrics_validate.json").read_text())[
        "clinical_efficacy"
    ]
    primary = {"average": "micro", "classes": 13, "uncertain": "positive"}
    (row,) = [row for row in scores if {name: row[name] for name in primary} == primary]
    assert row["f1"] == pytest.approx(kept["f1"], abs=1e-6)


def test_a_twin_writes_for_each_study_what_its_policy_sees_in_anothers_image(trained, monkeypatch):
    seen = {}

    def look(model, processor, studies, length, batch_size):
        return [str(np.asarray(study.images[0]()).sum()) for study in studies]

    monkeypatch.setattr("mrg_r1_lib.evaluation.completions.generate", look)
    for run in (trained.start, trained.start.twin):
        seen[run.experiment] = write_completions(run)
    own, others = seen.values()
    assert sorted(own) == sorted(others) and all(
        mine != theirs for mine, theirs in zip(own, others, strict=True)
    )


def test_evaluation_scores_only_what_stands_in_the_report(trained, monkeypatch):
    leak = "<think>Cardiomegaly, Edema, Fracture</think>\n<report>Words.</report>"
    monkeypatch.setattr(
        "mrg_r1_lib.evaluation.evaluate.write_completions",
        lambda run, split: [leak] * run.settings.studies[split],
    )
    metrics = evaluate(trained.start)
    path = trained.start.folder / "labels_per_study_validate.csv"
    labels = pd.read_csv(path, index_col="study_id")
    assert (labels.drop(columns="No Finding") == 0).all(axis=None)
    assert (
        metrics["format_rate"] == 1.0 and metrics["studies"] == trained.settings.studies["validate"]
    )
    assert len(metrics["clinical_efficacy"]) == 18


def test_srl_without_sft_names_the_notebook_to_run_first(run, minute_scale):
    with pytest.raises(FileNotFoundError, match=r"Run notebooks/02_supervised_finetuning\.ipynb"):
        srl.srl(run)


def test_a_run_that_another_process_holds_is_refused(trained):
    with locked(trained.folder), pytest.raises(RuntimeError, match="in use by"):
        srl.srl(trained)


def test_a_policy_that_does_not_learn_is_an_error_not_a_result(trained, monkeypatch):
    still = dataclasses.replace(trained.recipe, rewards={"report_tags": 1.0}, beta=0.0)
    monkeypatch.setitem(experiments.ARMS, "srl_mccs", still)
    monkeypatch.setattr(
        srl,
        "reward_functions",
        lambda run, labels: [lambda completions, **_: [1.0] * len(completions)] * (1 + len(COUNTS)),
    )
    with pytest.raises(RuntimeError, match="trained tensors did not change"):
        srl.srl(trained)
    assert not trained.finished("train") and not trained.policy.exists()


def test_no_report_text_stands_in_what_may_be_committed(trained):
    evaluate(trained.start, "test")
    findings = load_split("iu_xray", "test", trained.settings)[0].findings
    for path in trained.start.folder.rglob("*"):
        assert findings[:30] not in path.read_text(encoding="utf-8")
    assert json.loads((trained.start.private / "completions_test.json").read_text())


@pytest.mark.parametrize("stage", ["training.pretrain", "training.srl", "evaluation.evaluate"])
def test_each_stage_is_a_command_that_names_a_wrong_scale(stage, tmp_path):
    command = [
        sys.executable,
        "-m",
        f"mrg_r1_lib.{stage}",
        "--experiment",
        "iu_xray/srl_mccs",
        "--scale",
        "huge",
        "--seed",
        "1",
    ]
    answer = subprocess.run(
        [*command, "--results", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 1
    known = ", ".join(scales.SCALES)
    assert answer.stderr.strip() == f"Unknown scale 'huge'; known scales: {known}."


def test_another_policy_is_another_run_of_a_stage_and_an_unknown_one_lists_the_known(
    monkeypatch, tmp_path, capsys
):
    ran = []
    words = ["srl", "--scale", "smoke", "--results", str(tmp_path), "--policy"]
    monkeypatch.setattr("sys.argv", [*words, "smolvlm_500m"])
    command_line(ran.append, "")
    monkeypatch.setattr("sys.argv", [*words, "gpt"])
    with pytest.raises(SystemExit):
        command_line(ran.append, "")
    assert "Unknown policy 'gpt'; known policies: tiny_llava" in capsys.readouterr().err
    (run,) = ran
    assert run.settings.policy == "smolvlm_500m" and run.scale == "smoke+smolvlm_500m"


def test_vllm_never_samples_the_token_of_an_image(trained, monkeypatch):
    def stop(*_, args, **__):
        raise InterruptedError(args.generation_kwargs)

    monkeypatch.setattr(srl, "GRPOTrainer", stop)
    monkeypatch.setattr(experiments, "find_spec", lambda _: True)
    token = load_policy(trained.start.policy)[1].tokenizer.image_token_id
    with pytest.raises(InterruptedError, match=rf"'logit_bias': \{{{token}: -100.0"):
        srl.srl(trained.of_arm("srl_mccs_vllm"))
    with pytest.raises(InterruptedError, match="None"):  # TRL does it for transformers
        srl.srl(trained)
