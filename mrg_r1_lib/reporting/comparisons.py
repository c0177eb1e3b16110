"""The main result as a sceptic asks for it: planned comparisons, seed by seed, and from sides that the reward does not know.

Saved label codes of the held-out studies -> differences with intervals over seeds and studies together. Which two systems are
compared, and by what, was written down before these policies were scored on the test split. Policies of earlier recipes had
been scored there at seed 0; nothing was chosen by it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import ARMS, load_scale
from mrg_r1_lib.metrics.bootstrap import Efficacy, holm, interval, paired_bootstrap
from mrg_r1_lib.metrics.clinical_efficacy import (
    MEASURES,
    positives,
    precision_recall_f1,
    study_counts,
)
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label
from mrg_r1_lib.reporting.tables import PRIMARY, aligned_labels, reference_labels, run_folders

PLANNED = (("srl_mccs", "sft"), ("srl_mccs", "sft_continued"))
OWN = (
    ("srl_net_benefit", "srl_mccs"),
    ("srl_net_benefit", "srl_label_f1"),
)  # the second family: the reward of this study's own
# the third: the rewards on all studies as they come. The first is a lead of seed 0, seen on the test split and written down
# before seeds 1-4 were trained; the second was written down before label F1 was trained there
OWN_ALL_STUDIES = (
    ("srl_net_benefit_all_studies", "srl_all_studies"),
    ("srl_net_benefit_all_studies", "srl_label_f1_all_studies"),
)
AS_PLANNED = "as planned"
CHECKED = (
    "constant_normal",
    "image_classifier",
    "drawn_template",
    "pretrained",
    "sft",
    "sft_continued",
)  # with a scale's arms


def require_scores(results: Path, scale: str, corpus: str = "iu_xray", seed: int = 0) -> None:
    """FileNotFoundError names the notebook to run first unless reference, SFT and the paper's arm have been scored."""
    reference_labels(results, scale, corpus)
    notebooks = {
        "sft": "02_supervised_finetuning",
        "srl_mccs": "03_semantic_reinforcement_learning",
    }
    scored = run_folders(results, scale, corpus)
    missing = [arm for arm in notebooks if (arm, seed) not in scored]
    if missing:
        raise FileNotFoundError(
            f"No scores of {corpus}/{missing[0]}, seed {seed}, in {Path(results) / scale}. "
            f"Run notebooks/{notebooks[missing[0]]}.ipynb with the same SCALE and RESULTS, and SEED = {seed}, first."
        )


def read_held_out(folder: Path) -> pd.DataFrame:
    """The held-out studies of a summary folder: study_id, verbatim, 14 codes; FileNotFoundError names notebook 01."""
    path = Path(folder) / "tables" / "held_out.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"No table of the held-out studies: {path}. "
            f"Run notebooks/01_data_preparation.ipynb with the same SCALE and RESULTS first."
        )
    return pd.read_csv(path)


def planned_comparisons(
    results: Path, scale: str, corpus: str = "iu_xray", pairs: Sequence[tuple[str, str]] = PLANNED
) -> pd.DataFrame:
    """The planned differences, a row a pair and measure: system, against, measure, difference, low, high, p, p_holm, seeds.

    Measures are F1, precision and recall in the primary definition, and macro_f1; p_holm corrects the p of F1 over the
    `pairs`, the others have none. A pair without a common seed has no row.
    """
    reference = reference_labels(results, scale, corpus).to_numpy()
    rows = []
    statistics = {measure: Efficacy(**PRIMARY, measure=measure) for measure in reversed(MEASURES)}
    statistics["macro_f1"] = Efficacy(**PRIMARY | {"average": "macro"})
    for system, against, seeds, first, second in _pairs(results, scale, corpus, pairs):
        for measure, statistic in statistics.items():
            result = paired_bootstrap(
                reference, first, second, statistic, resamples=load_scale(scale).resamples
            )
            rows.append(
                _named(system, against)
                | {"measure": measure}
                | result._asdict()
                | {"seeds": len(seeds)}
            )
    table = pd.DataFrame(
        rows, columns=["system", "against", "measure", "difference", "low", "high", "p", "seeds"]
    )
    primary = table["measure"] == "f1"
    table.insert(7, "p_holm", np.nan)
    table.loc[primary, "p_holm"] = holm(table.loc[primary, "p"])
    return table


def seed_differences(
    results: Path, scale: str, corpus: str = "iu_xray", pairs: Sequence[tuple[str, str]] = PLANNED
) -> pd.DataFrame:
    """The planned differences of each seed alone: system, against, seed, f1, precision, recall (differences)."""
    reference = reference_labels(results, scale, corpus).to_numpy()
    rows = []
    for system, against, seeds, first, second in _pairs(results, scale, corpus, pairs):
        for seed, one, other in zip(seeds, first, second, strict=True):
            parts = {name: Efficacy(**PRIMARY, measure=name) for name in reversed(MEASURES)}
            difference = {
                name: part(reference, one) - part(reference, other) for name, part in parts.items()
            }
            rows.append(_named(system, against) | {"seed": seed} | difference)
    return pd.DataFrame(rows, columns=["system", "against", "seed", *reversed(MEASURES)])


def checked_scores(
    results: Path, scale: str, held_out: pd.DataFrame, arms: Sequence[str], corpus: str = "iu_xray"
) -> pd.DataFrame:
    """The primary measure under each check: check, studies, system, seeds, precision, recall, f1 (pooled over seeds).

    `held_out` is `data_card.held_out_table`'s. Against the MeSH terms, silence of the index counts as absence, which it is only
    where a report is indexed normal: so false_alarms stands beside it, positives a report on those studies.
    """
    reference = reference_labels(results, scale, corpus)
    rows = []
    for arm in arms:
        seeds, labels = _labels(results, scale, corpus, arm, reference)
        for check, rows_of, wanted, written in (
            _checks(reference, held_out, labels) if seeds else ()
        ):
            counts = study_counts(
                np.broadcast_to(wanted, written.shape), written, 13, "positive"
            ).sum(axis=(0, 1, 3))
            values = precision_recall_f1(counts[:, None])[:, 0]
            row = {
                "check": check,
                "studies": len(rows_of),
                "system": ARMS[arm].label,
                "seeds": len(seeds),
            }
            rows.append(row | dict(zip(MEASURES, values, strict=True)))
            normal = wanted[:, NO_FINDING] == Label.POSITIVE
            if check == "against the MeSH terms" and normal.any():
                rows[-1]["false_alarms"] = positives(written[:, normal]).sum(axis=-1).mean()
    return pd.DataFrame(rows)


def checked_differences(
    results: Path,
    scale: str,
    held_out: pd.DataFrame,
    corpus: str = "iu_xray",
    pairs: Sequence[tuple[str, str]] = PLANNED,
) -> pd.DataFrame:
    """The planned differences in F1 under each check: check, studies, system, against, difference, low, high, p, seeds."""
    reference = reference_labels(results, scale, corpus)
    rows = []
    for system, against, seeds, first, second in _pairs(results, scale, corpus, pairs):
        both = zip(
            _checks(reference, held_out, first), _checks(reference, held_out, second), strict=True
        )
        for (check, rows_of, wanted, one), (*_, other) in both:
            result = paired_bootstrap(
                wanted, one, other, Efficacy(**PRIMARY), resamples=load_scale(scale).resamples
            )
            row = {"check": check, "studies": len(rows_of)} | _named(system, against)
            rows.append(row | result._asdict() | {"seeds": len(seeds)})
    return pd.DataFrame(
        rows,
        columns=[
            "check",
            "studies",
            "system",
            "against",
            "difference",
            "low",
            "high",
            "p",
            "seeds",
        ],
    )


def changed_studies(
    results: Path, scale: str, held_out: pd.DataFrame, corpus: str = "iu_xray", seed: int = 0
) -> pd.DataFrame:
    """Where SRL and its SFT assert different observations, a row a decision: study_id, observation, in the report, in the
    index, SFT, SRL (whether each asserts it), and outcome (found, missed, invented or withdrawn by SRL).

    From labels alone, so that no report is quoted.
    """
    reference = reference_labels(results, scale, corpus)
    folders = run_folders(results, scale, corpus)
    system, against = PLANNED[0]
    one, other = (
        positives(aligned_labels(folders[arm, seed], reference)) for arm in (system, against)
    )
    wanted, indexed = (
        positives(reference.to_numpy()),
        positives(held_out[list(OBSERVATIONS)].to_numpy()),
    )
    outcome = {
        (True, True): "found",
        (True, False): "missed",
        (False, True): "invented",
        (False, False): "withdrawn",
    }
    rows = [
        {
            "study_id": reference.index[study],
            "observation": OBSERVATIONS[column],
            "report": bool(wanted[study, column]),
            "index": bool(indexed[study, column]),
            ARMS[against].label: bool(other[study, column]),
            ARMS[system].label: bool(one[study, column]),
            "outcome": outcome[bool(wanted[study, column]), bool(one[study, column])],
        }
        for study, column in np.argwhere(one != other)
    ]
    labels = ARMS[against].label, ARMS[system].label
    return pd.DataFrame(
        rows, columns=["study_id", "observation", "report", "index", *labels, "outcome"]
    )


def observation_scores(
    results: Path, scale: str, pair: tuple[str, str] = PLANNED[0], corpus: str = "iu_xray"
) -> pd.DataFrame:
    """F1 of each observation alone, after, before and the difference, each with its 95 % interval over seeds and studies
    together: observation, support (positive references), system, value, low, high; of the difference, system is "difference".
    """
    reference, alone = (
        reference_labels(results, scale, corpus).to_numpy(),
        Efficacy(**PRIMARY | {"classes": 14}),
    )
    options = {"statistic": alone, "resamples": load_scale(scale).resamples}
    rows = []
    for system, against, _, first, second in _pairs(results, scale, corpus, [pair]):
        for column, name in enumerate(OBSERVATIONS):
            wanted, one, other = (_only(codes, column) for codes in (reference, first, second))
            values = {
                ARMS[against].label: interval(wanted, other, **options),
                ARMS[system].label: interval(wanted, one, **options),
                "difference": paired_bootstrap(wanted, one, other, **options)[:3],
            }
            row = {"observation": name, "support": int(positives(wanted, 14).sum())}
            rows += [
                row | {"system": label, **dict(zip(("value", "low", "high"), of, strict=True))}
                for label, of in values.items()
            ]
    return pd.DataFrame(rows, columns=["observation", "support", "system", "value", "low", "high"])


def _only(codes: np.ndarray, column: int) -> np.ndarray:
    """Label codes `(…, 14)` with all but one observation blank: micro F1 over them is that observation's."""
    kept = np.full_like(codes, Label.BLANK)
    kept[..., column] = codes[..., column]
    return kept


def _named(system: str, against: str) -> dict[str, str]:
    return {"system": ARMS[system].label, "against": ARMS[against].label}


def _pairs(
    results: Path, scale: str, corpus: str, pairs: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str, list[int], np.ndarray, np.ndarray]]:
    """Each pair with its common seeds and both systems' codes `(seeds, studies, 14)`."""
    reference = reference_labels(results, scale, corpus)
    for system, against in pairs:
        seeds = [
            set(_labels(results, scale, corpus, arm, reference)[0]) for arm in (system, against)
        ]
        common = sorted(seeds[0] & seeds[1])
        if common:
            first, second = (
                _labels(results, scale, corpus, arm, reference, common)[1]
                for arm in (system, against)
            )
            yield system, against, common, first, second


def _labels(
    results: Path,
    scale: str,
    corpus: str,
    arm: str,
    reference: pd.DataFrame,
    seeds: Sequence[int] | None = None,
) -> tuple[list[int], np.ndarray]:
    """The seeds of an arm (or those asked for) and its codes `(seeds, studies, 14)`."""
    folders = {
        seed: folder
        for (name, seed), folder in run_folders(results, scale, corpus).items()
        if name == arm
    }
    chosen = sorted(folders) if seeds is None else list(seeds)
    codes = [aligned_labels(folders[seed], reference) for seed in chosen]
    return chosen, np.stack(codes) if codes else np.empty(
        (0, len(reference), len(OBSERVATIONS)), dtype=np.int8
    )


def _checks(
    reference: pd.DataFrame, held_out: pd.DataFrame, labels: np.ndarray
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Each check: its name, the studies it takes, their reference codes `(studies, 14)` and `(seeds, studies, 14)` written."""
    if list(held_out["study_id"]) != list(reference.index):
        raise ValueError(
            "held_out: not the studies of the reference labels, in their order. Run notebook 01 again."
        )
    everyone, wanted = np.arange(len(reference)), reference.to_numpy()
    yield AS_PLANNED, everyone, wanted, labels
    index = held_out[list(OBSERVATIONS)].to_numpy(dtype=np.int8)
    if index.any():
        yield "against the MeSH terms", everyone, index, labels
    devices = OBSERVATIONS.index("Support Devices")
    without, unsaid = wanted.copy(), labels.copy()
    without[..., devices] = unsaid[..., devices] = Label.BLANK
    yield "without Support Devices", everyone, without, unsaid
    new = np.flatnonzero(~held_out["verbatim"].to_numpy(dtype=bool))
    yield "reports that training has not", new, wanted[new], labels[:, new]
