"""Evaluation of one run on held-out studies: reports -> labels -> scores, for trained policies and trivial baselines alike.

Writes `labels_per_study.csv` and `metrics.json` into the run's folder. Completions stay in the git-ignored half of the run: a
committed file never holds report text, and of a credentialed corpus no id.
"""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation.baseline_reports import baseline_reports
from mrg_r1_lib.evaluation.completions import write_completions
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import clinical_efficacy
from mrg_r1_lib.metrics.text import report_style, text_metrics
from mrg_r1_lib.observations import CLASSES, OBSERVATIONS
from mrg_r1_lib.report_format import parse_completion, render_target
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked, write_text
from mrg_r1_lib.storage.privacy import is_credentialed
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.trainer import command_line, prepare


def evaluate(run: Run, split: str = "test") -> dict:
    """Score `run` on a split's studies with FINDINGS; returns and saves its metrics. A finished evaluation is loaded.

    Only the text inside `<report>` is scored. Raises FileNotFoundError, naming the notebook, if the policy is missing.
    """
    path = run.folder / ("metrics.json" if split == "test" else f"metrics_{split}.json")
    if run.finished(split):
        return json.loads(path.read_text(encoding="utf-8"))
    prepare(run)
    studies = load_split(run.corpus, split, run.size)
    labeler = load_labeler(run.settings.labeler)
    if run.settings.stage == "baseline":
        completions = [
            render_target("", report) for report in baseline_reports(run, studies, labeler)
        ]
    else:
        completions = write_completions(run, split)
    with locked(run.folder):
        parsed = [parse_completion(completion) for completion in completions]
        reports = [completion.report for completion in parsed]
        reference = [study.findings for study in studies]
        labels = labeler(reports)
        metrics = {
            "studies": len(studies),
            "clinical_efficacy": efficacy_rows(labeler(reference), labels),
            "text": text_metrics(reference, reports),
            "style": report_style(labels, reports),
            "format_rate": float(np.mean([completion.well_formed for completion in parsed])),
        }
        name = "labels_per_study.csv" if split == "test" else f"labels_per_study_{split}.csv"
        write_text(
            run.folder / name,
            labels_table(run.corpus, studies, labels).to_csv(index=False, lineterminator="\n"),
        )
        write_text(path, json.dumps(metrics, indent=1) + "\n")
        run.update_manifest("mrg_r1_lib.evaluation.evaluate")
        run.mark_finished(split)
    return metrics


def efficacy_rows(reference: np.ndarray, labels: np.ndarray) -> list[dict]:
    """Clinical efficacy in all 18 definitions: micro, macro, example x 14, 13, 5 classes x uncertain as positive, negative."""
    return [
        {"average": average, "classes": classes, "uncertain": uncertain}
        | clinical_efficacy(
            reference, labels, average=average, classes=classes, uncertain=uncertain
        )
        for average in ("micro", "macro", "example")
        for classes in CLASSES
        for uncertain in ("positive", "negative")
    ]


def labels_table(corpus: str, studies: Sequence[Study], labels: np.ndarray) -> pd.DataFrame:
    """Columns study_id (of a credentialed corpus the row's number instead) and the 14 observations with their codes."""
    table = pd.DataFrame(labels, columns=list(OBSERVATIONS))
    ids = range(len(table)) if is_credentialed(corpus) else [study.study_id for study in studies]
    table.insert(0, "study_id", ids)
    return table


if __name__ == "__main__":
    command_line(evaluate, __doc__)
