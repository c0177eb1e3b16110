"""One pass over the phrases of a sentence: an open cue labels what follows, a cue after relabels what its clause holds.

Scopes are bounded by clauses, not by a parser: a break, a verb of one's own, an asserting word after a comma. A cue before
reaches through the commas and "or" of a list; a cue after reaches back over its own list. A denied event of a finding ("no
worsening of edema") asserts the finding; so does a denial that stands in one ("no fluid level within the cavity"). Doubt
inside a denial ("no line to suggest pneumothorax") denies on. The value of a field decides on the findings that name it.
"""

from dataclasses import dataclass

from mrg_r1_lib.labelers.cues import NEAR, asserts_itself, begins_assertion, has_verb, is_of_finding
from mrg_r1_lib.labelers.fields import is_name, is_said_again, label_of_name
from mrg_r1_lib.labelers.subjects import is_quality
from mrg_r1_lib.labelers.vocabulary import Found
from mrg_r1_lib.observations import Label

_OPENED = {  # what a cue makes of the findings that follow it
    "negation before": Label.NEGATIVE,
    "uncertainty before": Label.UNCERTAIN,
    "history before": Label.BLANK,
}
_BACK = {"negation after": Label.NEGATIVE, "uncertainty after": Label.UNCERTAIN}
_MENTIONED = frozenset(("finding", "generic", "quality"))
_ENDING = frozenset(("break", "field", "list", "subject", "finding"))  # kinds that may end a clause
_IDLE = frozenset(("assertion", "verb", "seen", "ignored"))  # kinds that change nothing by themselves
_JOINS = ("or", "nor", "and")
_NOUN_PHRASE = 5  # words from "within the" to its finding
_SAID = 4  # words from "not" to what it denies: "do not really think that there is"
_ANY = ("any", "a", "an", "evidence", "signs")
_DEVICES = "Support Devices"


@dataclass(slots=True)
class Mention:
    """A finding or a quality, with the label that the cues read so far give it; `clause` and `part` say where it stands."""

    at: Found
    label: Label
    cue: Found | None
    rule: str
    clause: int
    part: int


class Reading:
    """The state of the pass: the open cue with its label and rule, the clause and its part between commas."""

    def __init__(self, found: list[Found], words: list[str]):
        self.found, self.words, self.read = found, words, []
        self.clause = self.part = 0
        self.name = 0  # the phrase with which a field's name may begin
        self.section, self.inside, self.in_value = None, None, False
        self._open(Label.POSITIVE, None, "asserted")

    def mentions(self) -> list[Mention]:
        """The findings and qualities of the sentence with their labels."""
        for i, item in enumerate(self.found):
            kind = item.phrase.kind
            if kind in _IDLE and not self.inside:
                continue
            if kind in _ENDING and self._ends_clause(i, item):
                self._end_clause(i, item)
            if kind in _MENTIONED:
                self._mention(item)
            elif kind in _OPENED:
                self._cue_before(i, item)
            elif item.phrase.text == ",":
                self.part += 1
                self.name = i + 1 if self.in_value else self.name
            elif kind in _BACK:
                self._cue_after(i, item)
            elif kind == "event":
                self._event(i, item)
            elif kind == "alternative" and self.label == Label.POSITIVE:
                self._doubt_last(item)
            if kind == "inside" and (self.label == Label.NEGATIVE or (self.cue and self.cue.phrase.text.startswith("no new"))):
                self.inside = item
            elif self.inside and kind not in ("assertion", "quality", "seen"):
                self.inside = None
        return self.read

    def _open(self, label: Label, cue: Found | None, rule: str) -> None:
        self.label, self.cue, self.rule = label, cue, rule

    def _close(self) -> None:
        """What follows is asserted, or of the past where the field is a history."""
        if self.section:
            self._open(Label.BLANK, self.section, "history before")
        else:
            self._open(Label.POSITIVE, None, "asserted")

    def _ends_clause(self, i: int, item: Found) -> bool:
        kind = item.phrase.kind
        if kind == "break":
            return not self._is_denied(i, item)
        if kind == "field":
            return True
        if kind == "finding":
            return self.cue is not None and asserts_itself(self.found, i)
        if kind == "list":
            return (item.phrase.text != "(" or self.cue is not None) and begins_assertion(self.found, i)
        return self.rule != "negation after" and has_verb(self.found, i)

    def _is_denied(self, i: int, item: Found) -> bool:
        """Is the break what a "not" denies, as in "I do not think there is an effusion", "not consistent with edema"?"""
        if item.phrase.meanings[0] != "said" or i == 0:
            return False
        before = self.found[i - 1]
        return before.phrase.meanings[0] == "not" and item.start - before.end <= _SAID

    def _end_clause(self, i: int, item: Found) -> None:
        if item.phrase.kind == "field":
            self._settle_names(i)
            self.in_value = True
        elif item.phrase.meanings[0] == "section":  # "findings:" after a history in the same statement
            self.section = None
        self._close()
        self.clause += 1
        self.name = i + 1 if item.phrase.kind in ("break", "field") else i

    def _mention(self, item: Found) -> None:
        label, cue, rule = self.label, self.cue, self.rule
        if item.phrase.kind == "finding" and self.inside and item.start - self.inside.end <= _NOUN_PHRASE:
            label, cue, rule = Label.POSITIVE, self.inside, "inside"
        elif self.cue and self.cue.phrase.meanings[0] == "after" and _DEVICES in item.phrase.meanings:
            label, cue, rule = Label.POSITIVE, None, "asserted"  # "status post pacemaker"
        self.read.append(Mention(item, label, cue, rule, self.clause, self.part))

    def _cue_before(self, i: int, item: Found) -> None:
        kind, role = item.phrase.kind, item.phrase.meanings[0]
        if role == "section":
            self.section = item
        if self.section:
            self._close()
        elif role == "ending" and self._closes_clause(i, item):
            self._look_back(i, item, Label.NEGATIVE, "negation after")
        elif not (kind == "uncertainty before" and self._stays_denied(i, role)):
            self._open(_OPENED[kind], item, kind)

    def _cue_after(self, i: int, item: Found) -> None:
        kind = item.phrase.kind
        if not self.read and ((item.start <= 1 and kind == "negation after") or "".join(self.words[item.end : item.end + 1]) in _ANY):  # "not seen is any effusion"
            self._open(_BACK[kind], item, kind)
        elif item.phrase.meanings[0] == "adjacent":  # "after chest tube removal"
            last = self._last_before(item)
            if last:
                last.label, last.cue, last.rule = _BACK[kind], item, kind
        elif not self.section:
            self._look_back(i, item, _BACK[kind], kind)

    def _event(self, i: int, item: Found) -> None:
        """Under a denial an event asserts the finding that follows, or the one just before it: "no nodule growth"."""
        last = self._last_before(item)
        if last and last.rule == "negation before":
            last.label, last.cue, last.rule = Label.POSITIVE, item, "event"
        if is_quality(item):
            self._mention(item)
        if self.label == Label.NEGATIVE and is_of_finding(self.found, i):
            self._open(Label.POSITIVE, item, "event")

    def _last_before(self, item: Found) -> Mention | None:
        """The finding that ends where the phrase begins."""
        last = self.read[-1] if self.read else None
        return last if last and last.at.end == item.start and last.at.phrase.kind == "finding" else None

    def _stays_denied(self, i: int, role: str) -> bool:
        """Doubt inside a denial denies on, as in "no line to suggest pneumothorax"; after a comma it is a doubt of its own."""
        before = self.found[i - 1] if i else None
        if role == "new":  # only what is denied at once is in doubt: "no evidence of new consolidation"
            return not (self.label == Label.NEGATIVE and before is self.cue and self.found[i].start - before.end <= 1)
        return self.label == Label.NEGATIVE and role != "exclusion" and before.phrase.text != ","

    def _closes_clause(self, i: int, item: Found) -> bool:
        """Does "resolved" speak of the finding before it, as in "edema resolved", not as in "resolved edema"?"""
        last = self.read[-1] if self.read else None
        if not last or (last.clause, last.part, last.label) != (self.clause, self.part, Label.POSITIVE):
            return False
        if item.phrase.text.endswith(" of"):  # "resolution of" looks ahead
            return False
        return self.found[i - 1].phrase.kind == "verb" or not is_of_finding(self.found, i)

    def _settle_names(self, i: int) -> None:
        """The findings that name a field get the label of its value; after "no, effusion:" the cue is not the name's."""
        own = [m for m in self.read[-NEAR:] if m.clause == self.clause and m.at.phrase.kind in ("finding", "generic")]
        names = [m for m in own if m.cue is None or (self.in_value and m.part == self.part > 0)]
        if not names or self.section or not is_name(self.found[max(self.name, i - NEAR) : i]):
            return
        verdict = label_of_name(self.found, i, self.words, self.in_value)
        for name in names:
            if is_said_again(self.found, i, name.at.phrase.meanings):
                name.label, name.cue, name.rule = Label.BLANK, None, "field"
            elif verdict:
                name.label, name.cue, name.rule = *verdict, "field"

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
        """In "A versus B" the last asserted finding before the cue is in doubt, and what follows is."""
        last = self.read[-1] if self.read else None
        if last and last.clause == self.clause and last.label == Label.POSITIVE:
            last.label, last.cue, last.rule = Label.UNCERTAIN, cue, "alternative"
        self._open(Label.UNCERTAIN, cue, "alternative")
