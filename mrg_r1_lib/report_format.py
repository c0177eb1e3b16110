"""The <think>/<report> contract between prompt, policy and reward.

MRG-R1 asks for `<think>…</think>` and then `<report>…</report>`, and scores the format by rule
(second-hand note of arXiv:2512.16145v1; the wording of its prompt is unknown). Only the text inside
`<report>` may reach a labeler: the think text names the observations and would leak labels.
"""

import re
from dataclasses import dataclass

INSTRUCTION = (  # paper value unknown
    "Name the positive observations in <think></think>, "
    "then write the findings in <report></report>."
)
TAGS = ("<think>", "</think>", "<report>", "</report>")

_ANY_TAG = re.compile("|".join(re.escape(tag) for tag in TAGS))
_WHOLE = re.compile(
    r"\s*<think>(?P<think>.*?)</think>\s*<report>(?P<report>.*?)</report>\s*", re.DOTALL
)
_REPORT = re.compile(r"<report>(?P<report>.*?)(?:<report>|</report>|</?think>|\Z)", re.DOTALL)
_THINK = re.compile(r"<think>(?P<think>.*?)(?:<think>|</think>|</?report>|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Completion:
    """A parsed completion; `well_formed`: it keeps the contract and its report is not empty."""

    think: str
    report: str
    well_formed: bool


def render_target(think: str, report: str) -> str:
    """The completion that SFT teaches for one study.

    >>> render_target("Edema", "Mild edema.")
    '<think>Edema</think>\\n<report>Mild edema.</report>'
    """
    return f"<think>{think}</think>\n<report>{report}</report>"


def completion_text(completion: str | list[dict]) -> str:
    """A completion as text; TRL passes a string, or a list of messages for conversational rows."""
    if isinstance(completion, str):
        return completion
    content = completion[-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or "" for part in content)


def parse_completion(completion: str | list[dict]) -> Completion:
    """Split a completion into think text and report.

    A cut report counts up to the cut, but is not well formed. A report ends at the next tag, so
    think text never reaches the labeler. Without `<report>` the report is "".

    >>> parse_completion("<think>Edema</think> <report>Mild edema.</report>")
    Completion(think='Edema', report='Mild edema.', well_formed=True)
    """
    text = completion_text(completion)
    whole = _WHOLE.fullmatch(text)
    report, think = _REPORT.search(text), _THINK.search(text)
    report_text = report["report"].strip() if report else ""
    well_formed = bool(whole and report_text and len(_ANY_TAG.findall(text)) == len(TAGS))
    return Completion(think["think"].strip() if think else "", report_text, well_formed)
