"""Net benefit, this project's own reward: missed and invented findings have different costs.

Completion -> report -> 14 labels -> sets of positives among the 13 abnormalities (uncertain counts
as positive) -> 1 minus the cost of the errors. A denial costs nothing; a completion without a
report gets 0. The costs follow decision curve analysis (Vickers and Elkin, Medical Decision Making
2006): if one acts on a finding above the probability t, a missed finding costs (1 - t) / t times as
much as an invented one. Each observation's costs are weighted by its surprise, -log of its
prevalence in the training split.

Why not the cosine. A sum of costs has one term per finding. Its expectation is best if each finding
is asserted when its probability given the image exceeds t, whatever else the report says. With a
cosine t cannot be chosen. If all else is certain, the cosine asserts from 1/2 against silence, and
from about 0.7 against a denial. It also rewards denials, which are certain in most studies.

Why 0.3. No clinician set it; the primary measure implies it. With calibrated probabilities, the
best threshold for micro-F1 is half of the F1 that can be reached (Lipton, Elkan and Narayanaswamy,
arXiv:1402.1892). That F1 is near 0.6 on validation. The probabilities refer to the training mix
with three of four studies abnormal. In the corpus's own mix, t = 0.3 lies between 0.07 (against a
normal study) and 0.3 (against another abnormal one).

Why surprise. A rare finding occurs in few groups and may be forgotten. Both errors have the same
weight, so it changes the speed of learning, not the probability from which a finding is asserted.

Advantages. Consider division by the group's standard deviation. If a group differs in one finding,
a miss and an invention get advantages of the same size: the policy follows the majority (t = 1/2).
If it differs in several findings, the costs count inside the group only. So this reward is meant
for `scale_rewards="none"` (arXiv:2503.20783).
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics.checks import check_numbers, is_within
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.report_format import parse_completion

THRESHOLD = 0.3  # half of the micro F1 that validation showed can be reached (results/LOG.md)


def surprise(prevalence: np.ndarray) -> np.ndarray:
    """-log of each prevalence, `(13,)` in [0, 1] -> `(13,)` with mean 1; less than 0.001 is 0.001.

    ValueError for a prevalence that is NaN or outside [0, 1].

    >>> surprise([0.1, 0.01, 0.0]).round(3)  # 1 to 2 to 3
    array([0.5, 1. , 1.5])
    """
    prevalence = check_numbers(prevalence, "prevalence", (None,), 0, 1)
    bits = -np.log(np.clip(prevalence, 1e-3, 1.0))
    return bits / bits.mean() if bits.any() else np.ones_like(bits)


def net_benefit(
    generated: np.ndarray,
    reference: np.ndarray,
    threshold: float = THRESHOLD,
    weights: np.ndarray | float = 1.0,
) -> np.ndarray:
    """1 - (missed + t / (1 - t) * invented) / 13, label codes `(n, 14)` -> `(n,)` in [0, 1].

    missed and invented: the sets of positives R - G and G - R, counted with `weights` `(13,)` of
    mean 1. t: `threshold` in (0, 0.5], the probability from which a finding is worth asserting. Up
    to a constant of the reference this is the report's net benefit, divided by 13. ValueError for a
    threshold outside (0, 0.5], weights that are none, or shapes that differ.

    >>> edema_fracture, edema = [0] * 4 + [1] + [0] * 6 + [1, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> net_benefit([edema], [edema_fracture]).round(4)  # missed: 1 - 1 / 13
    array([0.9231])
    >>> net_benefit([edema_fracture], [edema]).round(4)  # invented: 1 - (0.3 / 0.7) / 13
    array([0.967])
    """
    if not is_within(threshold, 0, 0.5) or threshold == 0:
        raise ValueError(
            f"threshold: {threshold!r} is outside (0, 0.5]; from it upwards a finding is asserted."
        )
    g, r = positives(generated), positives(reference)
    if g.shape != r.shape:
        raise ValueError(
            f"generated {g.shape[:-1]} and reference {r.shape[:-1]}: "
            "expected as many reports in both."
        )
    if np.ndim(weights) or not is_within(weights, 0, np.inf):
        weights = check_numbers(weights, "weights", (g.shape[-1],), low=0)
    missed, invented = ((r & ~g) * weights).sum(axis=-1), ((g & ~r) * weights).sum(axis=-1)
    return 1 - (missed + threshold / (1 - threshold) * invented) / g.shape[-1]


def build(
    labeler: Callable[[list[str]], np.ndarray],
    threshold: float = THRESHOLD,
    prevalence: np.ndarray | None = None,
) -> Callable[..., list[float | None]]:
    """The reward over `reference_labels`: net benefit in [0, 1], 0 without a report, never None.

    `prevalence` `(13,)` of the abnormalities in the training split; without it all weights are 1.
    """
    empty = np.zeros((0, 14), dtype=int)
    weights = 1.0 if prevalence is None else surprise(prevalence)
    net_benefit(empty, empty, threshold, weights)  # what is bad is an error here, not in training

    def reward(completions: list, reference_labels: list[list[int]], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        values = net_benefit(labeler(reports), reference_labels, threshold, weights)
        pairs = zip(values, reports, strict=True)
        return [float(value) if report else 0.0 for value, report in pairs]

    return reward
