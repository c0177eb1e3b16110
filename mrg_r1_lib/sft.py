"""Supervised finetuning (SFT): the policy learns to write the corpus's reports, word by word, in the think/report format.

Likelihood is the objective that the paper holds against clinical correctness; it is also the start of reinforcement learning.
The loss counts the completion only. How long to train is chosen on the validation split: after each epoch the policy writes its
reports, and the epoch with the highest primary measure is kept.
"""

import pandas as pd
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.generate import generate
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics import clinical_efficacy
from mrg_r1_lib.policies import load_policy, lora
from mrg_r1_lib.prompts import load_split, sft_rows
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.runs import Run
from mrg_r1_lib.training import command_line, common_settings, prepare, read_log, train

CHOSEN_BY = "eval_ce_f1"


class Validation(TrainerCallback):
    """After each epoch: the validation split's reports by greedy decoding, and their clinical efficacy for the trainer."""

    def __init__(self, run: Run, processor) -> None:
        self.run, self.processor = run, processor
        self.studies = load_split(run.corpus, "validate", run.size)
        self.labeler = load_labeler(run.settings.labeler)
        self.reference = self.labeler([study.findings for study in self.studies])
        self.rows: list[dict] = []

    def on_evaluate(self, args, state, control, model, metrics, **_) -> None:
        completions = generate(model, self.processor, self.studies, self.run.size.max_completion_length)
        labels = self.labeler([parse_completion(completion).report for completion in completions])
        efficacy = clinical_efficacy(self.reference, labels)  # micro, 13, uncertain as positive: the primary measure
        metrics[CHOSEN_BY] = efficacy["f1"] - 1e-6 * metrics["eval_loss"]  # of equal ones the epoch with the lower loss
        self.rows.append(
            {"epoch": round(state.epoch), "loss": metrics["eval_loss"]} | efficacy | {"choice": metrics[CHOSEN_BY]}
        )

    def table(self) -> pd.DataFrame:
        """Columns epoch, loss, precision, recall, f1, chosen: true for the epoch that the trainer keeps."""
        table = pd.DataFrame(self.rows)
        return table.assign(chosen=table.index == table["choice"].idxmax()).drop(columns="choice")


def config(run: Run) -> SFTConfig:
    """TRL's settings for SFT."""
    return SFTConfig(
        **common_settings(run),
        num_train_epochs=run.size.sft_epochs,  # at most; paper value unknown
        eval_strategy="epoch",
        per_device_eval_batch_size=run.size.batch_size,
        save_strategy="best",
        save_only_model=True,
        save_total_limit=1,
        metric_for_best_model=CHOSEN_BY,
        greater_is_better=True,
        load_best_model_at_end=True,
        per_device_train_batch_size=run.size.batch_size,  # paper value unknown
        learning_rate=2e-3 if run.size.lora else 1e-3,  # paper value unknown
        lr_scheduler_type="cosine",
        warmup_steps=10,
        weight_decay=0.0,
        max_length=None,  # a cut would separate image tokens from their image
        completion_only_loss=True,
    )


def sft(run: Run) -> pd.DataFrame:
    """Finetune the pretrained policy and return the log, a row a step; a finished run is loaded.

    Also writes `validation.csv`, a row an epoch. `run` may also be one that starts from SFT. Raises FileNotFoundError if the
    pretrained policy is missing.
    """
    run = run.of_stage("sft")
    if run.finished("train"):
        return read_log(run)
    start = run.start.require_policy("02_supervised_finetuning")
    prepare(run)
    model, processor = load_policy(start)
    validation = Validation(run, processor)
    studies = load_split(run.corpus, "train", run.size)
    trainer = SFTTrainer(
        model,
        args=config(run),
        train_dataset=sft_rows(studies, validation.labeler([study.findings for study in studies])),
        eval_dataset=sft_rows(validation.studies, validation.reference),
        processing_class=processor,
        peft_config=lora() if run.size.lora else None,
        callbacks=[validation],
    )
    return train(run, trainer, "mrg_r1_lib.sft", {"validation.csv": validation.table})


if __name__ == "__main__":
    command_line(sft, __doc__)
