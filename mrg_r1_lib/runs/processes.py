"""The processes of one training: their number, their share of a step, their start.

`accelerate launch -m mrg_r1_lib.training.srl …` starts several processes. The rest of the code is
the same for one process and for many.
"""

import shlex
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

# configurations: one GPU, eight GPUs, DeepSpeed ZeRO-3
ACCELERATE = Path(__file__).parents[1] / "training" / "accelerate"


def processes() -> PartialState:
    """The processes that `accelerate launch` started; without it, this process alone."""
    return PartialState(cpu=not torch.cuda.is_available())


def split_step(run: Run, completions: int) -> dict:
    """TRL's batch arguments for a step of `completions` over all processes, in micro-batches.

    ValueError if they do not divide evenly, since the processes' shares would be unequal.
    """
    count = processes().num_processes
    share, left_over = divmod(completions, count)
    micro = min(POLICIES[run.settings.policy].micro_batch or share, share)
    if left_over or share % micro:
        raise ValueError(
            f"{run.experiment}, scale {run.scale}: a step of {completions} completions does not "
            f"divide into micro-batches of {micro} on {count} processes. Change the number of "
            "processes (CUDA_VISIBLE_DEVICES=0,1,2,3 leaves four), or the scale's batch, groups "
            "or micro_batch."
        )
    return {"per_device_train_batch_size": micro, "gradient_accumulation_steps": share // micro}


def gathered(model: torch.nn.Module) -> AbstractContextManager:
    """Context in which ZeRO-3 shards are gathered and changes by rank 0 are written back.

    Without ZeRO-3 it does nothing.
    """
    if not is_deepspeed_zero3_enabled():
        return nullcontext()
    import deepspeed

    return deepspeed.zero.GatheredParameters(list(model.parameters()), modifier_rank=0)


def launch(stage: Callable[[Run], pd.DataFrame], run: Run) -> pd.DataFrame:
    """`stage(run)` in this process on one device, or by `accelerate launch` on several GPUs.

    A child process then trains, and its run is loaded. RuntimeError if the child failed; its own
    message is printed above.
    """
    devices = torch.cuda.device_count()
    if devices > 1:
        command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file"]
        command += [str(ACCELERATE / "eight_gpus.yaml"), "--num_processes", str(devices)]
        command += ["-m", stage.__module__, "--experiment", run.experiment, "--scale", run.scale]
        command += ["--seed", str(run.seed), "--results", str(run.results.resolve())]
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(f"Training on {devices} GPUs failed. See why: {shlex.join(command)}")
    return stage(run)
