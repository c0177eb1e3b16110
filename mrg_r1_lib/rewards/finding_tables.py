"""The two tables of `graded` that a clinician can edit, read once.

`finding_weights.csv`: a finding's clinical weight and level; the row `*` is of all others, the row
`malposition` of a device that has to be moved. `finding_relations.csv` has three kinds of rows.
`near`: the share of a finding that is right where the other is meant. `general`: the same, and
`one` is a vaguer name of `other`. `denies`: who denies `one` denies `other`, too.
"""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Tables(NamedTuple):
    """Weights by name, shares by pair of names, exact names of a vague one, names by denial."""

    weights: dict[str, float]
    shared: dict[tuple[str, str], float]
    exact: dict[str, tuple[str, ...]]  # of a vague finding the more exact ones
    denies: dict[str, frozenset[str]]


@cache
def load_tables() -> Tables:
    """`finding_weights.csv` and `finding_relations.csv`, read once."""
    weights = {row["finding"]: float(row["weight"]) for row in _rows("finding_weights.csv")}
    shared, exact, denies = {}, {}, {}
    for row in _rows("finding_relations.csv"):
        one, other = row["one"], row["other"]
        if row["kind"] == "denies":
            denies[one] = denies.get(one, frozenset((one,))) | {other}
            continue
        shared[one, other] = shared[other, one] = float(row["shared"])
        if row["kind"] == "general":
            exact[one] = (*exact.get(one, ()), other)
    return Tables(weights, shared, exact, denies)


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))
