"""What a report claims, in the form that two reports are compared in: one fact per finding.

Report -> sentences -> `labelers.findings` -> facts by name, each with its sides, denials, and signs
that the text is no report: sentences without joints, unread words, repetition. Each sentence is
read once and kept in a bounded cache. A vague finding ("opacity, likely atelectasis") is folded
into the exact one that the same report gives, so that it counts once.
"""

import csv
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import NamedTuple

from mrg_r1_lib.labelers.details import SIZES, details_of_pronoun, load_words
from mrg_r1_lib.labelers.findings import DEVICES, Named, named_in, one_side
from mrg_r1_lib.labelers.rules import CACHED_SENTENCES, LONG
from mrg_r1_lib.labelers.statements import sentences_of
from mrg_r1_lib.labelers.vocabulary import load_vocabulary, words_of
from mrg_r1_lib.metrics.degeneration import repeated_ngrams
from mrg_r1_lib.observations import Label

OLD, LARGE = 0.5, 1.25  # factors of the weight of a finding that is only old, or large
UNJOINED = 2  # findings in a row without a joint, from which a sentence is none
UNREAD = 0.5  # share of unread words, above which a sentence is none
SHORT = 4  # words: a shorter sentence is not judged by its unread words
NO_WORDS: frozenset[str] = frozenset()
_CENTRAL = ("Cardiomegaly", "Enlarged Cardiomediastinum")  # these have neither side nor zone
_NO_ZONE = (*_CENTRAL, "Pleural Effusion", "Edema", DEVICES)  # or one that goes without saying
_NO_SIDE = ("airway tube", "gastric tube", "tracheostomy")
_BONES = ("Fracture", "dislocation", "bone lesion", "vertebral compression")
_CHRONIC = frozenset(("chronic",))
WRONG = frozenset(
    ("wrong", "main bronchus", "esophagus", "outside")
)  # positions that have to be mended
_ASSERTED = (Label.POSITIVE, Label.UNCERTAIN)
_DANGLING = frozenset(("the", "a", "an", "no"))  # a noun phrase has to follow
_CLOSED = ("is", "are", "was", "were", "has", "have", "of", "in", "at", "on", "and", "or", "with")
_CLOSED += ("the", "a", "an", "no", "there", "by", "from", "to", ",")
_BROKEN = frozenset((one, two) for one in _DANGLING for two in _CLOSED)


class Details(NamedTuple):
    """How a finding is described on one side; empty where the report does not say."""

    zone: frozenset[str] = NO_WORDS
    size: str = ""
    measure: float = 0.0  # mm
    amount: float = 0.0  # percent, or degrees
    acuity: frozenset[str] = NO_WORDS
    change: frozenset[str] = NO_WORDS
    position: frozenset[str] = NO_WORDS

    def joined(self, other: "Details") -> "Details":
        """Both descriptions as one; of two sizes the larger."""
        return Details(
            self.zone | other.zone,
            max(self.size, other.size, key=("", *SIZES).index),
            max(self.measure, other.measure),
            max(self.amount, other.amount),
            self.acuity | other.acuity,
            self.change | other.change,
            self.position | other.position,
        )

    def filled(self, other: "Details") -> "Details":
        """This description, with the other's words where it has none."""
        return Details(*(mine or theirs for mine, theirs in zip(self, other, strict=True)))


UNDESCRIBED = Details()


class Claim(NamedTuple):
    """One assertion or denial of a sentence. `key`: name, and of devices kind."""

    key: tuple[str, str]
    label: Label
    side: str
    details: Details
    covers: frozenset[str]  # the names that a denial of it is of


class Sentence(NamedTuple):
    """The claims of a sentence; `reads`: it can be read as one."""

    asserted: list[Claim]
    denials: list[Claim]
    history: list[Claim]  # neither there nor not
    pronoun: dict[str, tuple[str, ...]]  # details of what another sentence names
    reads: bool
    unread: int  # words, of a sentence that is mostly unread
    repeated: int  # 4-grams that repeat


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


class Tables(NamedTuple):
    """The two tables that a clinician can edit."""

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


def facts_of(report: str) -> Facts:
    """What a report claims; TypeError if it is not text."""
    texts = sentences_of(report)
    distinct = dict.fromkeys(texts)
    read = [(_sentence if len(text) <= LONG else _sentence.__wrapped__)(text) for text in distinct]
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


@lru_cache(maxsize=CACHED_SENTENCES)
def _sentence(text: str) -> Sentence:
    words = words_of(text.replace("%", " percent"))
    named = named_in(words)
    unread = _unread(words)
    is_garbage = unread > UNREAD * len(words) and len(words) >= SHORT
    reads = bool(named) and not is_garbage and _breaks(words, named) < UNJOINED
    by_label: tuple[list[Claim], ...] = ([], [], [], [])
    for claim in _claims(named) if named else ():
        by_label[claim.label].append(claim)
    history, asserted, denials, doubted = by_label
    unreadable = unread if is_garbage else 0
    pronoun = {} if named else details_of_pronoun(words)
    return Sentence(
        asserted + doubted, denials, history, pronoun, reads, unreadable, _repeated(words)
    )


def _claims(named: list[Named]) -> list[Claim]:
    """The claims of a sentence; "congestion without edema" denies no congestion."""
    claims = []
    for what, kind, label, at, details in named:
        if label == Label.NEGATIVE and any(
            (what, kind) == (other.what, other.kind)
            and other.label in _ASSERTED
            and other.at.phrase != at.phrase
            for other in named
        ):
            continue
        described = _details(what, details) if details else UNDESCRIBED
        side = one_side(details["side"]) if "side" in details else ""
        if side and (what in _CENTRAL or kind in _NO_SIDE):
            side = ""
        claims.append(Claim((what, kind), label, side, described, _covers(what)))
    return claims


@cache
def _covers(what: str) -> frozenset[str]:
    return load_tables().denies.get(what) or frozenset((what,))


_words = cache(frozenset)  # few distinct sets, many sentences


def _details(what: str, found: dict[str, tuple[str, ...]]) -> Details:
    sizes = found.get("size", ())
    zone = found.get("bone" if what in _BONES else "zone", ())
    return Details(
        _words(zone) if what not in _NO_ZONE else NO_WORDS,
        sizes[0] if len(sizes) == 1 else max(sizes, key=SIZES.index, default=""),
        max(map(float, found["measure"])) if "measure" in found else 0.0,
        max(map(float, found["amount"])) if "amount" in found else 0.0,
        _words(found.get("acuity", ())),
        _words(found.get("change", ())),
        _words(found.get("position", ())),
    )


@cache
def _readable() -> frozenset[str]:
    return load_words().known | load_vocabulary().words


def _unread(words: list[str]) -> int:
    """How many words neither the vocabulary nor the table of ordinary words knows."""
    unknown = set(words) - _readable()
    return sum(word in unknown and word[0].isalpha() for word in words) if unknown else 0


def _repeated(words: list[str]) -> int:
    """How many 4-grams repeat an earlier one; each needs four words that stand there twice."""
    if len(words) - len(set(words)) < 4:
        return 0
    return round((repeated_ngrams(" ".join(words)) or 0) * (len(words) - 3))


def _breaks(words: list[str], named: list[Named]) -> int:
    """How often grammar breaks: two findings without a joint, or "the of", "no is", "a the"."""
    joints = load_words().joints
    breaks = 0
    for one, two in pairwise(named):
        if two.at.start >= one.at.end and one.what != two.what:
            breaks += joints.isdisjoint(words[one.at.end : two.at.start])
    if not _BROKEN.isdisjoint(pairwise(words)):
        breaks += sum(pair in _BROKEN for pair in pairwise(words))
    return breaks + (words[-1] in _DANGLING)


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
        more, side = _details(fact.key[0], pronoun), one_side(pronoun.get("side", ()))
        sides = {name: details.joined(more) for name, details in fact.sides.items()}
        if side and "" in sides and fact.key[0] not in _CENTRAL:
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
