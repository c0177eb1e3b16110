"""Net benefit, the reward of this study's own: every missed finding has a price, every invented one another, and that is all.

Completion -> report -> 14 labels -> sets of positives among the 13 abnormalities (uncertain counts as positive) -> 1 minus the
price of the errors. The prices are those of decision curve analysis (Vickers and Elkin, Medical Decision Making 2006): whoever
acts on a finding from a probability t upwards holds a missed one for (1 - t) / t times as bad as an invented one.

Why not the cosine. A report is written for readers who act on it, so a finding should be asserted when its probability
given the image exceeds t, whatever else the report says. A sum of prices, one term a finding, is the reward whose best report
does that. A cosine is not: it divides by the length of the report, so that a second finding in doubt has to outweigh the
first one and all denials, and it pays for denials, which are sure in most studies. And t need not be guessed: what maximises
micro F1 is to assert above half of the F1 that can be reached (Lipton, Elkan and Narayanaswamy, arXiv:1402.1892). With
policies near 0.6 that is 0.3. It is not the metric itself, which no report has by itself.

Not divided by anything. GRPO's division by each group's standard deviation undoes prices: where the completions of a group
differ in one finding, the advantages are the same whether it was missed or invented, however different the prices, and the
policy goes by the majority (t = 1/2). This reward is meant for advantages that are not scaled (`scale_rewards="none"`,
arXiv:2503.20783). No credit for right denials: with scaled advantages a tie-break, however small, is all that a tied group
teaches.
"""

from collections.abc import Callable

import numpy as np

from mrg_r1_lib.metrics import positives
from mrg_r1_lib.report_format import parse_completion

THRESHOLD = 0.3  # half of the micro F1 that can be reached here, by what validation showed (results/README.md)


def net_benefit(generated: np.ndarray, reference: np.ndarray, threshold: float = THRESHOLD) -> np.ndarray:
    """1 - (missed + t / (1 - t) * invented) / 13, label codes `(n, 14)` and `(n, 14)` -> `(n,)` float in [0, 1].

    missed and invented: sizes of R - G and G - R of the sets of positives. t: `threshold` in (0, 0.5], the probability
    from which a finding is worth asserting. Up to a constant of the reference it is the net benefit of the report, by 13.
    ValueError for a threshold outside (0, 0.5] or shapes that differ.

    >>> edema_fracture, edema = [0] * 4 + [1] + [0] * 6 + [1, 0, 0], [0] * 4 + [1] + [0] * 9
    >>> net_benefit([edema, edema_fracture], [edema_fracture, edema]).round(4)  # 1 - 1 / 13, 1 - (0.3 / 0.7) / 13
    array([0.9231, 0.967 ])
    """
    if not 0 < threshold <= 0.5:
        raise ValueError(f"threshold: {threshold!r} is outside (0, 0.5]; from it upwards a finding is asserted.")
    g, r = positives(np.asarray(generated)), positives(np.asarray(reference))
    if g.shape != r.shape:
        raise ValueError(f"generated {g.shape[:-1]} and reference {r.shape[:-1]}: expected as many reports in both.")
    missed, invented = (r & ~g).sum(axis=-1), (g & ~r).sum(axis=-1)
    return 1 - (missed + threshold / (1 - threshold) * invented) / g.shape[-1]


def build(labeler: Callable[[list[str]], np.ndarray], threshold: float = THRESHOLD) -> Callable[..., list[float | None]]:
    """The reward over `reference_labels`: net benefit in [0, 1], never None; 0 where the completion holds no report."""
    net_benefit(np.zeros((0, 14), dtype=int), np.zeros((0, 14), dtype=int), threshold)  # a bad threshold is said here

    def reward(completions: list, reference_labels: list[list[int]], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        values = net_benefit(labeler(reports), np.asarray(reference_labels), threshold)
        return [float(value) if report else 0.0 for value, report in zip(values, reports, strict=True)]

    return reward
