"""A report's letters with what they found or invented, and which studies tell most: what
`qualitative` draws.

Spans come from the rules labeler, which says by which words it decided. Uncertain counts as
asserted, as in the primary measure.
"""

from itertools import groupby

import numpy as np

from mrg_r1_lib.labelers.rules import explain, sentences_of
from mrg_r1_lib.labelers.scope import Decision
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label

SIGNS = {"found": "✓", "invented": "✗", "missed": "○"}
Marked = list[tuple[str, str]]  # letters, each with its kind ("" for none)


def telling_studies(reference: np.ndarray, before: np.ndarray, after: np.ndarray) -> list[int]:
    """Three places among the studies, from codes `(studies, 14)`: the first on which `after`
    finds one more observation than `before`, the first on which it invents one more and the
    first on which it misses one more; else the first studies.
    """
    wanted, had, has = positives(reference), positives(before), positives(after)
    changes = (has & ~had & wanted, has & ~had & ~wanted, had & ~has & wanted)
    firsts = [int(np.flatnonzero(change.any(axis=1))[0]) for change in changes if change.any()]
    return list(dict.fromkeys([*firsts, *range(len(wanted))]))[:3]


def judged(report: str, codes: np.ndarray, letters: int) -> list[Marked]:
    """A report as lines of at most `letters` marked letters, then the names of what it found,
    missed and invented.
    """
    outcome = outcomes(report, codes)
    lines = wrapped(marked(report, codes), letters)
    for kind, sign in SIGNS.items():
        names = ", ".join(name for name, of in outcome.items() if of == kind)
        if names:
            lines += wrapped([(letter, kind) for letter in f"{sign} {kind}: {names}"], letters)
    return (
        lines
        if outcome
        else [*lines, [(letter, "") for letter in "asserts nothing, as the reference"]]
    )


def outcomes(report: str, codes: np.ndarray) -> dict[str, str]:
    """Observation -> found, invented or missed: those of the 13 that report or reference (14 codes)
    asserts.

    >>> outcomes("Edema.", np.array([0, 1] + [0] * 12))
    {'Cardiomegaly': 'missed', 'Edema': 'invented'}
    """
    said = {decision.observation for decision in _asserted(report)}
    kinds = {(True, True): "found", (True, False): "invented", (False, True): "missed"}
    wanted = dict(zip(OBSERVATIONS[:NO_FINDING], positives(codes), strict=True))
    return {
        name: kinds[name in said, bool(of)] for name, of in wanted.items() if name in said or of
    }


def marked(report: str, codes: np.ndarray) -> Marked:
    """The report's letters, those that assert an observation with its outcome and a sign behind
    them.
    """
    outcome, letters = outcomes(report, codes), []
    for sentence in sentences_of(report):
        kinds = [""] * len(sentence)
        for decision in _asserted(report):
            if decision.sentence == sentence:
                start, end = decision.letters
                kinds[start:end] = [outcome[decision.observation]] * (end - start)
        for kind, group in groupby(zip(sentence, kinds, strict=True), key=lambda pair: pair[1]):
            letters += [*group, *([(SIGNS[kind], kind)] if kind else [])]
        letters += [(".", ""), (" ", "")]
    return letters or [(letter, "") for letter in "(no report)"]


def _asserted(report: str) -> list[Decision]:
    """The decisions that assert one of the 13 abnormalities, in doubt or not."""
    certain = (Label.POSITIVE, Label.UNCERTAIN)
    return [
        each
        for each in explain(report)
        if each.label in certain and each.observation in OBSERVATIONS[:NO_FINDING]
    ]


def wrapped(text: Marked, letters: int) -> list[Marked]:
    """Marked letters broken between words into lines of at most `letters`; a longer word has a
    line of its own.
    """
    words = [
        list(group) for space, group in groupby(text, key=lambda pair: pair[0] == " ") if not space
    ]
    lines: list[Marked] = [[]]
    for word in words:
        if lines[-1] and len(lines[-1]) + 1 + len(word) > letters:
            lines.append([])
        joined = word[0][1] if lines[-1] and lines[-1][-1][1] == word[0][1] else ""
        lines[-1] += ([(" ", joined)] if lines[-1] else []) + word
    return lines
