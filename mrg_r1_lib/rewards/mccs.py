"""Margin CheXbert cosine similarity (MCCS), the clinical reward of MRG-R1 (arXiv:2512.16145).

Completion -> report -> 14 labels -> cosine with the reference's labels over 13 abnormalities; up to
`margin` the reward is 0. Source: a second-hand note of the paper's v1. Departures: the paper states
neither its margin nor a rule for zero norms. Here a reference that asserts nothing gives no reward
(None), and a report that asserts nothing gets 0.
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics.checks import is_within
from mrg_r1_lib.observations import signed_vectors
from mrg_r1_lib.report_format import parse_completion

MARGIN = 0.3  # paper value unknown


def check_margin(margin: float) -> float:
    """Return `margin`; ValueError unless it lies in [0, 1)."""
    if not is_within(margin, 0, 1) or margin == 1:
        raise ValueError(
            f"margin: {margin!r} is outside [0, 1); at 1 no completion could get a reward."
        )
    return margin


def cosine(generated: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Cosine of the signed label vectors, `(n, 14)` and `(n, 14)` codes -> `(n,)` float in [-1, 1].

    NaN where the reference is blank over the 13 abnormalities, 0 where only the generated report
    is. ValueError if the shapes differ.

    >>> edema_no_fracture, edema = [0] * 4 + [1] + [0] * 6 + [2, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> cosine([edema], [edema_no_fracture]).round(4)  # 1 / (sqrt(1) sqrt(2))
    array([0.7071])
    """
    g, r = signed_vectors(generated), signed_vectors(reference)
    if g.shape != r.shape:
        raise ValueError(
            f"generated {g.shape[:-1]} and reference {r.shape[:-1]}: "
            "expected as many reports in both."
        )
    asserted, wanted = (g**2).sum(axis=-1), (r**2).sum(axis=-1)
    # one root of the integer product, so that equal vectors give exactly 1
    value = (g * r).sum(axis=-1) / np.sqrt(np.maximum(asserted * wanted, 1))
    return np.where(wanted == 0, np.nan, value)


def margin_cosine(
    generated: np.ndarray, reference: np.ndarray, margin: float = MARGIN
) -> np.ndarray:
    """MCCS = max((c - m) / (1 - m), 0), label codes `(n, 14)` and `(n, 14)` -> `(n,)` in [0, 1].

    c: `cosine(generated, reference)`, with its rules for blank reports (NaN, 0). m: `margin` in
    [0, 1): the similarity, mostly from shared negatives, that gets no reward. Source:
    arXiv:2512.16145, by a second-hand note of v1. ValueError for a margin outside [0, 1) or shapes
    that differ.

    >>> edema_no_fracture, edema = [0] * 4 + [1] + [0] * 6 + [2, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> margin_cosine([edema], [edema_no_fracture], margin=0.3).round(4)  # (0.7071 - 0.3) / 0.7
    array([0.5816])
    """
    check_margin(margin)
    above = (cosine(generated, reference) - margin) / (1 - margin)
    return np.maximum(above, 0.0)  # NaN stays NaN


def build(
    labeler: Callable[[list[str]], np.ndarray], margin: float = MARGIN
) -> Callable[..., list[float | None]]:
    """The reward over `reference_labels`: MCCS in [0, 1], None if the reference asserts nothing."""
    check_margin(margin)

    def reward(completions: list, reference_labels: list[list[int]], **_) -> list[float | None]:
        generated = labeler([parse_completion(completion).report for completion in completions])
        values = margin_cosine(generated, reference_labels, margin)
        return [None if np.isnan(value) else float(value) for value in values]

    return reward
