"""What training gained, run by run and arm by arm, on every set that was scored.

Saved label codes -> `gain_table`: F1 of each trained run minus F1 of the policy that it started
from. Validation chose the checkpoints: a gain that is larger there is what choosing earned. The
reference is everywhere the judge's reading; of the confirmation set, of the IMPRESSION.
`sft_table`: every system minus SFT over all seeds, with intervals, on the sealed sets.
"""

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.reporting.comparisons import STATISTICS, Pair, by_seed, compared, t_interval
from mrg_r1_lib.reporting.confirmation import INDEX, JUDGE, against_both
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
    count,
    difference,
    name,
)
from mrg_r1_lib.reporting.scores import Scores, is_scored, read_scores
from mrg_r1_lib.reporting.tables import kind
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import CONFIRMATION

SETS = ("validate", "test", CONFIRMATION)
GAINS = {
    "arm": ARM,
    "against": AGAINST,
    "seed": SEED,
    **{
        each: difference(f"F1 of the arm minus F1 of its start, set {each}, by the judge's reading")
        for each in SETS
    },
}
SFT = "sft"
FINDINGS = "judge on FINDINGS"
AGAINST_SFT = {
    "split": SPLIT,
    "reference": name("what reports are compared with", (FINDINGS, INDEX, JUDGE)),
    "arm": ARM,
    "seeds": SEEDS,
    "same": count("of these seeds, those at which every label is SFT's: the start was kept"),
    "difference": difference("F1 of the arm minus F1 of SFT, counted over all seeds of the row"),
    "low": difference(LOW),
    "high": difference(HIGH),
    "p": P,
    "t_low": difference(T_LOW),
    "t_high": difference(T_HIGH),
}


def gain_table(run: Run) -> pd.DataFrame:
    """The gain of each finetuned run over its start, one column per scored set, by GAINS."""
    scored = {each: read_scores(run, each) for each in SETS if is_scored(run, each)}
    keys = dict.fromkeys(key for scores in scored.values() for key in scores.folders)
    rows = []
    for arm, seed in keys:
        if ARMS[arm].stage in ("sft", "srl"):
            pair = {"arm": arm, "against": ARMS[arm].start, "seed": seed}
            gains = {each: _gain(scores, **pair) for each, scores in scored.items()}
            rows.append(pair | gains)
    return pd.DataFrame(rows, columns=list(GAINS)).astype(dict.fromkeys(SETS, float))


def _gain(scores: Scores, arm: str, against: str, seed: int) -> float | None:
    if seed not in scores.seeds(arm, against):
        return None
    after, before = (scores.codes(name, [seed])[0] for name in (arm, against))
    f1 = STATISTICS["f1"]
    return f1(scores.truth, after) - f1(scores.truth, before)


def sft_table(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """The classifier and every policy against SFT, over the seeds that both have, by AGAINST_SFT.

    On test, and on the confirmation set against both of its references. The plan names some of
    these differences (`comparisons`); here none is corrected.
    """
    rows = []
    for reference, scores in [(FINDINGS, read_scores(run)), *against_both(run, held_out)]:
        for arm in scores.arms:
            shown = kind(arm) == "policy" or arm == "image_classifier"
            if arm != SFT and shown and (seeds := scores.seeds(arm, SFT)):
                row = {"split": scores.split, "reference": reference, "arm": arm}
                rows.append(row | _against_sft(run, scores, arm, seeds))
    return pd.DataFrame(rows, columns=list(AGAINST_SFT))


def _against_sft(run: Run, scores: Scores, arm: str, seeds: list[int]) -> dict[str, float]:
    pair, (own, sft) = Pair(arm, SFT), (scores.codes(each, seeds) for each in (arm, SFT))
    same = sum(map(np.array_equal, own, sft))
    values = by_seed(scores, pair, seeds, STATISTICS["f1"])
    found = compared(scores, pair, seeds, run.settings.resamples) | t_interval(values)
    return {"seeds": len(seeds), "same": same} | found
