"""Validation during training: clinical efficacy (CE) on the validation split, and the best weights.

Supervised finetuning (SFT), its continuation and semantic-driven reinforcement learning (SRL)
follow one rule. At every evaluation the policy writes reports greedily. The evaluation with the
highest primary measure (CE micro-F1 over 13, uncertain as positive) is kept. SRL and its control,
SFT continued, are evaluated equally often, and both may keep their start.
"""

import json
from pathlib import Path

import pandas as pd
import torch
from accelerate.utils import gather_object
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics import clinical_efficacy, report_style
from mrg_r1_lib.policies.generation import generate, inference_batch_size
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.runs.processes import gathered, processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Subset

ROWS, BEST = "validation.json", "best.safetensors"  # in a checkpoint


class Validation(TrainerCallback):
    """Evaluates after each trainer evaluation, or every `steps` steps; keeps the best weights.

    The trainer's own `load_best_model_at_end` leaves a LLaVA with its last weights, with a warning
    only. transformers saves such models under other names than in memory, and that loader skips
    unknown names. Greedy decoding draws no random number, so it does not change training.
    """

    def __init__(self, run: Run, processor, steps: int | None = None) -> None:
        self.run, self.processor, self.steps = run, processor, steps
        self.may_keep_start = run.recipe.stage == "srl" or run.start.recipe.stage == "sft"
        self.studies = load_split(run.corpus, "validate", run.settings)
        self.judge = load_labeler(run.settings.judge)
        self.reference = self.judge([study.findings for study in self.studies])
        self.rows: list[dict] = []
        self.best: dict[str, torch.Tensor] = {}  # the trained tensors at the best evaluation

    def on_train_begin(self, args, state, control, model, **_) -> None:
        if self.may_keep_start and not self.rows:
            self._evaluate(model, state, {})

    def on_step_end(self, args, state, control, model, **_) -> None:
        last = state.global_step == state.max_steps
        if self.steps and (state.global_step % self.steps == 0 or last):
            self._evaluate(model, state, {})

    def on_evaluate(self, args, state, control, model, metrics, **_) -> None:
        epoch = state.epoch * self.run.stage_settings.epochs  # the trainer's one epoch is all
        position = {"epoch": round(epoch, 2), "loss": metrics["eval_loss"]}
        self._evaluate(model, state, position)

    def _evaluate(self, model, state, position: dict) -> None:
        training = model.training
        settings = self.run.settings
        with processes().split_between_processes(list(range(len(self.studies)))) as share:
            written = generate(
                model,
                self.processor,
                Subset(self.studies, share),
                settings.max_completion_length,
                inference_batch_size(settings.policy),
            )
        completions = gather_object(written)
        model.train(training)  # TRL logs by it
        reports = [parse_completion(completion).report for completion in completions]
        labels = self.judge(reports)
        row = {"step": state.global_step} | position | clinical_efficacy(self.reference, labels)
        self.rows.append(row | report_style(labels, reports))
        if self.table()["chosen"].iloc[-1]:
            with gathered(model):
                self.best = {
                    name: parameter.detach().cpu().clone()
                    for name, parameter in model.named_parameters()
                    if parameter.requires_grad
                }

    def restore(self, model) -> None:
        """Give the model the weights of the best evaluation."""
        with gathered(model), torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in self.best:
                    parameter.copy_(self.best[name])

    def save(self, folder: Path) -> None:
        """Write the evaluations, and the best weights, into a checkpoint."""
        (folder / ROWS).write_text(json.dumps(self.rows), encoding="utf-8")
        best = {name: weights.contiguous() for name, weights in self.best.items()}
        save_file(best, folder / BEST)

    def load(self, folder: Path) -> None:
        """Continue from what `save` wrote."""
        self.rows = json.loads((folder / ROWS).read_text(encoding="utf-8"))
        self.best = load_file(folder / BEST)

    def table(self) -> pd.DataFrame:
        """One row per evaluation: step, epoch, loss, precision, recall, f1, style, chosen.

        chosen: true for the evaluation that is kept. Of equal ones the lower loss wins, else the
        later one.
        """
        table = pd.DataFrame(self.rows)
        tie, ascending = ("loss", True) if "loss" in table else ("step", False)
        order = table.sort_values(["f1", tie], ascending=[False, ascending])
        return table.assign(chosen=table.index == order.index[0])
