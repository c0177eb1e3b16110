"""The findings and qualities that a sentence has mentioned so far, and what cues make of them.

A mention holds its present label. `clause` counts the clauses of the sentence, `part` its commas.
"""

from dataclasses import dataclass

from mrg_r1_lib.labelers.cues import NEAR
from mrg_r1_lib.labelers.vocabulary import Found
from mrg_r1_lib.observations import Label

_JOINS = ("or", "nor", "and")


@dataclass(slots=True)
class Mention:
    """A finding or a quality, and the label that the cues read so far give it."""

    at: Found
    label: Label
    cue: Found | None
    rule: str
    clause: int
    part: int

    def relabel(self, label: Label, cue: Found | None, rule: str) -> None:
        """Give the mention another label, and the reason for it."""
        self.label, self.cue, self.rule = label, cue, rule


def finding_before(mentions: list[Mention], item: Found) -> Mention | None:
    """The finding that ends where the phrase begins, None if there is none."""
    last = mentions[-1] if mentions else None
    touches = last and last.at.end == item.start and last.at.phrase.kind == "finding"
    return last if touches else None


def look_back(
    mentions: list[Mention], found: list[Found], i: int, place: tuple[int, int], label: Label
) -> None:
    """The cue found[i] relabels the last part of its clause; `place` is its clause and its part.

    All parts, if the last is joined by "or" or "and". What a "neither" denied and "removed" ends
    is there.
    """
    (clause, part), cue = place, found[i]
    near = [mention for mention in mentions[-NEAR:] if mention.clause == clause]
    first = next((mention.at.start for mention in near if mention.part == part), None)
    joined = first is not None and any(
        item.phrase.text in _JOINS and first - 2 <= item.start < first
        for item in found[max(0, i - NEAR) : i]
    )
    rule = "uncertainty after" if label == Label.UNCERTAIN else "negation after"
    for mention in near:
        if joined or mention.part == part:
            twice = cue.phrase.meanings[0] == "ending" and mention.rule == "negation before"
            mention.relabel(Label.POSITIVE if twice else label, cue, rule)


def doubt_last(mentions: list[Mention], cue: Found, clause: int) -> None:
    """In "A versus B" the last asserted finding before the cue is in doubt."""
    last = mentions[-1] if mentions else None
    if last and last.clause == clause and last.label == Label.POSITIVE:
        last.relabel(Label.UNCERTAIN, cue, "alternative")


def names_of(mentions: list[Mention], place: tuple[int, int], in_value: bool) -> list[Mention]:
    """The findings that name a field whose mark stands at this clause and part.

    In the value of another field a cue is not the name's: "Pneumothorax: no, effusion: yes".
    """
    clause, part = place
    own = [
        mention
        for mention in mentions[-NEAR:]
        if mention.clause == clause and mention.at.phrase.kind in ("finding", "generic")
    ]
    return [m for m in own if m.cue is None or (in_value and m.part == part > 0)]
