"""What a report claims, in the form that two reports are compared in: one fact per finding.

Report -> sentences -> `claims` -> facts by name with details by side, denials, and signs that the
text is no report: sentences that are none, unread words, repetition. A vague finding ("opacity,
likely atelectasis") is folded into the exact one of the same report, so that it counts once. The
order of the sentences changes nothing.
"""

from typing import NamedTuple

from mrg_r1_lib.labelers.findings import DEVICES, one_side
from mrg_r1_lib.labelers.statements import sentences_of
from mrg_r1_lib.observations import Label
from mrg_r1_lib.rewards.claims import (
    CENTRAL,
    UNDESCRIBED,
    WRONG,
    Claim,
    Details,
    Sentence,
    claims_of,
    details_from,
)
from mrg_r1_lib.rewards.finding_tables import load_tables

_CHRONIC = frozenset(("chronic",))
OLD, LARGE = 0.5, 1.25  # factors of the weight of a finding that is only old, or large


class Fact(NamedTuple):
    """An asserted finding of a report: details by side ("" if none is named)."""

    key: tuple[str, str]
    sides: dict[str, Details]
    uncertain: bool
    hedged: bool  # uncertain, and no certain finding is folded into it
    weight: float  # the clinical weight, never less than that of a finding folded into it
    earned: bool  # False: it stands only in text that is no sentence


class Facts(NamedTuple):
    """A report's findings and denials, whether anything could be read, and what is no text."""

    findings: dict[tuple[str, str], Fact]
    denials: list[Claim]
    contradicted: frozenset[tuple[str, str]]  # names that the report asserts and denies
    history: frozenset[tuple[str, str]]  # names that it leaves to history, neither there nor not
    reads: bool
    unread: int
    repeated: int


def facts_of(report: str) -> Facts:
    """What a report claims; TypeError if it is not text."""
    texts = sentences_of(report)
    distinct = dict.fromkeys(texts)
    read = list(map(claims_of, distinct))
    findings = _folded(_gathered(read))
    if len(findings) == 1:  # it is what "it" means, wherever that sentence stands
        findings = _told_more(next(iter(findings.values())), read)
    denials = [claim for sentence in read for claim in sentence.denials]
    history = [claim.key for sentence in read for claim in sentence.history]
    return Facts(
        findings,
        denials,
        _contradicted(findings, denials),
        frozenset(history),
        any(sentence.reads for sentence in read),
        sum(sentence.unread for sentence in read),
        len(texts) - len(distinct) + sum(sentence.repeated for sentence in read),
    )


def _gathered(read: list[Sentence]) -> dict[tuple[str, str], Fact]:
    """One fact per name, with details by side; what stands in no sentence, only if nothing else."""
    facts: dict[tuple[str, str], Fact] = {}
    broken = [sentence for sentence in read if sentence.asserted and not sentence.reads]
    for sentence in [sentence for sentence in read if sentence.reads] + broken:
        for claim in sentence.asserted:
            fact = facts.get(claim.key)
            if fact is None:
                hedged = claim.label == Label.UNCERTAIN
                facts[claim.key] = fact = Fact(claim.key, {}, hedged, hedged, 0.0, sentence.reads)
            elif fact.earned and not sentence.reads:
                continue
            elif fact.uncertain and claim.label == Label.POSITIVE:
                facts[claim.key] = fact._replace(uncertain=False, hedged=False)
            for side in ("left", "right") if claim.side == "bilateral" else (claim.side,):
                known = fact.sides.get(side)
                fact.sides[side] = claim.details if known is None else known.joined(claim.details)
    _name_device(facts)
    return {key: _weighed(fact) for key, fact in facts.items()}


def _name_device(facts: dict[tuple[str, str], Fact]) -> None:
    """A "tube" is the one device that the report names."""
    unnamed = facts.get((DEVICES, ""))
    named = [fact for key, fact in facts.items() if key[0] == DEVICES and key[1]]
    if unnamed and len(named) == 1 and named[0].earned == unnamed.earned:
        del facts[DEVICES, ""]
        for side, details in unnamed.sides.items():
            named[0].sides[side] = named[0].sides.get(side, UNDESCRIBED).joined(details)


def _weighed(fact: Fact) -> Fact:
    """The fact in one place, with its weight: less if it is old, more if it is large."""
    _one_place(fact.sides)
    weights, details = load_tables().weights, fact.sides.values()
    name = "malposition" if any(each.position & WRONG for each in details) else fact.key[0]
    weight = weights.get(name, weights["*"])
    if all(each.acuity == _CHRONIC for each in details):
        weight *= OLD
    if any(each.size == "large" for each in details):
        weight *= LARGE
    return fact._replace(weight=weight)


def _told_more(fact: Fact, read: list[Sentence]) -> dict[tuple[str, str], Fact]:
    """The only finding of a report, with what sentences such as "It measures 8 mm" tell of it."""
    for pronoun in [sentence.pronoun for sentence in read if sentence.pronoun]:
        more, side = details_from(fact.key[0], pronoun), one_side(pronoun.get("side", ()))
        sides = {name: details.joined(more) for name, details in fact.sides.items()}
        if side and "" in sides and fact.key[0] not in CENTRAL:
            told = ("left", "right") if side == "bilateral" else (side,)
            sides = dict.fromkeys(told, sides[""])
        fact = fact._replace(sides=sides)
    return {fact.key: _weighed(fact)}


def _one_place(sides: dict[str, Details]) -> None:
    """Details said without a side are of the sides that are named elsewhere."""
    if len(sides) > 1 and "" in sides:
        rest = sides.pop("")
        for side, details in sides.items():
            sides[side] = details.filled(rest)


def _folded(facts: dict[tuple[str, str], Fact]) -> dict[tuple[str, str], Fact]:
    """Vague findings made part of the exact ones in the same place."""
    known = load_tables().exact
    if known.keys().isdisjoint(name for name, _ in facts):
        return facts
    for name, exacts in known.items():
        vague = facts.get((name, ""))
        if vague is None:
            continue
        exact = [facts[other, ""] for other in exacts if (other, "") in facts]
        there = [fact for fact in exact if _same_place(vague, fact)]
        if not there or any(vague.earned and not fact.earned for fact in there):
            continue
        del facts[vague.key]
        for fact in there:
            sides = {side: details for side, details in fact.sides.items() if side}
            place = sides or {side: fact.sides[""] for side in vague.sides}
            for side, details in place.items():
                place[side] = details.filled(vague.sides.get(side, UNDESCRIBED))
            facts[fact.key] = fact._replace(
                sides=place,
                hedged=fact.hedged and vague.hedged,
                weight=max(fact.weight, vague.weight),
            )
    return facts


def _same_place(vague: Fact, exact: Fact) -> bool:
    """Can the vague finding be the exact one? Not if it is on a side that the other is not."""
    return "" in vague.sides or "" in exact.sides or vague.sides.keys() <= exact.sides.keys()


def _contradicted(facts: dict[tuple[str, str], Fact], denials: list[Claim]) -> frozenset:
    names = {name for name, _ in facts}
    denying = [claim for claim in denials if not names.isdisjoint(claim.covers)]
    return frozenset(key for claim in denying for key, fact in facts.items() if denies(claim, fact))


def denies(claim: Claim, fact: Fact) -> bool:
    """Does a denial deny this finding? "No large effusion" denies no small one."""
    if fact.key[0] not in claim.covers or claim.key[1] not in ("", fact.key[1]):
        return False
    if claim.side in ("left", "right") and claim.side not in fact.sides:
        return False
    sides = [claim.side] if claim.side in fact.sides else list(fact.sides)
    return any(_denies_details(claim.details, fact.sides[side]) for side in sides)


def _denies_details(denied: Details, said: Details) -> bool:
    """Everything that the denial is restricted to is true of the finding."""
    return (
        denied.size in ("", said.size)
        and denied.zone <= said.zone
        and denied.acuity <= said.acuity
        and not denied.change
    )
