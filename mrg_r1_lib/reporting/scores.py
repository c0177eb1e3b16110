"""Saved scores of this project's runs: on which split, by which judge, with which label codes.

Reads `metrics.json` and `labels_per_study.csv` (of validation: with its name) below
`<results>/<scale>/<corpus>/`. Test scores are used where the arm `reference` has them, else
validation's: never both. Rows by different judges are refused. Needs neither torch nor a corpus.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.evaluation.saved_runs import saved_runs
from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.reporting.needed import Missing, missing
from mrg_r1_lib.runs.run import Run, labels_path, scores_path
from mrg_r1_lib.storage.files import RESTORE, read_json


@dataclass(frozen=True)
class Scores:
    """Saved scores of each run, in the order of `ARMS`; `reference` holds codes by study_id."""

    split: str
    reference: pd.DataFrame
    metrics: dict[tuple[str, int], dict]  # (arm, seed) -> its metrics file
    folders: dict[tuple[str, int], Path]
    read: dict[tuple[str, int], np.ndarray] = field(default_factory=dict)  # codes read so far

    @property
    def arms(self) -> list[str]:
        """The arms that were scored with any seed."""
        return list(dict.fromkeys(arm for arm, _ in self.folders))

    @property
    def truth(self) -> np.ndarray:
        """The judge's codes of the references, `(studies, 14)`."""
        return self.reference.to_numpy()

    def seeds(self, *arms: str) -> list[int]:
        """The seeds that all of these arms were scored with."""
        each = [{seed for name, seed in self.folders if name == arm} for arm in arms]
        return sorted(set.intersection(*each))

    def codes(self, arm: str, seeds: Sequence[int] | None = None) -> np.ndarray:
        """The judge's codes of an arm's reports `(seeds, studies, 14)`, by default of all its
        seeds.

        ValueError if a run was scored on other studies than the reference.
        """
        seeds = self.seeds(arm) if seeds is None else seeds
        for key in ((arm, seed) for seed in seeds):
            if key not in self.read:
                self.read[key] = self._codes(self.folders[key])
        return np.stack([self.read[arm, seed] for seed in seeds])

    def _codes(self, folder: Path) -> np.ndarray:
        labels = read_labels(folder, self.split)
        if set(labels.index) != set(self.reference.index):
            raise ValueError(
                f"{folder} was scored on {len(labels)} studies, the reference has "
                f"{len(self.reference)}, and they are not the same: it comes from other settings. "
                f"Run it again, or move the folder away."
            )
        return labels.loc[self.reference.index].to_numpy()


def read_scores(run: Run, split: str | None = None) -> Scores:
    """The saved scores of the scale and corpus that `run` names, on a split (None: `scored_split`).

    Missing names the command to run if nothing was scored; ValueError if judges differ.
    """
    split = split or scored_split(run)
    if not is_scored(run, split):
        raise _no_reference(run)
    folders = {
        key: folder
        for key, folder in run_folders(run).items()
        if scores_path(folder, split).exists()
    }
    metrics = {key: _metrics(folder, split) for key, folder in folders.items()}
    _require_one_judge(metrics, folders)
    return Scores(split, read_labels(_reference(run), split), metrics, folders)


def scored_split(run: Run) -> str:
    """The split of all tables: test if the arm `reference` has test scores, else validate."""
    for split in ("test", "validate"):
        if is_scored(run, split):
            return split
    raise _no_reference(run)


def is_scored(run: Run, split: str) -> bool:
    """Whether the arm `reference`, and so the study, has scores on a split."""
    return scores_path(_reference(run), split).exists()


def _no_reference(run: Run) -> Missing:
    return missing(run, f"Nothing was scored at scale {run.scale} in {run.results / run.scale}")


def require_scores(run: Run) -> None:
    """Missing names the command to run unless SFT and MCCS have scores of this seed."""
    scores = read_scores(run)
    for arm in ("sft", "srl_mccs"):
        if (arm, run.seed) not in scores.folders:
            where = f"on the split {scores.split} in {run.results / run.scale}"
            what = f"{arm} has no scores of seed {run.seed} {where}"
            raise missing(run, what, final=scores.split == "test")


def trained_since(run: Run, split: str) -> list[Run]:
    """The runs that were trained on this machine and whose scores on `split` are of another policy:
    they came with the study.
    """
    scored = [each for each in saved_runs(run) if scores_path(each.folder, split).exists()]
    return [each for each in scored if each.finished("train") and not each.finished(split)]


def run_folders(run: Run) -> dict[tuple[str, int], Path]:
    """(arm, seed) -> folder of every run of the study, in the order of `ARMS`."""
    return {(each.arm, each.seed): each.folder for each in saved_runs(run)}


def read_labels(folder: Path, split: str) -> pd.DataFrame:
    """The label codes of one run, indexed by study_id; ValueError names a damaged file."""
    path, types = labels_path(folder, split), dict.fromkeys(OBSERVATIONS, np.int8)
    try:
        return pd.read_csv(path, index_col="study_id", dtype=types)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. {RESTORE}") from None


def _reference(run: Run) -> Path:
    return run.results / run.scale / run.corpus / "reference" / "seed0"


def _metrics(folder: Path, split: str) -> dict:
    path = scores_path(folder, split)
    metrics = read_json(path)
    if "judge" not in metrics:
        raise ValueError(f"{path} names no judge: older code wrote it. Score this run again.")
    return metrics


def _require_one_judge(metrics: dict, folders: dict[tuple[str, int], Path]) -> None:
    """ValueError names two folders whose reports were read by different judges."""
    first = next(iter(metrics))
    for key, each in metrics.items():
        if each["judge"] != metrics[first]["judge"]:
            raise ValueError(
                f"{folders[first]} was judged by {metrics[first]['judge']!r} and {folders[key]} "
                f"by {each['judge']!r}: scores by different judges cannot stand in one table. "
                f"Score one of them again with the judge of the other."
            )
