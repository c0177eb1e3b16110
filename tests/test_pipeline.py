import json
import shlex

import nbformat
import pytest

from mrg_r1_lib import pipeline, steps
from mrg_r1_lib.files import locked
from mrg_r1_lib.pipeline import grid
from mrg_r1_lib.runs import Run
from mrg_r1_lib.steps import Step, execute, finished

PARAMETERS = 'EXPERIMENT = "iu_xray/srl_mccs"\nSCALE = "smoke"\nSEED = 0\nRESULTS = "../results"'


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Write a notebook of one's own code under a name of the study, in a folder of its own."""
    monkeypatch.setattr(steps, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(steps, "REPOSITORY", tmp_path)
    (tmp_path / "notebooks").mkdir()

    def write(code, name=pipeline.METHOD):
        cells = [nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}), nbformat.v4.new_code_cell(code)]
        kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
        nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "notebooks" / f"{name}.ipynb")
        return Step(name, Run("iu_xray/srl_mccs", "smoke", 0, tmp_path / "results"))

    return write


def test_the_grid_trains_before_it_compares_and_has_one_step_an_arm(tmp_path):
    stages = [[step.notebook for step in stage] for stage in grid("smoke", tmp_path)]
    assert stages == [
        [pipeline.METHOD, pipeline.DATA],
        [pipeline.SFT],
        [pipeline.SRL] * 3,
        [pipeline.ABLATIONS],
        [pipeline.TABLES],
    ]
    arms = [step.run.experiment for step in grid("smoke", tmp_path)[2]]
    assert arms == ["iu_xray/srl_mccs", "iu_xray/srl_label_f1", "iu_xray/srl_rouge_l"]


def test_the_listed_steps_are_plain_commands(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["run_all.sh", "list", "smoke"])
    pipeline.main()
    lines = capsys.readouterr().out.splitlines()
    commands = [shlex.split(line) for line in lines if not line.startswith("#")]
    assert len(commands) == 8 and all(command[:2] == ["./run_all.sh", "notebook"] for command in commands)
    assert commands[-1][2:] == [pipeline.TABLES, "EXPERIMENT=iu_xray/srl_mccs", "SCALE=smoke", "SEED=0"]


@pytest.mark.parametrize(("pair", "message"), [("SMOKE", "expected KEY=VALUE"), ("SEED=one", "expected a whole number")])
def test_a_parameter_that_is_none_is_named(tmp_path, pair, message):
    with pytest.raises(ValueError, match=message):
        pipeline.run_notebook(pipeline.METHOD, [pair], tmp_path)


def test_an_executed_copy_carries_values_but_no_progress_bar_time_or_path(notebook, tmp_path):
    step = notebook("import sys; sys.stderr.write('%d%%|bar' % 10); (EXPERIMENT, SCALE, SEED, RESULTS)")
    assert not finished(step)
    execute(step)
    text = step.output.read_text()
    assert "iu_xray/srl_mccs" in text and "../results" in text
    assert "10%|bar" not in text and "start_time" not in text and str(tmp_path) not in text
    assert finished(step)
    notebook("'changed'")
    assert not finished(step)


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
    with pytest.raises(ValueError, match="has no parameter 'SEEED'; its parameters: EXPERIMENT, SCALE, SEED, RESULTS"):
        execute(step, {"SEEED": 1})
    assert not step.output.exists()


def test_an_unknown_notebook_lists_the_known_ones(notebook):
    known = notebook("1")
    with pytest.raises(ValueError, match="Unknown notebook '09_more'; known notebooks: 00_method_on_one_study"):
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
        manifest = {f"mrg_r1_lib.{stage}": {"trained_tensors": 3, "changed_tensors": 3, "seconds": 1}}
        (folder / "manifest.json").write_text(json.dumps(manifest))

    trained("sft", "sft", "step,loss\n1,4.0\n2,1.0\n")
    trained("srl_mccs", "srl", "step,loss,reward,kl\n1,0.0,0.5,0.0\n2,0.1,0.4,0.02\n")
    pipeline.check_movement(tmp_path, "smoke")
    said = capsys.readouterr().out
    assert "SFT, seed 0: loss 4.000 -> 1.000" in said
    assert "SRL, MCCS, seed 0: reward 0.500 -> 0.400 (did not rise), KL at the first step 0.0e+00" in said
    trained("srl_label_f1", "srl", "step,loss,reward,kl\n1,0.0,0.5,0.01\n2,0.1,0.6,0.02\n")
    with pytest.raises(RuntimeError, match=r"KL to the start is not 0 at the first step in \['SRL, label F1'\]"):
        pipeline.check_movement(tmp_path, "smoke")
