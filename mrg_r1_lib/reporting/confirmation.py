"""The confirmation: scores and planned comparisons on studies that no trial had ever scored.

These studies have an IMPRESSION and no FINDINGS, so no policy trained on them. The first reference
is the hand-made index, which no labeler made: what it does not name counts as absent. The second is
the judge's reading of the IMPRESSION, which leaves out more than FINDINGS do.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label
from mrg_r1_lib.reporting.comparisons import COMPARISONS, STATISTICS, comparison_table
from mrg_r1_lib.reporting.schema import name, rate
from mrg_r1_lib.reporting.scores import Scores, is_scored, read_scores
from mrg_r1_lib.reporting.tables import SCORES, score_table
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import CONFIRMATION

INDEX, JUDGE = "hand-made index", "judge on IMPRESSION"
REFERENCE = name("what reports are compared with", (INDEX, JUDGE))
COMPARED = {"reference": REFERENCE, **COMPARISONS}
SCORED = {
    "reference": REFERENCE,
    **SCORES,
    "macro_f1": rate("F1, macro over 13, mean over seeds"),
    "false_alarms": rate("share of normal studies with one of the 13 asserted, over seeds"),
}


def scored(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """The primary measure of each arm on the confirmation set, by SCORED.

    Empty where the set has not been scored.
    """
    tables = []
    for reference, scores in against_both(run, held_out):
        table = score_table(run, scores).assign(reference=reference)
        rows = [_beside(scores, arm) for arm in table["arm"]]
        tables.append(pd.concat([table, pd.DataFrame(rows, index=table.index)], axis=1))
    empty = pd.DataFrame(columns=list(SCORED))
    return pd.concat(tables, ignore_index=True) if tables else empty


def compared(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """The planned comparisons on the confirmation set, by COMPARED.

    Each family is corrected within each reference. Empty where the set has not been scored.
    """
    tables = [
        comparison_table(run, scores).assign(reference=reference)
        for reference, scores in against_both(run, held_out)
    ]
    empty = pd.DataFrame(columns=list(COMPARED))
    return pd.concat(tables, ignore_index=True) if tables else empty


def against_both(run: Run, held_out: pd.DataFrame) -> Iterator[tuple[str, Scores]]:
    """The confirmation set's scores with the index as reference, where there is one; with the
    judge's labels of the IMPRESSIONs.

    ValueError if `held_out` has other studies. Nothing where the set has not been scored.
    """
    if not is_scored(run, CONFIRMATION):
        return
    scores = read_scores(run, CONFIRMATION)
    rows = held_out[held_out["split"] == CONFIRMATION].set_index("study_id")
    if list(rows.index) != list(scores.reference.index):
        raise ValueError(
            "held_out: not the studies of the confirmation set, in their order. "
            "Run notebooks/01_data_preparation.ipynb again."
        )
    index = rows[list(OBSERVATIONS)].astype(np.int8)
    if index.to_numpy().any():
        yield INDEX, replace(scores, reference=index)
    yield JUDGE, scores


def _beside(scores: Scores, arm: str) -> dict[str, float]:
    """Macro F1 and false alarms of an arm, beside its primary measure."""
    codes, truth = scores.codes(arm), scores.truth
    macro = [STATISTICS["macro_f1"](truth, each) for each in codes]
    return {"macro_f1": float(np.mean(macro)), "false_alarms": false_alarms(truth, codes)}


def false_alarms(reference: np.ndarray, codes: np.ndarray) -> float:
    """Share of the studies labelled No Finding in which one of the 13 is asserted; NaN for none.

    Codes of the reference `(studies, 14)` and of the reports `(seeds, studies, 14)`.
    """
    normal = reference[:, NO_FINDING] == Label.POSITIVE
    alarmed = positives(codes[:, normal]).any(axis=-1)
    return float(alarmed.mean()) if normal.any() else np.nan
