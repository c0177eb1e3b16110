"""Clinical efficacy (CE): precision, recall and F1 of label codes. Arrays in, numbers out.

Generated report -> labeler -> codes -> here. "CE" has no one meaning in the literature: published
code differs in averaging, classes and in what an uncertain label counts as, so all three are named
arguments and `CE_DEFINITIONS` lists who uses which. A negative and a blank label both count as not
positive. Counts are taken per study first, so that `bootstrap` can re-sum them.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mrg_r1_lib.metrics.checks import check_rows
from mrg_r1_lib.observations import CLASSES, OBSERVATIONS, Label, check_labels

AVERAGES = ("micro", "macro", "example", "weighted", "macro_defined")
MEASURES = ("precision", "recall", "f1")
POSITIVE_CODES = {"positive": (Label.POSITIVE, Label.UNCERTAIN), "negative": (Label.POSITIVE,)}

# the primary measure, named before any test split was scored
PRIMARY = {"average": "micro", "classes": 13, "uncertain": "positive"}
# published code -> arguments of clinical_efficacy
CE_DEFINITIONS: dict[str, dict] = {
    "r2gen_micro": {
        "average": "micro",
        "classes": 14,
        "uncertain": "negative",
    },  # R2Gen, R2GenCMN: compute_ce.py
    "r2gen_macro": {"average": "macro", "classes": 14, "uncertain": "negative"},
    "ifcc_5": {"average": "micro", "classes": 5, "uncertain": "positive"},  # Miura et al. 2021
    "ifcc_14": {"average": "micro", "classes": 14, "uncertain": "positive"},
    "rgrg_micro_5": {
        "average": "micro",
        "classes": 5,
        "uncertain": "positive",
    },  # Tanida et al. 2023
    "rgrg_micro_14": {"average": "micro", "classes": 14, "uncertain": "positive"},
    "rgrg_example": {"average": "example", "classes": 14, "uncertain": "negative"},
    "promptmrg": {
        "average": "example",
        "classes": 14,
        "uncertain": "negative",
    },  # Jin et al. 2024: metrics_clinical.py
    "radeval_micro_14": {
        "average": "micro",
        "classes": 14,
        "uncertain": "positive",
    },  # RadEval, f1chexbert
    "radeval_macro_14": {"average": "macro", "classes": 14, "uncertain": "positive"},
    "radeval_samples_14": {"average": "example", "classes": 14, "uncertain": "positive"},
    "radeval_micro_5": {"average": "micro", "classes": 5, "uncertain": "positive"},
    "radeval_macro_5": {"average": "macro", "classes": 5, "uncertain": "positive"},
    "radeval_samples_5": {"average": "example", "classes": 5, "uncertain": "positive"},
    "radeval_weighted_14": {"average": "weighted", "classes": 14, "uncertain": "positive"},
    "radeval_weighted_5": {"average": "weighted", "classes": 5, "uncertain": "positive"},
    "ccd": {"average": "weighted", "classes": 14, "uncertain": "positive"},  # its issue 3
    "cxrmate2": {
        "average": "macro_defined",
        "classes": 14,
        "uncertain": "negative",
    },  # aehrc/cxrmate-2: metrics/chexbert.py
}
PUBLISHED = {  # the part of a definition's name before "_" -> who publishes that code
    "r2gen": "R2Gen",
    "ifcc": "ifcc",
    "rgrg": "RGRG",
    "promptmrg": "PromptMRG",
    "radeval": "RadEval and f1chexbert",
    "ccd": "CCD",
    "cxrmate2": "CXRMate-2",
}


def users(average: str, classes: int, uncertain: str) -> list[str]:
    """The published code that computes CE so, by name.

    >>> users("example", 14, "negative")
    ['RGRG', 'PromptMRG']
    """
    wanted = {"average": average, "classes": classes, "uncertain": uncertain}
    found = (name for name, definition in CE_DEFINITIONS.items() if definition == wanted)
    return list(dict.fromkeys(PUBLISHED[name.partition("_")[0]] for name in found))


def check_option(option: str, value: object, known: Sequence) -> None:
    """ValueError that names the option, the value and the known ones, unless `value` is one of
    `known`.
    """
    if value not in known:
        raise ValueError(
            f"{option}: {value!r} is unknown; expected one of {', '.join(map(repr, known))}."
        )


def positives(labels: np.ndarray, classes: int = 13, uncertain: str = "positive") -> np.ndarray:
    """Label codes `(…, 14)` -> bool `(…, classes)`: which observations count as positive."""
    check_option("classes", classes, tuple(CLASSES))
    check_option("uncertain", uncertain, tuple(POSITIVE_CODES))
    return np.isin(check_labels(labels)[..., list(CLASSES[classes])], POSITIVE_CODES[uncertain])


def study_counts(
    reference: np.ndarray, generated: np.ndarray, classes: int, uncertain: str
) -> np.ndarray:
    """Label codes `(…, studies, 14)` twice -> counts `(…, studies, 3, classes)` float of 0 and 1.

    The axis of 3: positive in both, positive in the generated report, positive in the reference.
    ValueError if the shapes differ or an option is unknown.
    """
    actual, predicted = (
        positives(reference, classes, uncertain),
        positives(generated, classes, uncertain),
    )
    if actual.shape != predicted.shape:
        raise ValueError(
            f"reference {actual.shape[:-1]} and generated {predicted.shape[:-1]}: "
            "expected the same studies."
        )
    return np.stack([actual & predicted, predicted, actual], axis=-2).astype(float)


def precision_recall_f1(counts: np.ndarray) -> np.ndarray:
    """Summed counts `(…, 3, k)` as `study_counts` orders them -> precision, recall, F1 `(…, 3,
    k)`; 0/0 is 0.
    """
    both, predicted, actual = np.moveaxis(counts, -2, 0)
    parts = [(both, predicted), (both, actual), (2 * both, predicted + actual)]
    return np.stack([top / np.where(bottom == 0, 1, bottom) for top, bottom in parts], axis=-2)


def averaged(counts: np.ndarray, average: str) -> np.ndarray:
    """Counts over studies `(…, 3, classes)` -> precision, recall, F1 `(…, 3)`.

    Not for "example", which averages over studies.
    """
    if average == "micro":
        return precision_recall_f1(counts.sum(axis=-1, keepdims=True))[..., 0]
    values = precision_recall_f1(counts)
    if average == "macro":
        return values.mean(axis=-1)
    _, predicted, actual = np.moveaxis(counts, -2, 0)
    if average == "weighted":
        weights = np.stack([actual] * 3, axis=-2)
    else:  # macro_defined: each measure over the classes in which it is not 0/0
        weights = np.stack([predicted > 0, actual > 0, predicted + actual > 0], axis=-2)
    total = weights.sum(axis=-1)
    return (values * weights).sum(axis=-1) / np.where(total == 0, 1, total)


def clinical_efficacy(
    reference: np.ndarray,
    generated: np.ndarray,
    average: str = "micro",
    classes: int = 13,
    uncertain: str = "positive",
) -> dict[str, float]:
    """Precision, recall and F1 of the positive observations, label codes `(n, 14)` twice -> three
    values in [0, 1].

    micro: counts summed over studies and classes. macro: the mean over classes of each class's
    precision, recall and F1 (so macro-F1 is the mean of F1s, not the F1 of means). weighted: the
    same mean, each class weighted by its positive references. macro_defined: as macro, but each
    measure is averaged over the classes in which it is not 0/0. example: the mean over studies of
    each study's three values. 0/0 is 0 at the level at which it arises, as with scikit-learn's
    `zero_division=0`: under "example" a study without positives in either report scores 0, under
    "macro" so does a class. ValueError for an unknown option, shapes that differ, or no study.

    >>> edema_fracture, edema = [0] * 4 + [1] + [0] * 6 + [1, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> clinical_efficacy([edema_fracture], [edema])["recall"]  # one of two
    0.5
    """
    check_option("average", average, AVERAGES)
    reference, generated = check_rows(reference, "reference"), check_rows(generated, "generated")
    counts = study_counts(reference, generated, classes, uncertain)
    if average == "example":
        values = precision_recall_f1(counts.sum(axis=-1, keepdims=True)).mean(axis=(0, 2))
    else:
        values = averaged(counts.sum(axis=0), average)
    return dict(zip(MEASURES, values.tolist(), strict=True))


def per_observation(
    reference: np.ndarray, generated: np.ndarray, uncertain: str = "positive"
) -> pd.DataFrame:
    """One row for each of the 14 observations: observation, support (positive references),
    precision, recall, f1. ValueError as in `clinical_efficacy`.
    """
    reference, generated = check_rows(reference, "reference"), check_rows(generated, "generated")
    counts = study_counts(reference, generated, 14, uncertain).sum(axis=0)
    values = dict(zip(MEASURES, precision_recall_f1(counts), strict=True))
    return pd.DataFrame({"observation": OBSERVATIONS, "support": counts[2].astype(int), **values})
