"""One sentence of a report -> what it asserts, denies or leaves to history, and is it a sentence?

A sentence is none if grammar breaks in it twice (two findings with neither a joint nor a comma
between them, "the of", "no is"), or if more than half of its words are unknown. Each sentence is
read once and kept in a bounded cache, as in the labeler.
"""

from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

from mrg_r1_lib.labelers.details import SIZES, details_of_pronoun, load_words
from mrg_r1_lib.labelers.findings import DEVICES, Named, named_in, one_side
from mrg_r1_lib.labelers.rules import CACHED_SENTENCES, LONG
from mrg_r1_lib.labelers.vocabulary import load_vocabulary, words_of
from mrg_r1_lib.metrics.degeneration import repeated_ngrams
from mrg_r1_lib.observations import Label
from mrg_r1_lib.rewards.finding_tables import load_tables

UNJOINED = 2  # findings in a row without a joint, from which a sentence is none
UNREAD = 0.5  # share of unread words, above which a sentence is none
SHORT = 4  # words: a shorter sentence is not judged by its unread words
NO_WORDS: frozenset[str] = frozenset()
CENTRAL = ("Cardiomegaly", "Enlarged Cardiomediastinum")  # these have neither side nor zone
_NO_ZONE = (*CENTRAL, "Pleural Effusion", "Edema", DEVICES)  # or one that goes without saying
_NO_SIDE = ("airway tube", "gastric tube", "tracheostomy")
_BONES = ("Fracture", "dislocation", "bone lesion", "vertebral compression")
WRONG = frozenset(("wrong", "main bronchus", "esophagus", "outside"))  # to be put right
_ELSEWHERE = frozenset(("elsewhere",))
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


def claims_of(sentence: str) -> Sentence:
    """What a sentence claims; a long one is not kept."""
    return (_sentence if len(sentence) <= LONG else _sentence.__wrapped__)(sentence)


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
        described = details_from(what, details) if details else UNDESCRIBED
        if label == Label.NEGATIVE and "elsewhere" in details.get("zone", ()):
            described = described._replace(zone=_ELSEWHERE)  # "no other opacity" denies none
        side = one_side(details["side"]) if "side" in details else ""
        if side and (what in CENTRAL or kind in _NO_SIDE):
            side = ""
        claims.append(Claim((what, kind), label, side, described, _covers(what)))
    return claims


@cache
def _covers(what: str) -> frozenset[str]:
    return load_tables().denies.get(what) or frozenset((what,))


_words = cache(frozenset)  # few distinct sets, many sentences


def details_from(what: str, found: dict[str, tuple[str, ...]]) -> Details:
    """The details of a finding, without those that say nothing of it."""
    sizes = found.get("size", ())
    zone = found.get("bone" if what in _BONES else "zone", ())
    if "elsewhere" in zone:
        zone = tuple(place for place in zone if place != "elsewhere")
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
