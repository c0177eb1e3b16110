"""Made-up runs with saved labels and scores, whose tables can be worked by hand."""

import json

import numpy as np
import pandas as pd

from mrg_r1_lib.metrics import clinical_efficacy
from mrg_r1_lib.observations import CLASSES, OBSERVATIONS, Label
from mrg_r1_lib.runs.run import labels_path, scores_path


def codes(studies, negative=(), **positive):
    """Codes of so many studies: each named observation positive in its first so many studies.

    `negative`: (observation, count), denied in the last so many.
    """
    labels = np.zeros((studies, 14), dtype=np.int8)
    for name, count in positive.items():
        labels[:count, OBSERVATIONS.index(name)] = Label.POSITIVE
    if negative:
        name, count = negative
        labels[studies - count :, OBSERVATIONS.index(name)] = Label.NEGATIVE
    return labels


def write(results, arm, seed, labels, reference, split="test", judge="rules"):
    """Save one run's labels and metrics below `results`, at the smoke scale; returns its folder."""
    folder = results / "smoke" / "iu_xray" / arm / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(labels, columns=list(OBSERVATIONS))
    table.insert(0, "study_id", [f"CXR{number}" for number in range(len(labels))])
    table.to_csv(labels_path(folder, split), index=False)
    definitions = [
        {"average": average, "classes": classes, "uncertain": uncertain}
        for average in ("micro", "macro", "example")
        for classes in CLASSES
        for uncertain in ("positive", "negative")
    ]
    metrics = {
        "judge": judge,
        "split": split,
        "clinical_efficacy": [
            each | clinical_efficacy(reference, labels, **each) for each in definitions
        ],
        "text": {"bleu_1": 0.5, "bleu_4": 0.125, "rouge_l": 0.25},
        "style": {"words": 9.0, "positives": 1.0, "negatives": 1.5},
        "graded": 0.75,
        "format_rate": 1.0,
    }
    scores_path(folder, split).write_text(json.dumps(metrics))
    return folder


def write_log(results, arm, seed, name="train_log.csv", **columns):
    """Save a log of one run; a column may be one value."""
    folder = results / "smoke" / "iu_xray" / arm / f"seed{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(columns).to_csv(folder / name, index=False)
