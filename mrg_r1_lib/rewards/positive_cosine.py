"""The cosine of positives, a control of MCCS: do shared negatives matter for the cosine?

Completion -> report -> 14 labels -> cosine of the 0/1 vectors of positives over the 13
abnormalities (uncertain counts as positive). It has no margin, since it starts at 0. Two empty sets
have 1, as in label F1.
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics.clinical_efficacy import study_counts
from mrg_r1_lib.report_format import parse_completion


def positive_cosine(generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """|G & R| / sqrt(|G| |R|) of the sets of positives, float `(n,)` in [0, 1].

    `generated` and `reference` are label codes `(n, 14)`. Both sets empty: 1; one empty: 0.
    ValueError if the shapes differ.

    >>> edema_fracture, edema = [0] * 4 + [1] + [0] * 6 + [1, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> positive_cosine([edema], [edema_fracture]).round(4)  # 1 / sqrt(1 * 2)
    array([0.7071])
    """
    counts = study_counts(reference, generated, classes=13, uncertain="positive").sum(-1)
    shared, written, wanted = np.moveaxis(counts, -1, 0)
    return np.where(written + wanted == 0, 1.0, shared / np.sqrt(np.maximum(written * wanted, 1)))


def build(labeler: Callable[[list[str]], np.ndarray]) -> Callable[..., list[float | None]]:
    """The reward over `reference_labels`: the cosine in [0, 1], 0 without a report, never None."""

    def reward(completions: list, reference_labels: list[list[int]], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        values = positive_cosine(labeler(reports), reference_labels)
        pairs = zip(values, reports, strict=True)
        return [float(value) if report else 0.0 for value, report in pairs]

    return reward
