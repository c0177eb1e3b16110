"""Rewards against findings: the score of saved reports under every reward, and where reward and
findings part.

Saved label codes and text scores -> rewards. Training logs -> each arm's own reward beside the F1
of the same reports.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import ARMS, FORMAT
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.reporting.ablations import PAPER
from mrg_r1_lib.reporting.logs import readable_log, training_logs
from mrg_r1_lib.reporting.schema import ARM, SPLIT, name, rate
from mrg_r1_lib.reporting.scores import Scores, read_scores
from mrg_r1_lib.reporting.tables import pooled
from mrg_r1_lib.rewards.counts import COUNTS
from mrg_r1_lib.rewards.label_f1 import positive_f1
from mrg_r1_lib.rewards.mccs import margin_cosine
from mrg_r1_lib.rewards.net_benefit import net_benefit
from mrg_r1_lib.rewards.positive_cosine import positive_cosine
from mrg_r1_lib.runs.run import Run

# codes (n, 14) of generated and reference reports -> (n,); net benefit with equal weights
LABEL_REWARDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cosine": lambda generated, reference: margin_cosine(generated, reference, 0.0),
    "mccs": margin_cosine,
    "positive_cosine": positive_cosine,
    "label_f1": positive_f1,
    "net_benefit": net_benefit,
}
TEXT_REWARDS = {
    "rouge_l": "rouge_l",
    "bleu": "bleu_4",
}  # reward -> the saved score that stands for it
SAVED = ("graded",)  # it reads the reports themselves; the evaluation keeps its mean

REWARD_SCORES = {
    "split": SPLIT,
    "arm": ARM,
    "seeds": name("the seeds, with a space between; SFT has a row for every arm's seeds"),
    **{each: rate(f"mean of {each} over studies and seeds") for each in LABEL_REWARDS},
    **{each: rate(f"mean of {each} over studies and seeds") for each in SAVED},
    "rouge_l": rate("ROUGE-L, mean over studies and seeds"),
    "bleu": rate("corpus BLEU-4, mean over seeds"),
    "f1": rate("primary measure, counted over the seeds"),
}


def reward_score_table(run: Run) -> pd.DataFrame:
    """The score of each arm's held-out reports under every reward, and their F1, by REWARD_SCORES.

    Only finetuned arms, over the seeds that SFT has, too; SFT once more over the seeds of each.
    MCCS and the cosine are means over references that assert anything. A completion without a
    report counts as one that asserts nothing.
    """
    scores = read_scores(run)
    arms = [arm for arm in scores.arms if ARMS[arm].stage in ("sft", "srl")]
    pairs = [(each, *scores.seeds("sft", arm)) for arm in arms for each in ("sft", arm)]
    rows = [
        {"split": scores.split, "arm": arm, "seeds": " ".join(map(str, seeds))}
        | _under_rewards(scores, arm, seeds)
        for arm, *seeds in dict.fromkeys(pairs)
        if seeds
    ]
    return pd.DataFrame(rows, columns=list(REWARD_SCORES))


def _under_rewards(scores: Scores, arm: str, seeds: Sequence[int]) -> dict[str, float]:
    codes, truth = scores.codes(arm, seeds), scores.truth
    saved = [scores.metrics[arm, seed] for seed in seeds]
    row = {
        each: float(np.mean([np.nanmean(reward(labels, truth)) for labels in codes]))
        for each, reward in LABEL_REWARDS.items()
    }
    row |= {each: float(np.mean([one.get(each, np.nan) for one in saved])) for each in SAVED}
    for each, score in TEXT_REWARDS.items():
        row[each] = float(np.mean([one["text"][score] for one in saved]))
    return row | {"f1": pooled(truth, codes)["f1"]}


def since_start(run: Run, arms: Sequence[str], window: int = 25) -> pd.DataFrame:
    """How far each arm's own reward and the F1 of its sampled reports have moved along training:
    step, arm, seed, measure, change.

    Running means over at most `window` steps; the start is the mean of a fifth of the first window.
    The measures have different scales: compare directions, not heights.
    """
    log = training_logs(run, arms)
    frames = []
    for (arm, seed), steps in log.groupby(["arm", "seed"], sort=False):
        for measure, values in _measures(arm, readable_log(steps), window).items():
            values = values.dropna()
            first = values.iloc[0] if len(values) else np.nan
            moved = pd.DataFrame({"step": steps["step"], "change": values - first}).dropna()
            frames.append(moved.assign(arm=arm, seed=seed, measure=measure))
    return pd.concat(frames, ignore_index=True)


def _measures(arm: str, steps: pd.DataFrame, window: int) -> dict[str, pd.Series]:
    fewest = max(1, window // 5)
    sums = steps[["hits", "positives", "wanted"]].rolling(window, fewest).sum()
    return {
        "own reward": own_reward(arm, steps).rolling(window, fewest).mean(),
        "F1 of sampled reports": 2 * sums["hits"] / (sums["positives"] + sums["wanted"]),
    }


def own_reward(arm: str, steps: pd.DataFrame) -> pd.Series:
    """The arm's rewards but the format's, weighed as in training: their sum by the sum of their
    weights.
    """
    weights = {name: weight for name, weight in ARMS[arm].rewards.items() if name not in FORMAT}
    total = sum(weight * steps[name] for name, weight in weights.items())
    return total / sum(weights.values())


def reward_without_findings(run: Run) -> pd.DataFrame:
    """The held-out studies on which MCCS scores its own arm above SFT, which finds as much: most
    gain first.

    A row per study: study_id, row (its place in the split), gain (in MCCS), denials (more than
    SFT's). Found counts positives that the reference has, less others. Of the run's seed; empty
    unless both arms ran with it.
    """
    scores = read_scores(run)
    columns = ["study_id", "row", "gain", "denials"]
    if run.seed not in scores.seeds(PAPER, "sft"):
        return pd.DataFrame(columns=columns)
    truth = scores.truth
    after, before = (scores.codes(arm, [run.seed])[0] for arm in (PAPER, "sft"))
    right = np.where(positives(truth), 1, -1)
    found = ((positives(after).astype(int) - positives(before)) * right).sum(axis=-1)
    gain = np.nan_to_num(margin_cosine(after, truth) - margin_cosine(before, truth))
    denials = COUNTS["negatives"](after, truth) - COUNTS["negatives"](before, truth)
    values = (scores.reference.index, np.arange(len(truth)), gain, denials)
    table = pd.DataFrame(dict(zip(columns, values, strict=True)))
    return table[(found <= 0) & (gain > 0)].sort_values("gain", ascending=False, kind="stable")
