"""A report as coloured text for terminals and notebooks: each mention in the colour of what it was
read as.

Red is asserted, yellow uncertain, blue denied. Grey is history, or a whole sentence that no rule
read. `why` adds the labels and the reason for No Finding, as HTML in a notebook and as text
elsewhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from itertools import groupby

from mrg_r1_lib.labelers.rules import explain, explain_sentence
from mrg_r1_lib.labelers.scope import Decision
from mrg_r1_lib.labelers.statements import sentences_of
from mrg_r1_lib.labelers.vocabulary import OTHER
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label

COLOURS = {
    Label.POSITIVE: 31,
    Label.NEGATIVE: 34,
    Label.UNCERTAIN: 33,
    Label.BLANK: 90,
}  # ANSI: red, blue, yellow, grey
_CSS = {
    Label.POSITIVE: "#b2182b",
    Label.NEGATIVE: "#2166ac",
    Label.UNCERTAIN: "#8a6d00",
    Label.BLANK: "#767676",
}
_SIGNS = {Label.POSITIVE: "+", Label.NEGATIVE: "−", Label.UNCERTAIN: "?", Label.BLANK: ""}
_STRONG = (Label.POSITIVE, Label.UNCERTAIN, Label.NEGATIVE)
_PLAIN = "\x1b[0m"
_DEVICES = "Support Devices"  # their presence leaves a chest without a finding
_LEGEND = {
    Label.POSITIVE: "asserted",
    Label.NEGATIVE: "denied",
    Label.UNCERTAIN: "in doubt",
    Label.BLANK: "history, or read by no rule",
}
_OTHER = f"{OTHER}: none of the 13 observations; asserted or in doubt, it leaves No Finding blank."


def coloured(report: str) -> str:
    """The report's sentences, a line each, with ANSI colours; TypeError if the report is not text.

    >>> coloured("No edema.")
    'No \\x1b[34medema\\x1b[0m.'
    """
    return "\n".join(_lines(report, _ansi))


def why(report: str) -> "Why":
    """A report with its labels and why it has them, in colours where it is shown; TypeError if the
    report is not text.

    In brackets stands the rule: "asserted" is a finding that no cue denies or doubts, "statement" a
    subject with a quality ("heart … enlarged"), the others name the cue's kind.

    >>> print(*why("Mild edema.").reasons(), sep="; ")
    Edema: positive, "edema" (asserted); No Finding: blank, Edema not denied
    """
    return Why(report, tuple(explain(report)))


@dataclass(frozen=True)
class Why:
    """A report and the decisions on it; `repr` shows it in ANSI colours, a notebook as HTML."""

    report: str
    decisions: tuple[Decision, ...]

    def deciding(self) -> dict[str, Decision]:
        """Observation -> the first of its strongest decisions; "Other abnormality" is the last."""
        names = (*OBSERVATIONS[:NO_FINDING], OTHER)
        strongest = [d for label in _STRONG for d in self.decisions if d.label == label]
        first = {d.observation: d for d in reversed(strongest)}
        return {name: first[name] for name in names if name in first}

    def reasons(self) -> list[str]:
        """A line for each label: its words, cue and rule; the last one is on No Finding."""
        return [
            *map(_reason, self.deciding().values()),
            f"{OBSERVATIONS[NO_FINDING]}: {self._normal()}",
        ]

    def _normal(self) -> str:
        deciding = self.deciding()
        if not deciding:
            return "blank, nothing is said of the chest"
        found = [
            name for name, d in deciding.items() if d.label != Label.NEGATIVE and name != _DEVICES
        ]
        return (
            f"blank, {' and '.join(found)} not denied"
            if found
            else "positive, something is said and nothing asserted"
        )

    def __repr__(self) -> str:
        return "\n".join([*_lines(self.report, _ansi), "", *self.reasons(), "", _OTHER])

    def _repr_html_(self) -> str:
        lines = "<br>".join(_lines(self.report, _html))
        items = "".join(f"<li>{escape(reason)}</li>" for reason in self.reasons())
        legend = ", ".join(_marked(text, label) for label, text in _LEGEND.items())
        return f"<div>{lines}</div><ul>{items}</ul><div>{legend}. {_OTHER}</div>"


def _reason(decision: Decision) -> str:
    cue = f', cue "{decision.cue}"' if decision.cue else ""
    start, end = decision.letters
    said = decision.sentence[start:end]
    return f'{decision.observation}: {decision.label.name.lower()}, "{said}"{cue} ({decision.rule})'


def _lines(report: str, paint: Callable[[str, Decision | None], str]) -> list[str]:
    """The sentences of a report, a full stop behind each, with the letters of their decisions
    painted.
    """
    return [_painted(sentence, paint) + "." for sentence in sentences_of(report)]


def _painted(sentence: str, paint: Callable[[str, Decision | None], str]) -> str:
    marks: list[Decision | None] = [None] * len(sentence)
    for decision in reversed(explain_sentence(sentence)):  # the first word on a span stays
        start, end = decision.letters
        marks[start:end] = [decision] * (end - start)
    painted = ""
    for _, group in groupby(
        range(len(sentence)), key=lambda place: marks[place] and marks[place].label
    ):
        places = list(group)
        text, decision = sentence[places[0] : places[-1] + 1], marks[places[0]]
        painted += paint(text, decision)
    return painted


def _ansi(text: str, decision: Decision | None) -> str:
    return f"\x1b[{COLOURS[decision.label]}m{text}{_PLAIN}" if decision else text


def _html(text: str, decision: Decision | None) -> str:
    if decision is None:
        return escape(text)
    return _marked(
        text, decision.label, _reason(decision) if decision.observation else decision.rule
    )


def _marked(text: str, label: Label, title: str = "") -> str:
    sign = f"<sup>{_SIGNS[label]}</sup>" if _SIGNS[label] else ""
    return f'<span style="color:{_CSS[label]}" title="{escape(title)}">{escape(text)}{sign}</span>'
