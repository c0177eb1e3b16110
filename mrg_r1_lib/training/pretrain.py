"""Pretraining: a new policy learns to see and to speak from synthetic studies, the stand-in for a medically pretrained model.

The paper starts from HuatuoGPT-Vision, which has seen medical images and text. The tiny policy of the laptop has seen nothing.
In three parts it learns from phantoms, whose text is the library's own: its vision tower to tell the observations apart; the
whole model to name them in words, in the think part of a completion; then to write reports. Reports alone would not do: of
their many words few depend on the image, and a new policy learns to speak without looking (`results/README.md` has the trial).
Its tokenizer is trained on the training split of the corpus and on phantom reports, never on held-out reports.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from tqdm import tqdm
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.policies.hub import adopt
from mrg_r1_lib.policies.load_save import create_policy, load_policy, save_policy
from mrg_r1_lib.policies.prompts import sft_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.policies.vision_tower import train_tower
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import index_labels, pixels
from mrg_r1_lib.training.trainer import command_line, common_settings, prepare, read_log, train


def config(run: Run) -> SFTConfig:
    """TRL's settings for pretraining; none of them is the paper's, which pretrains nothing itself."""
    return SFTConfig(
        **common_settings(run),
        save_strategy="no",
        num_train_epochs=run.size.pretrain_epochs,
        per_device_train_batch_size=run.size.batch_size,
        learning_rate=1e-3,  # a new model of 3 million parameters
        lr_scheduler_type="constant_with_warmup",  # SFT brings it down
        warmup_steps=10,
        train_sampling_strategy="sequential",  # first the rows that only name; phantoms are drawn independently of each other
        weight_decay=0.0,
        max_length=None,  # a cut would separate image tokens from their image
        completion_only_loss=True,
    )


def pretrain(run: Run) -> pd.DataFrame:
    """Train the policy that `run` starts from and return its log, a row a step; a finished run is loaded.

    A published base model is adopted instead, as it is: its log has no row.
    """
    run = run.of_stage("pretrain")
    if run.finished("train"):
        return read_log(run)
    prepare(run)
    if POLICIES[run.size.policy].hub:
        return adopt(run)
    images = load_corpus(
        "phantom", studies=run.size.phantoms, seed=run.seed, image_size=run.size.image_size
    )
    named, phantoms = images[: run.size.phantoms_named], images[: run.size.phantom_reports]
    findings = [study.findings for study in phantoms]
    corpus_findings = [study.findings for study in load_split(run.corpus, "train", run.size)]
    model, processor = create_policy(
        run.size.policy, corpus_findings + findings, run.size.image_size, run.seed
    )
    losses = train_tower(
        model.model.vision_tower,
        pixels(tqdm(images, desc="drawing radiographs", mininterval=1.0)),
        positives(index_labels(images)),
        epochs=run.size.tower_epochs,
        seed=run.seed,
    )
    tower_log = pd.DataFrame({"epoch": range(1, len(losses) + 1), "loss": losses})
    new = run.private / "new_policy"  # saved once and loaded, as every other start
    save_policy(model, processor, new)
    model, processor = load_policy(new)
    silent = [
        replace(study, findings="") for study in named
    ]  # the completion names what is there and leaves the report empty
    labels = np.concatenate([index_labels(named), load_labeler(run.settings.labeler)(findings)])
    rows = sft_rows([*silent, *phantoms], labels)
    trainer = SFTTrainer(model, args=config(run), train_dataset=rows, processing_class=processor)
    return train(run, trainer, "mrg_r1_lib.training.pretrain", {"tower_log.csv": lambda: tower_log})


if __name__ == "__main__":
    command_line(pretrain, __doc__)
