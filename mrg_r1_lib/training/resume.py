"""Checkpoints of a training that may stop at any moment.

transformers saves optimiser, schedule, random states and log. This module adds the trained tensors
and the evaluations. transformers writes a LLaVA under other names than in memory, and then loads
nothing of it, with a warning only. A checkpoint is complete once its marker exists, which is
written last. It is used while the run's state is the same. The marker also holds the log, since
transformers sorts its columns. From a checkpoint of the last step nothing is trained: transformers
would make one step more.
"""

import json
import shutil
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import Trainer, TrainerCallback, TrainerState
from transformers.trainer import TRAINER_STATE_NAME

from mrg_r1_lib.runs.processes import gathered
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import read_marker, write_text

COMPLETE = "complete.json"
TRAINED = "trained.safetensors"


def trainer_folder(run: Run) -> Path:
    """The folder of the trainer's checkpoints."""
    return run.private / "trainer"


def last_complete(run: Run) -> Path | None:
    """The latest complete checkpoint of the run's present state, or None; deletes unusable ones."""
    found = {}
    for folder in trainer_folder(run).glob("checkpoint-*"):
        if complete(folder, run):
            found[int(folder.name.rpartition("-")[2])] = folder
        else:
            shutil.rmtree(folder)
    return found[max(found)] if found else None


def complete(folder: Path, run: Run) -> bool:
    """Whether a folder was marked as complete, in the run's present state."""
    return read_marker(folder / COMPLETE).get("state") == run.state("train")


def mark_complete(folder: Path, run: Run, **facts: object) -> None:
    """Leave the marker that makes `complete(folder, run)` true; `facts` stand beside the state."""
    write_text(folder / COMPLETE, json.dumps({"state": run.state("train"), **facts}))


class Checkpoints(TrainerCallback):
    """Completes each checkpoint of the trainer, and restores a training that continues from one.

    `validation` has `save(folder)` and `load(folder)`, or is None. `seconds` and `tokens` count
    until the last stop.
    """

    def __init__(self, run: Run, validation, checkpoint: Path | None) -> None:
        self.run, self.validation, self.checkpoint = run, validation, checkpoint
        self.seconds, self.tokens, self.log, self.started = 0.0, 0, None, time.monotonic()
        if checkpoint:
            before = read_marker(checkpoint / COMPLETE)
            self.seconds, self.tokens = before["seconds"], before["tokens"]
            self.log = before.get("log")  # older code wrote none
            if validation:
                validation.load(checkpoint)

    def run_trainer(self, trainer: Trainer) -> None:
        """Train from the checkpoint, or from the start, to the last step."""
        state = None
        if self.checkpoint:
            state = TrainerState.load_from_json(str(self.checkpoint / TRAINER_STATE_NAME))
        if state and state.global_step >= state.max_steps:
            self._restore(trainer.model, state)
            trainer.state = state
        else:
            # transformers' loader loads nothing into a LLaVA, with a long warning
            trainer._load_from_checkpoint = lambda *_: None
            trainer._total_train_tokens = self.tokens  # SFT's counter
            trainer.add_callback(self)
            checkpoint = self.checkpoint
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)

    def on_train_begin(self, args, state, control, model, train_dataloader, **_) -> None:
        """Restore the order of the studies, the log and the weights of the checkpoint."""
        if self.checkpoint:
            sampler = train_dataloader.batch_sampler
            while hasattr(sampler, "batch_sampler"):  # the share of one process
                sampler = sampler.batch_sampler
            # TRL's sampler draws an order at each start, but transformers starts it only once
            for _ in range(int(state.epoch)):
                next(iter(sampler.sampler))
            self._restore(model, state)

    def _restore(self, model: torch.nn.Module, state: TrainerState) -> None:
        state.log_history[:] = self.log or state.log_history
        trained = load_file(self.checkpoint / TRAINED)
        with gathered(model), torch.no_grad():
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    parameter.copy_(trained[name])

    def on_save(self, args, state, control, model, **_) -> None:
        """Add weights and validation to the trainer's checkpoint, then mark it as complete."""
        with gathered(model):
            trained = {
                name: p.detach().cpu().contiguous()
                for name, p in model.named_parameters()
                if p.requires_grad
            }
        if not state.is_world_process_zero:
            return
        folder = trainer_folder(self.run) / f"checkpoint-{state.global_step}"
        save_file(trained, folder / TRAINED)
        if self.validation:
            self.validation.save(folder)
        tokens = max(row.get("num_tokens", 0) for row in state.log_history)
        mark_complete(
            folder, self.run, seconds=self.elapsed(), tokens=tokens, log=state.log_history
        )

    def elapsed(self) -> float:
        """Seconds of training, those before a stop included."""
        return self.seconds + time.monotonic() - self.started
