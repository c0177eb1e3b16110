"""Training that was killed goes on and ends as if nothing had happened."""

import json
import shutil
import signal
import subprocess
import sys

import pytest
from killed import SCALE

from mrg_r1_lib import scales
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import REPOSITORY
from mrg_r1_lib.training import resume
from mrg_r1_lib.training.pretrain import pretrain
from mrg_r1_lib.training.sft import sft
from mrg_r1_lib.training.srl import srl

STAGES = {"pretrain": pretrain, "sft": sft, "srl": srl}


@pytest.fixture(scope="module")
def unbroken(indiana, tmp_path_factory):
    """A run whose stages finish without a stop, each when it is first asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(scales.SCALES, "smoke", SCALE)
        yield Run("iu_xray/srl_mccs", "smoke", 0, tmp_path_factory.mktemp("unbroken"))


def outputs(run):
    """What a training leaves: log, validation, weights and tokenizer, byte by byte."""
    weights, *logs = run.outputs("train")
    files = [*weights.glob("*.safetensors"), *weights.glob("*.json"), *logs]
    kept = {path.name: path.read_bytes() for path in files}
    return kept | {"steps": run.read_manifest()[run.recipe.stage]["steps"]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stage", "moment", "kept"),
    [
        ("pretrain", "save 1", None),  # the tower alone
        ("pretrain", "step 10", 8),
        ("pretrain", "end 2", 16),
        ("sft", "step 10", 8),
        ("sft", "save 2", 4),
        ("sft", "end 2", 16),
        ("srl", "step 5", 4),
        ("srl", "save 3", 4),
        ("srl", "end 1", 5),
        ("srl", "end 2", 5),
    ],
)
def test_a_killed_training_goes_on_and_ends_with_the_unbroken_ones_numbers_and_weights(
    unbroken, tmp_path, monkeypatch, stage, moment, kept
):
    for before in list(STAGES)[: list(STAGES).index(stage) + 1]:
        STAGES[before](unbroken)  # a finished one is loaded
    shutil.copytree(unbroken.results, tmp_path / "results")
    run = Run(unbroken.experiment, "smoke", 0, tmp_path / "results").of_stage(stage)
    shutil.rmtree(run.private)
    shutil.rmtree(run.folder)
    command = [sys.executable, "tests/killed.py", stage, *moment.split(), str(run.results)]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = resume.last_complete(run)
    assert left.name == f"checkpoint-{kept}" if kept else left is None
    again = "mrg_r1_lib.training.pretrain.train_tower"
    monkeypatch.setattr(again, lambda *_, **__: pytest.fail("the tower was trained twice"))
    STAGES[stage](run)
    assert outputs(run) == outputs(unbroken.of_stage(stage))
    assert not resume.trainer_folder(run).exists()


def test_a_checkpoint_that_is_cut_off_or_of_another_state_is_deleted_and_the_latest_complete_one_is_taken(
    run,
):
    folders = [resume.trainer_folder(run) / f"checkpoint-{step}" for step in (2, 10, 12, 14)]
    for folder in folders:
        folder.mkdir(parents=True)
    for folder, state in zip(
        folders,
        (run.state("train"), run.state("train"), {"settings": "of another recipe"}),
        strict=False,
    ):
        (folder / resume.COMPLETE).write_text(json.dumps({"state": state}))
    (folders[3] / resume.COMPLETE).touch()  # what a power cut may leave
    assert resume.last_complete(run) == folders[1]
    assert [folder.exists() for folder in folders] == [True, True, False, False]
