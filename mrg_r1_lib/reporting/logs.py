"""Training logs of several runs under each other, and what training did: loss, reward, KL,
weights that moved.
"""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.reporting.needed import missing
from mrg_r1_lib.reporting.schema import ARM, SEED, count, number
from mrg_r1_lib.reporting.scores import run_folders
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import read_json

WINDOW = 15  # steps of a running mean: a single step asserts little
TRAINING = {
    "arm": ARM,
    "seed": SEED,
    "steps": count("optimiser steps that the row is of; of pretraining: those on reports"),
    "loss_first": number("mean loss of the first quarter of these steps, nats"),
    "loss_last": number("mean loss of the last quarter, nats"),
    "reward_first": number("mean reward of the first quarter; SRL only"),
    "reward_last": number("mean reward of the last quarter; SRL only"),
    "kl_first": number("KL at the first step, nats per token: 0 if the reference is the start"),
    "trained_tensors": count("tensors that were trained"),
    "changed_tensors": count("of these, changed by training"),
}


def training_logs(run: Run, arms: Sequence[str]) -> pd.DataFrame:
    """The training logs of several arms under each other, with the columns arm and seed."""
    frames = list(_logs(run, arms, "train_log.csv"))
    if not frames:
        raise missing(run, f"No training log of {', '.join(arms)} in {run.results / run.scale}")
    return pd.concat(frames, ignore_index=True)


def validation_logs(run: Run, arms: Sequence[str]) -> pd.DataFrame:
    """Several arms' evaluations on the validation split: their columns, arm, seed, share (of
    training).
    """
    frames = [
        log.assign(share=log["step"] / log["step"].max())
        for log in _logs(run, arms, "validation.csv")
    ]
    if not frames:
        raise missing(run, f"No validation log of {', '.join(arms)} in {run.results / run.scale}")
    return pd.concat(frames, ignore_index=True)


def _logs(run: Run, arms: Sequence[str], name: str):
    for (arm, seed), folder in run_folders(run).items():
        if arm in arms and (folder / name).exists():
            yield pd.read_csv(folder / name).assign(arm=arm, seed=seed)


def readable_log(log: pd.DataFrame) -> pd.DataFrame:
    """An SRL log with rewards by their own names, tokens, precision and recall of each step's
    sampled reports; NaN where nothing was asserted.
    """
    named = {
        column: column.split("/")[1]
        for column in log
        if column.startswith("rewards/") and column.endswith("/mean")
    }
    log = log.rename(columns=named | {"completions/mean_length": "tokens"})
    return log.assign(precision=log["hits"] / log["positives"], recall=log["hits"] / log["wanted"])


def training_table(run: Run) -> pd.DataFrame:
    """What training did, a row per trained run, by TRAINING.

    Of pretraining the steps on reports count: earlier steps only name observations, which has
    another kind of loss.
    """
    folders = {
        key: folder
        for key, folder in run_folders(run).items()
        if (folder / "train_log.csv").exists()
    }
    rows = [
        {"arm": arm, "seed": seed} | _moved(folder, ARMS[arm].stage)
        for (arm, seed), folder in folders.items()
    ]
    return pd.DataFrame(rows, columns=list(TRAINING))


def _moved(folder: Path, stage: str) -> dict[str, float]:
    log = pd.read_csv(folder / "train_log.csv")
    manifest = read_json(folder / "manifest.json")
    if stage == "pretrain":
        settings = manifest["scale"]["pretrain"]
        log = log.tail(math.ceil(settings["reports"] / settings["batch_size"]))
    quarter = max(1, len(log) // 4)
    row = {"steps": len(log), "kl_first": log["kl"].iloc[0] if "kl" in log else np.nan}
    for name in ("loss", "reward"):
        values = log.get(name, pd.Series(np.nan, log.index))
        row[f"{name}_first"] = values[:quarter].mean()
        row[f"{name}_last"] = values[-quarter:].mean()
    return row | {key: manifest[stage][key] for key in ("trained_tensors", "changed_tensors")}
