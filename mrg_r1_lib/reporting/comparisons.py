"""Planned comparisons: which two arms, by what measure, corrected over which family.

Saved label codes -> differences with intervals over seeds and studies together. A pair that test
scores of some seeds suggested is also given over its other seeds alone: only this row confirms, and
only it enters the family's correction. Families were fixed one after the other, and each is
corrected apart. A pair was written down before at least one of its two policies was scored on the
test split with the confirming seeds.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from mrg_r1_lib.metrics.bootstrap import Efficacy, paired_bootstrap
from mrg_r1_lib.metrics.clinical_efficacy import MEASURES, PRIMARY
from mrg_r1_lib.metrics.holm import holm
from mrg_r1_lib.reporting.schema import (
    AGAINST,
    ARM,
    HIGH,
    LOW,
    SEED,
    SEEDS,
    SPLIT,
    P,
    difference,
    flag,
    name,
    rate,
)
from mrg_r1_lib.reporting.scores import Scores, read_scores
from mrg_r1_lib.runs.run import Run

LEVEL = 0.95


class Pair(NamedTuple):
    """`arm` minus `against`; test scores of the seeds in `suggested_by` suggested it."""

    arm: str
    against: str
    suggested_by: tuple[int, ...] = ()


FAMILIES = {
    "planned": (Pair("srl_mccs", "sft"), Pair("srl_mccs", "sft_continued")),
    "own reward": (
        Pair("srl_net_benefit", "srl_mccs"),
        Pair("srl_net_benefit", "srl_label_f1"),
    ),
    # seed 0 suggested the first on the test split, before seeds 1 to 4 were trained; the second was
    # written down before label F1 was trained on all studies
    "own reward, all studies": (
        Pair("srl_net_benefit_all_studies", "srl_all_studies", suggested_by=(0,)),
        Pair("srl_net_benefit_all_studies", "srl_label_f1_all_studies"),
    ),
}
STATISTICS = {
    **{measure: Efficacy(**PRIMARY, measure=measure) for measure in reversed(MEASURES)},
    "macro_f1": Efficacy(**PRIMARY | {"average": "macro"}),
}
FAMILY = name("comparisons that are corrected together", tuple(FAMILIES))
CONFIRMING = flag("whether no seed of the row suggested the comparison")
COMPARISONS = {
    "split": SPLIT,
    "family": FAMILY,
    "arm": ARM,
    "against": AGAINST,
    "measure": name("what is compared", tuple(STATISTICS)),
    "seeds": SEEDS,
    "confirming": CONFIRMING,
    "difference": difference("arm minus against, counted over all seeds of the row"),
    "low": difference(LOW),
    "high": difference(HIGH),
    "p": P,
    "p_holm": rate("p of f1, corrected by Holm over the family's confirming rows"),
    "corrected_low": difference("lower end for f1, corrected by Bonferroni over the same rows"),
    "corrected_high": difference("upper end for f1, corrected in the same way"),
    "t_low": difference("lower end of the 95 % t interval over the differences of single seeds"),
    "t_high": difference("upper end of the t interval"),
}
COMPARISONS_BY_SEED = {
    "split": SPLIT,
    "family": FAMILY,
    "arm": ARM,
    "against": AGAINST,
    "seed": SEED,
    **{part: difference(f"difference in {part} of this seed") for part in reversed(MEASURES)},
}


def compared(
    scores: Scores,
    pair: Pair,
    seeds: Sequence[int],
    resamples: int,
    statistic: Efficacy = STATISTICS["f1"],
    level: float = LEVEL,
) -> dict[str, float]:
    """One paired comparison over `seeds`: difference, low, high and p, from saved codes."""
    first, second = (scores.codes(arm, seeds) for arm in (pair.arm, pair.against))
    return paired_bootstrap(
        scores.truth, first, second, statistic, resamples=resamples, level=level
    )._asdict()


def comparison_table(run: Run, scores: Scores | None = None) -> pd.DataFrame:
    """All families' comparisons, by COMPARISONS; a pair without a common seed has no row."""
    scores = scores or read_scores(run)
    rows = [
        {"split": scores.split, "family": family, "arm": pair.arm, "against": pair.against}
        | {"measure": measure, "seeds": seeds, "confirming": confirming}
        | compared(scores, pair, seeds, run.settings.resamples, statistic)
        | t_interval(scores, pair, seeds, statistic)
        for family, pair, seeds, confirming in entries(scores)
        for measure, statistic in STATISTICS.items()
    ]
    table = _corrected(pd.DataFrame(rows, columns=list(COMPARISONS)), scores, run)
    return table.assign(seeds=table["seeds"].map(len))


def _corrected(table: pd.DataFrame, scores: Scores, run: Run) -> pd.DataFrame:
    """The table with p_holm and Bonferroni's intervals of f1, by family, over confirming rows."""
    tested = table["confirming"].astype(bool) & (table["measure"] == "f1")
    for _, rows in table[tested].groupby("family"):
        table.loc[rows.index, "p_holm"] = holm(rows["p"])
        level = 1 - (1 - LEVEL) / len(rows)
        for place, row in rows.iterrows():
            pair, draws = Pair(row["arm"], row["against"]), run.settings.resamples
            wider = compared(scores, pair, row["seeds"], draws, level=level)
            table.loc[place, ["corrected_low", "corrected_high"]] = wider["low"], wider["high"]
    return table


def entries(scores: Scores) -> Iterator[tuple[str, Pair, list[int], bool]]:
    """Family, pair, seeds, whether these seeds confirm: a suggested pair has two entries."""
    for family, pairs in FAMILIES.items():
        for pair in pairs:
            seeds = scores.seeds(pair.arm, pair.against)
            confirming = [seed for seed in seeds if seed not in pair.suggested_by]
            if confirming != seeds:
                yield family, pair, seeds, False
            if confirming:
                yield family, pair, confirming, True


def by_seed(scores: Scores, pair: Pair, seeds: Sequence[int], statistic: Efficacy) -> list[float]:
    """The difference of each seed alone."""
    first, second = (scores.codes(arm, seeds) for arm in (pair.arm, pair.against))
    truth = scores.truth
    return [
        statistic(truth, one) - statistic(truth, other)
        for one, other in zip(first, second, strict=True)
    ]


def t_interval(scores: Scores, pair: Pair, seeds: Sequence[int], statistic: Efficacy) -> dict:
    """The 95 % t interval over the seeds' own differences; empty for fewer than three seeds."""
    if len(seeds) < 3:
        return {}
    values = by_seed(scores, pair, seeds, statistic)
    half = stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * stats.sem(values)
    return {"t_low": max(np.mean(values) - half, -1.0), "t_high": min(np.mean(values) + half, 1.0)}


def seed_table(run: Run) -> pd.DataFrame:
    """The comparisons of each seed alone, by COMPARISONS_BY_SEED."""
    scores = read_scores(run)
    rows = [
        {"split": scores.split, "family": family, "arm": pair.arm, "against": pair.against}
        | {"seed": seed}
        | {part: by_seed(scores, pair, [seed], STATISTICS[part])[0] for part in MEASURES}
        for family, pairs in FAMILIES.items()
        for pair in pairs
        for seed in scores.seeds(pair.arm, pair.against)
    ]
    return pd.DataFrame(rows, columns=list(COMPARISONS_BY_SEED))
