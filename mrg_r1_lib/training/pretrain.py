"""Pretraining: a new policy learns from drawn studies.

The paper starts from HuatuoGPT-Vision, which was trained on medical images and text. The tiny
policy starts from random weights. It learns from phantoms, whose text is the library's own, in
three parts. The vision tower learns to classify the observations. Then the complete model learns to
name them, in the think part of a completion, and last to write reports. Reports alone do not
suffice: few of their words depend on the image, so a new policy learns to ignore it
(`results/README.md` has the trial). The tokenizer is trained on the corpus's training split and on
phantom reports, never on held-out reports.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from tqdm import tqdm
from transformers import PreTrainedModel
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.policies.hub import load_published
from mrg_r1_lib.policies.load_save import create_policy, load_policy, save_policy
from mrg_r1_lib.policies.prompts import sft_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.policies.vision_tower import train_tower
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked
from mrg_r1_lib.study import Study, index_labels, pixels
from mrg_r1_lib.training.trainer import command_line, common_settings, prepare, read_log, train


def config(run: Run) -> SFTConfig:
    """TRL's settings for pretraining; none is the paper's, which starts from a published model."""
    settings = run.settings.pretrain
    return SFTConfig(
        **common_settings(run),
        save_strategy="no",
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant_with_warmup",  # SFT decays the learning rate
        warmup_steps=10,
        train_sampling_strategy="sequential",  # rows that only name observations come first
        weight_decay=0.0,
        max_length=None,  # a cut would separate image tokens from their image
        completion_only_loss=True,
    )


def pretrain(run: Run) -> pd.DataFrame:
    """Pretrain the policy of `run`; returns the log, one row per step. A finished run is loaded.

    A published base model is adopted unchanged instead; its log has no row.
    """
    run = run.of_stage("pretrain")
    if run.finished("train"):
        return read_log(run)
    prepare(run)
    if POLICIES[run.settings.policy].hub:
        return adopt(run)
    settings, size = run.settings.pretrain, run.settings.image_size
    images = load_corpus("phantom", studies=settings.phantoms, seed=run.seed, image_size=size)
    phantoms = images[: settings.reports]
    findings = [study.findings for study in phantoms]
    split = load_split(run.corpus, "train", run.settings)
    texts = [study.findings for study in split] + findings
    model, processor = create_policy(run.settings.policy, texts, size, run.seed)
    tower_log = _train_tower(run, model, images)
    new = run.private / "new_policy"  # saved and loaded, like every other start
    save_policy(model, processor, new)
    model, processor = load_policy(new)
    # these completions name the observations and leave the report empty
    silent = [replace(study, findings="") for study in images[: settings.named]]
    written = load_labeler(run.recipe.labeler)(findings)
    rows = sft_rows([*silent, *phantoms], np.concatenate([index_labels(silent), written]))
    trainer = SFTTrainer(model, args=config(run), train_dataset=rows, processing_class=processor)
    return train(run, trainer, tables={"tower_log.csv": lambda: tower_log})


def _train_tower(run: Run, model: PreTrainedModel, images: Sequence[Study]) -> pd.DataFrame:
    """Train the vision tower in place on the drawn observations; returns the loss of each epoch."""
    drawn = pixels(tqdm(images, desc="drawing radiographs", mininterval=1.0))
    losses = train_tower(
        model.model.vision_tower,
        drawn,
        positives(index_labels(images)),
        epochs=run.settings.pretrain.tower_epochs,
        seed=run.seed,
    )
    return pd.DataFrame({"epoch": range(1, len(losses) + 1), "loss": losses})


def adopt(run: Run) -> pd.DataFrame:
    """Save the published base model as the run's policy, with its commit; returns an empty log."""
    base = POLICIES[run.settings.policy]
    (model, processor), commit = load_published(run.settings.policy)
    with locked(run.folder):
        for name in ("train_log.csv", "tower_log.csv"):
            run.write_text(name, "step,loss\n")
        save_policy(model, processor, run.policy)
        run.update_manifest(
            "pretrain",
            parameters=sum(p.numel() for p in model.parameters()),
            trained_tensors=0,
            changed_tensors=0,
            seconds=0.0,
            hub=base.hub,
            revision=commit,
            licence=base.licence,
        )
        run.mark_finished("train", weights=commit)
    return read_log(run)


if __name__ == "__main__":
    command_line(pretrain, __doc__)
