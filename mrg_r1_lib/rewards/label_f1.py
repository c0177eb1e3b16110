"""Label F1, a control of MCCS: F1 of the positive observations of generated and reference report.

Completion -> report -> 14 labels -> set of positives among the 13 abnormalities (uncertain counts
as positive, as in MCCS). Negatives do not count. Two empty sets have F1 1, so a normal report for a
normal study is rewarded. A completion without a report gets 0; otherwise silence would be rewarded
on every normal study.
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics.clinical_efficacy import study_counts
from mrg_r1_lib.report_format import parse_completion


def positive_f1(generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """F1 = 2 |G & R| / (|G| + |R|) of the sets of positives, float `(n,)` in [0, 1].

    `generated` and `reference` are label codes `(n, 14)`. Both sets empty: 1; one empty: 0.
    ValueError if the shapes differ.

    >>> edema_fracture, edema = [0] * 4 + [1] + [0] * 6 + [1, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> positive_f1([edema], [edema_fracture]).round(4)  # 2 * 1 / (1 + 2)
    array([0.6667])
    """
    counts = study_counts(reference, generated, classes=13, uncertain="positive").sum(-1)
    shared, written, wanted = np.moveaxis(counts, -1, 0)
    either = written + wanted
    return np.where(either == 0, 1.0, 2 * shared / np.maximum(either, 1))


def build(labeler: Callable[[list[str]], np.ndarray]) -> Callable[..., list[float | None]]:
    """The reward over `reference_labels`: F1 in [0, 1], 0 without a report, never None."""

    def reward(completions: list, reference_labels: list[list[int]], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        values = positive_f1(labeler(reports), reference_labels)
        pairs = zip(values, reports, strict=True)
        return [float(value) if report else 0.0 for value, report in pairs]

    return reward
