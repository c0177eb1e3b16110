"""The main result from sides that the reward does not know: other references, other studies,
other observations.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from mrg_r1_lib.metrics.bootstrap import paired_bootstrap
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label
from mrg_r1_lib.reporting.comparisons import FAMILY, STATISTICS, entries
from mrg_r1_lib.reporting.schema import (
    AGAINST,
    ARM,
    HIGH,
    LOW,
    SEEDS,
    SPLIT,
    P,
    code,
    count,
    difference,
    flag,
    identifier,
    name,
    number,
    rate,
)
from mrg_r1_lib.reporting.scores import Scores, read_scores
from mrg_r1_lib.reporting.tables import pooled
from mrg_r1_lib.runs.run import Run

AS_PLANNED, INDEX = "as planned", "against the MeSH terms"
NO_DEVICES, NEW = "without Support Devices", "reports not in the training split"
CHECKED = (  # with a scale's arms
    "constant_normal",
    "image_classifier",
    "drawn_template",
    "pretrained",
    "sft",
    "sft_continued",
)
HELD_OUT = {
    "split": SPLIT,
    "study_id": identifier("the corpus's id; of a private corpus the row's number"),
    "verbatim": flag("whether a training study has the same FINDINGS, word for word"),
    **{each: code("of the hand-made index: 1 asserted, 2 absent") for each in OBSERVATIONS},
}
CHECK = name("what is changed", (AS_PLANNED, INDEX, NO_DEVICES, NEW))
SCORED = {
    "split": SPLIT,
    "check": CHECK,
    "studies": count("that the check takes"),
    "arm": ARM,
    "seeds": SEEDS,
    "precision": rate("primary definition under the check"),
    "recall": rate("primary definition under the check"),
    "f1": rate("primary definition under the check"),
    "false_alarms": number("positives per report on studies that are indexed normal"),
}
COMPARED = {
    "split": SPLIT,
    "family": FAMILY,
    "check": CHECK,
    "studies": count("that the check takes"),
    "arm": ARM,
    "against": AGAINST,
    "seeds": SEEDS,
    "difference": difference("in F1 under the check"),
    "low": difference(LOW),
    "high": difference(HIGH),
    "p": P,
}


class Check(NamedTuple):
    """A check's name, the studies it takes, codes of their references `(n, 14)` and of reports
    `(seeds, n, 14)`.
    """

    name: str
    truth: np.ndarray
    codes: np.ndarray


def scored(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """The primary measure of CHECKED and the scale's arms under each check, by SCORED.

    Against the MeSH terms, an observation that the index does not name counts as absent. That is
    certain only where a report is indexed normal, so false alarms on those studies stand beside it.
    """
    scores = read_scores(run)
    rows = []
    for arm in (*CHECKED, *run.settings.arms):
        seeds = scores.seeds(arm)
        for check in checks(scores, held_out, scores.codes(arm)) if seeds else ():
            row = {"split": scores.split, "check": check.name, "studies": len(check.truth)}
            row |= {"arm": arm, "seeds": len(seeds)} | pooled(check.truth, check.codes)
            normal = check.truth[:, NO_FINDING] == Label.POSITIVE
            if check.name == INDEX and normal.any():
                row["false_alarms"] = positives(check.codes[:, normal]).sum(axis=-1).mean()
            rows.append(row)
    return pd.DataFrame(rows, columns=list(SCORED))


def compared(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """The planned differences in F1 under each check, by COMPARED."""
    scores = read_scores(run)
    rows = []
    for family, pair, seeds in entries(scores):
        both = [
            checks(scores, held_out, scores.codes(arm, seeds)) for arm in (pair.arm, pair.against)
        ]
        for one, other in zip(*both, strict=True):
            result = paired_bootstrap(
                one.truth,
                one.codes,
                other.codes,
                STATISTICS["f1"],
                resamples=run.settings.resamples,
            )
            row = {"split": scores.split, "family": family, "check": one.name}
            row |= {"studies": len(one.truth), "arm": pair.arm, "against": pair.against}
            row |= {"seeds": len(seeds)} | result._asdict()
            rows.append(row)
    return pd.DataFrame(rows, columns=list(COMPARED))


def checks(scores: Scores, held_out: pd.DataFrame, codes: np.ndarray) -> Iterator[Check]:
    """Every check of reports with `codes` `(seeds, studies, 14)`; ValueError for other held-out
    studies.
    """
    held_out = held_out[held_out["split"] == scores.split]
    if list(held_out["study_id"]) != list(scores.reference.index):
        raise ValueError(
            "held_out: not the studies of the reference labels, in their order. "
            "Run notebooks/01_data_preparation.ipynb again."
        )
    truth = scores.truth
    yield Check(AS_PLANNED, truth, codes)
    index = held_out[list(OBSERVATIONS)].to_numpy(dtype=np.int8)
    if index.any():
        yield Check(INDEX, index, codes)
    devices = OBSERVATIONS.index("Support Devices")
    without, unsaid = truth.copy(), codes.copy()
    without[..., devices] = unsaid[..., devices] = Label.BLANK
    yield Check(NO_DEVICES, without, unsaid)
    new = np.flatnonzero(~held_out["verbatim"].to_numpy(dtype=bool))
    if len(new):
        yield Check(NEW, truth[new], codes[:, new])


def changed_studies(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """Where SRL and its SFT assert different observations, a row per decision, from labels alone.

    Columns study_id, observation, report and index (whether each asserts it), before (SFT), after
    (SRL), and outcome: found, missed, invented or withdrawn by SRL. It is of the run's seed.
    """
    scores = read_scores(run)
    after, before = (positives(scores.codes(arm, [run.seed])[0]) for arm in ("srl_mccs", "sft"))
    held_out = held_out[held_out["split"] == scores.split]
    wanted, indexed = positives(scores.truth), positives(held_out[list(OBSERVATIONS)].to_numpy())
    places = np.argwhere(after != before)
    table = pd.DataFrame(
        {
            "study_id": scores.reference.index[places[:, 0]],
            "observation": [OBSERVATIONS[column] for column in places[:, 1]],
            "report": wanted[tuple(places.T)],
            "index": indexed[tuple(places.T)],
            "before": before[tuple(places.T)],
            "after": after[tuple(places.T)],
        }
    )
    outcomes = {
        (True, True): "found",
        (True, False): "missed",
        (False, True): "invented",
        (False, False): "withdrawn",
    }
    pairs = zip(table["report"], table["after"], strict=True)
    return table.assign(outcome=[outcomes[pair] for pair in pairs])
