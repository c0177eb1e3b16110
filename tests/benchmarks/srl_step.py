"""A step of SRL on a policy of real size with random weights, timed: nothing is downloaded.

TRL's own trainer with the settings of `srl.config`, on phantom studies. Random weights write no end
of text, so every completion has its full length. They write no report either, so the rewards read
the studies' own reports in place of the completions. Advantages are then all 0, which changes no
time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from statistics import median

import torch
import transformers
from datasets import Dataset
from random_policies import QWEN_TOKENS, random_policy
from step_clock import PartsClock, StepClock, medians
from transformers import PrinterCallback, SiglipVisionModel
from trl import GRPOConfig, GRPOTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.policies.load_save import (
    Policy,
    lora,
    require_known,
    stop_tower_gradients,
    vision_tower,
)
from mrg_r1_lib.policies.prompts import srl_rows, user_message
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.policies.vision_tower import ConvStemVisionModel
from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import SCALES, Scale
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.srl import config, reward_functions
from mrg_r1_lib.training.trainer import prepare

WORDS = "The heart is enlarged. No pleural effusion or pneumothorax. "


@dataclass(frozen=True)
class TimedRun(Run):
    """A run at a scale that has no name."""

    timed: Scale

    @property
    def settings(self) -> Scale:
        return self.timed


def scale_of(policy: str) -> str:
    """The last scale with that policy; if none has it, full or laptop. ValueError if unknown."""
    default = "full" if require_known(policy).hub else "laptop"
    return {scale.policy: name for name, scale in SCALES.items()}.get(policy, default)


def timed_run(
    policy: str, folder: Path, studies: int, steps: int, length: int, arm: str = "srl_mccs"
) -> TimedRun:
    """An arm with that policy at the scale that it belongs to, on phantoms.

    It has `steps` steps of `studies` studies and completions of `length` tokens. ValueError for an
    unknown policy.
    """
    scale = SCALES[scale_of(policy)]
    timed = replace(
        scale,
        policy=policy,
        images="phantom",
        max_completion_length=length,
        srl=replace(scale.srl, steps=steps, studies_per_step=studies),
        sft=replace(scale.sft, batch_size=studies),
    )
    return TimedRun(f"{scale.corpus}/{arm}", scale_of(policy), 0, folder, timed)


def made(run: TimedRun, studies: int) -> tuple[Sequence[Study], Policy]:
    """At least `studies` drawn studies, and the run's policy with random weights: bf16 on a GPU."""
    prepare(run)
    corpus = load_corpus("phantom", studies=max(64, studies), image_size=run.settings.image_size)
    dtype = torch.bfloat16 if torch.cuda.is_available() else torch.float32
    return corpus, random_policy(run, [study.findings for study in corpus], dtype)


def timed_settings(run: TimedRun, processor: transformers.ProcessorMixin) -> GRPOConfig:
    """The settings of SRL; completions hold no token that stands for an image, and none ends early.
    Nothing is saved."""
    settings = config(run)
    settings.save_strategy = "no"
    tokenizer = processor.tokenizer
    never = {
        tokenizer.image_token_id,
        *(tokenizer.get_vocab().get(token) for token in QWEN_TOKENS),
    } - {None}
    settings.generation_kwargs = {
        "suppress_tokens": sorted(never),
        "min_new_tokens": run.settings.max_completion_length,
    }
    return settings


def on_reports(reward: Callable) -> Callable:
    """The reward function on the studies' own reports in place of the completions."""

    @wraps(reward)
    def scored(completions: list, reference: list[str], **columns) -> list[float | None]:
        written = [
            [{"role": "assistant", "content": render_target("", text)}] for text in reference
        ]
        return reward(completions=written, reference=reference, **columns)

    return scored


def trainer_of(run: TimedRun) -> GRPOTrainer:
    """TRL's trainer as `srl.srl` makes it, without validation, on phantom studies and their
    labels."""
    corpus, (model, processor) = made(run, run.settings.srl.studies_per_step)
    labels = corpus.written_labels()
    trainer = GRPOTrainer(
        model,
        reward_funcs=[on_reports(reward) for reward in reward_functions(run, labels)],
        args=timed_settings(run, processor),
        train_dataset=srl_rows(corpus, labels),
        processing_class=processor,
        peft_config=lora(POLICIES[run.settings.policy]) if run.settings.lora else None,
    )
    trainer.remove_callback(PrinterCallback)
    if run.settings.lora:
        stop_tower_gradients(trainer.model)
    return trainer


def measure_srl(
    run: TimedRun, replaced: bool = False, change: Callable[[torch.nn.Module], None] | None = None
) -> dict[str, float]:
    """Median seconds by part and the largest memory of the run's steps.

    `replaced`: a text stands in for the completions, so the update alone is measured. `change` is
    applied to the model before.
    """
    trainer, length = trainer_of(run), run.settings.max_completion_length
    if change:
        change(trainer.model)
    if replaced:
        words = (trainer.processing_class.tokenizer(WORDS).input_ids * length)[:length]
        trainer._generate_single_turn = lambda prompts, *_, **__: ([words] * len(prompts), None)
    clock = PartsClock(trainer, length)
    trainer.add_callback(clock)
    trainer.train()
    row = medians(clock.rows)
    found = {
        "seconds_update": row["reference"] + row["forward_backward"],
        **{f"seconds_{part}": row[part] for part in ("reference", "tower", "reward", "other")},
        "peak_update_gib": row["peak_update_gib"],
        "tokens_step": row["tokens"],
        "completions": run.settings.srl.studies_per_step * run.group_size,
        "steps": len(clock.rows[1:]) or 1,
    }
    if not replaced:
        found |= {"seconds_step": row["seconds"], "seconds_generation": row["generation"]}
        found |= {"peak_generation_gib": row["peak_generation_gib"]}
    return found


def bare_trainer(run: TimedRun) -> GRPOTrainer:
    """TRL's trainer with the same policy, settings and images, and nothing else of ours.

    Images lie in memory, the one reward reads nothing, and the tower computes each image each time.
    """
    corpus, (model, processor) = made(run, run.settings.srl.studies_per_step)
    tower = vision_tower(model)
    if isinstance(tower, ConvStemVisionModel):
        tower.forward = SiglipVisionModel.forward.__get__(tower)
    images = [[study.images[0]().convert("RGB")] for study in corpus]
    rows = Dataset.from_dict({"prompt": [user_message() for _ in corpus], "images": images})
    settings = timed_settings(run, processor)
    settings.reward_weights = None
    trainer = GRPOTrainer(
        model,
        reward_funcs=lambda completions, **_: [0.0] * len(completions),
        args=settings,
        train_dataset=rows,
        processing_class=processor,
        peft_config=lora(POLICIES[run.settings.policy]) if run.settings.lora else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def measure_bare(run: TimedRun, rounds: int = 3) -> dict[str, float]:
    """Median seconds of a step: ours, TRL's alone, and their ratio; in turn, in the same weather."""
    seconds: dict[str, list[float]] = {"ours": [], "bare": []}
    for _ in range(rounds):
        for name, make in (("ours", trainer_of), ("bare", bare_trainer)):
            trainer = make(run)
            clock = StepClock(trainer)
            trainer.add_callback(clock)
            trainer.train()
            seconds[name] += [row["seconds"] for row in clock.rows[1:] or clock.rows]
    ours, bare = map(median, seconds.values())
    return {"seconds_ours": ours, "seconds_bare": bare, "ours_per_bare": ours / bare}
