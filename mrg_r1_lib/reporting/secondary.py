"""The plan's secondary measures that clinical efficacy does not have: what else reports say.

Saved scores, labels and the hand-made index -> a row per system and sealed set, means over seeds.
"""

import numpy as np
import pandas as pd

from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.reporting.confirmation import false_alarms
from mrg_r1_lib.reporting.schema import ARM, SEEDS, SPLIT, number, rate
from mrg_r1_lib.reporting.scores import Scores, is_scored, read_scores, scored_split
from mrg_r1_lib.reporting.tables import kind
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import CONFIRMATION

BASELINES = ("reference", "image_classifier")
SECONDARY = {
    "split": SPLIT,
    "arm": ARM,
    "seeds": SEEDS,
    "graded": rate("reward `graded` of the reports"),
    "sides": rate("share of right sides, of those that the reference's text names"),
    "zones": rate("the same of zones"),
    "sizes": rate("the same of sizes"),
    "denials": number("observations per report that it denies"),
    "outside_13": number("findings per report that are none of the 13 observations"),
    "only_outside": rate("share of reports that are not normal and assert none of the 13"),
    "false_alarms": rate("share of studies indexed normal with one of the 13 asserted"),
}
ATTRIBUTES = {  # column -> its name in `metrics.json`
    "sides": "side_accuracy",
    "zones": "zone_accuracy",
    "sizes": "size_accuracy",
    "outside_13": "outside_13_per_report",
}


def secondary_table(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """Each policy, the classifier and the reference on each sealed set, by SECONDARY.

    Of a template, which has no sides and sizes, nothing is right.
    """
    rows = []
    for split in (scored_split(run), CONFIRMATION):
        if is_scored(run, split):
            scores = read_scores(run, split)
            index = held_out.loc[held_out["split"] == split, list(OBSERVATIONS)].to_numpy()
            arms = [arm for arm in scores.arms if kind(arm) == "policy" or arm in BASELINES]
            rows += [{"split": split, "arm": arm} | _row(scores, arm, index) for arm in arms]
    return pd.DataFrame(rows, columns=list(SECONDARY))


def _row(scores: Scores, arm: str, index: np.ndarray) -> dict[str, float]:
    """Means over the arm's seeds; NaN where runs were scored without a measure."""
    codes, saved = scores.codes(arm), [scores.metrics[arm, seed] for seed in scores.seeds(arm)]
    signs = [each.get("degeneration", {}) for each in saved]
    values = {"graded": [each.get("graded") for each in saved]}
    values["denials"] = [each["style"]["negatives"] for each in saved]
    values["only_outside"] = [each.get("share neither normal nor of the 13") for each in signs]
    for column, key in ATTRIBUTES.items():
        values[column] = [each.get("attributes", {}).get(key) for each in saved]
    means = {column: np.mean(np.array(each, dtype=float)) for column, each in values.items()}
    return {"seeds": len(saved), "false_alarms": false_alarms(index, codes)} | means
