"""Intervals for clinical efficacy and for differences in it, by resampling studies and seeds.

Label codes of the held-out studies -> counts per study -> re-summed under random weights ->
interval. Studies are drawn once for all seeds and both systems, since they are the same patients; a
seed is drawn with all its studies, since they share one training. The rows of all seeds are pooled
before the statistic, which is then one number, not a mean of means. With few seeds the spread
between seeds is underestimated (by (S - 1) / S for S seeds); with one seed the interval is about
studies only and says nothing of another training run.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mrg_r1_lib.metrics.checks import check_draws, is_within
from mrg_r1_lib.metrics.clinical_efficacy import (
    AVERAGES,
    MEASURES,
    averaged,
    check_option,
    clinical_efficacy,
    precision_recall_f1,
    study_counts,
)
from mrg_r1_lib.observations import check_labels

# label codes (n, 14): reference, generated -> a number
Statistic = Callable[[np.ndarray, np.ndarray], float]
CHUNK = 2000  # resamples that are multiplied at once: bounds the memory


@dataclass(frozen=True)
class Efficacy:
    """One number of `metrics.clinical_efficacy`, by its options; called, it is that number.

    As the `statistic` of this module it takes the fast path; any other callable is evaluated
    resample by resample.
    """

    average: str = "micro"
    classes: int = 13
    uncertain: str = "positive"
    measure: str = "f1"

    def __post_init__(self) -> None:
        check_option("average", self.average, AVERAGES)
        check_option("measure", self.measure, MEASURES)

    def __call__(self, reference: np.ndarray, generated: np.ndarray) -> float:
        return clinical_efficacy(reference, generated, self.average, self.classes, self.uncertain)[
            self.measure
        ]


class Interval(NamedTuple):
    """A statistic and its percentile interval."""

    value: float
    low: float
    high: float


class BootstrapResult(NamedTuple):
    """statistic(a) - statistic(b), its percentile interval, the two-sided p of no difference."""

    difference: float
    low: float
    high: float
    p: float


def paired_bootstrap(
    reference: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    statistic: Statistic = Efficacy(),
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> BootstrapResult:
    """Compare systems a and b on the same studies: statistic(a) - statistic(b).

    Label codes: `a` and `b` `(seeds, studies, 14)`, `reference` the same or `(studies, 14)`;
    without the axis of seeds, or with one seed, an array stands for every seed of the others (a
    baseline that is not trained). The interval is the percentile interval of the resampled
    differences. p inverts it around 0: 2 min(share <= 0, share >= 0), at most 1 and at least 1 /
    (resamples + 1). ValueError for shapes that do not fit, no study, a bad `level`, `resamples` or
    `seed`, or a statistic that is not one finite number under each draw.
    """
    reference, a, b = _same_seeds(reference, a, b)
    value_a, of_a = _resampled(statistic, reference, a, resamples, seed)
    value_b, of_b = _resampled(statistic, reference, b, resamples, seed)
    differences = of_a - of_b
    p = 2 * min(np.mean(differences <= 0), np.mean(differences >= 0))
    low, high = _percentiles(differences, level)
    return BootstrapResult(value_a - value_b, low, high, float(np.clip(p, 1 / (resamples + 1), 1)))


def interval(
    reference: np.ndarray,
    generated: np.ndarray,
    statistic: Statistic = Efficacy(),
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A statistic with its percentile interval; shapes and errors as in `paired_bootstrap`."""
    reference, generated = _same_seeds(reference, generated)
    value, values = _resampled(statistic, reference, generated, resamples, seed)
    return Interval(value, *_percentiles(values, level))


def _same_seeds(*arrays: np.ndarray) -> list[np.ndarray]:
    """All arrays as `(seeds, studies, 14)`, an array of one seed repeated for the others."""
    labels = [check_labels(array) for array in arrays]
    labels = [array[None] if array.ndim == 2 else array for array in labels]
    shapes = [array.shape for array in labels]
    seeds = max(shape[0] for shape in shapes)
    fits = all(
        len(shape) == 3 and shape[0] in (1, seeds) and shape[1] == shapes[0][1] > 0
        for shape in shapes
    )
    if not fits:
        raise ValueError(
            f"label codes of shapes {', '.join(map(str, shapes))}: expected (seeds, studies, 14) "
            "with the same studies, at least one, and the same number of seeds or one seed."
        )
    return [np.broadcast_to(array, (seeds, *array.shape[1:])) for array in labels]


def _draws(seeds: int, studies: int, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each seed `(resamples, seeds)` and each study `(resamples, studies)` is drawn."""
    check_draws(resamples, seed)
    return _counts(seeds, resamples, (seed, 1)), _counts(studies, resamples, (seed, 0))


@lru_cache(maxsize=4)  # all statistics of one set of studies share their draws
def _counts(items: int, resamples: int, seed: tuple[int, int]) -> np.ndarray:
    """How often each item is drawn in `items` draws with replacement, `(resamples, items)`."""
    rng = np.random.default_rng(seed)
    counts = np.empty((resamples, items), dtype=np.uint16)
    for row in counts:
        row[:] = np.bincount(rng.integers(items, size=items), minlength=items)
    return counts


def _resampled(
    statistic: Statistic, reference: np.ndarray, generated: np.ndarray, resamples: int, seed: int
) -> tuple[float, np.ndarray]:
    """The statistic of the pooled rows, and its values `(resamples,)` under the draws of `seed`."""
    draws = _draws(*reference.shape[:2], resamples, seed)
    value = _number(statistic(reference.reshape(-1, 14), generated.reshape(-1, 14)))
    if isinstance(statistic, Efficacy):
        return value, _efficacies(statistic, reference, generated, *draws)
    rows = _drawn_rows(*draws)
    values = [
        _number(statistic(reference[row].reshape(-1, 14), generated[row].reshape(-1, 14)))
        for row in rows
    ]
    return value, np.array(values)


def _number(value: object) -> float:
    if np.ndim(value) or not is_within(value, -sys.float_info.max, sys.float_info.max):
        raise ValueError(
            f"statistic: returned {value!r}; expected one number that is finite in every draw of "
            "studies, such as Efficacy(measure='f1') gives. Say what 0/0 is."
        )
    return float(value)


def _drawn_rows(
    of_seeds: np.ndarray, of_studies: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """One open mesh (seed indices, study indices) per resample."""
    for seeds, studies in zip(of_seeds, of_studies, strict=True):
        yield np.ix_(
            np.repeat(np.arange(len(seeds)), seeds), np.repeat(np.arange(len(studies)), studies)
        )


def _efficacies(
    statistic: Efficacy,
    reference: np.ndarray,
    generated: np.ndarray,
    of_seeds: np.ndarray,
    of_studies: np.ndarray,
) -> np.ndarray:
    """All resamples at once: what a study adds to the statistic, times how often it is drawn."""
    terms = study_counts(reference, generated, statistic.classes, statistic.uncertain)
    if statistic.average in ("micro", "example"):
        terms = terms.sum(axis=-1, keepdims=True)
    if statistic.average == "example":
        terms = precision_recall_f1(terms) / (terms.shape[0] * terms.shape[1])
    by_seed = _weighted(of_studies, terms)  # (resamples, seeds, 3, 1 or classes)
    totals = np.einsum("rs,rsmk->rmk", of_seeds, by_seed)
    example = statistic.average == "example"
    values = totals[..., 0] if example else averaged(totals, statistic.average)
    return values[:, MEASURES.index(statistic.measure)]


def _weighted(of_studies: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Sums of `(seeds, studies, 3, k)` over each draw of studies: `(resamples, seeds, 3, k)`.

    Counts below 2**24 are exact in single precision, so a sum does not depend on its order.
    """
    seeds, studies, *rest = terms.shape
    columns = terms.swapaxes(0, 1).reshape(studies, -1)
    whole = np.array_equal(columns, np.round(columns))
    columns = columns.astype(np.float32 if whole else np.float64)
    sums = [
        of_studies[start : start + CHUNK].astype(columns.dtype) @ columns
        for start in range(0, len(of_studies), CHUNK)
    ]
    return np.concatenate(sums).astype(float).reshape(-1, seeds, *rest)


def _percentiles(values: np.ndarray, level: float) -> tuple[float, float]:
    if not is_within(level, 0, 1) or level in (0, 1):
        raise ValueError(f"level: {level!r} is outside (0, 1); 0.95 is usual.")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
