"""One pass over the phrases of a sentence: an open cue labels what follows, a cue after relabels
what its clause holds.

Scopes are bounded by clauses, not by a parser: a break, a verb of one's own, an asserting word
after a comma. A cue before reaches through the commas and "or" of a list; a cue after reaches back
over its own list. A denied event of a finding ("no worsening of edema") asserts the finding; so
does a denial that stands in one ("no fluid level within the cavity"). Doubt inside a denial ("no
line to suggest pneumothorax") denies on. The value of a field decides on the findings that name it.
"""

from mrg_r1_lib.labelers.cues import (
    NEAR,
    asserts_itself,
    begins_assertion,
    has_verb,
    is_denied,
    is_of_finding,
)
from mrg_r1_lib.labelers.fields import is_name, is_said_again, label_of_name
from mrg_r1_lib.labelers.mentions import (
    Mention,
    doubt_last,
    finding_before,
    look_back,
    names_of,
)
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
_MARKS = frozenset(("break", "field", "list", "subject"))  # kinds that may end a clause
_IDLE = frozenset(("assertion", "verb", "seen", "ignored"))  # they change nothing by themselves
_NOUN_PHRASE = 5  # words from "within the" to its finding
_ANY = (["any"], ["a"], ["an"], ["evidence"], ["signs"])
_DEVICES = "Support Devices"


class Reading:
    """The state of the pass: the open cue with its label and rule, the clause and its part."""

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
            if kind in _IDLE:
                continue
            if kind == "inside":
                self._inside(item)
                continue
            if kind in _MENTIONED:
                if self.cue and kind == "finding" and asserts_itself(self.found, i):
                    self._end_clause(i, item)
                self._mention(item)
            elif kind in _MARKS:
                self._mark(i, item)
            elif kind in _OPENED:
                self._cue_before(i, item)
            elif kind in _BACK:
                self._cue_after(i, item)
            elif kind == "event":
                self._event(i, item)
            elif kind == "alternative" and self.label == Label.POSITIVE:
                doubt_last(self.read, item, self.clause)
                self._open(Label.UNCERTAIN, item, kind)
            if kind != "quality":
                self.inside = None
        return self.read

    def _open(self, label: Label, cue: Found | None, rule: str) -> None:
        self.label, self.cue, self.rule = label, cue, rule

    def _mark(self, i: int, item: Found) -> None:
        if self._ends_clause(i, item):
            self._end_clause(i, item)
        if item.phrase.text == ",":
            self.part += 1
            self.name = i + 1 if self.in_value else self.name

    def _ends_clause(self, i: int, item: Found) -> bool:
        kind, text = item.phrase.kind, item.phrase.text
        if kind == "break":
            return not is_denied(self.found, i)
        if kind == "list":
            return (text != "(" or self.cue is not None) and begins_assertion(self.found, i)
        if kind == "subject":
            return self.rule != "negation after" and has_verb(self.found, i)
        return True

    def _end_clause(self, i: int, item: Found) -> None:
        """What follows is asserted, or of the past where the field is a history."""
        kind = item.phrase.kind
        if kind == "field":
            self._settle_names(i)
            self.in_value = True
        elif item.phrase.meanings[0] == "section":  # "findings:" after a history in the same line
            self.section = None
        self._close()
        self.clause += 1
        self.name = i + 1 if kind in ("break", "field") else i

    def _close(self) -> None:
        if self.section:
            self._open(Label.BLANK, self.section, "history before")
        else:
            self._open(Label.POSITIVE, None, "asserted")

    def _inside(self, item: Found) -> None:
        """A denial that reaches "within the" has had its say; so has "no new"."""
        if self.label == Label.NEGATIVE or (self.cue and self.cue.phrase.text.startswith("no new")):
            self.inside = item

    def _mention(self, item: Found) -> None:
        phrase, label, cue, rule = item.phrase, self.label, self.cue, self.rule
        near = self.inside and item.start - self.inside.end <= _NOUN_PHRASE
        if near and phrase.kind == "finding":
            label, cue, rule = Label.POSITIVE, self.inside, "inside"
        elif cue and cue.phrase.meanings[0] == "after" and _DEVICES in phrase.meanings:
            label, cue, rule = Label.POSITIVE, None, "asserted"  # "status post pacemaker"
        self.read.append(Mention(item, label, cue, rule, self.clause, self.part))

    def _cue_before(self, i: int, item: Found) -> None:
        kind, role = item.phrase.kind, item.phrase.meanings[0]
        if role == "section":
            self.section = item
        if self.section:
            self._close()
        elif role == "ending" and self._ends_last(i, item):
            look_back(self.read, self.found, i, (self.clause, self.part), Label.NEGATIVE)
        elif kind != "uncertainty before" or not self._stays_denied(i, role):
            self._open(_OPENED[kind], item, kind)

    def _cue_after(self, i: int, item: Found) -> None:
        kind, rest = item.phrase.kind, self.words[item.end : item.end + 1]
        if not self.read and (rest in _ANY or (item.start <= 1 and kind == "negation after")):
            self._open(_BACK[kind], item, kind)  # "not seen is an effusion"
        elif item.phrase.meanings[0] == "adjacent":  # "after chest tube removal"
            last = finding_before(self.read, item)
            if last:
                last.relabel(_BACK[kind], item, kind)
        elif not self.section:
            look_back(self.read, self.found, i, (self.clause, self.part), _BACK[kind])

    def _event(self, i: int, item: Found) -> None:
        """Under a denial an event asserts the finding that follows, or the one just before it."""
        last = finding_before(self.read, item)
        if last and last.rule == "negation before":  # "no nodule growth"
            last.relabel(Label.POSITIVE, item, "event")
        if is_quality(item):
            self._mention(item)
        if self.label == Label.NEGATIVE and is_of_finding(self.found, i):
            self._open(Label.POSITIVE, item, "event")

    def _stays_denied(self, i: int, role: str) -> bool:
        """Doubt inside a denial denies on ("no line to suggest pneumothorax"), not after a comma.

        "New" puts in doubt only what is denied at once: "no evidence of new consolidation".
        """
        denied, before = self.label == Label.NEGATIVE, self.found[i - 1]
        if role == "new":
            return not (denied and before is self.cue and self.found[i].start - before.end <= 1)
        return denied and role != "exclusion" and before.phrase.text != ","

    def _ends_last(self, i: int, item: Found) -> bool:
        """Does "resolved" speak of the finding before it, as in "edema resolved"?

        Not so in "resolved edema"; "resolution of" looks ahead.
        """
        here = (self.clause, self.part, Label.POSITIVE)
        last = self.read[-1] if self.read else None
        if not last or (last.clause, last.part, last.label) != here:
            return False
        if item.phrase.text.endswith(" of"):
            return False
        return self.found[i - 1].phrase.kind == "verb" or not is_of_finding(self.found, i)

    def _settle_names(self, i: int) -> None:
        """The findings that name a field get the label of its value."""
        names = names_of(self.read, (self.clause, self.part), self.in_value)
        if not names or self.section or not is_name(self.found[max(self.name, i - NEAR) : i]):
            return
        verdict = label_of_name(self.found, i, self.words, self.in_value)
        for name in names:
            if is_said_again(self.found, i, name.at.phrase.meanings):
                name.relabel(Label.BLANK, None, "field")
            elif verdict:
                name.relabel(*verdict, "field")
