"""Does a gain on validation come back on held-out studies? Validation chose the checkpoints.

Saved label codes -> F1 of each trained run minus F1 of the policy that it started from, on every
set that was scored. A gain that is larger on validation than elsewhere is what choosing earned.
The reference is everywhere the judge's reading; of the confirmation set, of the IMPRESSION.
"""

import pandas as pd

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.reporting.comparisons import STATISTICS
from mrg_r1_lib.reporting.schema import AGAINST, ARM, SEED, difference
from mrg_r1_lib.reporting.scores import Scores, is_scored, read_scores
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
