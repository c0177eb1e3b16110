"""Two reports side by side: which findings are matched and how well, which are invented or denied.

A finding that both reports name is matched. A reference's finding that is left over may be matched
by a related one ("opacity" for "pneumonia"), at the share that `finding_relations.csv` gives. A
match is worth 1 if side, zone, size, measure, acuity, change and position agree. Missing details
lose a part of it, contradicting ones more.
"""

from typing import NamedTuple

from mrg_r1_lib.labelers.details import SIZES
from mrg_r1_lib.labelers.findings import DEVICES
from mrg_r1_lib.rewards.claims import WRONG, Details
from mrg_r1_lib.rewards.facts import Fact, Facts, denies
from mrg_r1_lib.rewards.finding_tables import load_tables

THERE = 0.5  # part of a finding's credit for being there, beside the parts of its details
PARTS = {  # attribute -> its part, and what a contradiction in it leaves of the whole
    "side": (0.25, 0.4),
    "size": (0.25, 0.4),
    "zone": (0.15, 0.6),
    "measure": (0.2, 0.5),
    "amount": (0.2, 0.5),
    "position": (0.25, 0.5),
    "acuity": (0.1, 0.6),
    "change": (0.1, 0.6),
}
UNSTATED = 0.5  # of an attribute's part, where the generated report does not name it
UNASKED = 0.9  # what a detail that the reference does not give leaves
CERTAINTY = 0.85  # what is left where one report doubts and the other asserts
OTHER_DEVICE = 0.3  # share of a device of another kind
CLOSE, NEAR = 1.25, 1.6  # ratios of two measures: the same, and half of the part
_GOOD = frozenset(("good",))
_SETS = ("zone", "position", "acuity", "change")
_PLACES = ("zone", "size", "measure", "amount")  # what nobody should add

Key = tuple[str, str]


class Comparison(NamedTuple):
    """What the generated report makes of the reference's findings, and what it adds."""

    credits: list[tuple[Fact, float]]  # each finding of the reference, in [0, 1]
    invented: list[tuple[Fact, float]]  # of the generated report, and the share that is invented
    denied: list[Fact]  # findings of the reference that the generated report denies
    matched: list[tuple[Fact, Fact]]  # reference's and generated, of the same name
    contradicted: frozenset[Key]  # names that the generated report asserts and denies


def compare(reference: Facts, generated: Facts) -> Comparison:
    """Match the findings of two reports, `facts_of` each."""
    wanted, given = reference.findings, generated.findings
    own = reference.contradicted
    contradicted = generated.contradicted - own
    same = [key for key in wanted if key in given]
    credits = {key: _credit(wanted[key], given[key], contradicted) for key in same}
    spared = {key: 0.0 if key in contradicted else 1.0 for key in same}
    for key in reference.history:  # "after sternotomy": who finds wires invents nothing
        wires = [each for each in given if each[0] == DEVICES and key[0] != DEVICES]
        spared |= {each: max(spared.get(each, 0.0), related(key, each)) for each in wires}
        spared |= {key: 1.0} if key in given else {}
    used = set(same)
    for share, key, other in _related(wanted, given):
        if other not in contradicted:
            spared[other] = max(spared.get(other, 0.0), share)
        if key not in credits and other not in used:
            credits[key] = share * _credit(wanted[key], given[other], contradicted)
            used.add(other)
    missed = [fact for key, fact in wanted.items() if key not in credits and key not in own]
    denied = [fact for fact in missed if any(denies(each, fact) for each in generated.denials)]
    return Comparison(
        [(fact, credits.get(key, 0.0)) for key, fact in wanted.items()],
        [(given[key], 1 - spared.get(key, 0.0)) for key in given if spared.get(key, 0.0) < 1],
        denied,
        [(wanted[key], given[key]) for key in same],
        contradicted,
    )


def _related(wanted: dict[Key, Fact], given: dict[Key, Fact]) -> list[tuple[float, Key, Key]]:
    """Related names, one left over of the reference or the other invented: the closest first."""
    lost, extra = wanted.keys() - given.keys(), given.keys() - wanted.keys()
    if not (lost and given) and not (extra and wanted):
        return []
    pairs = [
        (-related(key, other), key, other)
        for key in wanted
        for other in given
        if key in lost or other in extra
    ]
    return [(-share, key, other) for share, key, other in sorted(pairs) if share]


def related(one: Key, other: Key) -> float:
    """The share in [0, 1] of a finding that is right where another of that name is meant."""
    if one == other:
        return 1.0
    if one[0] == other[0] == DEVICES:
        return 1.0 if "" in (one[1], other[1]) else OTHER_DEVICE
    return load_tables().shared.get((one[0], other[0]), 0.0)


def _credit(reference: Fact, generated: Fact, contradicted: frozenset[Key]) -> float:
    """The credit of a match in [0, 1]; 0 if the report denies it, too, or no sentence says it."""
    if generated.key in contradicted or (reference.earned and not generated.earned):
        return 0.0
    return agreement(reference, generated)


def agreement(reference: Fact, generated: Fact) -> float:
    """How well a finding is described, in [0, 1]: (there + agreeing parts) / (there + named parts).

    Each contradiction multiplies it by what `PARTS` leaves, each added detail by `UNASKED`.
    """
    wanted, given = reference.sides, generated.sides
    total, got, left = THERE, THERE, 1.0
    if reference.uncertain != generated.uncertain:
        left *= CERTAINTY
    both = [side for side in wanted if side in given]
    if "" not in wanted:
        part, whole = PARTS["side"]
        share = UNSTATED if "" in given else len(both) / len(wanted.keys() | given.keys())
        total, got = total + part, got + part * share
        left *= 1.0 if "" in given else whole + (1 - whole) * share
    elif "" not in given:
        left *= UNASKED
    pairs = [(wanted[side], given[side]) for side in both] or [(_any(wanted), _any(given))]
    return left * sum(_described(one, two, total, got) for one, two in pairs) / len(pairs)


def _any(sides: dict[str, Details]) -> Details:
    """The details of all sides as one."""
    joined = Details()
    for details in sides.values():
        joined = joined.joined(details)
    return joined


def _described(wanted: Details, given: Details, total: float, got: float) -> float:
    left = 1.0
    for name in (*_SETS, "size", "measure", "amount"):
        one, two = getattr(wanted, name), getattr(given, name)
        if one:
            part, whole = PARTS[name]
            share = _shared(name, one, two) if two else UNSTATED
            total, got = total + part, got + part * share
            left *= whole + (1 - whole) * share if two else 1.0
        elif two and name in _PLACES:
            left *= UNASKED
        elif two and name == "position" and WRONG & two:
            left *= PARTS[name][1]
    return left * got / total


def _shared(name: str, one: object, two: object) -> float:
    """How far two stated details agree, in [0, 1]."""
    if name == "size":
        return (1.0, 0.5, 0.0)[abs(SIZES.index(one) - SIZES.index(two))]
    if name in ("measure", "amount"):
        ratio = max(one, two) / min(one, two)
        return 1.0 if ratio <= CLOSE else 0.5 if ratio <= NEAR else 0.0
    if name == "position" and one != two and _GOOD in (one, two) and not WRONG & (one | two):
        return 0.9  # "in good position" says less than "above the carina", and nothing else
    return len(one & two) / len(one | two)
