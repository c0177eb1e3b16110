"""The reward ablation from saved scores: every arm in one table, and whether a reward and the clinical efficacy part.

Reads `metrics.json`, `labels_per_study.csv` and `train_log.csv` of the runs below `<results>/<scale>/`; needs neither torch nor
a corpus. An arm that has not run is a row without values, so that nothing is missing by silence.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.metrics.clinical_efficacy import clinical_efficacy, positives
from mrg_r1_lib.reporting.tables import (
    PRIMARY,
    aligned_labels,
    comparison_table,
    readable_log,
    reference_labels,
    run_folders,
    training_logs,
)
from mrg_r1_lib.rewards.counts import COUNTS
from mrg_r1_lib.rewards.label_f1 import positive_f1
from mrg_r1_lib.rewards.mccs import margin_cosine
from mrg_r1_lib.rewards.net_benefit import net_benefit
from mrg_r1_lib.rewards.positive_cosine import positive_cosine

PAPER = "srl_mccs"
SECTIONS = {  # section of the ablation -> its arms; the paper's own stands first
    "the reward": (
        PAPER,
        "srl_cosine",
        "srl_positive_cosine",
        "srl_label_f1",
        "srl_net_benefit",
        "srl_rouge_l",
        "srl_bleu",
    ),
    "the margin": ("srl_margin_10", "srl_margin_50", "srl_margin_70"),
    "the advantage": ("srl_mccs_unscaled", "srl_net_benefit_scaled", "srl_group_4", "srl_group_16"),
    "the KL term": ("srl_beta_0", "srl_beta_001", "srl_beta_01", "srl_beta_10"),
    "the format": ("srl_mix_50", "srl_mix_100"),
    "the studies": ("srl_all_studies", "srl_label_f1_all_studies", "srl_net_benefit_all_studies"),
    "the start": ("srl_no_sft", "srl_no_sft_mix_100"),
    "without a reward": ("sft", "sft_continued"),
}
ARMS = tuple(arm for arms in SECTIONS.values() for arm in arms)
# codes (n, 14) of generated and reference reports -> (n,); net benefit with equal weights
LABEL_REWARDS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "cosine": lambda generated, reference: margin_cosine(generated, reference, 0.0),
    "mccs": margin_cosine,
    "positive_cosine": positive_cosine,
    "label_f1": positive_f1,
    "net_benefit": net_benefit,
}
CURVES = {  # columns of SRL's training log -> what a figure calls them
    "reward": "weighted reward",
    "kl": "KL to SFT",
    "entropy": "entropy",
    "completions/mean_length": "tokens",
    "frac_reward_zero_std": "equal groups",
}
LOOKS = {  # columns of the looks at the validation split -> the same
    "f1": "F1 (micro, 13)",
    "precision": "precision",
    "recall": "recall",
    "negatives": "negatives a report",
}
TEXT_REWARDS = {
    "rouge_l": "rouge_l",
    "bleu": "bleu_4",
}  # reward -> the saved score that stands for it: mean, corpus score


def settings_table() -> pd.DataFrame:
    """What each arm changes in the paper's: arm, section, system, changes ("margin 0.5"), from `experiments.py` alone."""
    paper = asdict(ARMS[PAPER])
    rows = []
    for section, arms in SECTIONS.items():
        for arm in arms:
            own = asdict(ARMS[arm])
            changed = {
                name: own[name]
                for name in own
                if own[name] != paper[name] and name not in ("label", "stage")
            }
            changes = ", ".join(f"{name} {_shown(value)}" for name, value in changed.items())
            rows.append(
                {"arm": arm, "section": section, "system": own["label"], "changes": changes or "-"}
            )
    return pd.DataFrame(rows).set_index("arm")


def _shown(value: object) -> str:
    return (
        " + ".join(f"{weight:g} {name}" for name, weight in value.items()) or "none"
        if isinstance(value, dict)
        else str(value)
    )


def ablation_table(results: Path, scale: str, corpus: str = "iu_xray") -> pd.DataFrame:
    """Every arm in one row: section, system, seeds, f1, precision, recall, macro_f1, example_f1_14 (over 14 classes, so that
    "No Finding" counts), negatives (means over seeds), and difference, low, high, p of the primary F1 against the paper's
    reward, paired by study over the seeds of both (pairs).

    An arm without a run has 0 seeds and no values; the paper's own has no difference. Means run over an arm's own seeds,
    differences over the shared ones: where those differ, the means do not subtract.
    """
    folders = run_folders(results, scale, corpus)
    scores = pd.DataFrame(
        [{"arm": arm} | _scores(folder) for (arm, _), folder in folders.items() if arm in ARMS]
    )
    means = scores.groupby("arm").mean() if len(scores) else pd.DataFrame()
    others = tuple(arm for arm in ARMS if arm != PAPER)
    against = (
        comparison_table(results, scale, others, baseline=PAPER, corpus=corpus)
        .assign(arm=others)
        .set_index("arm")
    )
    table = settings_table()[["section", "system"]].join(means)
    table.insert(2, "seeds", [sum(name == arm for name, _ in folders) for arm in table.index])
    return table.join(
        against[["difference", "low", "high", "p", "seeds"]].rename(columns={"seeds": "pairs"})
    )


def forest_table(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of an ablation table that have a difference, as a forest shows them: short names with the number of pairs."""
    shown = table.dropna(subset="difference")
    pairs = shown["pairs"].astype(int).astype(str)
    return shown.assign(system=shown["system"].str.removeprefix("SRL, ") + " (" + pairs + ")")


def trained_rewards(results: Path, scale: str, corpus: str = "iu_xray") -> list[str]:
    """The arms of the section "the reward" that ran with any seed."""
    ran = {arm for arm, _ in run_folders(results, scale, corpus)}
    return [arm for arm in SECTIONS["the reward"] if arm in ran]


def _scores(folder: Path) -> dict[str, float]:
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    rows = {
        (row["average"], row["classes"], row["uncertain"]): row
        for row in metrics["clinical_efficacy"]
    }
    micro, macro = (
        rows[average, PRIMARY["classes"], PRIMARY["uncertain"]] for average in ("micro", "macro")
    )
    parts = {name: micro[name] for name in ("f1", "precision", "recall")} | {
        "macro_f1": macro["f1"]
    }
    parts |= {"example_f1_14": rows["example", 14, PRIMARY["uncertain"]]["f1"]}
    return parts | {"negatives": metrics["style"]["negatives"]}


def earned(results: Path, scale: str, corpus: str = "iu_xray") -> pd.DataFrame:
    """What each policy's held-out reports earn under every reward, and their F1: a row an arm that ran, means over seeds.

    Rewards of labels are means over the studies (MCCS over those that assert anything); a completion without a report counts as
    a silent one. ROUGE-L is a mean, too, and BLEU the corpus score. All in [0, 1].
    """
    reference = reference_labels(results, scale, corpus)
    truth = reference.to_numpy()
    rows = []
    for (arm, _), folder in run_folders(results, scale, corpus).items():
        if arm in ARMS:
            labels = aligned_labels(folder, reference)
            text = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["text"]
            row: dict[str, object] = {"system": ARMS[arm].label}
            row |= {
                name: float(np.nanmean(reward(labels, truth)))
                for name, reward in LABEL_REWARDS.items()
            }
            row |= {name: text[score] for name, score in TEXT_REWARDS.items()}
            rows.append(row | {"CE F1": clinical_efficacy(truth, labels, **PRIMARY)["f1"]})
    return pd.DataFrame(rows).groupby("system", sort=False).mean()


def gap_closed(
    results: Path, scale: str, corpus: str = "iu_xray", window: int = 25
) -> pd.DataFrame:
    """Each arm's own reward and the F1 of its sampled reports along training: step, system, seed, measure, closed.

    closed = (value - first) / (1 - first), of running means over at most `window` steps; first: the mean of a fifth of the
    first window, where training has hardly moved. 1 is a perfect report. The two scales differ: directions tell, not heights.
    """
    log = training_logs(results, scale, SECTIONS["the reward"], corpus)
    frames = []
    for (system, seed), steps in log.groupby(["system", "seed"], sort=False):
        clinical = next(name for name in _rewards(system) if name != "report_tags")
        steps = readable_log(steps)
        sums = steps[["hits", "positives", "wanted"]].rolling(window, max(1, window // 5)).sum()
        measures = {
            "own reward": steps[clinical].rolling(window, max(1, window // 5)).mean(),
            "F1 of sampled reports": 2 * sums["hits"] / (sums["positives"] + sums["wanted"]),
        }
        for measure, values in measures.items():
            started = values.dropna()
            closed = (
                (started - started.iloc[0]) / (1 - started.iloc[0]) if len(started) else started
            )
            frames.append(
                pd.DataFrame({"step": steps["step"], "closed": closed})
                .dropna()
                .assign(system=system, seed=seed, measure=measure)
            )
    return pd.concat(frames, ignore_index=True)


def parted(results: Path, scale: str, corpus: str = "iu_xray", seed: int = 0) -> pd.DataFrame:
    """The held-out studies on which MCCS pays its own policy more than SFT though it finds no more, most first.

    A row a study: study_id, row (its place in the split), gain (in MCCS), denials (more than SFT's). Found: positives that the
    reference has, less those that it has not. Empty without both runs of `seed`.
    """
    folders = run_folders(results, scale, corpus)
    if (PAPER, seed) not in folders or ("sft", seed) not in folders:
        return pd.DataFrame(columns=["study_id", "row", "gain", "denials"])
    reference = reference_labels(results, scale, corpus)
    truth = reference.to_numpy()
    after, before = (aligned_labels(folders[arm, seed], reference) for arm in (PAPER, "sft"))
    right = np.where(positives(truth), 1, -1)
    found = ((positives(after).astype(int) - positives(before)) * right).sum(axis=-1)
    gain = np.nan_to_num(margin_cosine(after, truth) - margin_cosine(before, truth))
    denials = COUNTS["negatives"](after, truth) - COUNTS["negatives"](before, truth)
    table = pd.DataFrame(
        {
            "study_id": reference.index,
            "row": np.arange(len(truth)),
            "gain": gain,
            "denials": denials,
        }
    )
    return table[(found <= 0) & (gain > 0)].sort_values("gain", ascending=False, kind="stable")


def _rewards(label: str) -> dict[str, float]:
    return next(each.rewards for each in ARMS.values() if each.label == label)
