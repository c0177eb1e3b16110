"""The hypotheses of `results/PLAN.md` and whether they hold: saved comparisons -> one row each."""

import numpy as np
import pandas as pd

from mrg_r1_lib.reporting.comparisons import FAMILIES, FAMILY, comparison_table
from mrg_r1_lib.reporting.confirmation import INDEX, compared
from mrg_r1_lib.reporting.schema import AGAINST, ARM, SPLIT, count, difference, flag
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import CONFIRMATION

HYPOTHESES = {
    "family": FAMILY,
    "arm": ARM,
    "against": AGAINST,
    "on": SPLIT,
    "at_least": difference("in F1 that was planned"),
    "surely": flag("whether its interval must lie above 0, too"),
    "seeds": count("seeds that both arms have"),
    "difference": difference("in F1 that came out; on the confirmation set against the index"),
    "low": difference("lower end of its interval, corrected over the family"),
    "high": difference("upper end of the same interval"),
    "holds": flag("whether F1 is as large as planned, and sure; the plan asks more of some"),
}


def hypothesis_table(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """Each hypothesis on the set that it was planned for, by HYPOTHESES; 0 seeds: not scored."""
    return judged(comparison_table(run), compared(run, held_out))


def judged(test: pd.DataFrame, confirmed: pd.DataFrame) -> pd.DataFrame:
    """Rows by HYPOTHESES from the comparisons on the test split and on the confirmation set."""
    index = confirmed[confirmed["reference"] == INDEX]
    rows = []
    for family, pairs in FAMILIES.items():
        for pair in pairs:
            table = index if pair.on == CONFIRMATION else test
            same = (table["arm"] == pair.arm) & (table["against"] == pair.against)
            found = table[same & (table["split"] == pair.on) & (table["measure"] == "f1")]
            rows.append({"family": family, **pair._asdict(), **_found(found), "holds": False})
    table = pd.DataFrame(rows, columns=list(HYPOTHESES))
    sure = ~table["surely"].astype(bool) | (table["low"] > 0)
    return table.assign(holds=(table["difference"] >= table["at_least"]) & sure)


def _found(rows: pd.DataFrame) -> dict:
    if rows.empty:
        return {"seeds": 0} | dict.fromkeys(("difference", "low", "high"), np.nan)
    row = rows.iloc[0]
    ends = {"low": row["corrected_low"], "high": row["corrected_high"]}
    return {"seeds": row["seeds"], "difference": row["difference"]} | ends
