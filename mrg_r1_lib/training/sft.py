"""Supervised finetuning (SFT): the policy learns the training split's reports by likelihood.

Validation chooses the length of training: the evaluation with the highest primary measure is kept.
SFT continued is the control of reinforcement learning. It starts from the same policy, trains for
the same wall-clock time, and is evaluated equally often.
"""

import math
from collections.abc import Sequence

import pandas as pd
import torch
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.policies.load_save import load_policy, new_adapters, stop_tower_gradients
from mrg_r1_lib.policies.prompts import sft_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.runs.processes import split_step
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.checkpoint_selection import Validation
from mrg_r1_lib.training.trainer import command_line, common_settings, prepare, read_log, train


def config(run: Run, studies: int) -> SFTConfig:
    """TRL's settings for SFT, or for SFT continued, on `studies` studies."""
    settings = run.stage_settings
    step = split_step(run, settings.batch_size)
    steps = settings.epochs * math.ceil(studies / settings.batch_size)
    every = math.ceil(steps / settings.evaluations)
    return SFTConfig(
        **common_settings(run),
        num_train_epochs=settings.epochs,
        eval_strategy="steps",
        eval_steps=every,
        per_device_eval_batch_size=step["per_device_train_batch_size"],
        save_strategy="steps",
        save_steps=every,
        **step,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        weight_decay=0.0,
        max_length=None,  # a cut would separate image tokens from their image
        completion_only_loss=True,
    )


def sft(run: Run) -> pd.DataFrame:
    """Finetune the start of `run`; returns the log, one row per step. A finished run is loaded.

    Also writes `validation.csv`, one row per evaluation. `run` may also start from SFT.
    FileNotFoundError if its start is missing.
    """
    run = run.of_stage("sft")
    if run.finished("train"):
        return read_log(run)
    start = run.start.require_policy("02_supervised_finetuning")
    prepare(run)
    lora = run.settings.lora
    # training all weights needs float32: in bf16 a small step changes nothing
    model, processor = load_policy(start, dtype="auto" if lora else torch.float32)
    validation = Validation(run, processor)
    studies = [*load_split(run.corpus, "train", run.settings), *_phantoms(run)]
    labels = load_labeler(run.recipe.labeler)([study.findings for study in studies])
    trainer = SFTTrainer(
        model,
        args=config(run, len(studies)),
        train_dataset=sft_rows(studies, labels),
        eval_dataset=sft_rows(validation.studies, validation.reference),
        processing_class=processor,
        peft_config=new_adapters(model, POLICIES[run.settings.policy]) if lora else None,
        callbacks=[validation],
    )
    if lora:
        stop_tower_gradients(trainer.model)
    return train(run, trainer, validation)


def _phantoms(run: Run) -> Sequence[Study]:
    """The first phantom studies of pretraining."""
    count = run.stage_settings.phantoms
    if not count:
        return []
    size = run.settings.image_size
    return load_corpus("phantom", studies=count, seed=run.seed, image_size=size)


if __name__ == "__main__":
    command_line(sft, __doc__)
