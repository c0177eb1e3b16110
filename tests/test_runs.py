import hashlib
import json
import subprocess
from dataclasses import replace

import pytest

from mrg_r1_lib.evaluation.completions import read_completions
from mrg_r1_lib.evaluation.evaluate import evaluate
from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.rewards import REWARDS
from mrg_r1_lib.runs import code
from mrg_r1_lib.runs.run import Run, scores_path
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.paths import REPOSITORY
from mrg_r1_lib.training.srl import srl
from mrg_r1_lib.training.trainer import require_policy


def test_an_unknown_experiment_or_scale_lists_the_known_ones(tmp_path):
    for name, message in (
        (
            "iu_xray/srl_wrong",
            r"Unknown experiment 'iu_xray/srl_wrong'.*srl_mccs, srl_mccs_shuffled",
        ),
        ("srl_mccs", r"Unknown experiment 'srl_mccs'.*corpus/arm"),
        ("padchest/srl_mccs", r"'padchest/srl_mccs'.*known corpora: iu_xray, iu_xray_files"),
    ):
        with pytest.raises(ValueError, match=message):
            Run(name, "smoke", 0, tmp_path)
    with pytest.raises(
        ValueError, match="Unknown scale 'huge'; known scales: smoke, lesson, laptop"
    ):
        Run("iu_xray/srl_mccs", "huge", 0, tmp_path)


def test_an_arm_starts_from_another_and_names_known_rewards():
    for arm in ARMS.values():
        assert arm.start is None or arm.start in ARMS
        assert set(arm.rewards) <= set(REWARDS)
        assert arm.stage in ("baseline", "pretrain", "sft", "srl", "shuffled")
    assert ARMS["srl_mccs"].rewards == {"mccs": 0.75, "report_tags": 0.25}
    assert all(ARMS[arm].stage == "srl" for scale in SCALES.values() for arm in scale.arms)
    assert len({arm.label for arm in ARMS.values()}) == len(ARMS)


def test_a_run_knows_the_stages_that_it_starts_from(run):
    assert run.of_stage("sft").experiment == "iu_xray/sft"
    assert run.start.start.experiment == run.of_stage("pretrain").experiment == "iu_xray/pretrained"
    with pytest.raises(ValueError, match="iu_xray/sft has no stage 'srl'"):
        run.of_stage("sft").of_stage("srl")


def test_every_policy_of_real_reports_has_a_twin_that_writes_with_its_weights(run):
    for name, arm in ARMS.items():
        assert (f"{name}_shuffled" in ARMS) == (arm.stage in ("sft", "srl"))
    assert run.twin.experiment == "iu_xray/srl_mccs_shuffled"
    assert run.twin.writer == run and run.writer == run
    with pytest.raises(ValueError, match="Unknown experiment 'iu_xray/pretrained_shuffled'"):
        run.of_stage("pretrain").twin  # noqa: B018


def test_a_missing_policy_names_the_notebook_that_makes_it(run):
    with pytest.raises(FileNotFoundError, match=r"iu_xray/sft.*notebooks/02_supervised_fine"):
        require_policy(run.start, "02_supervised_finetuning")


def finish(run, step, **facts):
    """Leave the outputs of a step, empty, and its marker."""
    for path in run.outputs(step):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(exist_ok=True) if path == run.policy else path.touch()
    run.mark_finished(step, **facts)


@pytest.fixture
def trained(run):
    """A run that was trained and scored, on a start that was trained."""
    finish(run.start, "train", weights="aa")
    finish(run, "train", weights="bb")
    finish(run, "validate")
    finish(run.twin, "validate")
    return run


def test_a_step_is_finished_while_its_outputs_are_there(trained):
    assert trained.finished("train") and trained.finished("validate")
    assert not trained.finished("test")
    (trained.folder / "metrics_validate.json").unlink()
    assert not trained.finished("validate") and trained.finished("train")


@pytest.mark.parametrize(
    ("change", "trained_again", "scored_again"),
    [
        ({"arm": {"options": {"margin": 0.5}}}, True, True),
        ({"arm": {"beta": 0.5}}, True, True),
        ({"arm": {"label": "another name", "section": "another"}}, False, False),
        ({"scale": {"srl": replace(SCALES["smoke"].srl, steps=99)}}, True, True),
        ({"scale": {"resamples": 7, "arms": ("srl_mccs",), "seeds": (0, 1)}}, False, False),
    ],
    ids=str,
)
def test_a_step_runs_again_when_a_setting_that_changes_it_has_changed(
    trained, monkeypatch, change, trained_again, scored_again
):
    monkeypatch.setitem(ARMS, "srl_mccs", replace(trained.recipe, **change.get("arm", {})))
    monkeypatch.setitem(SCALES, "smoke", replace(trained.settings, **change.get("scale", {})))
    assert trained.finished("train") == (not trained_again)
    assert trained.finished("validate") == (not scored_again)
    assert trained.start.finished("train")  # SFT does not depend on it


def test_the_image_classifier_is_trained_again_when_its_epochs_change(run, monkeypatch):
    classifier = run.of_arm("image_classifier")
    finish(classifier, "validate")
    assert classifier.finished("validate")
    tower = replace(run.settings.pretrain, tower_epochs=run.settings.pretrain.tower_epochs + 1)
    monkeypatch.setitem(SCALES, "smoke", replace(run.settings, pretrain=tower))
    assert not classifier.finished("validate")


def test_another_judge_keeps_another_checkpoint_so_all_but_pretraining_runs_again(
    trained, monkeypatch
):
    finish(trained.of_arm("pretrained"), "train", weights="00")
    monkeypatch.setitem(SCALES, "smoke", replace(trained.settings, judge="words"))
    assert not any(run.finished("train") for run in (trained, trained.start))
    assert trained.of_arm("pretrained").finished("train") and not trained.finished("validate")


def test_a_step_runs_again_when_the_policy_that_it_starts_from_was_trained_again(trained):
    finish(trained, "train", weights="cc")
    assert not trained.finished("validate") and not trained.twin.finished("validate")
    finish(trained.start, "train", weights="dd")
    assert not trained.finished("train")


def test_no_weights_are_read_to_see_whether_a_step_has_finished(trained, monkeypatch):
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("weights were read"))
    assert trained.finished("train") and trained.finished("validate") and trained.state("train")


def test_checkpoints_that_a_kill_left_of_a_finished_training_go(trained):
    left = trained.private / "trainer" / "checkpoint-1"
    left.mkdir(parents=True)
    (trained.folder / "train_log.csv").write_text("step\n1\n")
    trained.mark_finished("train", weights="bb")
    assert srl(trained)["step"].tolist() == [1] and not left.parent.exists()


def test_a_forgotten_run_is_made_anew_from_its_beginning(trained):
    (trained.private / "trainer" / "checkpoint-1").mkdir(parents=True)
    trained.forget()
    assert not trained.finished("train") and not trained.finished("validate")
    assert not (trained.private / "trainer").exists() and trained.start.finished("train")


def test_the_manifest_keeps_what_each_stage_said_and_the_code_that_made_it(run):
    run.update_manifest("srl", seconds=1)
    run.update_manifest("evaluate", seconds=2)
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert manifest["srl"]["seconds"] == 1 and manifest["evaluate"]["seconds"] == 2
    assert manifest["experiment"]["name"] == run.experiment
    assert manifest["srl"]["commit"] == code.commit() and manifest["srl"]["versions"]["torch"]
    lock = (REPOSITORY / "requirements.lock").read_bytes()
    assert manifest["srl"]["lock"] == hashlib.sha256(lock).hexdigest()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with code and results, and a function that commits all of it."""

    def git(*words):
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    def commit():
        git("add", "-A")
        git("commit", "-qm", "all")

    for name in ("mrg_r1_lib/a.py", "notebooks/00.ipynb", "results/laptop/a.csv", "README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "requirements.lock").touch()
    git("init", "-q")
    commit()
    monkeypatch.setattr(code, "REPOSITORY", tmp_path)
    return tmp_path, commit


def test_a_commit_is_clean_of_what_a_run_rewrites_and_dirty_with_changed_code(checkout):
    folder, _ = checkout
    (folder / "results/laptop/a.csv").write_text("1")
    (folder / "README.md").write_text("1")
    clean = code.commit.__wrapped__()
    assert len(clean) == 12 and code.changed_since(clean) is False
    for name in ("mrg_r1_lib/new.py", "notebooks/00.ipynb", "requirements.lock"):
        (folder / name).write_text("1")
        assert code.commit.__wrapped__() == f"{clean}-dirty", name
        (folder / name).unlink() if "new" in name else (folder / name).write_text("")
    assert code.changed_since(f"{clean}-dirty") and code.changed_since("unknown") is None


def test_code_has_changed_since_a_commit_when_it_differs_now(checkout):
    folder, commit = checkout
    made = code.commit.__wrapped__()
    (folder / "results/laptop/a.csv").write_text("1")
    commit()
    assert code.commit.__wrapped__() != made and code.changed_since(made) is False
    (folder / "mrg_r1_lib/a.py").write_text("1")
    commit()
    assert code.changed_since(made) is True


def damage_file(path):
    path.write_bytes(path.read_bytes()[:-1])


@pytest.fixture
def whole(trained):
    """A finished run whose files have contents: policy, log, evaluations, scores and labels."""
    for step in ("train", "validate"):
        for path in trained.outputs(step):
            path = path / "model.safetensors" if path.is_dir() else path
            path.write_text("row\nrow\n")
        trained.mark_finished(step, weights="bb")
    assert trained.finished("train") and trained.finished("validate") and not trained.damaged()
    return trained


@pytest.mark.parametrize("damage", [damage_file, lambda path: path.unlink()], ids=["cut", "gone"])
@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("metrics_validate.json", "validate"),
        ("labels_per_study_validate.csv", "validate"),
        ("train_log.csv", "train"),
        ("validation.csv", "train"),
        ("model.safetensors", "train"),
    ],
)
def test_a_step_that_lost_a_part_of_what_it_left_runs_again(whole, name, step, damage):
    (path,) = whole.results.rglob(f"{whole.arm}/*/**/{name}")
    damage(path)
    assert not whole.finished(step) and whole.damaged()
    (other,) = {"train", "validate"} - {step}
    assert whole.finished(other)


@pytest.mark.parametrize("content", ["", '{"state": {"sett', "null"])
def test_a_step_with_a_damaged_marker_runs_again(whole, content):
    (whole.private / "validate.done").write_text(content)
    assert not whole.finished("validate") and whole.damaged() and whole.finished("train")


def test_a_marker_of_older_code_which_has_no_sizes_still_counts(whole):
    for step in ("train", "validate"):
        path = whole.private / f"{step}.done"
        marked = json.loads(path.read_text())
        del marked["sizes"]
        path.write_text(json.dumps(marked))
    assert whole.finished("train") and whole.finished("validate") and not whole.damaged()


def test_a_cut_manifest_is_named_before_it_is_written_over(run):
    run.update_manifest("srl", seconds=1)
    damage_file(run.folder / "manifest.json")
    damage_file(run.folder / "manifest.json")
    before = (run.folder / "manifest.json").read_bytes()
    with pytest.raises(ValueError, match=r"seed0/manifest\.json is damaged: .*git checkout"):
        run.update_manifest("evaluate", seconds=2)
    assert (run.folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("read", [read_completions, evaluate])
def test_a_damaged_file_of_completions_or_scores_is_named_with_what_to_do(run, monkeypatch, read):
    monkeypatch.setattr(Run, "finished", lambda *_: True)
    run.make_private()
    run.folder.mkdir(parents=True)
    for path in (run.private / "completions_validate.json", scores_path(run.folder, "validate")):
        path.write_text('["Clear.')
    named = r"(completions|metrics)_validate\.json is damaged: .*delete it .*--fresh"
    with pytest.raises(ValueError, match=named):
        read(run)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_numpy_does_not_take_is_refused_before_any_work(tmp_path, seed):
    with pytest.raises(
        ValueError, match=rf"seed {seed}: expected a whole number from 0 to 4294967295"
    ):
        Run("iu_xray/srl_mccs", "smoke", seed, tmp_path)
