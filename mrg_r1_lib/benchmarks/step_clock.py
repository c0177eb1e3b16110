"""Timing of the parts of a step of TRL's GRPO trainer.

Parts: generation, reward, the reference policy's log-probabilities, forward and backward, the rest.
"""

import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps

import torch
from transformers import TrainerCallback
from trl import GRPOTrainer

PARTS = ("generation", "reward", "reference", "forward_backward", "other")


class Clock(TrainerCallback):
    """Times a trainer's methods; `rows` has one row per step, with the seconds of each part."""

    def __init__(self, trainer: GRPOTrainer) -> None:
        self.trainer, self.seconds, self.rows, self.tokens = trainer, defaultdict(float), [], 0
        for method in ("training_step", "_prepare_inputs", "_generate", "_calculate_rewards"):
            self.wrap(method, lambda method=method: method)
        # with gradients this method is the forward pass, whose time `training_step` counts
        self.wrap(
            "_get_per_token_logps_and_entropies",
            lambda: "loss" if torch.is_grad_enabled() else "reference",
        )

    def wrap(self, method: str, name: Callable[[], str]) -> None:
        """Time one method of this trainer; `name()` is the part that gets the seconds."""
        inner = getattr(self.trainer, method)

        @wraps(inner)
        def clocked(*given, **named):
            part, started = name(), now()
            try:
                return inner(*given, **named)
            finally:
                self.seconds[part] += now() - started

        setattr(self.trainer, method, clocked)

    def on_train_begin(self, args, state, control, **_) -> None:
        """Start the clock."""
        self.started = self.begin()

    def begin(self) -> float:
        """Reset seconds and peak memory for a new step; returns its start."""
        self.seconds.clear()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        return now()

    def on_step_end(self, args, state, control, **_) -> None:
        """Add the step's row."""
        total, seconds = now() - self.started, self.seconds
        parts = {
            "generation": seconds["_generate"],
            "reward": seconds["_calculate_rewards"],
            "reference": seconds["reference"],
            "forward_backward": seconds["training_step"] - seconds["_prepare_inputs"],
        }
        parts["other"] = total - sum(parts.values())
        tokens, self.tokens = state.num_input_tokens_seen - self.tokens, state.num_input_tokens_seen
        speed = {"tokens": tokens, "tokens_per_second": tokens / total, "peak_gib": peak_gib()}
        self.rows.append({"step": state.global_step, "seconds": total, **parts, **speed})
        self.started = self.begin()


def now() -> float:
    """Seconds by `perf_counter()`, after `cuda.synchronize()`."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def peak_gib() -> float:
    """GiB: the step's peak GPU memory, or without a GPU the peak of the process so far."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 2**30 if sys.platform == "darwin" else 2**20  # macOS counts bytes, Linux KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
