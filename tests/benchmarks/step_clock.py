"""Timing of the parts of a step of TRL's GRPO trainer, with the peak memory of its two halves.

Parts: generation, reward, the reference policy's log-probabilities, forward and backward, the rest.
The vision tower runs in several of them, so its seconds stand beside the parts. The first step
warms up and writes few tokens.
"""

import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps

import pandas as pd
import torch
from transformers import Trainer, TrainerCallback
from trl import GRPOTrainer

from mrg_r1_lib.policies.load_save import vision_tower

PARTS = ("generation", "reward", "reference", "forward_backward", "other")
WARM_UP = 16  # tokens of a completion in the first step
LIMIT = 240.0  # seconds of a measurement after which no further step begins


class StepClock(TrainerCallback):
    """Seconds and peak memory of every step of any trainer, in `rows`."""

    def __init__(self, trainer: Trainer) -> None:
        self.trainer, self.rows = trainer, []

    def on_train_begin(self, args, state, control, **_) -> None:
        """Start the clock; a step begins where the one before ends, so its batch is counted."""
        forget_peak()
        self.started = now()

    def on_step_end(self, args, state, control, **_) -> None:
        """Add the step's row."""
        self.rows.append({"seconds": now() - self.started, "peak_update_gib": peak_gib()})
        control.should_training_stop |= sum(row["seconds"] for row in self.rows) > LIMIT
        self.on_train_begin(args, state, control)


class PartsClock(StepClock):
    """The seconds of each part of SRL, too; the peaks of generation and update stand apart."""

    def __init__(self, trainer: GRPOTrainer, length: int) -> None:
        super().__init__(trainer)
        self.seconds, self.length, self.tokens = defaultdict(float), length, 0
        self.generation_peak = 0.0
        for method in ("training_step", "_prepare_inputs", "_generate", "_calculate_rewards"):
            self.time(trainer, method, lambda method=method: method)
        # with gradients this method is the forward pass, whose time `training_step` counts
        self.time(
            trainer,
            "_get_per_token_logps_and_entropies",
            lambda: "loss" if torch.is_grad_enabled() else "reference",
        )
        self.time(vision_tower(trainer.model), "forward", lambda: "tower")
        self.write(min(WARM_UP, length))

    def time(self, owner: object, method: str, name: Callable[[], str]) -> None:
        """Time a method of the trainer or model; `name()` is the part that gets the seconds."""
        inner = getattr(owner, method)

        @wraps(inner)
        def timed(*given, **named):
            part, started = name(), now()
            try:
                return inner(*given, **named)
            finally:
                self.seconds[part] += now() - started
                if part == "_generate":
                    self.generation_peak = peak_gib()
                    forget_peak()

        setattr(owner, method, timed)

    def write(self, length: int) -> None:
        """Completions of that many tokens from now on."""
        self.trainer.generation_config.update(max_new_tokens=length, min_new_tokens=length)

    def on_step_end(self, args, state, control, **_) -> None:
        """Add the step's row."""
        super().on_step_end(args, state, control)
        row, seconds = self.rows[-1], self.seconds
        parts = {
            "generation": seconds["_generate"],
            "reward": seconds["_calculate_rewards"],
            "reference": seconds["reference"],
            "forward_backward": seconds["training_step"] - seconds["_prepare_inputs"],
        }
        parts["other"] = row["seconds"] - sum(parts.values())
        tokens, self.tokens = state.num_input_tokens_seen - self.tokens, state.num_input_tokens_seen
        row |= parts | {"tower": seconds["tower"], "tokens": tokens}
        row |= {"peak_generation_gib": self.generation_peak}
        seconds.clear()
        self.write(self.length)


def medians(rows: list[dict[str, float]]) -> dict[str, float]:
    """Medians of the rows after the first, and the largest of each peak."""
    table = pd.DataFrame(rows[1:] or rows)
    peaks = [name for name in table if name.startswith("peak")]
    return table.median().to_dict() | table[peaks].max().to_dict()


def now() -> float:
    """Seconds by `perf_counter()`, after `cuda.synchronize()`."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def forget_peak() -> None:
    """Measure the peak of the GPU's memory from here."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()


def peak_gib() -> float:
    """GiB: the peak GPU memory, or without a GPU the peak of the process so far."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 2**30 if sys.platform == "darwin" else 2**20  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
