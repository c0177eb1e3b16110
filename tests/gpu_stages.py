"""Steps of SRL and SFT and one batch of generation, timed, with their peak memory: what `gpu_measurements.py` calls.

Random weights write no end of text, so every completion has its full length. The first step warms up and is left out.
Two trials are not part of the library: a vision tower that runs without gradients, and one whose attention takes all windows of
all images in one call. A frozen tower needs neither gradients nor one call for each window.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import wraps
from pathlib import Path

import pandas as pd
import torch
import trl
from peft import get_peft_model
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PrinterCallback, TrainerCallback
from trl import SFTTrainer

from mrg_r1_lib import sft
from mrg_r1_lib.base_models import POLICIES
from mrg_r1_lib.benchmark import TimedRun, timed_run, timed_settings, trainer_of
from mrg_r1_lib.clock import Clock, now, peak_gib
from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.experiments import DEFAULT_CORPUS, SCALES
from mrg_r1_lib.generate import generate
from mrg_r1_lib.policies import VISION, Policy, lora
from mrg_r1_lib.prompts import sft_rows
from mrg_r1_lib.random_policies import random_policy
from mrg_r1_lib.study import Study
from mrg_r1_lib.training import prepare

GROUP = 8  # completions per study
LIMIT = 240.0  # seconds of an item after which no further step begins
WARM_UP = 16  # tokens of a completion in the first step
WORDS = "The heart is enlarged. No pleural effusion or pneumothorax. "


class PhaseClock(Clock):
    """The clock, with the peak memory of generation and of the update apart; the first step writes few tokens."""

    def __init__(self, trainer: trl.GRPOTrainer, length: int) -> None:
        super().__init__(trainer)
        self.length, self.generation_peak = length, 0.0
        self.write(min(WARM_UP, length))
        trainer._generate = self.after(trainer._generate, self.forget_generation)
        tower = tower_of(trainer.model)
        inner = tower.forward

        @wraps(inner)
        def forward(*given, **named):
            started = now()
            answer = inner(*given, **named)
            self.seconds["tower"] += now() - started
            return answer

        tower.forward = forward

    @staticmethod
    def after(inner, then):
        """`inner`, followed by `then()`."""

        @wraps(inner)
        def called(*given, **named):
            answer = inner(*given, **named)
            then()
            return answer

        return called

    def forget_generation(self) -> None:
        """Keep the peak of generation, and measure the update's from here."""
        self.generation_peak = peak_gib()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def write(self, length: int) -> None:
        """Completions of that many tokens from now on."""
        self.trainer.generation_config.update(max_new_tokens=length, min_new_tokens=length)

    def on_step_end(self, args, state, control, **_) -> None:
        """Add the step's row."""
        tower = self.seconds["tower"]
        super().on_step_end(args, state, control)
        row = self.rows[-1]
        row |= {"tower": tower, "peak_update_gib": row["peak_gib"], "peak_generation_gib": self.generation_peak}
        self.write(self.length)
        if sum(row["seconds"] for row in self.rows) > LIMIT:
            control.should_training_stop = True


class StepTimes(TrainerCallback):
    """Seconds and peak memory of every step of any trainer."""

    def __init__(self) -> None:
        self.rows = []

    def on_step_begin(self, args, state, control, **_) -> None:
        """Start the clock."""
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self.started = now()

    def on_step_end(self, args, state, control, **_) -> None:
        """Add the step's row."""
        self.rows.append({"seconds_step": now() - self.started, "peak_update_gib": peak_gib()})


def medians(rows: list[dict]) -> dict[str, float]:
    """Medians of the rows after the first, and the largest of each peak."""
    table = pd.DataFrame(rows[1:] or rows)
    return {name: table[name].max() if name.startswith("peak") else table[name].median() for name in table}


def tower_of(model: torch.nn.Module) -> torch.nn.Module:
    """The vision tower inside a policy."""
    return next(module for name, module in model.named_modules() if name.rpartition(".")[2] in VISION)


def without_gradients(model: torch.nn.Module) -> None:
    """Run the frozen tower without gradients: activation checkpointing under LoRA asks its first layer for them."""
    tower = tower_of(model)
    tower.forward = torch.no_grad()(tower.forward)


def windows_in_one_call(model: torch.nn.Module) -> None:
    """Attention of all windows of the tower in one call; transformers' "sdpa" calls once for each window."""
    AttentionInterface.register("flash_windows", attend_to_windows)
    tower_of(model).config._attn_implementation = "flash_windows"


def attend_to_windows(_, query, key, value, attention_mask, scaling, cu_seq_lens_q, max_length_q, **__):
    """Attention within each window: `(1, heads, patches, size)` three times -> `(1, patches, heads, size)`."""
    rows = [tensor[0].transpose(0, 1).to(value.dtype).contiguous() for tensor in (query, key, value)]
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn  # torch 2.10 or newer

        answer = varlen_attn(*rows, cu_seq_lens_q, cu_seq_lens_q, max_length_q, max_length_q, scale=scaling)
    else:  # for the rehearsal
        lengths = cu_seq_lens_q.diff().tolist()
        windows = zip(*(part.transpose(0, 1).split(lengths, dim=1) for part in rows), strict=True)
        answer = torch.cat([scaled_dot_product_attention(*window, scale=scaling).transpose(0, 1) for window in windows])
    return answer.unsqueeze(0), None


def phantoms(image_size: int, count: int) -> Sequence[Study]:
    """Drawn studies."""
    return load_corpus("phantom", studies=max(64, count), image_size=image_size)


def made(run: TimedRun, studies: Sequence[Study]) -> Policy:
    """The run's policy with random weights: bf16 on a GPU."""
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    return random_policy(run, [study.findings for study in studies], dtype)


def measure_srl(policy: str, studies: int, tower: str, replaced: bool, length: int, steps: int, folder: Path) -> dict:
    """Steps of SRL with `studies` groups. `replaced`: reports stand in for the completions, the update alone is measured."""
    run = timed_run(policy, steps, length, GROUP, studies, folder)
    prepare(run)
    corpus = phantoms(run.size.image_size, studies)
    model, processor = made(run, corpus)
    trainer = trainer_of(run, model, processor, timed_settings(run, processor), corpus)
    if "frozen" in tower:
        without_gradients(trainer.model)
    if "windows" in tower:
        windows_in_one_call(trainer.model)
    words = processor.tokenizer(WORDS).input_ids
    if replaced:
        trainer._generate_single_turn = lambda prompts, *_, **__: ([(words * length)[:length] for _ in prompts], None)
    clock = PhaseClock(trainer, length)
    trainer.add_callback(clock)
    trainer.train()
    row = medians(clock.rows)
    found = {"seconds_update": row["reference"] + row["forward_backward"], "seconds_reference": row["reference"]}
    found |= {"seconds_tower": row["tower"], "seconds_reward": row["reward"], "seconds_other": row["other"]}
    found |= {"peak_update_gib": row["peak_update_gib"], "tokens_step": row["tokens"]}
    if not replaced:
        found |= {"seconds_step": row["seconds"], "seconds_generation": row["generation"]}
        found |= {"peak_generation_gib": row["peak_generation_gib"]}
    return found | {"completions": studies * GROUP, "steps": len(clock.rows[1:]) or 1}


def measure_sft(policy: str, studies: int, tower: str, steps: int, folder: Path) -> dict:
    """Steps of SFT, each of `studies` reports."""
    size = replace(SCALES["full"], policy=policy, images="phantom", sft_batch_size=studies)
    run = TimedRun(f"{DEFAULT_CORPUS}/sft", "full", 0, folder, size)
    prepare(run)
    settings = sft.config(run)
    settings.max_steps, settings.save_strategy, settings.eval_strategy = steps, "no", "no"
    corpus = phantoms(size.image_size, studies)
    model, processor = made(run, corpus)
    rows = sft_rows(corpus, corpus.written_labels())
    trainer = SFTTrainer(
        model, args=settings, train_dataset=rows, processing_class=processor, peft_config=lora(POLICIES[policy])
    )
    if "frozen" in tower:
        without_gradients(trainer.model)
    times = StepTimes()
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(times)
    trainer.train()
    return medians(times.rows) | {"completions": studies, "steps": len(times.rows[1:]) or 1}


def measure_generation(policy: str, studies: int, adapters: bool, length: int, folder: Path) -> dict:
    """One batch of `studies` reports, greedy, with fresh adapters or without any."""
    run = timed_run(policy, 1, length, GROUP, studies, folder)
    prepare(run)
    corpus = phantoms(run.size.image_size, studies)[:studies]
    model, processor = made(run, corpus)
    if adapters:
        model = get_peft_model(model, lora(POLICIES[policy]))
    generate(model, processor, corpus, WARM_UP, studies)
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    generate(model, processor, corpus, length, studies)
    return {
        "seconds_generation": time.perf_counter() - started,
        "peak_generation_gib": peak_gib(),
        "completions": studies,
        "steps": 1,
    }
