"""Supervised finetuning (SFT): the policy learns to write the corpus's reports, word by word, in the think/report format.

Likelihood is the objective that the paper holds against clinical correctness; it is also the start of reinforcement learning.
The loss counts the completion only.
"""

import pandas as pd
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.policies import load_policy, lora
from mrg_r1_lib.prompts import load_split, sft_rows
from mrg_r1_lib.runs import Run
from mrg_r1_lib.training import command_line, common_settings, prepare, read_log, train


def config(run: Run) -> SFTConfig:
    """TRL's settings for SFT."""
    return SFTConfig(
        **common_settings(run),
        num_train_epochs=run.size.sft_epochs,  # paper value unknown
        per_device_train_batch_size=run.size.batch_size,  # paper value unknown
        learning_rate=2e-3 if run.size.lora else 5e-4,  # paper value unknown
        lr_scheduler_type="cosine",
        warmup_steps=10,
        weight_decay=0.0,
        max_length=None,  # a cut would separate image tokens from their image
        completion_only_loss=True,
    )


def sft(run: Run) -> pd.DataFrame:
    """Finetune the pretrained policy and return the log, a row a step; a finished run is loaded.

    `run` may also be one that starts from SFT. Raises FileNotFoundError if the pretrained policy is missing.
    """
    run = run.of_stage("sft")
    if run.finished("train"):
        return read_log(run)
    start = run.start.require_policy("02_supervised_finetuning")
    prepare(run)
    studies = load_split(run.corpus, "train", run.size)
    rows = sft_rows(studies, load_labeler(run.settings.labeler)([study.findings for study in studies]))
    model, processor = load_policy(start)
    trainer = SFTTrainer(
        model,
        args=config(run),
        train_dataset=rows,
        processing_class=processor,
        peft_config=lora() if run.size.lora else None,
    )
    return train(run, trainer, "mrg_r1_lib.sft")


if __name__ == "__main__":
    command_line(sft, __doc__)
