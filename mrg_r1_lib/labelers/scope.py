"""From the phrases of one sentence to decisions: which finding is asserted, denied or in doubt, and by which cue.

After NegEx and CheXpert's labeler (Chapman et al. 2001; Irvin et al. 2019), with scopes bounded by clauses, not by a parser:
a cue before reaches to the next break, through the commas and "or" of a list; a cue after reaches back over its own list;
what doubts inside a denial ("no line to suggest pneumothorax") stays denied. A denied event or property of a finding ("no
worsening of edema") asserts the finding. The value of a field decides on its name. Subjects take the nearest quality.
"""

from dataclasses import dataclass
from typing import NamedTuple

from mrg_r1_lib.labelers.cues import NEAR, asserts_itself, begins_assertion, has_verb, is_of_finding, merged
from mrg_r1_lib.labelers.fields import is_said_again, label_of_name
from mrg_r1_lib.labelers.subjects import is_quality, statements
from mrg_r1_lib.labelers.vocabulary import OTHER, Found, Vocabulary, words_of
from mrg_r1_lib.observations import Label

_OPENED = {  # what a cue makes of the findings that follow it
    "negation before": Label.NEGATIVE,
    "uncertainty before": Label.UNCERTAIN,
    "history before": Label.BLANK,
}
_BACK = {"negation after": Label.NEGATIVE, "uncertainty after": Label.UNCERTAIN}
_JOINS = ("or", "nor", "and")
_PLACES = ("left", "right", "bilateral", "bibasilar", "the", "a", "an", "there")  # assertions that may stand in the name of a field
_DEVICES = "Support Devices"
_NOUN_PHRASE = 5  # words from "within the" to its finding


class Decision(NamedTuple):
    """One observation as one sentence gives it, and why: the words that name it, the cue ("" for none) and the rule.

    `start` and `end` are the places of the span among the words of the sentence.
    """

    observation: str
    label: Label
    sentence: str
    span: str
    cue: str
    rule: str
    start: int = 0
    end: int = 0


@dataclass(slots=True)
class _Mention:
    """A finding or a quality, with the label that the cues read so far give it; `clause` and `part` say where it stands."""

    at: Found
    label: Label
    cue: Found | None
    rule: str
    clause: int
    part: int


def decide(sentence: str, vocabulary: Vocabulary) -> tuple[Decision, ...]:
    """All decisions of one sentence, in the order of their words."""
    words = words_of(sentence)
    found = merged(vocabulary.find(words))
    mentions = _Reading(found, words).mentions()
    decisions = []
    for mention in mentions:
        for name in _observations_of(mention):
            decisions.append(_decision(name, mention.label, mention.cue, mention.rule, sentence, words, mention.at))
    qualities = {mention.at: mention for mention in mentions}
    for subject, quality in statements(found):
        place = subject._replace(start=min(subject.start, quality.start), end=max(subject.end, quality.end))
        for name, label in vocabulary.statements.get((subject.phrase.meanings[0], quality.phrase.meanings[0]), ()):
            final, cue = _under_cue(label, qualities[quality])
            decisions.append(_decision(name, final, cue, "statement", sentence, words, place))
    return tuple(decisions)


def _decision(name: str, label: Label, cue: Found | None, rule: str, sentence: str, words: list[str], at: Found) -> Decision:
    span = " ".join(words[at.start : at.end])
    return Decision(name, label, sentence, span, cue.phrase.text if cue else "", rule, at.start, at.end)


def _observations_of(mention: _Mention) -> tuple[str, ...]:
    """What a mention decides by itself: "disease" and its like count only where denied, a quality never."""
    kind = mention.at.phrase.kind
    if kind == "generic":
        return (OTHER,) if mention.label == Label.NEGATIVE else ()
    return mention.at.phrase.meanings if kind in ("finding", "alternative") else ()


def _under_cue(label: Label, mention: _Mention) -> tuple[Label, Found | None]:
    """The label of a statement whose quality stands under a cue; a normal quality only yields to a "not" beside it."""
    if mention.cue is None or mention.label == Label.POSITIVE:
        return label, None
    if label == Label.NEGATIVE:
        beside = mention.cue.phrase.meanings[0] == "not" and mention.cue.end == mention.at.start
        return (Label.POSITIVE, mention.cue) if beside else (label, None)
    return mention.label, mention.cue


class _Reading:
    """One pass from left to right: an open cue labels what follows; a cue after relabels what its clause already holds."""

    def __init__(self, found: list[Found], words: list[str]):
        self.found, self.words, self.read = found, words, []
        self.clause = self.part = self.begin = 0
        self.section, self.inside, self.in_value = None, None, False
        self._close()

    def _open(self, label: Label, cue: Found | None, rule: str) -> None:
        self.label, self.cue, self.rule = label, cue, rule

    def _close(self) -> None:
        """What follows is asserted, or of the past where the field is a history."""
        self._open(Label.BLANK if self.section else Label.POSITIVE, self.section, "history before" if self.section else "asserted")

    def mentions(self) -> list[_Mention]:
        """The findings and qualities of the sentence with their labels."""
        for i, item in enumerate(self.found):
            kind = item.phrase.kind
            if self._ends_clause(i, item):
                if kind == "field":
                    self._settle_names(i)
                elif item.phrase.meanings[0] == "section":  # "findings:" after a history in the same statement
                    self.section = None
                self._close()
                self.clause, self.begin = self.clause + 1, i
            if item.phrase.text == ",":
                self.part += 1
            elif kind in ("finding", "generic", "quality", "alternative"):
                self._mention(i, item)
            elif kind in _OPENED:
                self._cue_before(i, item)
            elif kind in _BACK:
                self._cue_after(i, item)
            elif kind == "event":
                self._event(i, item)
            if kind == "inside" and self.label == Label.NEGATIVE and self._stands_in(i, item):
                self.inside = item
            elif kind not in ("assertion", "quality"):
                self.inside = None
        return self.read

    def _ends_clause(self, i: int, item: Found) -> bool:
        kind = item.phrase.kind
        if kind in ("break", "field"):
            return True
        if kind == "list":
            return (item.phrase.text != "(" or self.cue is not None) and begins_assertion(self.found, i)
        if kind == "subject":
            return self.rule != "negation after" and has_verb(self.found, i)
        return kind == "finding" and self.cue is not None and asserts_itself(self.found, i)

    def _mention(self, i: int, item: Found) -> None:
        if item.phrase.kind == "alternative":
            if self.label != Label.POSITIVE:
                return
            self._doubt_last(item)
            self._open(Label.UNCERTAIN, item, "alternative")
            if not item.phrase.meanings[0]:
                return  # otherwise, "versus infiltrate" is cue and finding at once
        if self.inside and item.phrase.kind == "finding" and item.start - self.inside.end <= _NOUN_PHRASE:
            self.read.append(_Mention(item, Label.POSITIVE, self.inside, "inside", self.clause, self.part))
            return
        if self.cue and self.cue.phrase.meanings[0] == "after" and _DEVICES in item.phrase.meanings:  # "status post pacemaker"
            self.read.append(_Mention(item, Label.POSITIVE, None, "asserted", self.clause, self.part))
            return
        self.read.append(_Mention(item, self.label, self.cue, self.rule, self.clause, self.part))

    def _cue_before(self, i: int, item: Found) -> None:
        role = item.phrase.meanings[0]
        if role == "section":
            self.section = item
        if self.section:
            self._close()
        elif role == "ending" and self._closes_clause(i, item):
            self._look_back(i, item, Label.NEGATIVE, "negation after")
        elif not (item.phrase.kind == "uncertainty before" and self._stays_denied(i, role)):
            self._open(_OPENED[item.phrase.kind], item, item.phrase.kind)

    def _cue_after(self, i: int, item: Found) -> None:
        if item.start <= 1 and not self.read:  # "not seen is any effusion"
            self._open(_BACK[item.phrase.kind], item, item.phrase.kind)
        elif item.phrase.meanings[0] == "adjacent":  # "after chest tube removal"
            if self.read and self.read[-1].at.end == item.start:
                self.read[-1].label, self.read[-1].cue, self.read[-1].rule = Label.NEGATIVE, item, item.phrase.kind
        elif not self.section:
            self._look_back(i, item, _BACK[item.phrase.kind], item.phrase.kind)

    def _event(self, i: int, item: Found) -> None:
        """Under a denial an event asserts the finding that follows, or the one just before it: "no nodule growth"."""
        self._happens_to_last(item)
        if is_quality(item):
            self.read.append(_Mention(item, self.label, self.cue, self.rule, self.clause, self.part))
        if self.label == Label.NEGATIVE and is_of_finding(self.found, i):
            self._open(Label.POSITIVE, item, "event")

    def _happens_to_last(self, item: Found) -> None:
        last = self.read[-1] if self.read else None
        if last and last.at.end == item.start and last.at.phrase.kind == "finding" and last.rule == "negation before":
            last.label, last.cue, last.rule = Label.POSITIVE, item, "event"

    def _stays_denied(self, i: int, role: str) -> bool:
        """Doubt inside a denial denies on, as in "no line to suggest pneumothorax"; after a comma it is a doubt of its own."""
        return self.label == Label.NEGATIVE and self.found[i - 1].phrase.text != ","

    def _closes_clause(self, i: int, item: Found) -> bool:
        """Does "resolved" speak of the finding before it, as in "edema resolved", not as in "resolved edema"?"""
        last = self.read[-1] if self.read else None
        if not last or (last.clause, last.part) != (self.clause, self.part) or last.label != Label.POSITIVE:
            return False
        following = self.found[i + 1] if i + 1 < len(self.found) else None
        return not (following and following.phrase.kind == "finding" and following.start - item.end <= 1)

    def _stands_in(self, i: int, item: Found) -> bool:
        """ "Of the" needs a thing just before it that is not evidence: "no cavitation of the mass"."""
        return i > 0 and (item.phrase.meanings[0] != "of" or self.found[i - 1].end < item.start or bool(self.read))

    def _settle_names(self, i: int) -> None:
        """The findings that name a field get the label of its value."""
        names = [m for m in self.read[-NEAR:] if m.clause == self.clause and m.at.phrase.kind in ("finding", "generic")]
        if self.in_value:  # "Pneumothorax: no, effusion: yes"
            names = [m for m in names if m.part == self.part and self.part]
        else:
            names = [m for m in names if m.cue is None]
        between, first = self.found[max(self.begin, i - NEAR) : i], self.found[self.begin].end if self.clause else 0
        if self.in_value:
            commas = [place for place, item in enumerate(between) if item.phrase.text == ","]
            between = between[commas[-1] + 1 :] if commas else between
        bare = all(
            item.phrase.kind in ("finding", "generic", "subject", "list", "break", "field", "negation before")
            or item.phrase.text in _PLACES
            or (item.phrase.kind == "verb" and item.start == first)
            for item in between
        )
        verdict = label_of_name(self.found, i, self.words, self.in_value) if names and bare and not self.section else None
        for name in names if verdict else ():
            again = is_said_again(self.found, i, name.at.phrase.meanings)
            name.label, name.cue = (Label.BLANK, None) if again else verdict
            name.rule = "field"
        self.in_value = True

    def _look_back(self, i: int, cue: Found, label: Label, rule: str) -> None:
        """A cue after its findings: the last part of the clause, and all parts if the last is joined by "or" or "and"."""
        near = [m for m in self.read[-NEAR:] if m.clause == self.clause]
        first = next((m.at.start for m in near if m.part == self.part), None)
        joined = first is not None and any(
            item.phrase.text in _JOINS and first - 2 <= item.start < first for item in self.found[max(0, i - NEAR) : i]
        )
        for mention in near:
            if joined or mention.part == self.part:
                twice = cue.phrase.meanings[0] == "ending" and mention.rule == "negation before"  # "neither … is removed"
                mention.label, mention.cue, mention.rule = Label.POSITIVE if twice else label, cue, rule

    def _doubt_last(self, cue: Found) -> None:
        """In "A versus B" the last asserted finding before the cue is in doubt."""
        last = self.read[-1] if self.read else None
        if last and last.clause == self.clause and last.label == Label.POSITIVE:
            last.label, last.cue, last.rule = Label.UNCERTAIN, cue, "alternative"
