"""The hypotheses of `results/PLAN.md` and whether they hold: saved comparisons -> one row each.

What must be true of each stands with its pair in `comparisons.FAMILIES`.
"""

import numpy as np
import pandas as pd

from mrg_r1_lib.reporting.comparisons import FAMILIES, FAMILY, Pair, comparison_table
from mrg_r1_lib.reporting.confirmation import INDEX, compared
from mrg_r1_lib.reporting.schema import AGAINST, ARM, SPLIT, count, difference, flag
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import CONFIRMATION

BESIDE = ("recall", "macro_f1", "sides")
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
    **{measure: difference(f"in {measure} on the same set") for measure in BESIDE[:-1]},
    "sides": difference("in the share of right sides there, against the reference's text"),
    "elsewhere": difference("in F1 on the other sealed set"),
    "holds": flag("whether all that the plan asks of it came out"),
}


def hypothesis_table(run: Run, held_out: pd.DataFrame) -> pd.DataFrame:
    """Each hypothesis on the set that it was planned for, by HYPOTHESES; 0 seeds: not scored."""
    return judged(comparison_table(run), compared(run, held_out))


def judged(test: pd.DataFrame, confirmed: pd.DataFrame) -> pd.DataFrame:
    """Rows by HYPOTHESES from the comparisons on the test split and on the confirmation set."""
    sets = {
        "test": test[test["split"] == "test"],
        CONFIRMATION: confirmed[confirmed["reference"] == INDEX],
    }
    rows = []
    for family, pairs in FAMILIES.items():
        for pair in pairs:
            found = {on: _found(table, pair) for on, table in sets.items()}
            row = {"family": family, **pair._asdict(), **found.pop(pair.on)}
            row["elsewhere"] = found.popitem()[1]["difference"]
            rows.append(row | {"holds": _holds(row, pair)})
    return pd.DataFrame(rows, columns=list(HYPOTHESES))


def _holds(row: dict, pair: Pair) -> bool:
    sure = row["low"] > 0 or not pair.surely
    also = all(row[measure] > value for measure, value in pair.also.items())
    return bool(row["difference"] >= pair.at_least and sure and also)


def _found(table: pd.DataFrame, pair: Pair) -> dict:
    """What a table of comparisons says of a pair: its F1, with interval, and what stands beside."""
    both = (table["arm"] == pair.arm) & (table["against"] == pair.against)
    rows = table[both].set_index("measure")
    beside = rows["difference"].reindex(list(BESIDE)).to_dict()
    if "f1" not in rows.index:
        return {"seeds": 0} | dict.fromkeys(("difference", "low", "high"), np.nan) | beside
    row = rows.loc["f1"]
    ends = {"low": row["corrected_low"], "high": row["corrected_high"]}
    return {"seeds": row["seeds"], "difference": row["difference"]} | ends | beside
