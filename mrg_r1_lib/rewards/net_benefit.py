"""Net benefit, the reward of this study's own: a missed finding has one price, an invented one another, a denial none.

Completion -> report -> 14 labels -> sets of positives among the 13 abnormalities (uncertain counts as positive) -> 1 minus the
price of the errors. The prices are those of decision curve analysis (Vickers and Elkin, Medical Decision Making 2006): whoever
acts on a finding from a probability t upwards holds a missed one for (1 - t) / t times as bad as an invented one. Both prices
of an observation are weighed by its surprise, -log of its prevalence in the training split. A completion without a report
loses everything.

Why not the cosine. With prices a finding should be asserted when its probability given the image exceeds t, whatever else the
report says; a sum of prices, one term a finding, is highest in expectation for that report. In a cosine t cannot be chosen:
where all else is sure it asserts from 1/2 upwards against silence, from about 0.7 where the other reading is a denial, and it
pays for denials, which are sure in most studies.

Why 0.3. It is no clinician's price but the one that the primary measure implies: with calibrated probabilities micro F1 is
highest for asserting above half of the F1 that can be reached (Lipton, Elkan and Narayanaswamy, arXiv:1402.1892), near 0.6 on
validation. The probabilities are those of the training mix: with three of four studies abnormal, t = 0.3 lies between 0.07
(against a normal study) and 0.3 (against another abnormal one) in the corpus's own.

Why surprise. A rare finding stands in few groups, and what is seldom paid for may be forgotten. The weight is the same for
both errors, so that it changes how fast an observation is learned and not the probability from which it is asserted.

Advantages. Where a group differs in one finding, division by its standard deviation gives a miss and an invention pushes of the
same size, and the policy goes by the majority (t = 1/2); where it differs in several, prices count inside the group only. So
this reward is meant for `scale_rewards="none"` (arXiv:2503.20783).
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.report_format import parse_completion

THRESHOLD = 0.3  # half of the micro F1 that can be reached here, by what validation showed (results/README.md)


def surprise(prevalence: np.ndarray) -> np.ndarray:
    """-log of each prevalence, `(13,)` in [0, 1] -> `(13,)` with mean 1. One that is never or hardly seen counts as 0.001.

    >>> surprise([0.1, 0.01, 0.0]).round(3)  # 1 to 2 to 3
    array([0.5, 1. , 1.5])
    """
    bits = -np.log(np.clip(prevalence, 1e-3, 1.0))
    return bits / bits.mean() if bits.any() else np.ones_like(bits)


def net_benefit(
    generated: np.ndarray,
    reference: np.ndarray,
    threshold: float = THRESHOLD,
    weights: np.ndarray | float = 1.0,
) -> np.ndarray:
    """1 - (missed + t / (1 - t) * invented) / 13, label codes `(n, 14)` and `(n, 14)` -> `(n,)` float in [0, 1].

    missed and invented: R - G and G - R of the sets of positives, counted with `weights` `(13,)`, mean 1. t: `threshold` in
    (0, 0.5], the probability from which a finding is worth asserting. Up to a constant of the reference it is the net benefit
    of the report, by 13. ValueError for a threshold outside (0, 0.5] or shapes that differ.

    >>> edema_fracture, edema = [0] * 4 + [1] + [0] * 6 + [1, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> net_benefit([edema, edema_fracture], [edema_fracture, edema]).round(4)  # 1 - 1 / 13, 1 - (0.3 / 0.7) / 13
    array([0.9231, 0.967 ])
    """
    if not 0 < threshold <= 0.5:
        raise ValueError(
            f"threshold: {threshold!r} is outside (0, 0.5]; from it upwards a finding is asserted."
        )
    g, r = positives(np.asarray(generated)), positives(np.asarray(reference))
    if g.shape != r.shape:
        raise ValueError(
            f"generated {g.shape[:-1]} and reference {r.shape[:-1]}: expected as many reports in both."
        )
    missed, invented = ((r & ~g) * weights).sum(axis=-1), ((g & ~r) * weights).sum(axis=-1)
    return 1 - (missed + threshold / (1 - threshold) * invented) / g.shape[-1]


def build(
    labeler: Callable[[list[str]], np.ndarray],
    threshold: float = THRESHOLD,
    prevalence: np.ndarray | None = None,
) -> Callable[..., list[float | None]]:
    """The reward over `reference_labels`: net benefit in [0, 1], never None; 0 where the completion holds no report.

    `prevalence` `(13,)` of the abnormalities where it is trained; without it all weigh the same.
    """
    net_benefit(
        np.zeros((0, 14), dtype=int), np.zeros((0, 14), dtype=int), threshold
    )  # a bad threshold is said here
    weights = 1.0 if prevalence is None else surprise(prevalence)

    def reward(completions: list, reference_labels: list[list[int]], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        values = net_benefit(labeler(reports), np.asarray(reference_labels), threshold, weights)
        return [
            float(value) if report else 0.0 for value, report in zip(values, reports, strict=True)
        ]

    return reward
