import json
from dataclasses import asdict, replace

import pytest

from mrg_r1_lib import experiments
from mrg_r1_lib.experiments import ARMS, SCALES
from mrg_r1_lib.pipeline.sources import code_of, module_file, source_digest
from mrg_r1_lib.rewards import REWARDS
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.privacy import LONGEST_NAME


def test_an_unknown_experiment_or_scale_lists_the_known_ones(tmp_path):
    with pytest.raises(
        ValueError,
        match=r"Unknown experiment 'iu_xray/srl_wrong'.*srl_mccs, srl_mccs_shuffled, srl_label_f1",
    ):
        Run("iu_xray/srl_wrong", "smoke", 0, tmp_path)
    with pytest.raises(ValueError, match=r"Unknown experiment 'srl_mccs'.*corpus/arm"):
        Run("srl_mccs", "smoke", 0, tmp_path)
    with pytest.raises(
        ValueError,
        match=r"Unknown experiment 'padchest/srl_mccs'.*known corpora: iu_xray, iu_xray_files",
    ):
        Run("padchest/srl_mccs", "smoke", 0, tmp_path)
    with pytest.raises(ValueError, match="Unknown scale 'huge'; known scales: smoke, laptop"):
        Run("iu_xray/srl_mccs", "huge", 0, tmp_path)


def test_the_ladder_starts_only_from_its_own_rungs_and_pays_only_known_rewards():
    for experiment in ARMS.values():
        assert experiment.start is None or experiment.start in ARMS
        assert set(experiment.rewards) <= set(REWARDS)
        assert experiment.stage in ("baseline", "pretrain", "sft", "srl", "shuffled")
    assert ARMS["srl_mccs"].rewards == {"mccs": 0.75, "report_tags": 0.25}
    for scale in SCALES.values():
        assert all(ARMS[arm].stage == "srl" for arm in scale.arms)


CHANGES = {  # arms that differ from MRG-R1's in more than one setting: what unscaled advantages need, and two by two
    "srl_net_benefit": {"rewards", "scale_rewards", "beta"},
    "srl_label_f1_all_studies": {"rewards", "abnormal"},
    "srl_net_benefit_all_studies": {"rewards", "scale_rewards", "beta", "abnormal"},
    "srl_mccs_unscaled": {"scale_rewards", "beta"},
    "srl_no_sft_mix_100": {"start", "rewards"},
}


def test_every_arm_of_the_ablation_differs_from_the_papers_in_one_setting():
    arms = {
        arm: asdict(each) for arm, each in ARMS.items() if each.stage == "srl" and arm != "srl_mccs"
    }
    paper = asdict(ARMS["srl_mccs"])
    for arm, settings in arms.items():
        changed = {name for name in settings if settings[name] != paper[name]} - {"label"}
        assert changed == CHANGES[arm] if arm in CHANGES else len(changed) == 1, (arm, changed)
    labels = [each.label for each in ARMS.values()]
    assert len(set(labels)) == len(labels)
    assert all(
        len(label.split()) <= LONGEST_NAME for label in labels
    )  # else no table of a credentialed corpus takes it


def test_a_new_setting_of_srl_leaves_earlier_stages_as_they_are(run, monkeypatch):
    before = {each: each.fingerprint() for each in (run, run.start)}
    monkeypatch.setitem(
        ARMS,
        "srl_mccs",
        replace(ARMS["srl_mccs"], abnormal=None, scale_rewards="none"),
    )
    monkeypatch.setitem(ARMS, "sft", replace(ARMS["sft"], abnormal=None, scale_rewards="none"))
    assert run.fingerprint() != before[run] and run.start.fingerprint() == before[run.start]


def test_a_run_knows_the_stages_that_it_starts_from(run):
    assert run.of_stage("sft").experiment == "iu_xray/sft"
    assert run.start.start.experiment == run.of_stage("pretrain").experiment == "iu_xray/pretrained"
    with pytest.raises(ValueError, match="iu_xray/sft has no stage 'srl'"):
        run.of_stage("sft").of_stage("srl")


def test_every_policy_of_real_reports_has_a_twin_that_writes_with_its_weights(run):
    for arm, experiment in ARMS.items():
        assert (f"{arm}_shuffled" in ARMS) == (experiment.stage in ("sft", "srl"))
    assert (
        run.twin.experiment == "iu_xray/srl_mccs_shuffled"
        and run.twin.writer == run
        and run.writer == run
    )
    with pytest.raises(ValueError, match="Unknown experiment 'iu_xray/pretrained_shuffled'"):
        run.of_stage("pretrain").twin  # noqa: B018


def test_a_twins_scores_are_out_of_date_when_its_policy_was_trained_again(with_products):
    twin = with_products.twin
    for path in twin.products("test"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with_products.weights.write_bytes(b"weights")
    twin.make_private()
    twin.mark_finished("test")
    assert twin.finished("test")
    with_products.weights.write_bytes(b"weights of another training")
    assert not twin.finished("test")


def test_a_missing_policy_names_the_notebook_that_makes_it(run):
    with pytest.raises(
        FileNotFoundError, match=r"iu_xray/sft.*Run notebooks/02_supervised_finetuning\.ipynb"
    ):
        run.start.require_policy("02_supervised_finetuning")


@pytest.fixture
def with_products(run):
    """The files of a finished training and of finished scores, with nothing in them."""
    for path in (*run.products("train"), *run.products("test")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return run


def test_a_step_is_finished_until_settings_or_start_change(
    with_products, monkeypatch, minute_scale
):
    run = with_products
    (run.start.policy).mkdir(parents=True)
    run.start.weights.write_bytes(b"weights")
    run.mark_finished("train")
    assert run.finished("train") and not run.finished("test")
    run.start.weights.write_bytes(b"other weights")
    assert not run.finished("train")
    run.mark_finished("train")
    monkeypatch.setitem(experiments.ARMS, "srl_mccs", experiments.replace(run.recipe, margin=0.5))
    assert not run.finished("train")


def test_scores_are_out_of_date_when_the_policy_was_trained_again(with_products):
    run = with_products
    run.weights.write_bytes(b"weights")
    run.mark_finished("test")
    assert run.finished("test")
    run.weights.write_bytes(b"weights of another training")
    assert not run.finished("test")


def test_a_step_without_its_products_is_not_finished(with_products):
    with_products.mark_finished("test")
    assert with_products.finished("test")
    (with_products.folder / "metrics.json").unlink()
    assert not with_products.finished("test")


def test_a_step_is_repeated_when_its_sources_change_but_not_for_a_new_arm_or_a_label(
    with_products, monkeypatch
):
    with_products.mark_finished("train")
    monkeypatch.setitem(
        experiments.ARMS,
        "srl_mccs",
        experiments.replace(with_products.recipe, label="another name"),
    )
    scale = experiments.replace(with_products.settings, arms=("srl_mccs",), seconds={}, resamples=7)
    monkeypatch.setitem(experiments.SCALES, "smoke", scale)
    assert with_products.finished("train")
    monkeypatch.setattr(
        "mrg_r1_lib.runs.run.source_digest", lambda module, rewards, published: f"another {module}"
    )
    assert not with_products.finished("train")


def test_more_steps_of_one_stage_leave_the_stages_before_it_as_they_are(run, monkeypatch):
    runs = [run, run.start, run.start.start]
    before = [each.fingerprint() for each in runs]
    monkeypatch.setitem(
        experiments.SCALES, "smoke", experiments.replace(run.settings, sft_epochs=99)
    )
    assert [each.fingerprint() == old for each, old in zip(runs, before, strict=True)] == [
        False,
        False,
        True,
    ]


def test_what_may_not_be_committed_is_ignored_wherever_it_lies(run):
    run.make_private()
    assert (run.results / "runs" / ".gitignore").read_text() == "*\n"


def test_another_seed_is_another_run(run):
    other = Run(run.experiment, run.scale, 1, run.results)
    assert run.fingerprint() != other.fingerprint() and run.folder != other.folder


def test_the_manifest_keeps_what_each_stage_said(run):
    run.update_manifest("mrg_r1_lib.metrics.clinical_efficacy", seconds=1)
    run.update_manifest("mrg_r1_lib.metrics.bootstrap", seconds=2)
    manifest = json.loads((run.folder / "manifest.json").read_text())
    assert (
        manifest["mrg_r1_lib.metrics.clinical_efficacy"]["seconds"] == 1
        and manifest["mrg_r1_lib.metrics.bootstrap"]["seconds"] == 2
    )
    assert (
        manifest["experiment"]["name"] == run.experiment
        and manifest["mrg_r1_lib.metrics.clinical_efficacy"]["versions"]["torch"]
    )


@pytest.fixture
def change(monkeypatch, tmp_path):
    """Give one of the library's modules a further line, as the digests see it."""

    def one(name, line="CHANGED = True"):
        changed = tmp_path / "changed.py"
        changed.write_text(
            f"{module_file(name).read_text(encoding='utf-8')}\n{line}\n", encoding="utf-8"
        )
        real = module_file
        monkeypatch.setattr(
            "mrg_r1_lib.pipeline.sources.module_file",
            lambda module: changed if module == name else real(module),
        )

    return one


def test_the_source_digest_follows_what_a_module_imports_and_nothing_else(change):
    before = {
        module: source_digest(module)
        for module in ("mrg_r1_lib.metrics.bootstrap", "mrg_r1_lib.report_format")
    }
    change("mrg_r1_lib.metrics.clinical_efficacy")
    assert source_digest("mrg_r1_lib.metrics.bootstrap") != before["mrg_r1_lib.metrics.bootstrap"]
    assert source_digest("mrg_r1_lib.report_format") == before["mrg_r1_lib.report_format"]


def test_what_only_a_reader_sees_is_no_part_of_the_code(change):
    before = source_digest("mrg_r1_lib.metrics.bootstrap")
    change("mrg_r1_lib.metrics.clinical_efficacy", "# a comment")
    assert source_digest("mrg_r1_lib.metrics.bootstrap") == before
    source = '"""Doc\n\nstring."""\nx = """a\n\n# b\n"""  # c\ndef f():\n    """Doc."""\n\n    return f"{x}"  # d\n'
    assert code_of(source) == 'x = """a\n\n# b\n"""\ndef f():\n    return f"{x}"\n'


def test_of_the_rewards_a_run_depends_on_its_own_only(change):
    before = {
        rewards: source_digest("srl", rewards)
        for rewards in (("mccs",), ("rouge_l",), ("mccs", "rouge_l"))
    }
    assert len(set(before.values())) == 3
    change("mrg_r1_lib.rewards.rouge_l")
    after = {rewards: source_digest("srl", rewards) for rewards in before}
    assert [after[rewards] == old for rewards, old in before.items()] == [True, False, False]
