"""The <think>/<report> contract between prompt, policy and reward.

MRG-R1 asks for `<think>…</think>` and then `<report>…</report>`, and scores the format by rule
(second-hand note of arXiv:2512.16145v1; the wording of its prompt is unknown). Only the text inside
`<report>` may reach a labeler: the think text names the observations and would leak labels.
"""

import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass

INSTRUCTION = (  # paper value unknown
    "Name the positive observations in <think></think>, "
    "then write the findings in <report></report>."
)
TAGS = ("<think>", "</think>", "<report>", "</report>")

_ANY_TAG = re.compile("|".join(re.escape(tag) for tag in TAGS))
_REPORT = re.compile(r"<report>(?P<report>.*?)(?:<report>|</report>|</?think>|\Z)", re.DOTALL)
_THINK = re.compile(r"<think>(?P<think>.*?)(?:<think>|</think>|</?report>|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Completion:
    """A parsed completion; `well_formed`: it keeps the contract and its report is not empty."""

    think: str
    report: str
    well_formed: bool


def check_text(text: str, name: str = "report") -> str:
    """Return `text`; TypeError unless it is a str."""
    if not isinstance(text, str):
        raise TypeError(f"{name} is {reprlib.repr(text)} ({type(text).__name__}), expected a str.")
    return text


def check_reports(texts: Sequence[str], name: str = "reports") -> None:
    """TypeError unless `texts` is a list, or a column of a table, and every entry text; it names
    the first that is not.
    """
    if isinstance(texts, str | bytes):
        kind = type(texts).__name__
        raise TypeError(f"{name}: got one {kind}, expected a list of str. Wrap it: [report].")
    is_list = isinstance(texts, Sequence) or hasattr(texts, "__array__")
    if not is_list or getattr(texts, "ndim", 1) != 1:
        raise TypeError(
            f"{name}: expected a list of str, got {reprlib.repr(texts)} ({type(texts).__name__})."
        )
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"{name}[{position}] is {text!r} ({type(text).__name__}), expected a str. "
                'Leave the study out or give "" for a missing report.'
            )


def render_target(think: str, report: str) -> str:
    """The completion that SFT teaches for one study.

    >>> render_target("Edema", "Mild edema.")
    '<think>Edema</think>\\n<report>Mild edema.</report>'
    """
    return f"<think>{think}</think>\n<report>{report}</report>"


def completion_text(completion: str | list[dict]) -> str:
    """A completion as text; TRL passes a string, or a list of messages for conversational rows.

    Of messages the last one counts. TypeError for anything else.

    >>> completion_text([{"role": "assistant", "content": [{"type": "text", "text": "Clear."}]}])
    'Clear.'
    """
    if isinstance(completion, str):
        return completion
    try:
        content = completion[-1]["content"]
        parts = [content] if isinstance(content, str) else [part.get("text") for part in content]
        return "".join(part or "" for part in parts)
    except (TypeError, LookupError, AttributeError):
        raise TypeError(
            f"completion is {reprlib.repr(completion)} ({type(completion).__name__}), expected a "
            'str or messages such as [{"role": "assistant", "content": "…"}].'
        ) from None


def parse_completion(completion: str | list[dict]) -> Completion:
    """Split a completion into think text and report.

    A cut report counts up to the cut, but is not well formed. A report ends at the next tag, so
    think text never reaches the labeler. Without `<report>` the report is "". Time is linear in
    the text. TypeError for a completion that is neither text nor messages.

    >>> parse_completion("<think>Edema</think> <report>Mild edema.</report>")
    Completion(think='Edema', report='Mild edema.', well_formed=True)
    """
    text = completion_text(completion)
    report, think = _REPORT.search(text), _THINK.search(text)
    report_text = report["report"].strip() if report else ""
    well_formed = bool(report_text) and _keeps_the_contract(text)
    return Completion(think["think"].strip() if think else "", report_text, well_formed)


def _keeps_the_contract(text: str) -> bool:
    """Each tag once and in order, with nothing but white space around and between the two parts."""
    if _ANY_TAG.findall(text) != list(TAGS):
        return False
    before, _, between, _, after = _ANY_TAG.split(text)
    return not any(part.strip() for part in (before, between, after))
