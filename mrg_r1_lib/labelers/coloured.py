"""A report as coloured text for terminals and notebooks: each mention in the colour of what it was read as."""

import re

from mrg_r1_lib.labelers.rules import explain, sentences_of
from mrg_r1_lib.observations import Label

COLOURS = {
    Label.POSITIVE: 31,
    Label.NEGATIVE: 34,
    Label.UNCERTAIN: 33,
    Label.BLANK: 90,
}  # ANSI: red, blue, yellow, grey
_PLAIN = "\x1b[0m"


def coloured(report: str) -> str:
    """The report's sentences, a line each, with ANSI colours: red asserted, yellow uncertain, blue denied, grey history.

    >>> coloured("No edema.")
    'No \\x1b[34medema\\x1b[0m.'
    """
    lines = []
    for sentence in sentences_of(report):
        marks = [_PLAIN] * len(sentence)
        for decision in reversed(
            [d for d in explain(report) if d.sentence == sentence]
        ):  # the first word on a span stays
            found = re.search(
                r"[^a-z0-9]+".join(map(re.escape, decision.span.split())), sentence.lower()
            )
            for place in range(*found.span()) if found else ():
                marks[place] = f"\x1b[{COLOURS[decision.label]}m"
        lines.append(_painted(sentence, marks) + ".")
    return "\n".join(lines)


def _painted(text: str, marks: list[str]) -> str:
    """The text with a mark wherever it changes, plain at both ends."""
    painted, present = "", _PLAIN
    for letter, mark in zip(text, marks, strict=True):
        painted += (mark if mark != present else "") + letter
        present = mark
    return painted + (_PLAIN if present != _PLAIN else "")
