"""Scores of each observation alone: by seed, and over all seeds with intervals."""

import numpy as np
import pandas as pd

from mrg_r1_lib.metrics.bootstrap import Efficacy, interval, paired_bootstrap
from mrg_r1_lib.metrics.clinical_efficacy import PRIMARY, per_observation, positives
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.reporting.schema import (
    AGAINST,
    ARM,
    HIGH,
    LOW,
    OBSERVATION,
    SEED,
    SPLIT,
    count,
    difference,
    rate,
)
from mrg_r1_lib.reporting.scores import read_scores
from mrg_r1_lib.runs.run import Run

OBSERVATIONS_BY_SEED = {
    "split": SPLIT,
    "arm": ARM,
    "seed": SEED,
    "observation": OBSERVATION,
    "support": count("studies whose reference asserts it"),
    "precision": rate("precision of that observation alone"),
    "recall": rate("recall of that observation alone"),
    "f1": rate("F1 of that observation alone"),
}
INTERVALS = {
    "split": SPLIT,
    "observation": OBSERVATION,
    "support": count("studies whose reference asserts it"),
    "arm": ARM,
    "against": AGAINST,
    "value": difference("F1 of the observation alone; with `against`: the difference in it"),
    "low": difference(LOW),
    "high": difference(HIGH),
}


def observation_table(run: Run) -> pd.DataFrame:
    """Each observation's own scores, of SFT and the scale's first arm, by OBSERVATIONS_BY_SEED."""
    scores = read_scores(run)
    frames = [
        per_observation(scores.truth, scores.codes(arm, [seed])[0]).assign(arm=arm, seed=seed)
        for arm in ("sft", run.settings.arms[0])
        for seed in scores.seeds(arm)
    ]
    if not frames:
        return pd.DataFrame(columns=list(OBSERVATIONS_BY_SEED))
    return pd.concat(frames, ignore_index=True).assign(split=scores.split)


def intervals(run: Run) -> pd.DataFrame:
    """F1 of each observation alone, of SFT, of the scale's first arm, and the difference, by
    INTERVALS.
    """
    scores, after = read_scores(run), run.settings.arms[0]
    seeds = scores.seeds(after, "sft")
    codes = [scores.truth, *(scores.codes(arm, seeds) for arm in ("sft", after))] if seeds else []
    rows = []
    for column, title in enumerate(OBSERVATIONS if seeds else ()):
        alone = [_only(each, column) for each in codes]
        row = {"split": scores.split, "observation": title}
        row["support"] = int(positives(alone[0], 14).sum())
        for (arm, against), ends in _intervals(*alone, after, run.settings.resamples).items():
            ends = dict(zip(("value", "low", "high"), ends, strict=True))
            rows.append(row | {"arm": arm, "against": against} | ends)
    return pd.DataFrame(rows, columns=list(INTERVALS))


def _intervals(
    truth: np.ndarray, before: np.ndarray, after: np.ndarray, arm: str, resamples: int
) -> dict[tuple[str, str | None], tuple[float, float, float]]:
    """(arm, against) -> value, low, high: SFT alone, `arm` alone, and their difference."""
    options = {"statistic": Efficacy(**PRIMARY | {"classes": 14}), "resamples": resamples}
    return {
        ("sft", None): interval(truth, before, **options),
        (arm, None): interval(truth, after, **options),
        (arm, "sft"): paired_bootstrap(truth, after, before, **options)[:3],
    }


def _only(codes: np.ndarray, column: int) -> np.ndarray:
    """Label codes `(…, 14)` with all but one observation blank: micro F1 over them is that
    observation's.
    """
    kept = np.full_like(codes, Label.BLANK)
    kept[..., column] = codes[..., column]
    return kept
