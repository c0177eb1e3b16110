"""What completions assert, counted beside the rewards: TRL logs these functions like rewards, and they weigh nothing.

Completion -> report -> 14 labels -> four counts over the 13 abnormalities (uncertain counts as positive). Their means along
training show what a rising reward is made of: precision is hits / positives, recall hits / wanted, and a policy that learned
to list negatives shows in negatives.
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import CLASSES, Label
from mrg_r1_lib.report_format import parse_completion

COUNTS: dict[
    str, Callable[[np.ndarray, np.ndarray], np.ndarray]
] = {  # label codes (n, 14): generated, reference -> (n,)
    "positives": lambda generated, reference: positives(generated).sum(axis=1),
    "hits": lambda generated, reference: (positives(generated) & positives(reference)).sum(axis=1),
    "wanted": lambda generated, reference: positives(reference).sum(axis=1),
    "negatives": lambda generated, reference: (
        generated[:, list(CLASSES[13])] == Label.NEGATIVE
    ).sum(axis=1),
}


def build_counts(labeler: Callable[[list[str]], np.ndarray]) -> list[Callable[..., list[float]]]:
    """One TRL reward function a count, named as in COUNTS, over `reference_labels`; give each the weight 0."""
    return [_counter(name, labeler) for name in COUNTS]


def _counter(name: str, labeler: Callable[[list[str]], np.ndarray]) -> Callable[..., list[float]]:
    def count(completions: list, reference_labels: list[list[int]], **_) -> list[float]:
        generated = labeler([parse_completion(completion).report for completion in completions])
        return COUNTS[name](generated, np.asarray(reference_labels)).astype(float).tolist()

    count.__name__ = count.__qualname__ = name
    return count
