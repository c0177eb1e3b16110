"""What thirteen labels cannot see, as metrics: side, zone and size of what was found, and more.

References and generated reports -> findings (`rewards.facts`) -> matched by name, by the same code
as the reward `graded`. An independent check of these attributes is the hand-made index (table
`attribute_agreement`).
"""

from collections.abc import Sequence

from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.rewards.comparison import compare
from mrg_r1_lib.rewards.facts import Fact, facts_of

ATTRIBUTES = ("side", "zone", "size")


def attribute_metrics(reference: Sequence[str], generated: Sequence[str]) -> dict[str, float]:
    """Attributes of matched findings, and findings that labels do not show, over n reports.

    matched: findings of the same name on both sides. For each attribute: named (matched findings
    whose reference names it), stated (of these, the generated report names it, too), right (with
    the same value), accuracy (right / named) and accuracy_stated (right / stated), None for 0 / 0.
    Per report: asserted findings outside the 13, of both sides; findings that are both asserted and
    denied in the generated report and not in the reference. ValueError unless n is the same and
    above 0.

    >>> one = attribute_metrics(["Small left effusion."], ["Small right effusion."])
    >>> one["matched"], one["side_accuracy"], one["size_accuracy"]
    (1, 0.0, 1.0)
    """
    if len(reference) != len(generated) or not reference:
        raise ValueError(
            f"{len(reference)} references and {len(generated)} generated reports: "
            "expected as many of both, and at least one."
        )
    counts = {f"{name}_{what}": 0 for name in ATTRIBUTES for what in ("named", "stated", "right")}
    matched = contradictions = 0
    outside = [0, 0]
    for pair in zip(reference, generated, strict=True):
        one, two = map(facts_of, pair)
        compared = compare(one, two)
        matched += len(compared.matched)
        contradictions += len(compared.contradicted)
        for place, facts in enumerate((one, two)):
            outside[place] += sum(name not in ABNORMALITIES for name, _ in facts.findings)
        for wanted, given in compared.matched:
            _count(counts, _values(wanted), _values(given))
    studies = len(reference)
    return {
        "matched": matched,
        **counts,
        **{f"{name}_accuracy": _rate(counts, name, "named") for name in ATTRIBUTES},
        **{f"{name}_accuracy_stated": _rate(counts, name, "stated") for name in ATTRIBUTES},
        "outside_13_per_reference": outside[0] / studies,
        "outside_13_per_report": outside[1] / studies,
        "contradictions_per_report": contradictions / studies,
    }


def _values(fact: Fact) -> dict[str, frozenset[str]]:
    details = fact.sides.values()
    return {
        "side": frozenset(side for side in fact.sides if side),
        "zone": frozenset().union(*(each.zone for each in details)),
        "size": frozenset(each.size for each in details if each.size),
    }


def _count(
    counts: dict[str, int], wanted: dict[str, frozenset[str]], given: dict[str, frozenset[str]]
) -> None:
    for name in ATTRIBUTES:
        named = bool(wanted[name])
        counts[f"{name}_named"] += named
        counts[f"{name}_stated"] += named and bool(given[name])
        counts[f"{name}_right"] += named and wanted[name] == given[name]


def _rate(counts: dict[str, int], name: str, of: str) -> float | None:
    whole = counts[f"{name}_{of}"]
    return counts[f"{name}_right"] / whole if whole else None
