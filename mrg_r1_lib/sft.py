"""Supervised finetuning (SFT): the policy learns to write the corpus's reports, word by word, in the think/report format.

Likelihood is the objective that the paper holds against clinical correctness; it is also the start of reinforcement learning.
The loss counts the completion only. How long to train is chosen on the validation split: after each epoch the policy writes
its reports, and the epoch with the highest primary measure is kept.
"""

import pandas as pd
import torch
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


class Validation(TrainerCallback):
    """After each epoch the clinical efficacy of the validation split's reports, greedily written; at the end the best weights.

    The trainer's own `load_best_model_at_end` leaves a LLaVA as the last epoch made it, with a warning only: transformers
    saves such models under other names than they have in memory, and that loader skips names that it does not know.
    """

    def __init__(self, run: Run, processor) -> None:
        self.run, self.processor = run, processor
        self.studies = load_split(run.corpus, "validate", run.size)
        self.labeler = load_labeler(run.settings.labeler)
        self.reference = self.labeler([study.findings for study in self.studies])
        self.rows: list[dict] = []
        self.best: dict[str, torch.Tensor] = {}  # what is trained, as the best epoch left it

    def on_evaluate(self, args, state, control, model, metrics, **_) -> None:
        completions = generate(model, self.processor, self.studies, self.run.size.max_completion_length)
        labels = self.labeler([parse_completion(completion).report for completion in completions])
        efficacy = clinical_efficacy(self.reference, labels)  # micro, 13, uncertain as positive: the primary measure
        self.rows.append({"epoch": round(state.epoch), "loss": metrics["eval_loss"]} | efficacy)
        if self.table()["chosen"].iloc[-1]:
            self.best = {name: p.detach().cpu().clone() for name, p in model.named_parameters() if p.requires_grad}

    def on_train_end(self, args, state, control, model, **_) -> None:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in self.best:
                    parameter.copy_(self.best[name])

    def table(self) -> pd.DataFrame:
        """Columns epoch, loss, precision, recall, f1, chosen: true for the epoch that is kept; of equal ones the lower loss."""
        table = pd.DataFrame(self.rows)
        best = table.sort_values(["f1", "loss"], ascending=[False, True]).index[0]
        return table.assign(chosen=table.index == best)


def config(run: Run) -> SFTConfig:
    """TRL's settings for SFT."""
    return SFTConfig(
        **common_settings(run),
        num_train_epochs=run.size.sft_epochs,  # at most; paper value unknown
        eval_strategy="epoch",
        per_device_eval_batch_size=run.size.sft_batch_size,
        save_strategy="no",
        per_device_train_batch_size=run.size.sft_batch_size,  # paper value unknown
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
