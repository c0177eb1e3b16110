"""Planned comparisons: which two arms, by what measure, corrected over which family.

Saved label codes -> differences with intervals over seeds and studies together. All pairs were
written down in `results/PLAN.md` before a policy of this recipe was scored on a sealed set. Each
family is corrected apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
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
    T_HIGH,
    T_LOW,
    P,
    difference,
    name,
    rate,
)
from mrg_r1_lib.reporting.scores import Scores, read_scores
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import CONFIRMATION

LEVEL = 0.95


class Pair(NamedTuple):
    """`arm` minus `against`: at least how much in F1, on which set, whether its corrected interval
    must lie above 0, too, and above what other differences must lie.

    `also` names one of MEASURED, or `elsewhere`: F1 on the other sealed set.
    """

    arm: str
    against: str
    at_least: float = 0.0
    on: str = "test"
    surely: bool = True
    also: Mapping[str, float] = MappingProxyType({})


FAMILIES = {  # results/PLAN.md
    "planned": (
        Pair("srl_mccs", "sft", 0.05, also={"recall": -0.02, "elsewhere": 0.0}),
        Pair("srl_mccs", "sft_continued"),
        Pair("srl_mccs", "image_classifier", surely=False),  # at least level
    ),
    "own reward, all studies": (
        Pair(
            "srl_graded_all_studies",
            "srl_all_studies",
            0.03,
            on=CONFIRMATION,
            also={"macro_f1": 0.0, "sides": 0.0},
        ),
        Pair("srl_graded_all_studies", "srl_label_f1_all_studies", on=CONFIRMATION),
    ),
}
STATISTICS = {
    **{measure: Efficacy(**PRIMARY, measure=measure) for measure in reversed(MEASURES)},
    "macro_f1": Efficacy(**PRIMARY | {"average": "macro"}),
}
MEASURED = (*STATISTICS, "sides")
FAMILY = name("comparisons that are corrected together", tuple(FAMILIES))
COMPARISONS = {
    "split": SPLIT,
    "family": FAMILY,
    "arm": ARM,
    "against": AGAINST,
    "measure": name(
        "what is compared; sides: the share of right ones, against the reference's text "
        "(confirmation set: the IMPRESSION, whatever the row's reference)",
        MEASURED,
    ),
    "seeds": SEEDS,
    "difference": difference("arm minus against, counted over all seeds of the row"),
    "low": difference(LOW),
    "high": difference(HIGH),
    "p": P,
    "p_holm": rate("p of f1, corrected by Holm over the family as planned"),
    "corrected_low": difference("lower end for f1, corrected by Bonferroni over the family"),
    "corrected_high": difference("upper end for f1, corrected in the same way"),
    "t_low": difference(T_LOW),
    "t_high": difference(T_HIGH),
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
        | {"measure": measure, "seeds": seeds}
        | found
        for family, pair, seeds in entries(scores)
        for measure, found in _measured(run, scores, pair, seeds)
    ]
    table = _corrected(pd.DataFrame(rows, columns=list(COMPARISONS)), scores, run)
    return table.assign(seeds=table["seeds"].map(len))


def _measured(
    run: Run, scores: Scores, pair: Pair, seeds: Sequence[int]
) -> Iterator[tuple[str, dict[str, float]]]:
    """What a pair's rows say by measure. Of sides, the t interval alone: no study has a share."""
    for measure, statistic in STATISTICS.items():
        values = by_seed(scores, pair, seeds, statistic)
        found = compared(scores, pair, seeds, run.settings.resamples, statistic)
        yield measure, found | t_interval(values)
    if sides := _sides(scores, pair, seeds):
        yield "sides", {"difference": float(np.mean(sides))} | t_interval(sides)


def _sides(scores: Scores, pair: Pair, seeds: Sequence[int]) -> list[float]:
    """Differences in the share of right sides by seed; none where a run states no side at all."""
    first, second = (
        [_side_accuracy(scores.metrics[arm, seed].get("attributes", {})) for seed in seeds]
        for arm in (pair.arm, pair.against)
    )
    if None in first + second:
        return []
    return [one - other for one, other in zip(first, second, strict=True)]


def _side_accuracy(attributes: dict) -> float | None:
    return attributes["side_accuracy"] if attributes.get("side_stated") else None


def _corrected(table: pd.DataFrame, scores: Scores, run: Run) -> pd.DataFrame:
    """The table with p_holm and Bonferroni's intervals of f1, for all that a family plans."""
    for family, rows in table[table["measure"] == "f1"].groupby("family"):
        size = len(FAMILIES[family])
        table.loc[rows.index, "p_holm"] = holm(rows["p"], size)
        level = 1 - (1 - LEVEL) / size
        for place, row in rows.iterrows():
            pair, draws = Pair(row["arm"], row["against"]), run.settings.resamples
            wider = compared(scores, pair, row["seeds"], draws, level=level)
            table.loc[place, ["corrected_low", "corrected_high"]] = wider["low"], wider["high"]
    return table


def entries(scores: Scores) -> Iterator[tuple[str, Pair, list[int]]]:
    """Family, pair, and the seeds that both arms have; a pair without a common seed is left out."""
    for family, pairs in FAMILIES.items():
        for pair in pairs:
            if seeds := scores.seeds(pair.arm, pair.against):
                yield family, pair, seeds


def by_seed(scores: Scores, pair: Pair, seeds: Sequence[int], statistic: Efficacy) -> list[float]:
    """The difference of each seed alone."""
    first, second = (scores.codes(arm, seeds) for arm in (pair.arm, pair.against))
    truth = scores.truth
    return [
        statistic(truth, one) - statistic(truth, other)
        for one, other in zip(first, second, strict=True)
    ]


def t_interval(values: Sequence[float]) -> dict[str, float]:
    """The 95 % t interval of the mean of single seeds' differences; empty for fewer than three.

    >>> [round(float(end), 3) for end in t_interval([0, 0.1, 0.2]).values()]
    [-0.148, 0.348]
    """
    if len(values) < 3:
        return {}
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
