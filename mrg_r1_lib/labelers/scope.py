"""From the phrases of one sentence to decisions: which finding is asserted, denied or in doubt, and by which cue.

After NegEx and CheXpert's labeler (Chapman et al. 2001; Irvin et al. 2019): `statements` splits a report, `vocabulary` finds
the phrases of a sentence, `cues` joins a "not" with its verb, `reading` gives every finding its label, `subjects` gives every
subject its quality. Here they become decisions on observations.
"""

from typing import NamedTuple

from mrg_r1_lib.labelers.cues import merged
from mrg_r1_lib.labelers.reading import Mention, Reading
from mrg_r1_lib.labelers.subjects import statements
from mrg_r1_lib.labelers.vocabulary import OTHER, Found, Vocabulary, words_of
from mrg_r1_lib.observations import Label


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


def decide(sentence: str, vocabulary: Vocabulary) -> tuple[Decision, ...]:
    """All decisions of one sentence, in the order of their words."""
    words = words_of(sentence)
    found = merged(vocabulary.find(words))
    mentions = Reading(found, words).mentions()
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


def _observations_of(mention: Mention) -> tuple[str, ...]:
    """What a mention decides by itself: "disease" and its like count only where denied, a quality never."""
    kind = mention.at.phrase.kind
    if kind == "generic":
        return (OTHER,) if mention.label == Label.NEGATIVE else ()
    return mention.at.phrase.meanings if kind == "finding" else ()


def _under_cue(label: Label, mention: Mention) -> tuple[Label, Found | None]:
    """The label of a statement whose quality stands under a cue; a normal quality only yields to a "not" beside it."""
    if mention.cue is None or mention.label == Label.POSITIVE:
        return label, None
    if label == Label.NEGATIVE:
        beside = mention.cue.phrase.meanings[0] == "not" and mention.cue.end == mention.at.start
        return (Label.POSITIVE, mention.cue) if beside else (label, None)
    return mention.label, mention.cue
