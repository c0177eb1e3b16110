"""Tables of scores, keyed by arm: the numbers of documents, notebooks and figures.

`main_table` keeps each seed's values. `score_table` pools an arm's seeds and holds the one interval
of its primary measure, which README, figure and summary read. Labels are put in by `labelled`, only
where a table is printed or drawn.
"""

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.metrics.bootstrap import Efficacy, interval
from mrg_r1_lib.metrics.clinical_efficacy import (
    AVERAGES,
    MEASURES,
    POSITIVE_CODES,
    PRIMARY,
    clinical_efficacy,
)
from mrg_r1_lib.reporting.schema import (
    ARM,
    HIGH,
    LOW,
    SEED,
    SEEDS,
    SPLIT,
    count,
    name,
    number,
    rate,
)
from mrg_r1_lib.reporting.scores import Scores, read_scores
from mrg_r1_lib.runs.run import Run

KINDS = ("baseline", "policy", "images shuffled", "ceiling")  # of a system, as figures tell apart
CEILINGS = ("reference", "drawn_template")  # they use what no policy has
TEXT_METRICS = ("bleu_1", "bleu_4", "rouge_l", "format_rate")  # that `summary` shows
SUMMARY_PARTS = {"f1": "F1", "precision": "precision", "recall": "recall"}

MAIN = {
    "split": SPLIT,
    "arm": ARM,
    "seed": SEED,
    "metric": name(
        "ce_precision, ce_recall, ce_f1, format_rate; or a name from text, style, attributes, "
        "degeneration of `metrics.json`, such as rouge_l"
    ),
    "average": name("averaging of a CE metric", AVERAGES, empty=True),
    "classes": count("observations that a CE metric counts: 14, 13 or 5", empty=True),
    "uncertain": name("what an uncertain label counts as", tuple(POSITIVE_CODES), empty=True),
    "value": number("the score of this seed"),
}
SCORES = {
    "split": SPLIT,
    "arm": ARM,
    "kind": name("kind of system", KINDS),
    "seeds": SEEDS,
    "value": rate("primary measure: micro F1 over 13 observations, counted over all seeds"),
    "low": rate(LOW),
    "high": rate(HIGH),
    "precision": rate("micro precision over 13, counted over all seeds"),
    "recall": rate("micro recall over 13, counted over all seeds"),
}


def label(arm: str) -> str:
    """The printed name of an arm."""
    return ARMS[arm].label


def labelled(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with printed labels in place of arms: columns arm and against, an axis arm."""
    labels = {arm: label(arm) for arm in ARMS}
    shown = frame.copy()
    for column in {"arm", "against"} & set(frame.columns):
        shown[column] = frame[column].map(labels)
    if "arm" in frame.index.names:
        shown = shown.rename(index=labels, level="arm" if frame.index.nlevels > 1 else None)
    if frame.columns.name == "arm":
        shown = shown.rename(columns=labels)
    return shown


def main_table(run: Run, split: str | None = None) -> pd.DataFrame:
    """Every score of every run: a row per arm, seed, metric and definition, by MAIN.

    Of a split; None: of the test split where the final evaluation was made, else of validation.
    """
    scores = read_scores(run, split)
    rows = []
    for (arm, seed), metrics in scores.metrics.items():
        of = {"split": scores.split, "arm": arm, "seed": seed}
        for row in metrics["clinical_efficacy"]:
            definition = {key: row[key] for key in PRIMARY}
            for part in MEASURES:
                rows.append(of | {"metric": f"ce_{part}"} | definition | {"value": row[part]})
        others = metrics["text"] | metrics["style"] | {"format_rate": metrics["format_rate"]}
        others |= _of_attributes(metrics.get("attributes", {}))
        signs = metrics.get("degeneration", {})  # runs scored before it have none
        others |= {sign.replace(" ", "_"): value for sign, value in signs.items()}
        rows += [of | {"metric": metric, "value": value} for metric, value in others.items()]
    return pd.DataFrame(rows, columns=list(MAIN)).astype({"classes": "Int64"})


def _of_attributes(metrics: dict[str, float | None]) -> dict[str, float]:
    """Rates of `evaluation.attributes` without their counts; runs scored before it have none."""
    rates = ("_accuracy", "_accuracy_stated", "_per_report", "_per_reference")
    named = {name: value for name, value in metrics.items() if name.endswith(rates)}
    return {name: value for name, value in named.items() if value is not None}


def score_table(run: Run, scores: Scores | None = None) -> pd.DataFrame:
    """The primary measure of each arm over all its seeds, with its 95 % interval, by SCORES."""
    scores = scores or read_scores(run)
    rows = []
    for arm in scores.arms:
        codes = scores.codes(arm)
        statistic, draws = Efficacy(**PRIMARY), run.settings.resamples
        row = {"split": scores.split, "arm": arm, "kind": kind(arm), "seeds": len(codes)}
        row |= interval(scores.truth, codes, statistic, resamples=draws)._asdict()
        rows.append(row | pooled(scores.truth, codes))
    return pd.DataFrame(rows, columns=list(SCORES))


def pooled(truth: np.ndarray, codes: np.ndarray) -> dict[str, float]:
    """Primary precision, recall and f1 of codes `(seeds, studies, 14)`, counted over seeds."""
    truth = np.broadcast_to(truth, codes.shape)
    return clinical_efficacy(truth.reshape(-1, 14), codes.reshape(-1, 14), **PRIMARY)


def kind(arm: str) -> str:
    """Which of KINDS an arm is."""
    if arm in CEILINGS:
        return "ceiling"
    stage = ARMS[arm].stage
    return {"baseline": stage, "shuffled": "images shuffled"}.get(stage, "policy")


def main_study(table: pd.DataFrame, scale_arms: tuple[str, ...]) -> pd.DataFrame:
    """The rows of arms that are in the default study: of SRL, the scale's arms and their twins."""
    beside = {arm for arm, each in ARMS.items() if each.stage == "srl"} - set(scale_arms)
    twins = {arm for arm, each in ARMS.items() if each.stage == "shuffled" and each.start in beside}
    return table[~table["arm"].isin(beside | twins)]


def summary(main: pd.DataFrame, scores: pd.DataFrame | None = None) -> pd.DataFrame:
    """A row per arm: CE F1 by definition, text metrics, format rate, as means over seeds.

    With `scores` (of `score_table`) the primary F1, precision and recall are those counted over all
    seeds.
    """
    ce = main[main["metric"].str.startswith("ce_") & (main["uncertain"] == PRIMARY["uncertain"])]
    metric = ce["metric"].str.removeprefix("ce_").str.replace("f1", "F1")
    ce = ce.assign(column=metric + " " + ce["average"] + "-" + ce["classes"].astype(str))
    text = main[main["metric"].isin(TEXT_METRICS)].assign(column=lambda rows: rows["metric"])
    table = pd.concat([ce, text]).pivot_table(
        index="arm", columns="column", values="value", aggfunc="mean", sort=False
    )
    primary = {part: f"{title} micro-13" for part, title in SUMMARY_PARTS.items()}
    if scores is not None:
        counted = scores.set_index("arm").rename(columns={"value": "f1"})
        for part, column in primary.items():
            table[column] = counted[part]
    others = ["F1 macro-13", "F1 example-14", "F1 micro-14", "F1 micro-5", *TEXT_METRICS]
    return table[[*primary.values(), *others]]
