"""From the phrases of one sentence to decisions: which finding is asserted, denied or in doubt, and by which cue.

After NegEx and CheXpert's labeler (Chapman et al. 2001; Irvin et al. 2019), with scopes bounded by clauses instead of a parser:
a cue before reaches to the next break, through the commas and "or" of a list; a cue after reaches back over its own list;
what doubts inside a denial ("no line to suggest pneumothorax") stays denied; subjects take the nearest quality of their clause.
"""

from dataclasses import dataclass
from typing import NamedTuple

from mrg_r1_lib.labelers.vocabulary import OTHER, Found, Vocabulary, words_of
from mrg_r1_lib.observations import Label

_OPENED = {  # what a cue makes of the findings that follow it
    "negation before": Label.NEGATIVE,
    "uncertainty before": Label.UNCERTAIN,
    "history before": Label.BLANK,
}
_NEAR = 40  # phrases that any rule looks ahead or back: reading stays linear in the text
_REACH = 4  # words between an adjective and its subject: "blunting of the left lateral costophrenic angle"
_JOINS = ("or", "nor", "and")


class Decision(NamedTuple):
    """One observation as one sentence gives it, and why: the words that name it, the cue ("" for none) and the rule."""

    observation: str
    label: Label
    sentence: str
    span: str
    cue: str
    rule: str


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
    found = vocabulary.find(words)
    mentions = _apply_cues(found)
    decisions = []
    for mention in mentions:
        span = " ".join(words[mention.at.start : mention.at.end])
        cue = mention.cue.phrase.text if mention.cue else ""
        for name in _observations_of(mention):
            decisions.append(Decision(name, mention.label, sentence, span, cue, mention.rule))
    return (*decisions, *_statements(sentence, words, found, mentions, vocabulary))


def _observations_of(mention: _Mention) -> tuple[str, ...]:
    """What a mention decides by itself: "disease" and its like count only where denied, a quality never."""
    kind = mention.at.phrase.kind
    if kind == "generic":
        return (OTHER,) if mention.label == Label.NEGATIVE else ()
    return mention.at.phrase.meanings if kind in ("finding", "alternative") else ()


def _apply_cues(found: list[Found]) -> list[_Mention]:
    """One pass from left to right: an open cue labels what follows; a cue after relabels what its clause already holds."""
    mentions: list[_Mention] = []
    label, cue, rule = Label.POSITIVE, None, "asserted"
    clause = part = 0
    for i, item in enumerate(found):
        kind = item.phrase.kind
        if (
            kind == "break"
            or (kind == "list" and _begins_assertion(found, i))
            or (kind == "subject" and _has_verb(found, i))
        ):
            label, cue, rule = Label.POSITIVE, None, "asserted"
            clause += 1
        if item.phrase.text == ",":
            part += 1
        elif kind in ("finding", "generic", "quality"):
            mentions.append(_Mention(item, label, cue, rule, clause, part))
        elif kind in _OPENED and not (
            kind == "uncertainty before" and _stays_denied(label, found[i - 1])
        ):
            label, cue, rule = _OPENED[kind], item, kind
        elif kind in ("negation after", "uncertainty after"):
            _look_back(mentions, found, i, clause, part)
        elif kind == "alternative" and label == Label.POSITIVE:
            _doubt_last(mentions, item, clause)
            label, cue, rule = Label.UNCERTAIN, item, kind
            if item.phrase.meanings[0]:  # "versus infiltrate" is cue and finding at once
                mentions.append(_Mention(item, label, cue, rule, clause, part))
    return mentions


def _stays_denied(label: Label, before: Found) -> bool:
    """Doubt inside a denial denies on, as in "no line to suggest pneumothorax"; after a comma it is a doubt of its own."""
    return label == Label.NEGATIVE and before.phrase.text != ","


def _begins_assertion(found: list[Found], i: int) -> bool:
    """Is found[i], a comma or "and", followed at once by an asserting word, with no "or" later that would make it a list?"""
    if (
        i + 1 == len(found)
        or found[i + 1].phrase.kind != "assertion"
        or found[i + 1].start > found[i].end + 1
    ):
        return False
    for later in found[i + 1 : i + _NEAR]:
        if later.phrase.kind == "break":
            break
        if later.phrase.text in ("or", "nor"):
            return False
    return True


def _has_verb(found: list[Found], i: int) -> bool:
    """Does the subject found[i] govern a verb, as in "no effusion, the heart is large"?"""
    for later in found[i + 1 : i + _NEAR]:
        if later.phrase.kind == "verb":
            return True
        if later.phrase.kind not in ("subject", "assertion", "list"):
            return False
    return False


def _look_back(
    mentions: list[_Mention], found: list[Found], i: int, clause: int, part: int
) -> None:
    """A cue after its findings: the last part of the clause, and all parts if the last is joined by "or", "nor" or "and"."""
    cue, near = found[i], [m for m in mentions[-_NEAR:] if m.clause == clause]
    first = next((m.at.start for m in near if m.part == part), None)
    joined = first is not None and any(
        item.phrase.text in _JOINS and first - 2 <= item.start < first
        for item in found[max(0, i - _NEAR) : i]
    )
    for mention in near:
        if joined or mention.part == part:
            mention.label = (
                Label.UNCERTAIN if cue.phrase.kind == "uncertainty after" else Label.NEGATIVE
            )
            mention.cue, mention.rule = cue, cue.phrase.kind


def _doubt_last(mentions: list[_Mention], cue: Found, clause: int) -> None:
    """In "A versus B" the last asserted finding before the cue is in doubt."""
    if mentions and mentions[-1].clause == clause and mentions[-1].label == Label.POSITIVE:
        mentions[-1].label, mentions[-1].cue, mentions[-1].rule = (
            Label.UNCERTAIN,
            cue,
            cue.phrase.kind,
        )


def _statements(
    sentence: str,
    words: list[str],
    found: list[Found],
    mentions: list[_Mention],
    vocabulary: Vocabulary,
) -> list[Decision]:
    """What the qualities of a sentence say of its subjects, such as "heart … enlarged"."""
    qualities = {mention.at: mention for mention in mentions if mention.at.phrase.kind == "quality"}
    used: set[Found] = set()
    decisions = []
    for i, subject in enumerate(found):
        if subject.phrase.kind != "subject":
            continue
        quality = _quality_of(found, i, used)
        if quality is None:
            continue
        mention = qualities[quality]
        start, end = min(subject.start, quality.start), max(subject.end, quality.end)
        span = " ".join(words[start:end])
        for name, label in vocabulary.statements.get(
            (subject.phrase.meanings[0], quality.phrase.meanings[0]), ()
        ):
            final, cue = _under_cue(label, mention)
            decisions.append(
                Decision(name, final, sentence, span, cue.phrase.text if cue else "", "statement")
            )
    return decisions


def _under_cue(label: Label, mention: _Mention) -> tuple[Label, Found | None]:
    """The label of a statement whose quality stands under a cue; a normal quality only yields to a "not" beside it."""
    if mention.cue is None or mention.label == Label.POSITIVE:
        return label, None
    if label == Label.NEGATIVE:
        beside = mention.cue.phrase.text == "not" and mention.cue.end == mention.at.start
        return (Label.POSITIVE, mention.cue) if beside else (label, None)
    return mention.label, mention.cue


def _quality_of(found: list[Found], i: int, used: set[Found]) -> Found | None:
    """The quality of the subject found[i]: an adjective just before it, else the next in its clause, else one it shares.

    `used` collects the qualities that already serve a subject before them, so that "heart normal and lungs clear" does not
    give the lungs the heart's.
    """
    subject = found[i]
    before = next(
        (
            item
            for item in reversed(found[max(0, i - _REACH) : i])
            if item.phrase.kind != "assertion"
        ),
        None,
    )
    if (
        before
        and before.phrase.kind == "quality"
        and before not in used
        and subject.start - before.end <= _REACH
    ):
        return before
    for later in found[i + 1 : i + _NEAR]:
        if later.phrase.kind in ("break", "finding", "generic"):
            break
        if later.phrase.kind == "quality":
            used.add(later)
            return later
    for earlier in reversed(
        found[max(0, i - _NEAR) : i]
    ):  # "normal heart size and mediastinal contours"
        if earlier.phrase.kind == "quality":
            return None if earlier in used else earlier
        if earlier.phrase.kind not in ("subject", "list"):
            return None
    return None
