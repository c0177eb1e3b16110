"""Validation while a policy trains: the clinical efficacy of its held-out reports along the way, and the best weights kept.

SFT, its continuation and SRL are all judged by this one rule, on the validation split: at every look the policy writes its
reports greedily, and the look with the highest primary measure (CE micro-F1 over 13, uncertain as positive) is what is kept.
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
from mrg_r1_lib.metrics.clinical_efficacy import clinical_efficacy
from mrg_r1_lib.metrics.text import report_style
from mrg_r1_lib.policies.generation import generate
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.runs.processes import gathered, processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Subset

ROWS, BEST = "validation.json", "best.safetensors"  # in a checkpoint


class Validation(TrainerCallback):
    """Looks at the validation split after each evaluation of the trainer, or every `steps` steps; at the end the best weights.

    The trainer's own `load_best_model_at_end` leaves a LLaVA as the last epoch made it, with a warning only: transformers
    saves such models under other names than they have in memory, and that loader skips names that it does not know.
    Writing is greedy and draws no random number: training is the same with and without it.
    """

    def __init__(self, run: Run, processor, steps: int | None = None) -> None:
        self.run, self.processor, self.steps = run, processor, steps
        self.studies = load_split(run.corpus, "validate", run.size)
        self.labeler = load_labeler(run.settings.labeler)
        self.reference = self.labeler([study.findings for study in self.studies])
        self.rows: list[dict] = []
        self.best: dict[str, torch.Tensor] = {}  # what is trained, as the best look found it

    def on_train_begin(self, args, state, control, model, **_) -> None:
        if self.steps and not self.rows:
            self._look(model, state, {})  # where it starts: never chosen

    def on_step_end(self, args, state, control, model, **_) -> None:
        if self.steps and (
            state.global_step % self.steps == 0 or state.global_step == state.max_steps
        ):
            self._look(model, state, {})

    def on_evaluate(self, args, state, control, model, metrics, **_) -> None:
        self._look(model, state, {"epoch": round(state.epoch), "loss": metrics["eval_loss"]})

    def on_train_end(self, args, state, control, model, **_) -> None:
        with gathered(model), torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in self.best:
                    parameter.copy_(self.best[name])

    def _look(self, model, state, position: dict) -> None:
        training = model.training
        with processes().split_between_processes(list(range(len(self.studies)))) as share:
            length = self.run.size.max_completion_length
            written = generate(
                model,
                self.processor,
                Subset(self.studies, share),
                length,
                POLICIES[self.run.size.policy].together,
            )
        completions = gather_object(written)
        model.train(training)  # TRL logs by it
        reports = [parse_completion(completion).report for completion in completions]
        labels = self.labeler(reports)
        row = {"step": state.global_step} | position | clinical_efficacy(self.reference, labels)
        self.rows.append(row | report_style(labels, reports))
        if self.table()["chosen"].iloc[-1]:
            with gathered(model):
                self.best = {
                    name: p.detach().cpu().clone()
                    for name, p in model.named_parameters()
                    if p.requires_grad
                }

    def save(self, folder: Path) -> None:
        """Write what was seen, and the best weights, into a checkpoint."""
        (folder / ROWS).write_text(json.dumps(self.rows), encoding="utf-8")
        save_file(
            {name: weights.contiguous() for name, weights in self.best.items()}, folder / BEST
        )

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote."""
        self.rows = json.loads((folder / ROWS).read_text(encoding="utf-8"))
        self.best = load_file(folder / BEST)

    def table(self) -> pd.DataFrame:
        """A row a look: step, epoch and loss where the trainer evaluates, precision, recall, f1, style, chosen.

        chosen: true for the look that is kept; of equal ones the lower loss, else the later. The start is never chosen.
        """
        table = pd.DataFrame(self.rows)
        trained = table[table["step"] > 0]
        order = trained.sort_values(
            ["f1", "loss" if "loss" in table else "step"], ascending=[False, "loss" in table]
        )
        return table.assign(chosen=table.index == (order.index[0] if len(order) else -1))
