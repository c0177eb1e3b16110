"""Intervals for every CE definition at once, for files of any size: studies or patients are drawn.

Label codes -> counts per study -> studies with equal codes form one group -> how often each group
is drawn -> re-summed counts -> precision, recall and F1 in each definition. All definitions and
systems share the draws. Beside `bootstrap`, which draws seeds as well, this keeps no row per study:
time and memory grow with the number of distinct studies, and weights are made in bounded parts.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.sparse import csr_array

from mrg_r1_lib.metrics.checks import check_draws, check_numbers
from mrg_r1_lib.metrics.clinical_efficacy import (
    POSITIVE_CODES,
    averaged,
    precision_recall_f1,
    study_counts,
)
from mrg_r1_lib.observations import CLASSES, Label, check_labels

# (average, classes, uncertain): all combinations, and CXRMate-2's macro without undefined classes
DEFINITIONS = (
    *(
        (average, classes, uncertain)
        for average in ("micro", "macro", "weighted", "example")
        for classes in CLASSES
        for uncertain in POSITIVE_CODES
    ),
    ("macro_defined", 14, "negative"),
)
COMMON = 32  # studies of a group from which drawing the group's count is cheaper than its studies
WEIGHTS = 8_000_000  # weights held at once, 4 bytes each


class Scores(NamedTuple):
    """Precision, recall and F1: of each definition, `(…, 25, 3)`, and observation, `(…, 14, 3)`."""

    definitions: np.ndarray
    observations: np.ndarray  # uncertain counts as positive


def scored(
    reference: np.ndarray,
    systems: Sequence[np.ndarray],
    patients: Sequence[str] | None = None,
    resamples: int = 20_000,
    seed: int = 0,
) -> list[tuple[Scores, Scores]]:
    """The scores of each system and its resampled scores `(resamples, …)`.

    `reference` and each system are label codes `(studies, 14)`; `patients` names each study's
    patient, who is then drawn with all studies. ValueError for shapes that differ, no study, fewer
    than one resample, or a study without a patient.
    """
    check_draws(resamples, seed)
    sizes, terms = _units(reference, systems, patients)
    whole = [_whole(sizes, part) for part in terms]
    parts = [part.astype(np.float32) for part in terms]  # counts below 2**24 stay exact
    drawn: list[list[Scores]] = [[] for _ in systems]
    for weights in draws(sizes, resamples, seed):
        for found, part in zip(drawn, parts, strict=True):
            found.append(scores_of((weights @ part).astype(float)))
    joined = (Scores(*map(np.concatenate, zip(*found, strict=True))) for found in drawn)
    return list(zip(whole, joined, strict=True))


def scores(reference: np.ndarray, generated: np.ndarray) -> Scores:
    """The scores of label codes `(n, 14)` twice: the numbers of `clinical_efficacy`."""
    sizes, (terms,) = _units(reference, [generated], None)
    return _whole(sizes, terms)


def _whole(sizes: np.ndarray, terms: np.ndarray) -> Scores:
    found = scores_of((sizes @ terms)[None])
    return Scores(found.definitions[0], found.observations[0])


def _units(
    reference: np.ndarray, systems: Sequence[np.ndarray], patients: Sequence[str] | None
) -> tuple[np.ndarray, list[np.ndarray]]:
    """What is drawn: the number of like units `(units,)`, per system their terms `(units, k)`."""
    labels = [check_labels(codes) for codes in (reference, *systems)]
    if {codes.shape for codes in labels} != {(len(labels[0]), 14)} or not len(labels[0]):
        shapes = ", ".join(str(codes.shape) for codes in labels)
        raise ValueError(f"label codes of shapes {shapes}: expected (studies, 14), as many in all.")
    rows = np.concatenate(labels, axis=1)
    rows[rows == Label.NEGATIVE] = Label.BLANK  # the same to every definition
    groups, group, sizes = np.unique(rows, axis=0, return_inverse=True, return_counts=True)
    wanted, *written = np.split(groups, len(labels), axis=1)
    terms = [_terms(wanted, codes) for codes in written]
    if patients is None:
        return sizes, terms
    patient, names = pd.factorize(np.array([*patients, None], dtype=object)[:-1])
    if len(patient) != len(rows) or (patient < 0).any():
        raise ValueError(
            f"patients: expected a name for each of {len(rows)} studies, got {len(patient)}, "
            f"{int((patient < 0).sum())} of them missing."
        )
    ones = (np.ones(len(patient)), (patient, group.ravel()))
    studies = csr_array(ones, shape=(len(names), len(groups)))
    return np.ones(len(names), dtype=int), [studies @ part for part in terms]


def _terms(reference: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """What a study adds to the sums `(studies, k)`: counts by class, its own values, and 1."""
    parts = []
    for uncertain in POSITIVE_CODES:
        counts = study_counts(reference, generated, 14, uncertain)  # (studies, 3, 14)
        parts.append(counts.reshape(len(counts), -1))
        for classes in CLASSES.values():
            of_study = counts[..., list(classes)].sum(axis=-1, keepdims=True)
            parts.append(precision_recall_f1(of_study)[..., 0])
    return np.concatenate([*parts, np.ones((len(reference), 1))], axis=1)


def scores_of(sums: np.ndarray) -> Scores:
    """Sums of terms over studies `(resamples, k)` -> scores `(resamples, …)`."""
    studies, start = sums[:, -1:], 0
    counts, values = {}, {}
    for uncertain in POSITIVE_CODES:
        counts[uncertain] = sums[:, start : start + 42].reshape(-1, 3, 14)
        start += 42
        for classes in CLASSES:
            values["example", classes, uncertain] = sums[:, start : start + 3] / studies
            start += 3
    for average, classes, uncertain in DEFINITIONS:
        if average != "example":
            of_classes = counts[uncertain][..., list(CLASSES[classes])]
            values[average, classes, uncertain] = averaged(of_classes, average)
    observations = precision_recall_f1(counts["positive"]).swapaxes(-1, -2)
    return Scores(np.stack([values[key] for key in DEFINITIONS], axis=1), observations)


def draws(sizes: np.ndarray, resamples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """How often each group is drawn when all its studies are, `(part of the resamples, groups)`.

    `sizes` `(groups,)` studies each. The same as drawing as many studies with replacement: of a
    common group the number is drawn at once (multinomial), of rare ones the studies one by one.
    """
    rng = np.random.default_rng(seed)
    common = sizes >= COMMON
    rare = np.repeat(np.flatnonzero(~common), sizes[~common])
    shares = np.append(len(rare), sizes[common]) / sizes.sum()
    part = max(1, WEIGHTS // len(sizes))
    for start in range(0, resamples, part):
        counts = rng.multinomial(sizes.sum(), shares, size=min(part, resamples - start))
        weights = np.empty((len(counts), len(sizes)), dtype=np.float32)
        for row, left in zip(weights, counts[:, 0], strict=True):
            studies = rare[rng.integers(max(len(rare), 1), size=left)]
            row[:] = np.bincount(studies, minlength=len(row))
        weights[:, common] = counts[:, 1:]
        yield weights


def percentiles(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The 95 % percentile interval over the first axis: low and high `(…)`; ValueError for NaN."""
    values = _drawn(values)
    low, high = np.quantile(values, [0.025, 0.975], axis=0)
    return low, high


def two_sided_p(differences: np.ndarray) -> np.ndarray:
    """p of "no difference" over the first axis, as in `bootstrap.paired_bootstrap`.

    ValueError for a difference that is no finite number: NaN is neither above nor below 0.
    """
    differences = _drawn(differences)
    least = np.minimum((differences <= 0).mean(axis=0), (differences >= 0).mean(axis=0))
    return np.clip(2 * least, 1 / (len(differences) + 1), 1)


def _drawn(values: np.ndarray) -> np.ndarray:
    drawn = check_numbers(values, "resampled values")
    if not drawn.ndim or not len(drawn):
        raise ValueError("resampled values: got none, expected at least one draw.")
    return drawn
