"""Graded findings, this project's own reward: what a radiologist would correct, and how badly.

Label rewards read thirteen labels. To them a left effusion is a right one, a massive one a small
one, and a report that contradicts itself is perfect. This reward compares findings with side, zone,
size and the rest (`comparison`), those outside the 13 as well:

    value = T * (B + sum_r w_r c_r) / (B + W) / (1 + P)
    P = sum_g h_g (a s_g + k w_g / (B + W)) + d * sum_denied w_r / (B + W)

r: findings of the reference; c_r in [0, 1]: how well the generated report has r; W: sum of w_r.
g: invented findings, h_g in [0, 1]: how far it is invented (a related finding only in part).
w: clinical weight (`finding_weights.csv`), times surprise (the reference's training split, halved
at most, doubled at most), 0.5 if only old, 1.25 if large; in doubt, w and s are 0.75, else s is 1.
B: 1 for a study without a finding of weight 1 (nothing, or incidental ones alone), else 0; so a
normal report has 0 in an abnormal study, and there 1, or a little less. A report in which nothing
is read gets no B. T: is it text (below)?

Why a product. An invented finding makes a report wrong, whatever else it says. It costs a share of
the whole (a), and more if it is urgent (k). So it does not get cheaper in longer reports, and
naming what is there cannot pay for it. A finding that the report asserts and denies counts as both
errors: c_r is 0, and it is invented. Denials earn nothing and cost nothing, except of a finding
that the reference has (d).

What is no text earns nothing. A sentence is none if grammar breaks twice in it (two findings
without a word or comma between them, "the of"), or if more than half of its words are unknown. Such
findings get no credit, but cost if invented. T = 1 / (1 + e / 4) / (1 + u / 10): e repeated 4-grams
and sentences beyond the reference's own and one more; u words of mostly unread sentences.

By hand: reference "The heart is enlarged. Small left pleural effusion." Weights 1.5 and 2.5, W = 4.
- right for left: c = 0.4 * (0.5 + 0 + 0.25) / (0.5 + 0.25 + 0.25) = 0.3; (1.5 + 0.75) / 4 = 0.5625
- effusion missed: 1.5 / 4 = 0.375
- a degenerative spine added: 1 / (1 + 0.43 + 0.4 * 0.5 / 4) = 0.676
- "No pleural effusion." added: 0.375 / (1 + 0.43 + 0.4 * 2.5 / 4) = 0.223

Advantages. Errors have different sizes, and these are the content of the reward. Division by the
group's standard deviation gives a miss of a pneumothorax and a wrong word on a granuloma the same
push, as in `net_benefit`. So this reward is meant for `scale_rewards="none"`, too.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache, partial

import numpy as np

from mrg_r1_lib.metrics.checks import check_numbers
from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.rewards.comparison import compare
from mrg_r1_lib.rewards.facts import Fact, Facts, facts_of
from mrg_r1_lib.rewards.net_benefit import surprise

WHOLE, OWN, DENIAL = 0.43, 0.4, 0.1  # a: 1 / 1.43 = 0.7 is left of a report; k; d
HEDGED = 0.75  # factor of what is said in doubt
QUIET = 1.0  # findings of less weight leave a study quiet: B = 1
REPEATED, UNREAD = 4, 10  # repeats and unread words that halve the value
LEAST, MOST = 0.5, 2.0  # surprise, whose mean is 1
KEPT = 8192  # readings of reports: references come again, and so do a policy's templates

_kept_facts = lru_cache(maxsize=KEPT)(facts_of)


def grade(
    reference: Facts, generated: Facts, surprises: Mapping[str, float] | None = None
) -> float | None:
    """The value in [0, 1] of two reports (`facts_of`); None if nothing in the reference is read.

    `surprises`: observation -> factor of its weight.

    >>> reference = facts_of("The heart is enlarged. Small left pleural effusion.")
    >>> round(grade(reference, facts_of("Heart enlarged. Small right pleural effusion.")), 4)
    0.5625
    """
    if not reference.reads:
        return None
    surprises = surprises or {}
    compared = compare(reference, generated)
    quiet = all(fact.weight < QUIET for fact, _ in compared.credits)
    base = 1.0 if quiet else 0.0
    weights = [_weight(fact, surprises) for fact, _ in compared.credits]
    whole = base + _sum(weights)
    earned = [w * credit for w, (_, credit) in zip(weights, compared.credits, strict=True)]
    penalty = _sum(
        share * (WHOLE * (HEDGED if fact.hedged else 1.0) + OWN * _weight(fact, surprises) / whole)
        for fact, share in compared.invented
    )
    penalty += DENIAL * _sum(_weight(fact, surprises) for fact in compared.denied) / whole
    credit = (_sum(earned) + base * generated.reads) / whole
    return min(1.0, credit / (1 + penalty)) * is_text(reference, generated)


def _sum(values) -> float:
    """The sum in an order of its own: that of the sentences changes no digit."""
    return sum(sorted(values))


def _weight(fact: Fact, surprises: Mapping[str, float]) -> float:
    hedged = HEDGED if fact.hedged else 1.0
    return fact.weight * surprises.get(fact.key[0], 1.0) * hedged


def is_text(reference: Facts, generated: Facts) -> float:
    """T in (0, 1]: less for repetition and for words that nobody can read."""
    repeats = max(0, generated.repeated - max(reference.repeated, 1))
    unread = max(0, generated.unread - reference.unread)
    return 1 / (1 + repeats / REPEATED) / (1 + unread / UNREAD)


def _graded(
    surprises: Mapping[str, float], /, completions: list, reference: list[str], **_
) -> list[float | None]:
    reports = [parse_completion(completion).report for completion in completions]
    pairs = zip(reference, reports, strict=True)
    return [grade(_kept_facts(one), _kept_facts(two), surprises) for one, two in pairs]


def build(prevalence: np.ndarray | None = None) -> Callable[..., list[float | None]]:
    """The reward over the column `reference`, picklable; None where nothing in it is read.

    A completion without a report gets 0. `prevalence` `(13,)` of the abnormalities in the training
    split gives their surprise, within [0.5, 2]; without it all factors are 1. ValueError for a
    prevalence that is NaN or outside [0, 1].
    """
    surprises: dict[str, float] = {}
    if prevalence is not None:
        prevalence = check_numbers(prevalence, "prevalence", (len(ABNORMALITIES),), 0, 1)
        factors = np.clip(surprise(prevalence), LEAST, MOST).tolist()
        surprises = dict(zip(ABNORMALITIES, factors, strict=True))
    return partial(_graded, surprises)
