"""Sampled label frequencies ("beliefs") of a policy, and the report that each reward prefers.

The policy samples several reports per validation study. An observation's belief is its share of the
sampled reports. For each reward, one sample is chosen: the one with the best mean reward when the
others serve as references (minimum Bayes risk). This shows the direction of a reward for equal
detection; training uses the references instead.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import torch

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import clinical_efficacy, positives
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.policies.generation import generate
from mrg_r1_lib.policies.load_save import load_policy
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.rewards.counts import COUNTS
from mrg_r1_lib.runs.processes import processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked
from mrg_r1_lib.training.trainer import command_line, prepare

SAMPLES = 16  # reports per study, at temperature 1
BATCH_SIZE = 16  # studies
SPLIT = "validate"


def sample_labels(run: Run) -> np.ndarray:
    """Label codes `(studies, SAMPLES, 14)` of reports that the run's policy sampled on validation.

    Saved as `beliefs.csv` in the run's folder, one row per report (study's row, 14 codes). A
    finished file is loaded, and so is a file from another machine without its policy. The run's
    seed drives sampling. FileNotFoundError names the notebook if neither exists.
    """
    (path,) = run.outputs("beliefs")
    if not run.finished("beliefs") and (run.finished("train") or not path.exists()):
        folder = run.require_policy("02_supervised_finetuning")
        prepare(run)
        judge = load_labeler(run.settings.judge)
        studies = load_split(run.corpus, SPLIT, run.settings)
        with locked(run.folder):
            model, processor = load_policy(folder)
            model.to(processes().device)
            length = run.settings.max_completion_length
            torch.manual_seed(run.seed)
            written = generate(model, processor, studies, length, BATCH_SIZE, SAMPLES)
            labels = judge([parse_completion(text).report for text in written])
            table = pd.DataFrame(labels, columns=list(OBSERVATIONS))
            table.insert(0, "study", np.arange(len(table)) // SAMPLES)
            run.save_table("beliefs.csv", table)
            run.update_manifest("beliefs")
            run.mark_finished("beliefs")
    codes = pd.read_csv(path)[list(OBSERVATIONS)].to_numpy(np.int8)
    return codes.reshape(-1, SAMPLES, len(OBSERVATIONS))


def best_expected(
    samples: np.ndarray,
    reference: np.ndarray,
    rewards: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]],
) -> pd.DataFrame:
    """Efficacy of the reports that each reward chooses, one row per reward.

    Columns: precision, recall, f1, macro_f1, negatives. The first row is each study's first sample.
    `samples` are codes `(studies, samples, 14)`, `reference` codes `(studies, 14)`. A reward takes
    codes `(n, 14)` of generated and reference reports and returns `(n,)`.

    >>> from mrg_r1_lib.rewards.net_benefit import net_benefit
    >>> edema, nothing = [0] * 4 + [1] + [0] * 9, [0] * 14
    >>> samples = np.array([[nothing, edema, edema]], dtype=np.int8)
    >>> best_expected(samples, np.array([edema]), {"net benefit": net_benefit})["recall"].tolist()
    [0.0, 1.0]
    """
    chosen = {"one sample": samples[:, 0]}
    for name, reward in rewards.items():
        best = _expected(samples, reward).argmax(axis=1)
        chosen[name] = samples[np.arange(len(samples)), best]
    return pd.DataFrame({name: _efficacy(reference, labels) for name, labels in chosen.items()}).T


def _expected(
    samples: np.ndarray, reward: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> np.ndarray:
    """Each sample's mean reward with the other samples as references, `(studies, samples)`."""
    count = samples.shape[1]
    expected = np.zeros(samples.shape[:2])
    for one in range(count):
        others = [samples[:, other] for other in range(count) if other != one]
        rewards = [np.nan_to_num(reward(samples[:, one], other)) for other in others]
        expected[:, one] = np.mean(rewards, axis=0)
    return expected


def _efficacy(reference: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    negatives = COUNTS["negatives"](labels, reference).mean()
    macro = clinical_efficacy(reference, labels, average="macro")["f1"]
    return clinical_efficacy(reference, labels) | {"macro_f1": macro, "negatives": float(negatives)}


def believed_above(
    samples: np.ndarray, reference: np.ndarray, thresholds: np.ndarray
) -> pd.DataFrame:
    """Clinical efficacy of asserting the observations whose belief is above a threshold.

    Columns: threshold, precision, recall, f1.
    """
    beliefs = positives(samples).mean(axis=1)
    rows = []
    for threshold in thresholds:
        labels = np.zeros_like(samples[:, 0])
        labels[:, : beliefs.shape[1]] = np.where(beliefs > threshold, Label.POSITIVE, Label.BLANK)
        rows.append({"threshold": threshold} | clinical_efficacy(reference, labels))
    return pd.DataFrame(rows)


if __name__ == "__main__":
    command_line(sample_labels, __doc__)
