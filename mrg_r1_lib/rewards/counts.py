"""Counts of the completions' labels; TRL logs them like rewards, with weight 0.

Completion -> report -> 14 labels -> four counts over the 13 abnormalities (uncertain counts as
positive). Their means during training explain a rising reward: precision is hits / positives,
recall is hits / wanted. `negatives` shows whether the policy learned to list negatives.
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import CLASSES, Label
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.rewards.columns import check_reference_labels


def _negatives(generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return (generated[:, list(CLASSES[13])] == Label.NEGATIVE).sum(axis=1)


# label codes (n, 14): generated, reference -> (n,)
COUNTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "positives": lambda generated, reference: positives(generated).sum(axis=1),
    "hits": lambda generated, reference: (positives(generated) & positives(reference)).sum(axis=1),
    "wanted": lambda generated, reference: positives(reference).sum(axis=1),
    "negatives": _negatives,
}


def build_counts(labeler: Callable[[list[str]], np.ndarray]) -> list[Callable[..., list[float]]]:
    """One TRL reward function per count, named as in COUNTS, over the column `reference_labels`."""
    return [_counter(name, labeler) for name in COUNTS]


def _counter(name: str, labeler: Callable[[list[str]], np.ndarray]) -> Callable[..., list[float]]:
    def count(completions: list, reference_labels: list[list[int]], **_) -> list[float]:
        generated = labeler([parse_completion(completion).report for completion in completions])
        wanted = check_reference_labels(reference_labels, len(completions))
        return COUNTS[name](generated, wanted).astype(float).tolist()

    count.__name__ = count.__qualname__ = name
    return count
