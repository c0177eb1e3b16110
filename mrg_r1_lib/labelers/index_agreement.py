"""Do findings know left from right? Their attributes against the hand-made index, on real reports.

The index names sides, zones and sizes ("Pleural Effusion/left/small"); it was made by hand and
knows no labeler. Each term is looked up among the findings that the report asserts under its name.
Silence of the report is counted apart from disagreement.
"""

from collections.abc import Sequence

import pandas as pd

from mrg_r1_lib.labelers.details import load_words
from mrg_r1_lib.labelers.findings import Finding, findings_of
from mrg_r1_lib.study import IndexTerm, Study

ATTRIBUTES = ("side", "zone", "size")
COUNTS = ("terms", "named", "found", "stated", "index_values", "report_values", "shared")
RATES = {
    "stated_rate": ("stated", "found"),
    "recall": ("shared", "index_values"),
    "precision": ("shared", "report_values"),
}
_BOTH = frozenset(("left", "right"))


def attribute_agreement(studies: Sequence[Study]) -> pd.DataFrame:
    """One row per attribute, over the FINDINGS and IMPRESSION of n studies.

    terms: of the index that name the attribute; named: of these, terms for which findings have a
    name; found: the report asserts that finding; stated: and names the attribute. Then values, of
    each finding in each study that both sides describe: index_values, report_values, shared, and
    the rates stated / found, shared / index_values (recall) and shared / report_values (precision).
    """
    counts = {name: dict.fromkeys(COUNTS, 0) for name in ATTRIBUTES}
    for study in studies:
        terms = [term for term in study.index_terms or () if _values(term)]
        if terms:
            _add_study(counts, terms, findings_of(f"{study.findings}\n\n{study.impression}"))
    table = pd.DataFrame.from_dict(counts, orient="index").rename_axis("attribute").reset_index()
    for rate, (part, whole) in RATES.items():
        table[rate] = table[part] / table[whole].where(table[whole] > 0)
    return table


def _add_study(
    counts: dict[str, dict[str, int]], terms: Sequence[IndexTerm], findings: Sequence[Finding]
) -> None:
    indexed: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    said: dict[tuple[str, tuple[str, ...]], set[str]] = {}
    for term in terms:
        names = names_of(term)
        same = [each for each in findings if each.asserted and each.what in names]
        for attribute, value in _values(term).items():
            row, key = counts[attribute], (attribute, names)
            said[key] = _said(same, attribute)
            indexed.setdefault(key, set()).update(_BOTH if value == "bilateral" else {value})
            row["terms"] += 1
            row["named"] += bool(names)
            row["found"] += bool(same)
            row["stated"] += bool(said[key])
    for (attribute, names), values in indexed.items():
        report = said[attribute, names]
        if report:
            counts[attribute]["index_values"] += len(values)
            counts[attribute]["report_values"] += len(report)
            counts[attribute]["shared"] += len(values & report)


def names_of(term: IndexTerm) -> tuple[str, ...]:
    """The names that findings have for an index term: its observations, else its heading's row."""
    other = load_words().headings.get(term.term.partition("/")[0])
    return term.observations or ((other,) if other else ())


def _values(term: IndexTerm) -> dict[str, str]:
    values = {name: getattr(term, name) for name in ATTRIBUTES}
    return {name: value for name, value in values.items() if value}


def _said(findings: Sequence[Finding], attribute: str) -> set[str]:
    """The values that findings give an attribute; "bilateral" is left and right."""
    said = {value for each in findings for value in getattr(each, attribute).split("/") if value}
    return (said | _BOTH if "bilateral" in said else said) - {"bilateral", "elsewhere"}
