"""Supervised finetuning (SFT): the policy learns to write the corpus's reports, word by word, in the think/report format.

Likelihood is the objective that the paper holds against clinical correctness; it is also the start of reinforcement learning.
The loss counts the completion only. Reports of pretraining are mixed among the corpus's: of a real report's words few depend on
the image, and a tiny policy that reads nothing else unlearns half of what it sees (`results/README.md` has the trials). How
long to train is chosen on the validation split: after each epoch the policy writes its reports, and the epoch with the highest
primary measure is kept. The same goes for SFT continued, the control of reinforcement learning: it starts where that starts,
and trains as long by the clock.
"""

from collections.abc import Sequence

import pandas as pd
import torch
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.policies.load_save import load_policy, new_adapters
from mrg_r1_lib.policies.prompts import sft_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.runs.processes import split_step
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.trainer import command_line, common_settings, prepare, read_log, train
from mrg_r1_lib.training.validation import Validation


def config(run: Run) -> SFTConfig:
    """TRL's settings for SFT, and for SFT continued where `run` starts from a policy that was finetuned already."""
    continued = run.start.settings.stage == "sft"
    rate = 2e-3 if run.size.lora else 1e-3  # paper value unknown; results/README.md has the trials
    if POLICIES[run.size.policy].hub:
        rate = 1e-4  # paper value unknown, and not tried here
    step = split_step(run, run.size.sft_batch_size)
    return SFTConfig(
        **common_settings(run),
        num_train_epochs=run.size.sft_continued_epochs
        if continued
        else run.size.sft_epochs,  # at most; paper value unknown
        eval_strategy="epoch",
        per_device_eval_batch_size=step["per_device_train_batch_size"],
        save_strategy="epoch",
        **step,
        learning_rate=run.size.sft_continued_rate if continued else rate,
        lr_scheduler_type="cosine",
        warmup_steps=10,
        weight_decay=0.0,
        max_length=None,  # a cut would separate image tokens from their image
        completion_only_loss=True,
    )


def sft(run: Run) -> pd.DataFrame:
    """Finetune the policy that `run` starts from and return the log, a row a step; a finished run is loaded.

    Also writes `validation.csv`, a row an epoch. `run` may also be one that starts from SFT. Raises FileNotFoundError if the
    policy that it starts from is missing.
    """
    run = run.of_stage("sft")
    if run.finished("train"):
        return read_log(run)
    start = run.start.require_policy("02_supervised_finetuning")
    prepare(run)
    settings = config(run)
    # whole training needs float32: in bf16 a small step changes nothing
    model, processor = load_policy(start, dtype="auto" if run.size.lora else torch.float32)
    validation = Validation(run, processor)
    studies = [*load_split(run.corpus, "train", run.size), *_phantoms(run)]
    trainer = SFTTrainer(
        model,
        args=settings,
        train_dataset=sft_rows(studies, validation.labeler([study.findings for study in studies])),
        eval_dataset=sft_rows(validation.studies, validation.reference),
        processing_class=processor,
        peft_config=new_adapters(model, POLICIES[run.size.policy]) if run.size.lora else None,
        callbacks=[validation],
    )
    return train(
        run, trainer, "mrg_r1_lib.training.sft", {"validation.csv": validation.table}, validation
    )


def _phantoms(run: Run) -> Sequence[Study]:
    """The first of the studies that the run's pretraining wrote reports of."""
    if not run.size.sft_phantoms:
        return []
    return load_corpus(
        "phantom", studies=run.size.sft_phantoms, seed=run.seed, image_size=run.size.image_size
    )


if __name__ == "__main__":
    command_line(sft, __doc__)
