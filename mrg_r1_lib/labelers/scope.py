"""From the phrases of one sentence to decisions: which finding is asserted, denied or in doubt, and
by which cue.

After NegEx and CheXpert's labeler (Chapman et al. 2001; Irvin et al. 2019): `statements` splits a
report, `vocabulary` finds the phrases of a sentence, `cues` joins a "not" with its verb, `reading`
gives every finding its label, `subjects` gives every subject its quality. Here they become
decisions on observations.
"""

from collections.abc import Iterator
from typing import NamedTuple

from mrg_r1_lib.labelers.cues import merged
from mrg_r1_lib.labelers.mentions import Mention
from mrg_r1_lib.labelers.reading import Reading
from mrg_r1_lib.labelers.subjects import is_quality, statements
from mrg_r1_lib.labelers.vocabulary import OTHER, Found, Vocabulary, places_of, words_of
from mrg_r1_lib.observations import Label


class Decision(NamedTuple):
    """One observation as one sentence gives it, and why: the words that name it, the cue ("" for
    none) and the rule.

    A sentence that no rule read has one decision, on no observation. `start` and `end` say where
    the span stands among the words of the sentence.
    """

    observation: str
    label: Label
    sentence: str
    span: str
    cue: str
    rule: str
    start: int = 0
    end: int = 0

    @property
    def letters(self) -> tuple[int, int]:
        """Where the span begins and ends among the letters of the sentence; the whole sentence
        where no rule read it.
        """
        places = places_of(self.sentence)[self.start : self.end]
        return (places[0][0], places[-1][1]) if places else (0, len(self.sentence))


def decide(sentence: str, vocabulary: Vocabulary) -> tuple[Decision, ...]:
    """All decisions of one sentence, in the order of their words."""
    words = words_of(sentence)
    decisions = []
    for name, label, cue, rule, at in readings(words, vocabulary):
        span = " ".join(words[at.start : at.end])
        cause = cue.phrase.text if cue else ""
        decisions.append(Decision(name, label, sentence, span, cause, rule, at.start, at.end))
    return tuple(decisions)


def readings(
    words: list[str], vocabulary: Vocabulary
) -> Iterator[tuple[str, Label, Found | None, str, Found]]:
    """Observation, label, cue, rule and place of every decision on the words of a sentence."""
    found = merged(vocabulary.find(words))
    mentions = Reading(found, words).mentions() if found else []
    for mention in mentions:
        phrase = mention.at.phrase
        if phrase.kind == "finding":
            for name in phrase.meanings:
                yield name, mention.label, mention.cue, mention.rule, mention.at
        elif phrase.kind == "generic" and mention.label == Label.NEGATIVE:  # asserts nothing
            yield OTHER, mention.label, mention.cue, mention.rule, mention.at
    if len(mentions) == 1 and _stands_alone(found, words):
        yield OTHER, Label.NEGATIVE, None, "statement", mentions[0].at
    qualities = {mention.at.start: mention for mention in mentions if is_quality(mention.at)}
    for subject, quality in statements(found) if qualities else ():
        said = vocabulary.statements.get(
            (subject.phrase.meanings[0], quality.phrase.meanings[0]), ()
        )
        for name, label in said:
            place = subject._replace(
                start=min(subject.start, quality.start), end=max(subject.end, quality.end)
            )
            yield name, *_under_cue(label, qualities[quality.start]), "statement", place


def _stands_alone(found: list[Found], words: list[str]) -> bool:
    """Is the sentence a normal quality and nothing else, said of the chest, as in "Impression:
    negative"?
    """
    *heading, last = found
    covered = sum(item.end - item.start for item in found) == len(words)
    is_normal = last.phrase.kind == "quality" and last.phrase.meanings[0] == "normal"
    return is_normal and covered and all(item.phrase.kind in ("break", "field") for item in heading)


def _under_cue(label: Label, mention: Mention) -> tuple[Label, Found | None]:
    """The label of a statement whose quality stands under a cue; a normal quality only yields to a
    "not" beside it.
    """
    if mention.cue is None or mention.label == Label.POSITIVE:
        return label, None
    if label == Label.NEGATIVE:
        beside = mention.cue.phrase.meanings[0] == "not" and mention.cue.end == mention.at.start
        return (Label.POSITIVE, mention.cue) if beside else (label, None)
    return mention.label, mention.cue
