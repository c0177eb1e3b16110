"""x"""

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from mrg_r1_lib.metrics.degeneration import repeated_ngrams  # noqa
from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.rewards.comparison import compare
from mrg_r1_lib.rewards.facts import Fact, Facts, facts_of
from mrg_r1_lib.rewards.net_benefit import surprise

WHOLE = 0.43
OWN = 0.4
DENIAL = 0.1
HEDGE = 0.75
OLD, LARGE = 0.5, 1.25
QUIET = 1.0
REPEATED, UNREAD = 4, 10


def weight_of(fact: Fact, weights) -> float:
    weight = fact.weight * weights.get(fact.key[0], 1.0)
    details = fact.sides.values()
    if all(each.acuity == {"chronic"} for each in details):
        weight *= OLD
    if any(each.size == "large" for each in details):
        weight *= LARGE
    return weight * HEDGE if fact.hedged else weight


def graded(reference: Facts, generated: Facts, weights=None) -> float:
    weights = weights or {}
    compared = compare(reference, generated)
    wanted = [(weight_of(f, weights), c, f) for f, c in compared.credits]
    total = sum(w for w, _, _ in wanted)
    quiet = all(
        f.weight * (OLD if all(d.acuity == {"chronic"} for d in f.sides.values()) else 1) < QUIET
        for _, _, f in wanted
    )
    base = 1.0 if quiet else 0.0
    found = sum(sorted(w * c for w, c, _ in wanted)) + base * generated.reads
    whole = total + base
    penalty = sum(
        sorted(
            share * ((HEDGE if f.hedged else 1.0) * WHOLE + OWN * weight_of(f, weights) / whole)
            for f, share in compared.invented
        )
    )
    penalty += DENIAL * sum(sorted(weight_of(f, weights) for f in compared.denied)) / whole
    readable = 1.0
    readable /= 1 + max(0, generated.repeated - max(reference.repeated, 1)) / REPEATED
    readable /= 1 + max(0, generated.unread - reference.unread) / UNREAD
    return readable * found / whole / (1 + penalty)
