"""Evaluation of one run on held-out studies: reports -> labels -> scores, for policies and
baselines alike.

Writes labels per study and metrics into the run's folder, by the scale's judge. Validation is
scored by default. The test split and the confirmation set are scored once, on purpose (`final`).
Completions stay in the git-ignored half of the run: a committed file never holds report text, and
of a guarded corpus no id.
"""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation.attributes import attribute_metrics
from mrg_r1_lib.evaluation.baseline_reports import baseline_reports
from mrg_r1_lib.evaluation.completions import write_completions
from mrg_r1_lib.labelers import labeler_weights, load_labeler
from mrg_r1_lib.metrics import clinical_efficacy, report_style, text_metrics
from mrg_r1_lib.metrics.degeneration import degeneration
from mrg_r1_lib.observations import CLASSES, OBSERVATIONS
from mrg_r1_lib.report_format import parse_completion, render_target
from mrg_r1_lib.rewards import build_reward
from mrg_r1_lib.runs.run import Run, labels_path, scores_path
from mrg_r1_lib.storage.files import file_digest, locked, read_json
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.trainer import command_line, prepare


def evaluate(run: Run, split: str = "validate") -> dict:
    """Score `run` on a split's studies; returns and saves its metrics.

    A finished evaluation is loaded. Only the text inside `<report>` is scored, against FINDINGS (of
    the confirmation set: the IMPRESSION). Raises FileNotFoundError, naming the notebook, if the
    policy is missing.
    """
    path = scores_path(run.folder, split)
    if run.finished(split):
        return read_json(path)
    prepare(run)
    studies = load_split(run.corpus, split, run.settings)
    judge = load_labeler(run.settings.judge)
    if run.recipe.stage == "baseline":
        written = baseline_reports(run, studies, judge)
        completions = [render_target("", report) for report in written]
    else:
        completions = write_completions(run, split)
    with locked(run.folder):
        parsed = [parse_completion(completion) for completion in completions]
        reports = [completion.report for completion in parsed]
        reference = [study.reference for study in studies]
        labels = judge(reports)
        graded = build_reward("graded", labeler=judge)(completions=completions, reference=reference)
        graded = [value for value in graded if value is not None]  # None: a reference says nothing
        metrics = {
            "judge": run.settings.judge,
            "split": split,
            "studies": len(studies),
            "clinical_efficacy": efficacy_rows(judge(reference), labels),
            "text": text_metrics(reference, reports),
            "style": report_style(labels, reports),
            "degeneration": degeneration(reports, labels),
            "attributes": attribute_metrics(reference, reports),
            "graded": float(np.mean(graded)) if graded else float("nan"),
            "format_rate": float(np.mean([completion.well_formed for completion in parsed])),
        }
        table = labels_table(run.preparation.public, studies, labels)
        text = table.to_csv(index=False, lineterminator="\n")
        run.write_text(labels_path(run.folder, split), text)
        run.write_text(path, json.dumps(metrics, indent=1) + "\n")
        weights = labeler_weights(run.settings.judge)
        run.update_manifest(
            "evaluate" if split == "test" else f"evaluate_{split}",
            judge_weights=file_digest(weights) if weights else None,
        )
        run.mark_finished(split)
    return metrics


def efficacy_rows(reference: np.ndarray, labels: np.ndarray) -> list[dict]:
    """Clinical efficacy in all 18 definitions: averages x classes x what an uncertain label counts
    as."""
    return [
        {"average": average, "classes": classes, "uncertain": uncertain}
        | clinical_efficacy(
            reference, labels, average=average, classes=classes, uncertain=uncertain
        )
        for average in ("micro", "macro", "example")
        for classes in CLASSES
        for uncertain in ("positive", "negative")
    ]


def labels_table(public: bool, studies: Sequence[Study], labels: np.ndarray) -> pd.DataFrame:
    """Columns study_id (of a guarded corpus the row's number instead) and the 14 observations."""
    table = pd.DataFrame(labels, columns=list(OBSERVATIONS))
    ids = [study.study_id for study in studies] if public else range(len(table))
    table.insert(0, "study_id", ids)
    return table


if __name__ == "__main__":
    command_line(evaluate, __doc__)
