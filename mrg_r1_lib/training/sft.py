"""Supervised finetuning (SFT): the policy learns the training split's reports by likelihood.

Validation chooses the length of training: the evaluation with the highest primary measure is kept.
SFT continued is the control of reinforcement learning. It starts from the same policy, trains for
the same wall-clock time, and is evaluated equally often.

Drawn images are drawn anew in each epoch, and a target's abnormal sentences come first
(`corpora/findings_first.py`); references keep their order.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch
from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.findings_first import findings_first
from mrg_r1_lib.corpora.phantom import drawn_anew
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.experiments import images_of
from mrg_r1_lib.labelers import Labeler, load_labeler
from mrg_r1_lib.policies.load_save import load_policy, new_adapters, stop_tower_gradients
from mrg_r1_lib.policies.prompts import order_by_length, sft_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.runs.processes import split_step
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.checkpoint_selection import Validation
from mrg_r1_lib.training.trainer import (
    command_line,
    common_settings,
    prepare,
    read_log,
    require_policy,
    train,
)


def config(run: Run, studies: int) -> SFTConfig:
    """TRL's settings for SFT, or for SFT continued, on the `studies` studies of all epochs."""
    settings = run.stage_settings
    step = split_step(run, settings.batch_size)
    every = math.ceil(math.ceil(studies / settings.batch_size) / settings.evaluations)
    return SFTConfig(
        **common_settings(run),
        num_train_epochs=1,  # the rows hold all epochs
        eval_strategy="steps",
        eval_steps=every,
        per_device_eval_batch_size=step["per_device_train_batch_size"],
        save_strategy="steps",
        save_steps=every,
        **step,
        learning_rate=settings.learning_rate,
        train_sampling_strategy="sequential",  # `order_by_length` has shuffled the rows
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
    start = require_policy(run.start, "02_supervised_finetuning")
    prepare(run)
    lora = run.settings.lora
    # training all weights needs float32: in bf16 a small step changes nothing
    model, processor = load_policy(start, dtype=None if lora else torch.float32)
    validation = Validation(run, processor)
    studies = studies_of_all_epochs(run)
    labeler = load_labeler(run.recipe.labeler)
    trainer = SFTTrainer(
        model,
        args=config(run, len(studies)),
        train_dataset=taught(studies, labeler),
        eval_dataset=taught(validation.studies, labeler),
        processing_class=processor,
        peft_config=new_adapters(model, POLICIES[run.settings.policy]) if lora else None,
        callbacks=[validation],
    )
    if lora:
        stop_tower_gradients(trainer.model)
    return train(run, trainer, validation)


def studies_of_all_epochs(run: Run) -> list[Study]:
    """The training studies of each epoch and its phantoms, in the order of training.

    Drawn images are drawn anew in each epoch: reports are few, and pictures that never repeat
    cannot be learned by heart. The phantoms are others than those of pretraining.
    """
    settings, size = run.stage_settings, run.settings.image_size
    train = load_split(run.corpus, "train", run.settings)[:]
    if images_of(run.corpus, run.settings) == "files":
        studies = train * settings.epochs
    else:
        studies = drawn_anew(train, settings.epochs, size, run.arm)
    count, seen = settings.epochs * settings.phantoms, run.settings.pretrain.phantoms
    if count:
        phantoms = load_corpus("phantom", studies=seen + count, seed=run.seed, image_size=size)
        studies += phantoms[seen:]
    reports = [study.findings for study in studies]
    return [studies[i] for i in order_by_length(reports, settings.batch_size, run.seed)]


def taught(studies: Sequence[Study], labeler: Labeler) -> Dataset:
    """The rows of SFT: each study's report, with its abnormal sentences first."""
    reports = findings_first([study.findings for study in studies], labeler)
    ordered = [replace(study, findings=text) for study, text in zip(studies, reports, strict=True)]
    return sft_rows(ordered, labeler(reports))


if __name__ == "__main__":
    command_line(sft, __doc__)
