"""Several processes train as one does: the same rewards, advantages and gradients, and one of them
writes."""

import dataclasses
import shutil
import subprocess
import sys

import pytest
import torch
from fixed_step import SCALE

from mrg_r1_lib import scales
from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.policies.load_save import create_policy, save_policy
from mrg_r1_lib.runs import processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import write_text
from mrg_r1_lib.storage.paths import REPOSITORY

# what accelerate launch starts processes with on GPUs; on CPUs it would want MPI
LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


@pytest.fixture(scope="module")
def steps(indiana, tmp_path_factory):
    """The first step of one process, of one in micro-batches, and of two: name -> (facts, run)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scales.SCALES, "smoke", SCALE)
        found = {}
        for name, launcher, micro in (
            ("one", [], "0"),
            ("micro", [], "4"),
            ("two", LAUNCH, "0"),
        ):
            run = Run("iu_xray/srl_mccs", "smoke", 0, tmp_path_factory.mktemp(name))
            finish_sft(run.start)
            out = run.results / "facts.pt"
            command = [
                sys.executable,
                *launcher,
                "tests/fixed_step.py",
                str(run.results),
                str(out),
                micro,
            ]
            answer = subprocess.run(
                command, cwd=REPOSITORY, capture_output=True, text=True, check=False
            )
            assert answer.returncode == 0, answer.stderr[-3000:]
            found[name] = torch.load(out), run
        yield found


def finish_sft(run):
    """A policy with random weights in the place of SFT's."""
    texts = [study.findings for study in load_corpus("phantom", studies=48, seed=0, image_size=48)]
    save_policy(*create_policy("tiny_llava", texts, 48, seed=0), run.policy)
    for product in run.outputs("train")[1:]:
        write_text(product, "step\n")
    run.mark_finished("train")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["micro", "two"])
def test_a_step_is_the_same_however_it_is_divided(steps, name):
    one, other = steps["one"][0], steps[name][0]
    assert len(set(one["rewards"])) > 2 and len(one["advantages"]) == 12
    assert other["rewards"] == one["rewards"]
    torch.testing.assert_close(torch.tensor(other["advantages"]), torch.tensor(one["advantages"]))
    torch.testing.assert_close(other["reward"], one["reward"])
    assert other["gradients"].keys() == one["gradients"].keys() and one["gradients"]
    for parameter, gradient in one["gradients"].items():
        torch.testing.assert_close(other["gradients"][parameter], gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.slow
def test_of_two_processes_one_writes_and_all_that_one_process_leaves_is_there(steps):
    (_, one), (_, two) = steps["one"], steps["two"]
    for run in (one, two):
        assert run.finished("train")
        assert [len(path.read_text().splitlines()) for path in run.outputs("train")[1:]] == [3, 4]
    assert two.read_manifest()["srl"]["processes"] == 2
    assert {path.name for path in two.folder.iterdir()} == {
        path.name for path in one.folder.iterdir()
    }


def test_completions_that_do_not_divide_over_the_processes_are_named(run, monkeypatch):
    monkeypatch.setattr(processes, "processes", lambda: type("Three", (), {"num_processes": 3}))
    assert processes.split_step(run, 24) == {
        "per_device_train_batch_size": 8,
        "gradient_accumulation_steps": 1,
    }
    with pytest.raises(
        ValueError, match=r"a step of 16 completions does not divide .* on 3 processes"
    ):
        processes.split_step(run, 16)
    tiny = dataclasses.replace(processes.POLICIES["tiny_llava"], micro_batch=3)
    monkeypatch.setitem(processes.POLICIES, "tiny_llava", tiny)
    with pytest.raises(ValueError, match="micro-batches of 3 on 3 processes"):
        processes.split_step(run, 24)


def test_on_several_gpus_a_child_trains_and_its_failure_is_told(run, monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    asked = []
    answer = subprocess.CompletedProcess([], 0)
    monkeypatch.setattr(
        processes.subprocess, "run", lambda command, check: asked.append(command) or answer
    )

    def stage(run):
        return "loaded"

    stage.__module__ = "mrg_r1_lib.training.srl"
    assert processes.launch(stage, run) == "loaded"
    text = " ".join(asked[0])
    assert (
        "--num_processes 4 -m mrg_r1_lib.training.srl --experiment iu_xray/srl_mccs --scale smoke --seed 0"
        in text
    )
    assert shutil.os.path.exists(asked[0][asked[0].index("--config_file") + 1])
    answer.returncode = 1
    with pytest.raises(RuntimeError, match="Training on 4 GPUs failed"):
        processes.launch(stage, run)
