"""The ablation from saved scores: every arm in one table, in the sections that `experiments.py`
gives them.

An arm that has not run is a row without values, so that nothing is missing by silence. F1,
precision and recall are counted over all seeds of an arm, as in `tables.score_table`; the other
columns are means over seeds.
"""

from dataclasses import asdict

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import ARMS, Arm
from mrg_r1_lib.metrics.clinical_efficacy import PRIMARY
from mrg_r1_lib.reporting.comparisons import STATISTICS, Pair, by_seed, compared, t_interval
from mrg_r1_lib.reporting.schema import (
    ARM,
    HIGH,
    LOW,
    SPLIT,
    T_HIGH,
    T_LOW,
    P,
    count,
    difference,
    name,
    number,
    rate,
)
from mrg_r1_lib.reporting.scores import Scores, read_scores
from mrg_r1_lib.reporting.tables import pooled
from mrg_r1_lib.runs.run import Run

PAPER = "srl_mccs"  # the arm that all others are compared with
NO_CHANGE = (
    "label",
    "section",
    "stage",
    "options",
)  # of an arm: no setting, or shown by its own name

ABLATIONS = {
    "split": SPLIT,
    "arm": ARM,
    "section": name("what the arm asks about"),
    "seeds": count("seeds that ran"),
    "f1": rate("primary measure, counted over the seeds"),
    "precision": rate("primary definition, counted over the seeds"),
    "recall": rate("primary definition, counted over the seeds"),
    "macro_f1": rate("F1, macro over 13, mean over seeds"),
    "example_f1_14": rate("F1, example-based over 14 classes (No Finding counts), mean over seeds"),
    "negatives": number("observations per report that are denied, mean over seeds"),
    "difference": difference("F1 minus the paper's arm's, over the seeds that both have"),
    "low": difference(LOW),
    "high": difference(HIGH),
    "p": P,
    "t_low": difference(T_LOW),
    "t_high": difference(T_HIGH),
    "pairs": count("seeds that both arms have", empty=True),
}


def settings_table() -> pd.DataFrame:
    """Section and changed settings ("margin 0.5") of every finetuned arm, from `experiments.py`
    alone.

    Index arm. The paper's section stands first, then sections and arms in the order of `ARMS`.
    """
    arms = [arm for arm, each in ARMS.items() if each.stage in ("sft", "srl")]
    sections = dict.fromkeys([ARMS[PAPER].section, *(ARMS[arm].section for arm in arms)])
    rows = [
        {"arm": arm, "section": section, "changes": _changes(ARMS[arm])}
        for section in sections
        for arm in sorted(arms, key=lambda arm: arm != PAPER)
        if ARMS[arm].section == section
    ]
    return pd.DataFrame(rows).set_index("arm")


def _changes(arm: Arm) -> str:
    paper, own = asdict(ARMS[PAPER]), asdict(arm)
    changed = {
        key: value for key, value in own.items() if value != paper[key] and key not in NO_CHANGE
    }
    changed |= {k: v for k, v in arm.options.items() if v != ARMS[PAPER].options.get(k)}
    return ", ".join(f"{key} {_shown(value)}" for key, value in changed.items()) or "-"


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return " + ".join(f"{weight:g} {name}" for name, weight in value.items()) or "none"
    return str(value)


def ablation_table(run: Run) -> pd.DataFrame:
    """Every finetuned arm in one row, by ABLATIONS, and its difference to the paper's arm, paired
    by study.

    An arm without a run has 0 seeds and no values; the paper's own has no difference.
    """
    scores = read_scores(run)
    rows = []
    for arm, settings in settings_table().iterrows():
        seeds = scores.seeds(arm)
        row = {"split": scores.split, "arm": arm, "seeds": len(seeds)} | {
            "section": settings["section"]
        }
        if seeds:
            row |= pooled(scores.truth, scores.codes(arm)) | _means(scores, arm, seeds)
        shared = scores.seeds(arm, PAPER)
        if arm != PAPER:
            row["pairs"] = len(shared)
        if arm != PAPER and shared:
            pair = Pair(arm, PAPER)
            row |= compared(scores, pair, shared, run.settings.resamples)
            row |= t_interval(by_seed(scores, pair, shared, STATISTICS["f1"]))
        rows.append(row)
    return pd.DataFrame(rows, columns=list(ABLATIONS))


def _means(scores: Scores, arm: str, seeds: list[int]) -> dict[str, float]:
    """Means over seeds of the saved scores beside the primary measure."""
    rows = []
    for seed in seeds:
        metrics = scores.metrics[arm, seed]
        f1 = {tuple(row[key] for key in PRIMARY): row["f1"] for row in metrics["clinical_efficacy"]}
        macro, example = (
            f1[average, classes, PRIMARY["uncertain"]]
            for average, classes in (("macro", PRIMARY["classes"]), ("example", 14))
        )
        rows.append((macro, example, metrics["style"]["negatives"]))
    names = ("macro_f1", "example_f1_14", "negatives")
    return dict(zip(names, np.mean(rows, axis=0).tolist(), strict=True))


def reward_arms(run: Run) -> list[str]:
    """The reinforced arms that ran, of the sections in which the scale's own arms are: other
    rewards.
    """
    ran = read_scores(run).arms
    sections = {ARMS[arm].section for arm in run.settings.arms}
    return [arm for arm in settings_table().index if arm in ran and ARMS[arm].section in sections]
