"""Sampled reports of one policy: what each reward would choose among them, and what asserting
likely findings gives.

Label codes of several sampled reports per study (`evaluation/beliefs.py` writes them) -> efficacy
on validation.
"""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import clinical_efficacy, positives
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.reporting.reward_scores import LABEL_REWARDS
from mrg_r1_lib.reporting.schema import SPLIT, name, number, rate
from mrg_r1_lib.reporting.tables import label
from mrg_r1_lib.rewards.counts import COUNTS
from mrg_r1_lib.runs.run import Run

ONE_SAMPLE = "one sample"  # the first sample: the policy without a choice
REWARD_CHOICES = {
    "split": SPLIT,
    "reward": name("the reward that chooses among the samples", (ONE_SAMPLE, *LABEL_REWARDS)),
    "precision": rate("of the chosen reports, primary definition"),
    "recall": rate("of the chosen reports, primary definition"),
    "f1": rate("of the chosen reports, primary definition"),
    "macro_f1": rate("of the chosen reports, macro over 13"),
    "negatives": number("observations per report that are denied"),
}


def reward_choices(run: Run) -> pd.DataFrame:
    """What each reward would choose among SFT's sampled reports of the validation split, by
    REWARD_CHOICES.
    """
    samples, truth = validation_samples(run)
    chosen = best_expected(samples, truth, LABEL_REWARDS)
    return chosen.rename_axis("reward").reset_index().assign(split="validate")


def level_table(run: Run, choices: pd.DataFrame) -> pd.DataFrame:
    """F1 of the run's seed on validation: of the report that a reward chooses among SFT's samples,
    and of the policy that was trained with it; NaN where there is none.

    `choices`: the table `reward_choices`. Rows: SFT (chosen: one sample), each reward, and what the
    vision tower's own head says, where it was saved. Columns chosen, trained.
    """
    rows = {}
    for reward, f1 in choices.set_index("reward")["f1"].items():
        arm = "sft" if reward == ONE_SAMPLE else f"srl_{reward}"
        trained = _chosen_checkpoint(run.of_arm(arm)) if arm in ARMS else np.nan
        rows[label(arm) if arm in ARMS else reward] = {"chosen": f1, "trained": trained}
    seen = run.of_stage("pretrain").folder / "tower_validation.csv"
    of_reports = pd.read_csv(seen).query("not against_index")["f1"] if seen.exists() else []
    if len(of_reports):  # a published policy's tower has no head of its own: the file has no row
        rows["what the vision tower sees"] = {"trained": of_reports.iloc[0]}
    return pd.DataFrame.from_dict(rows, orient="index")


def _chosen_checkpoint(run: Run) -> float:
    """F1 of the evaluation on validation that was chosen."""
    path = run.folder / "validation.csv"
    return pd.read_csv(path).query("chosen")["f1"].iloc[0] if path.exists() else np.nan


def validation_samples(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Codes of SFT's sampled reports `(studies, samples, 14)` and of the references `(studies,
    14)`.

    FileNotFoundError names the command that samples. Reads the corpus.
    """
    path = run.of_arm("sft").folder / "beliefs.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"No sampled reports: {path}. Run notebooks/04_reward_ablations.ipynb first."
        )
    studies = load_split(run.corpus, "validate", run.settings)
    truth = load_labeler(run.settings.judge)([study.findings for study in studies])
    codes = pd.read_csv(path)[list(OBSERVATIONS)].to_numpy(np.int8)
    return codes.reshape(len(truth), -1, len(OBSERVATIONS)), truth


def best_expected(
    samples: np.ndarray,
    reference: np.ndarray,
    rewards: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]],
) -> pd.DataFrame:
    """Efficacy of the report that each reward would choose: precision, recall, f1, macro_f1,
    negatives.

    `samples` codes `(studies, samples, 14)`, `reference` codes `(studies, 14)`. A reward takes
    codes `(n, 14)` of generated and reference reports and returns `(n,)`; a sample's expected
    reward is its mean against the others.

    >>> edema, nothing = [0] * 4 + [1] + [0] * 9, [0] * 14
    >>> sampled = np.array([[edema, edema, nothing]], dtype=np.int8)
    >>> from mrg_r1_lib.rewards.net_benefit import net_benefit
    >>> table = best_expected(sampled, np.array([edema]), {"net benefit": net_benefit})
    >>> table.loc["net benefit", "recall"]
    np.float64(1.0)
    """
    chosen = {ONE_SAMPLE: samples[:, 0]}
    for title, reward in rewards.items():
        expected = np.stack([_expected(samples, one, reward) for one in range(samples.shape[1])])
        chosen[title] = samples[np.arange(len(samples)), expected.argmax(axis=0)]
    return pd.DataFrame({title: _efficacy(reference, codes) for title, codes in chosen.items()}).T


def _expected(samples: np.ndarray, one: int, reward: Callable) -> np.ndarray:
    """The mean reward of sample `one` of each study against its other samples, `(studies,)`."""
    others = (other for other in range(samples.shape[1]) if other != one)
    values = [np.nan_to_num(reward(samples[:, one], samples[:, other])) for other in others]
    return np.mean(values, axis=0)


def _efficacy(reference: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    negatives = COUNTS["negatives"](labels, reference).mean()
    macro = clinical_efficacy(reference, labels, average="macro")["f1"]
    return clinical_efficacy(reference, labels) | {"macro_f1": macro, "negatives": float(negatives)}


def believed_above(
    samples: np.ndarray, reference: np.ndarray, thresholds: np.ndarray
) -> pd.DataFrame:
    """Efficacy of asserting what more than a share of the samples assert: threshold, precision,
    recall, f1.
    """
    shares = positives(samples).mean(axis=1)
    rows = []
    for threshold in thresholds:
        labels = np.zeros_like(samples[:, 0])
        labels[:, : shares.shape[1]] = np.where(shares > threshold, Label.POSITIVE, Label.BLANK)
        rows.append({"threshold": threshold} | clinical_efficacy(reference, labels))
    return pd.DataFrame(rows)
