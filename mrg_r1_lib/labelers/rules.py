"""The rules labeler: a report's sentences -> decisions by vocabulary and clause scope -> the 14
labels. No network, no weights.

A stand-in for CheXbert that anybody can run and read. Aggregation is CheXpert's (Irvin et al.
2019): over all mentions of an observation positive beats uncertain beats negative beats blank. A
report that contradicts itself is read by the same rule, whatever the order and the headings of its
sentences: FINDINGS that deny and an IMPRESSION that asserts are positive. "No Finding" is positive
where the report says something of the chest and neither a finding (support devices aside) nor
another abnormality (emphysema, a granuloma, a hernia) is asserted. Sentences are read one by one
and kept in a bounded cache.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from mrg_r1_lib.labelers.scope import Decision, decide, readings
from mrg_r1_lib.labelers.statements import sentences_of
from mrg_r1_lib.labelers.vocabulary import OTHER, load_vocabulary, words_of
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label
from mrg_r1_lib.report_format import check_reports, check_text

CACHED_SENTENCES = 32_768  # at most about 2 kB each
LONG = 1_000  # letters: a longer sentence is not kept
_STRENGTH = (0, 3, 1, 2)  # indexed by Label: positive > uncertain > negative > blank
_LABEL = (Label.BLANK, Label.NEGATIVE, Label.UNCERTAIN, Label.POSITIVE)  # indexed by strength
_DEVICES = OBSERVATIONS.index("Support Devices")
_NAMES = (*OBSERVATIONS[:NO_FINDING], OTHER)  # OTHER takes the place of No Finding
_COLUMN = {name: column for column, name in enumerate(_NAMES)}


def load_rules() -> Callable[[Sequence[str]], np.ndarray]:
    """The rules labeler: reports -> labels `(reports, 14) int8` in 0-3 (No Finding 0 or 1).

    >>> load_rules()(["Mild edema. No pneumothorax."])[0, [4, 8]].tolist()
    [1, 2]
    """
    return label_reports


def label_reports(reports: Sequence[str]) -> np.ndarray:
    """The labels `(reports, 14) int8`; TypeError names the first report that is not text."""
    check_reports(reports)
    labels = np.zeros((len(reports), len(OBSERVATIONS)), dtype=np.int8)
    for row, report in zip(labels, reports, strict=True):
        row[:] = _label_report(report)
    return labels


def explain(report: str) -> list[Decision]:
    """Every decision behind a report's labels, sentence by sentence; TypeError if the report is not
    text.

    The strongest decision on an observation is its label. "Other abnormality" is none of the 13 and
    leaves No Finding blank. A sentence that no rule read has one decision, rule "not read", on no
    observation. No Finding comes last, where positive.

    >>> [(d.observation, d.label.name, d.cue) for d in explain("No pneumothorax.")]
    [('Pneumothorax', 'NEGATIVE', 'no'), ('No Finding', 'POSITIVE', '')]
    """
    decisions = [
        decision for sentence in sentences_of(report) for decision in explain_sentence(sentence)
    ]
    if _label_report(report)[NO_FINDING]:
        name, rule = OBSERVATIONS[NO_FINDING], "something said, nothing asserted"
        decisions.append(Decision(name, Label.POSITIVE, "", "", "", rule))
    return decisions


def explain_sentence(sentence: str) -> tuple[Decision, ...]:
    """Every decision on one sentence, or the one that says that no rule read it.

    TypeError if the sentence is not text.
    """
    check_text(sentence, "sentence")
    unread = Decision("", Label.BLANK, sentence, "", "", "not read")
    return decide(sentence, load_vocabulary()) or (unread,)


@lru_cache(maxsize=CACHED_SENTENCES)
def _read_sentence(sentence: str) -> tuple[tuple[int, int], ...]:
    """The columns that a sentence labels, each with the strength of its label."""
    strengths: dict[int, int] = {}
    for name, label, *_ in readings(words_of(sentence), load_vocabulary()):
        column, strength = _COLUMN[name], _STRENGTH[label]
        if strength > strengths.get(column, 0):
            strengths[column] = strength
    return tuple(strengths.items())


def _label_report(report: str) -> list[int]:
    strengths = [0] * len(OBSERVATIONS)
    for sentence in sentences_of(report):
        read = _read_sentence if len(sentence) <= LONG else _read_sentence.__wrapped__
        for column, strength in read(sentence):
            if strength > strengths[column]:
                strengths[column] = strength
    labels = [_LABEL[strength] for strength in strengths]
    said, strengths[_DEVICES] = any(strengths), 0
    labels[NO_FINDING] = int(said and max(strengths) <= _STRENGTH[Label.NEGATIVE])
    return labels
