import json
import shlex

import nbformat
import pandas as pd
import pytest

from mrg_r1_lib.experiments import SCALES
from mrg_r1_lib.pipeline import pipeline, steps, times
from mrg_r1_lib.pipeline.pipeline import grid
from mrg_r1_lib.pipeline.steps import Step, execute, finished
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked

PARAMETERS = 'EXPERIMENT = "iu_xray/srl_mccs"\nSCALE = "smoke"\nSEED = 0\nRESULTS = "../results"'


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Write a notebook of one's own code under a name of the study, in a folder of its own."""
    monkeypatch.setattr(steps, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(steps, "REPOSITORY", tmp_path)
    (tmp_path / "notebooks").mkdir()

    def write(code, name=pipeline.METHOD):
        cells = [
            nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(code),
        ]
        kernel = {
            "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}
        }
        nbformat.write(
            nbformat.v4.new_notebook(cells=cells, metadata=kernel),
            tmp_path / "notebooks" / f"{name}.ipynb",
        )
        return Step(name, Run("iu_xray/srl_mccs", "smoke", 0, tmp_path / "results"))

    return write


def test_the_grid_trains_before_it_compares_and_has_one_step_an_arm(tmp_path):
    stages = [[step.notebook for step in stage] for stage in grid("smoke", tmp_path)]
    assert stages == [
        [pipeline.METHOD, pipeline.DATA],
        [pipeline.SFT],
        [pipeline.SRL] * len(SCALES["smoke"].arms) + [pipeline.SFT],  # the control beside the arms
        [pipeline.ABLATIONS],
        [pipeline.TABLES],
    ]
    arms = [step.run.experiment for step in grid("smoke", tmp_path)[2]]
    assert arms[0] == "iu_xray/srl_mccs" and len(set(arms)) == len(SCALES["smoke"].arms) + 1
    assert arms[-1] == "iu_xray/sft_continued"


def test_seeds_and_arms_choose_what_is_trained_and_the_comparing_notebooks_stay_those_of_seed_0(
    tmp_path,
):
    stages = grid("smoke", tmp_path, seeds=[3, 4], arms=["sft_continued", "srl_mccs"])
    assert [(step.notebook, step.run.seed) for step in stages[1]] == [
        (pipeline.SFT, 3),
        (pipeline.SFT, 4),
    ]
    trained = [(step.notebook, step.run.arm, step.run.seed) for step in stages[2]]
    assert (
        trained[:2] == [(pipeline.SFT, "sft_continued", 3), (pipeline.SRL, "srl_mccs", 3)]
        and len(trained) == 4
    )
    assert {step.run.seed for stage in (stages[0], *stages[3:]) for step in stage} == {0}


@pytest.mark.parametrize("arm", ["sft", "srl_mccs_shuffled", "srl_wrong"])
def test_an_arm_that_is_not_of_the_last_trained_stage_lists_those_that_are(tmp_path, arm):
    with pytest.raises(
        ValueError,
        match=f"'{arm}': expected one of the last trained stage, of sft_continued, srl_mccs, ",
    ):
        grid("smoke", tmp_path, arms=[arm])


def test_the_listed_steps_are_plain_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["run_all.sh", "list", "smoke"])
    pipeline.main()
    lines = capsys.readouterr().out.splitlines()
    commands = [shlex.split(line) for line in lines if not line.startswith("#")]
    assert len(commands) == sum(len(stage) for stage in grid("smoke", tmp_path))
    assert all(command[:2] == ["./run_all.sh", "notebook"] for command in commands)
    assert commands[-1][2:] == [
        pipeline.TABLES,
        "EXPERIMENT=iu_xray/srl_mccs",
        "SCALE=smoke",
        "SEED=0",
    ]


@pytest.mark.parametrize(
    ("pair", "message"), [("SMOKE", "expected KEY=VALUE"), ("SEED=one", "expected a whole number")]
)
def test_a_parameter_that_is_none_is_named(tmp_path, pair, message):
    with pytest.raises(ValueError, match=message):
        pipeline.run_notebook(pipeline.METHOD, [pair], tmp_path)


def test_an_executed_copy_carries_values_but_no_progress_bar_time_or_path(notebook, tmp_path):
    step = notebook(
        "import sys; sys.stderr.write('%d%%|bar' % 10); (EXPERIMENT, SCALE, SEED, RESULTS)"
    )
    assert not finished(step)
    execute(step)
    text = step.output.read_text()
    assert "iu_xray/srl_mccs" in text and "../results" in text
    assert "10%|bar" not in text and "start_time" not in text and str(tmp_path) not in text
    execute(step)
    assert step.output.read_text() == text  # nothing in it is drawn by chance
    assert finished(step)
    notebook("'changed'")
    assert not finished(step)


def test_links_into_the_repository_hold_in_an_executed_copy(notebook, tmp_path):
    step = notebook("1")
    path = tmp_path / "mrg_r1_lib" / "rewards" / "mccs.py"
    path.parent.mkdir(parents=True)
    path.touch()
    text = "[reward](../mrg_r1_lib/rewards/mccs.py), [next](01_data_preparation.ipynb), [paper](https://arxiv.org/abs/2512.16145)"
    cells = [nbformat.v4.new_markdown_cell(text), nbformat.v4.new_code_cell("x['../a'](../b)")]
    draft = step.run.make_private() / "draft.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), draft)
    steps.publish(draft, step)
    words, code = nbformat.read(step.output, as_version=4).cells
    assert words.source == text.replace("../", "../../../") and code.source == "x['../a'](../b)"
    assert (step.output.parent / "../../../mrg_r1_lib/rewards/mccs.py").resolve() == path


def test_a_failed_notebook_names_notebook_cell_error_and_how_to_go_on(notebook):
    step = notebook("1 / 0")
    with pytest.raises(RuntimeError) as error:
        execute(step)
    for part in (
        "notebooks/00_method_on_one_study.ipynb",
        "cell 3 of its executed copy",
        "ZeroDivisionError",
        "run the same command again",
        "./run_all.sh notebook 00_method_on_one_study EXPERIMENT=iu_xray/srl_mccs SCALE=smoke SEED=0 RESULTS=/",
    ):
        assert part in str(error.value)
    assert not step.output.exists() and not finished(step)


def test_a_parameter_that_the_notebook_does_not_have_is_named_before_it_runs(notebook):
    step = notebook("1")
    with pytest.raises(
        ValueError,
        match="has no parameter 'SEEED'; its parameters: EXPERIMENT, SCALE, SEED, RESULTS",
    ):
        execute(step, {"SEEED": 1})
    assert not step.output.exists()


def test_an_unknown_notebook_lists_the_known_ones(notebook):
    known = notebook("1")
    with pytest.raises(
        ValueError, match="Unknown notebook '09_more'; known notebooks: 00_method_on_one_study"
    ):
        execute(Step("09_more", known.run))


def test_a_study_that_runs_already_is_not_started_twice(tmp_path):
    with locked(tmp_path / "smoke"), pytest.raises(RuntimeError, match="in use by process"):
        pipeline.run_study("smoke", tmp_path)


def test_the_study_says_whether_training_moved(tmp_path, capsys):
    def trained(arm, stage, log):
        folder = tmp_path / "smoke" / "iu_xray" / arm / "seed0"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text("{}")
        (folder / "train_log.csv").write_text(log)
        manifest = {f"{stage}": {"trained_tensors": 3, "changed_tensors": 3, "seconds": 1}}
        manifest["scale"] = {"phantom_reports": 5, "batch_size": 4}
        (folder / "manifest.json").write_text(json.dumps(manifest))

    trained(
        "pretrained", "pretrain", "step,loss\n1,0.3\n2,0.2\n3,3.0\n4,2.0\n"
    )  # the first two steps only name
    trained("sft", "sft", "step,loss\n1,4.0\n2,1.0\n")
    trained("srl_mccs", "srl", "step,loss,reward,kl\n1,0.0,0.5,0.0\n2,0.1,0.4,0.02\n")
    trained(
        "sft_continued", "sft", "step,loss\n1,1.0\n2,1.1\n"
    )  # it starts where SFT ended: no error
    pipeline.check_movement(tmp_path, "smoke")
    said = capsys.readouterr().out
    assert "pretrained only, seed 0: loss 3.000 -> 2.000" in said
    assert "SFT, seed 0: loss 4.000 -> 1.000" in said
    assert (
        "SRL, MCCS, seed 0: reward 0.500 -> 0.400 (did not rise), KL at the first step 0.0e+00"
        in said
    )
    trained("srl_label_f1", "srl", "step,loss,reward,kl\n1,0.0,0.5,0.01\n2,0.1,0.6,0.02\n")
    with pytest.raises(
        RuntimeError, match=r"KL to the start is not 0 at the first step in \['SRL, label F1'\]"
    ):
        pipeline.check_movement(tmp_path, "smoke")


@pytest.fixture
def quick_study(tmp_path, monkeypatch):
    """Steps that execute nothing and take a minute each by their markers; returns the list of the executed ones."""
    executed = []

    def execute(step):
        executed.append(step)
        step.output.parent.mkdir(parents=True, exist_ok=True)
        step.output.touch()
        steps.marker(step).parent.mkdir(parents=True, exist_ok=True)
        steps.marker(step).write_text(json.dumps({"state": steps.state(step), "seconds": 60.0}))
        return 60.0

    monkeypatch.setattr(pipeline, "execute", execute)
    monkeypatch.setattr(pipeline, "check_movement", lambda *_: None)
    return executed


@pytest.mark.parametrize(
    "call",
    [
        lambda results: pipeline.run_study("smoke", results),
        lambda results: pipeline.run_notebook("00", [], results),
    ],
)
def test_a_folder_without_room_is_said_before_the_first_step(tmp_path, quick_study, call):
    (tmp_path / "file").touch()
    with pytest.raises(RuntimeError, match="cannot be written in"):
        call(tmp_path / "file" / "results")
    assert not quick_study


def test_a_study_goes_on_after_its_finished_steps_and_repeats_what_comes_later(
    tmp_path, quick_study
):
    pipeline.run_study("smoke", tmp_path)
    every = [step for stage in grid("smoke", tmp_path) for step in stage]
    assert len(quick_study) == len(every)
    steps.marker(every[2]).unlink()  # the one of stage 2
    quick_study.clear()
    pipeline.run_study("smoke", tmp_path)
    assert set(quick_study) == set(every[2:])


def test_other_seeds_alone_leave_out_the_notebooks_that_compare_with_seed_0(
    tmp_path, quick_study, capsys
):
    pipeline.run_study("smoke", tmp_path, seeds=[1], arms=["srl_bleu"])
    assert {step.notebook for step in quick_study} == {
        pipeline.METHOD,
        pipeline.DATA,
        pipeline.SFT,
        pipeline.SRL,
    }
    assert "Notebooks 04 and 05 compare with seed 0, which is not in" in capsys.readouterr().out


def test_a_study_says_and_keeps_how_long_each_step_took_and_what_dominates(
    tmp_path, quick_study, capsys
):
    pipeline.run_study("smoke", tmp_path)
    pipeline.run_study("smoke", tmp_path)  # all have finished before: a minute each
    said = capsys.readouterr().out
    assert (
        "00_method_on_one_study iu_xray/srl_mccs seed 0" in said
        and "1.0 min, finished before" in said
    )
    stages = grid("smoke", tmp_path)
    assert "about 0.0 minutes: stage 1 finished, stage 2 finished" in said
    table = pd.read_csv(tmp_path / "runs" / "smoke" / "times.csv")
    assert len(table) == sum(len(stage) for stage in stages) and set(table["finished"]) == {
        "before"
    }
    assert (table["minutes"] == 1).all()
    first = table[table["stage"] == 1]["stage_minutes"].unique()
    assert list(first) == [times.wall_seconds([1, 1], pipeline._workers(stages[0], "smoke"))]


def test_three_steps_on_two_workers_take_two_rounds():
    assert times.wall_seconds([60, 60, 60], workers=2) == 120
    assert times.wall_seconds([60, 60, 60], workers=3) == 60
    assert (
        times.wall_seconds([100, 10, 10, 10], workers=2) == 100
    )  # the short ones beside the long one
    assert times.wall_seconds([], workers=2) == 0


def test_the_estimate_knows_last_times_and_else_the_scale(tmp_path):
    stages = grid("smoke", tmp_path)
    seconds = SCALES["smoke"].seconds
    expected = times.estimate(stages, [1, 1, 2, 1, 1])
    assert expected[:2] == [seconds["00"] + seconds["01"], seconds["02"]]
    assert expected[2] == seconds["03"] * -(-len(stages[2]) // 2)
    method = stages[0][0]
    steps.marker(method).parent.mkdir(parents=True)
    steps.marker(method).write_text('{"seconds": 1000, "state": {}}')
    assert times.estimate(stages, [1, 1, 2, 1, 1])[0] == 1000 + seconds["01"]


def test_the_times_name_the_longest_stage_and_its_share(tmp_path):
    stages = grid("smoke", tmp_path)[1:3]
    for step in stages[0] + stages[1]:
        steps.marker(step).parent.mkdir(parents=True, exist_ok=True)
        steps.marker(step).write_text('{"seconds": 30, "state": {}}')
    table = times.times_table(stages, [1, 2], [[], stages[1]], [0.0, 90.0])
    assert list(table.groupby("stage")["stage_minutes"].first()) == [
        0.5,
        1.5,
    ]  # by the marker, by the clock
    assert list(table.groupby("stage")["finished"].first()) == ["before", "now"]
    text = times.times_text(table)
    assert (
        "Longest: semantic reinforcement learning and supervised finetuning, 75% of the time."
        in text
    )
    assert text.count("finished before") == len(stages[0])
