"""Several processes for one training: who they are, what each takes of a step, and how they are started.

`accelerate launch -m mrg_r1_lib.training.srl …` starts them; nothing else differs between one process and many.
"""

import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pandas as pd
import torch
from accelerate import PartialState
from transformers.integrations import is_deepspeed_zero3_enabled

from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.runs.run import Run

ACCELERATE = (
    Path(__file__).parents[1] / "training" / "accelerate"
)  # its configurations: one GPU, eight, DeepSpeed ZeRO-3


def processes() -> PartialState:
    """The processes that train together, as `accelerate launch` started them; without it, this one alone."""
    return PartialState(cpu=not torch.cuda.is_available())


def split_step(run: Run, completions: int) -> dict:
    """TRL's arguments for a step of so many completions over all processes, in micro-batches that one device holds.

    ValueError if they do not divide evenly: then processes would train on unequal shares.
    """
    share, left_over = divmod(completions, processes().num_processes)
    micro = min(POLICIES[run.settings.policy].micro_batch or share, share)
    if left_over or share % micro:
        raise ValueError(
            f"{run.experiment}, scale {run.scale}: a step of {completions} completions does not divide into micro-batches of "
            f"{micro} on {processes().num_processes} processes. Change the number of processes (accelerate launch "
            f"--num_processes), or the scale's batch, groups or micro_batch."
        )
    return {"per_device_train_batch_size": micro, "gradient_accumulation_steps": share // micro}


def gathered(model: torch.nn.Module) -> AbstractContextManager:
    """Within it the model's weights are whole and the first process's changes kept, even where DeepSpeed divides them."""
    if not is_deepspeed_zero3_enabled():
        return nullcontext()
    import deepspeed

    return deepspeed.zero.GatheredParameters(list(model.parameters()), modifier_rank=0)


def launch(stage: Callable[[Run], pd.DataFrame], run: Run) -> pd.DataFrame:
    """`stage(run)` in this process on one device; on several GPUs `accelerate launch` trains in a child, and its run is loaded.

    RuntimeError if the child failed; its own message stands above.
    """
    devices = torch.cuda.device_count()
    if devices > 1:
        command = [
            sys.executable,
            "-m",
            "accelerate.commands.launch",
            "--config_file",
            str(ACCELERATE / "eight_gpus.yaml"),
        ]
        command += [
            "--num_processes",
            str(devices),
            "-m",
            stage.__module__,
            "--experiment",
            run.experiment,
        ]
        command += [
            "--scale",
            run.scale,
            "--seed",
            str(run.seed),
            "--results",
            str(run.results.resolve()),
        ]
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(
                f"{run.experiment}: training on {devices} GPUs failed. To see why: {' '.join(command)}"
            )
    return stage(run)
