"""Pretraining: a new policy learns to describe synthetic studies, the stand-in for a medically pretrained model.

The paper starts from HuatuoGPT-Vision, which has seen medical images and text. The tiny policy of the laptop has seen nothing:
it first writes the reports of phantom studies, whose text is the library's own. Its tokenizer is trained on the training split
of the corpus and on phantom reports, never on held-out reports.
"""

import pandas as pd
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.policies import create_policy, load_policy, save_policy
from mrg_r1_lib.prompts import load_split, sft_rows
from mrg_r1_lib.runs import Run
from mrg_r1_lib.training import command_line, common_settings, prepare, read_log, train


def config(run: Run) -> SFTConfig:
    """TRL's settings for pretraining; none of them is the paper's, which pretrains nothing itself."""
    return SFTConfig(
        **common_settings(run),
        num_train_epochs=run.size.pretrain_epochs,
        per_device_train_batch_size=run.size.batch_size,
        learning_rate=1e-3,  # a new model of 3 million parameters
        lr_scheduler_type="cosine",
        warmup_steps=10,
        weight_decay=0.0,
        max_length=None,  # a cut would separate image tokens from their image
        completion_only_loss=True,
    )


def pretrain(run: Run) -> pd.DataFrame:
    """Train the policy that `run` starts from and return its log, a row a step; a finished run is loaded."""
    run = run.of_stage("pretrain")
    if run.finished("train"):
        return read_log(run)
    prepare(run)
    phantoms = load_corpus("phantom", studies=run.size.phantoms, seed=run.seed, image_size=run.size.image_size)
    findings = [study.findings for study in phantoms]
    corpus_findings = [study.findings for study in load_split(run.corpus, "train", run.size)]
    model, processor = create_policy(run.size.policy, corpus_findings + findings, run.size.image_size, run.seed)
    new = run.private / "new_policy"  # saved once and loaded, as every other start
    save_policy(model, processor, new)
    model, processor = load_policy(new)
    rows = sft_rows(phantoms, load_labeler(run.settings.labeler)(findings))
    trainer = SFTTrainer(model, args=config(run), train_dataset=rows, processing_class=processor)
    return train(run, trainer, "mrg_r1_lib.pretrain")


if __name__ == "__main__":
    command_line(pretrain, __doc__)
