"""The cosine without its negatives, a control of MCCS: how much of the cosine's teaching comes from what both reports deny?

Completion -> report -> 14 labels -> cosine of the 0/1 vectors of positives over the 13 abnormalities (uncertain counts as
positive), without a margin: it starts at 0 by itself. Two empty sets agree, as in label F1.
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics.clinical_efficacy import study_counts
from mrg_r1_lib.report_format import parse_completion


def positive_cosine(generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """|G & R| / sqrt(|G| |R|) of the sets of positives, label codes `(n, 14)` and `(n, 14)` -> `(n,)` float in [0, 1].

    Both sets empty: 1; one empty: 0. ValueError if the shapes differ.

    >>> edema_fracture, edema = [0] * 4 + [1] + [0] * 6 + [1, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> positive_cosine([edema], [edema_fracture]).round(4)  # 1 / sqrt(1 * 2)
    array([0.7071])
    """
    shared, written, wanted = np.moveaxis(
        study_counts(reference, generated, classes=13, uncertain="positive").sum(-1), -1, 0
    )
    return np.where(written + wanted == 0, 1.0, shared / np.sqrt(np.maximum(written * wanted, 1)))


def build(labeler: Callable[[list[str]], np.ndarray]) -> Callable[..., list[float | None]]:
    """The reward over `reference_labels`: the cosine in [0, 1], never None; 0 where the completion holds no report."""

    def reward(completions: list, reference_labels: list[list[int]], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        values = positive_cosine(labeler(reports), np.asarray(reference_labels))
        return [
            float(value) if report else 0.0 for value, report in zip(values, reports, strict=True)
        ]

    return reward
