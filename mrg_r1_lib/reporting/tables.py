"""Tables from saved scores: every number of README, notebooks and figures comes through here.

Reads `metrics.json` and `labels_per_study.csv` of the runs below `<results>/<scale>/`; needs neither torch nor a corpus.
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import ARMS, load_scale
from mrg_r1_lib.metrics.bootstrap import Efficacy, interval, paired_bootstrap
from mrg_r1_lib.metrics.clinical_efficacy import per_observation
from mrg_r1_lib.observations import OBSERVATIONS

PRIMARY = {
    "average": "micro",
    "classes": 13,
    "uncertain": "positive",
}  # named before any test split was scored


def run_folders(results: Path, scale: str, corpus: str = "iu_xray") -> dict[tuple[str, int], Path]:
    """(arm, seed) -> folder of every run with scores, in the order of the ladder."""
    folders = {}
    for arm in ARMS:
        for folder in sorted((Path(results) / scale / corpus / arm).glob("seed*")):
            if (folder / "metrics.json").exists():
                folders[arm, int(folder.name.removeprefix("seed"))] = folder
    return folders


def read_labels(folder: Path) -> pd.DataFrame:
    """The label codes of one run, indexed by study_id."""
    return pd.read_csv(
        folder / "labels_per_study.csv",
        index_col="study_id",
        dtype={name: np.int8 for name in OBSERVATIONS},
    )


def reference_labels(results: Path, scale: str, corpus: str = "iu_xray") -> pd.DataFrame:
    """The labeler's reading of the references; FileNotFoundError names the notebook that writes it."""
    folder = Path(results) / scale / corpus / "reference" / "seed0"
    if not (folder / "labels_per_study.csv").exists():
        raise FileNotFoundError(
            f"No reference labels in {folder}. Run notebooks/01_data_preparation.ipynb with the same SCALE and RESULTS first."
        )
    return read_labels(folder)


def aligned_labels(folder: Path, reference: pd.DataFrame) -> np.ndarray:
    """The label codes of one run in the order of the reference's studies; ValueError if they are not the same studies."""
    labels = read_labels(folder)
    if set(labels.index) != set(reference.index):
        raise ValueError(
            f"{folder} was scored on {len(labels)} studies, the reference has {len(reference)}, and they are not the same: "
            f"it comes from other settings. Run it again, or move the folder away."
        )
    return labels.loc[reference.index].to_numpy()


def main_table(results: Path, scale: str, corpus: str = "iu_xray") -> pd.DataFrame:
    """One row a system, seed, metric and definition: system, seed, metric, average, classes, uncertain, value, low, high.

    The 95 % intervals (over studies) are given for F1 in the primary definition; elsewhere low and high are empty.
    """
    reference = reference_labels(results, scale, corpus)
    resamples = load_scale(scale).resamples
    rows = []
    for (arm, seed), folder in run_folders(results, scale, corpus).items():
        name = {"system": ARMS[arm].label, "seed": seed}
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        for row in metrics["clinical_efficacy"]:
            definition = {key: row[key] for key in PRIMARY}
            rows += [
                name | {"metric": f"ce_{part}"} | definition | {"value": row[part]}
                for part in ("precision", "recall", "f1")
            ]
            if definition == PRIMARY:
                labels = aligned_labels(folder, reference)
                _, low, high = interval(
                    reference.to_numpy(), labels, Efficacy(**PRIMARY), resamples=resamples
                )
                rows[-1] |= {"low": low, "high": high}
        others = metrics["text"] | metrics["style"] | {"format_rate": metrics["format_rate"]}
        rows += [name | {"metric": metric, "value": value} for metric, value in others.items()]
    columns = [
        "system",
        "seed",
        "metric",
        "average",
        "classes",
        "uncertain",
        "value",
        "low",
        "high",
    ]
    table = pd.DataFrame(rows, columns=columns)
    return table.astype({"classes": "Int64"})


def main_study(main: pd.DataFrame, scale: str) -> pd.DataFrame:
    """The rows of a main table that are of the default study: not the reinforced arms that only the ablation compares."""
    arms = load_scale(scale).arms
    beside = {arm for arm, experiment in ARMS.items() if experiment.stage == "srl"} - set(arms)
    labels = [
        each.label
        for arm, each in ARMS.items()
        if arm in beside or (each.stage == "shuffled" and each.start in beside)
    ]
    return main[~main["system"].isin(labels)]


def summary(main: pd.DataFrame) -> pd.DataFrame:
    """The main table as people read it: a row a system (mean over seeds), CE F1 by definition, text metrics, format rate."""
    ce = main[main["metric"].str.startswith("ce_") & (main["uncertain"] == "positive")].copy()
    ce["column"] = (
        ce["metric"].str.removeprefix("ce_").str.replace("f1", "F1")
        + " "
        + ce["average"]
        + "-"
        + ce["classes"].astype(str)
    )
    shown = [
        "F1 micro-13",
        "precision micro-13",
        "recall micro-13",
        "F1 macro-13",
        "F1 example-14",
        "F1 micro-14",
        "F1 micro-5",
    ]
    others = main[main["metric"].isin(["bleu_1", "bleu_4", "rouge_l", "format_rate"])].assign(
        column=lambda rows: rows["metric"]
    )
    both = pd.concat([ce[ce["column"].isin(shown)], others])
    table = both.pivot_table(
        index="system", columns="column", values="value", aggfunc="mean", sort=False
    )
    return table[[*shown, "bleu_1", "bleu_4", "rouge_l", "format_rate"]]


def score_table(main: pd.DataFrame) -> pd.DataFrame:
    """The primary measure as a figure shows it, means over seeds: system, value, low, high, kind of system."""
    chosen = main[(main["metric"] == "ce_f1") & main["low"].notna()]
    scores = chosen.groupby("system", sort=False)[["value", "low", "high"]].mean().reset_index()
    return scores.assign(
        kind=scores["system"].map(
            {experiment.label: _kind(arm) for arm, experiment in ARMS.items()}
        )
    )


def precision_recall_table(main: pd.DataFrame) -> pd.DataFrame:
    """Precision and recall in the primary definition, means over seeds: system, precision, recall.

    Without the reference, which stands at (1, 1), and the twins, which stand near (0, 0).
    """
    chosen = main[(main[list(PRIMARY)] == pd.Series(PRIMARY)).all(axis="columns")]
    aside = chosen["system"].str.endswith("images shuffled") | (
        chosen["system"] == ARMS["reference"].label
    )
    table = (
        chosen[~aside]
        .pivot_table(index="system", columns="metric", values="value", sort=False)
        .reset_index()
    )
    return table.rename(columns={"ce_precision": "precision", "ce_recall": "recall"})


def _kind(arm: str) -> str:
    if ARMS[arm].stage == "shuffled":
        return "images shuffled"
    if arm in ("reference", "drawn_template"):
        return "ceiling"
    return "trivial" if ARMS[arm].stage == "baseline" else "policy"


def comparison_table(
    results: Path, scale: str, arms: tuple[str, ...], baseline: str = "sft", corpus: str = "iu_xray"
) -> pd.DataFrame:
    """Each arm minus `baseline`, paired by study: system, against, difference of the primary measure, low, high, p, seeds.

    Uses the seeds that both systems have; an arm without a common seed has an empty row, not none.
    """
    reference = reference_labels(results, scale, corpus)
    folders = run_folders(results, scale, corpus)
    rows = []
    for arm in arms:
        seeds = sorted(
            seed for name, seed in folders if name == arm and (baseline, seed) in folders
        )
        row: dict = {
            "system": ARMS[arm].label,
            "against": ARMS[baseline].label,
            "seeds": len(seeds),
        }
        if seeds:
            first, second = (
                np.stack([aligned_labels(folders[name, seed], reference) for seed in seeds])
                for name in (arm, baseline)
            )
            result = paired_bootstrap(
                reference.to_numpy(),
                first,
                second,
                Efficacy(**PRIMARY),
                resamples=load_scale(scale).resamples,
            )
            row |= {
                "difference": result.difference,
                "low": result.low,
                "high": result.high,
                "p": result.p,
            }
        rows.append(row)
    return pd.DataFrame(
        rows, columns=["system", "against", "difference", "low", "high", "p", "seeds"]
    )


def observation_table(
    results: Path, scale: str, arms: tuple[str, ...], corpus: str = "iu_xray"
) -> pd.DataFrame:
    """Precision, recall and F1 of each observation: system, seed, observation, support, precision, recall, f1."""
    reference = reference_labels(results, scale, corpus)
    frames = []
    for (arm, seed), folder in run_folders(results, scale, corpus).items():
        if arm in arms:
            frame = per_observation(reference.to_numpy(), aligned_labels(folder, reference))
            frames.append(frame.assign(system=ARMS[arm].label, seed=seed))
    return pd.concat(frames, ignore_index=True)


def training_logs(
    results: Path, scale: str, arms: tuple[str, ...], corpus: str = "iu_xray"
) -> pd.DataFrame:
    """The training logs of several arms under each other, with the columns system and seed."""
    frames = []
    for (arm, seed), folder in run_folders(results, scale, corpus).items():
        if arm in arms and (folder / "train_log.csv").exists():
            frames.append(
                pd.read_csv(folder / "train_log.csv").assign(system=ARMS[arm].label, seed=seed)
            )
    if not frames:
        raise FileNotFoundError(
            f"No training log of {', '.join(arms)} below {Path(results) / scale}. "
            f"Run notebooks/03_semantic_reinforcement_learning.ipynb with one of these arms as EXPERIMENT first."
        )
    return pd.concat(frames, ignore_index=True)


def readable_log(log: pd.DataFrame) -> pd.DataFrame:
    """An SRL training log with its rewards by their own names, tokens, and precision and recall of the sampled reports.

    Precision and recall are of running sums over 15 steps: a single step asserts little.
    """
    named = {
        column: column.split("/")[1]
        for column in log
        if column.startswith("rewards/") and column.endswith("/mean")
    }
    log = log.rename(columns=named | {"completions/mean_length": "tokens"})
    sums = log[["hits", "positives", "wanted"]].rolling(15, 1).sum()
    return log.assign(
        precision=sums["hits"] / sums["positives"], recall=sums["hits"] / sums["wanted"]
    )


def validation_logs(
    results: Path, scale: str, arms: tuple[str, ...], corpus: str = "iu_xray"
) -> pd.DataFrame:
    """Several arms' looks at the validation split under each other: their columns, system, seed, share (of training)."""
    frames = []
    for (arm, seed), folder in run_folders(results, scale, corpus).items():
        if arm in arms and (folder / "validation.csv").exists():
            looks = pd.read_csv(folder / "validation.csv")
            share = looks["step"] / looks["step"].max()
            frames.append(looks.assign(share=share, system=ARMS[arm].label, seed=seed))
    return pd.concat(frames, ignore_index=True)


def movement_table(results: Path, scale: str, corpus: str = "iu_xray") -> pd.DataFrame:
    """What training did, a row a trained run: loss, reward and their direction, KL at the first step, tensors that changed.

    First and last are means over the first and the last quarter of the steps; reward and KL are NaN for supervised runs. Of
    pretraining the steps on reports count: those before only name, and two kinds of text have two kinds of loss.
    """
    rows = []
    for (arm, seed), folder in run_folders(results, scale, corpus).items():
        if not (folder / "train_log.csv").exists():
            continue
        log = pd.read_csv(folder / "train_log.csv")
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        trained = manifest[f"{ARMS[arm].stage}"]
        if ARMS[arm].stage == "pretrain":
            log = log.tail(
                math.ceil(manifest["scale"]["phantom_reports"] / manifest["scale"]["batch_size"])
            )
        quarter = max(1, len(log) // 4)
        row = {"system": ARMS[arm].label, "seed": seed, "steps": len(log)}
        for name in ("loss", "reward"):
            values = log[name] if name in log else pd.Series([np.nan] * len(log))
            row |= {
                f"{name}_first": values[:quarter].mean(),
                f"{name}_last": values[-quarter:].mean(),
            }
        row["kl_first"] = log["kl"].iloc[0] if "kl" in log else np.nan
        rows.append(
            row | {key: trained[key] for key in ("trained_tensors", "changed_tensors", "seconds")}
        )
    return pd.DataFrame(rows)
