"""The sections FINDINGS and IMPRESSION of a free-text radiology report.

`headings` says where sections begin, `report_notes` what is no description. FINDINGS are found by
the first rule that gives a text; `FINDINGS_RULES` names them:
1. The sections with the heading FINDINGS, also if it names the IMPRESSION, too.
2. The sections that a view names: "CHEST, TWO VIEWS:".
3. The paragraphs after that of a request ("COMPARISON: ___"), or of a report without a heading.
A section that an addendum repeats is joined. Drafts (WET READ) and notes are never text.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from mrg_r1_lib.corpora.headings import find_headings, heading_kind
from mrg_r1_lib.corpora.report_notes import is_empty, is_request, without_notes

FINDINGS_RULES = ("none", "heading", "view name", "paragraphs without a heading")

_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_RULED = re.compile(r"^[ \t]*[_=*-]{5,}[ \t]*$", re.MULTILINE)  # a line drawn across the page
_HYPHEN = re.compile(r"(?<=[a-z]-)\n[ \t]*(?=[a-z])")


class Sections(NamedTuple):
    """Two sections, "" where missing, and the rule that found the FINDINGS."""

    findings: str
    impression: str
    rule: str


def extract_sections(text: str) -> dict[str, str]:
    """A report -> {"findings": …, "impression": …}, with single spaces, "" where missing.

    >>> extract_sections(" FINDINGS:  Clear lungs.\\n\\n IMPRESSION:\\n Normal.")
    {'findings': 'Clear lungs.', 'impression': 'Normal.'}
    """
    findings, impression, _ = read_sections(text)
    return {"findings": findings, "impression": impression}


def read_sections(text: str) -> Sections:
    """A report's FINDINGS and IMPRESSION, and which of `FINDINGS_RULES` found the FINDINGS."""
    text = _RULED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    parts = _parts(_HYPHEN.sub("", text))
    impression = _joined(parts, "impression")
    if findings := _joined(parts, "findings"):
        return Sections(findings, impression, "heading")
    if findings := _joined(parts, "view"):
        return Sections(findings, impression, "view name")
    if findings := _free_paragraphs(parts):
        return Sections(findings, impression, "paragraphs without a heading")
    return Sections("", impression, "none")


def count_rules(texts: Iterable[str]) -> dict[str, int]:
    """How many reports have their FINDINGS by each of `FINDINGS_RULES`.

    >>> count_rules(["FINDINGS: Clear.", "Lungs are clear.", "IMPRESSION: Normal."])
    {'none': 1, 'heading': 1, 'view name': 0, 'paragraphs without a heading': 1}
    """
    counts = Counter(read_sections(text).rule for text in texts)
    return {rule: counts[rule] for rule in FINDINGS_RULES}


def _parts(text: str) -> list[tuple[str, str]]:
    """The text as (kind of heading, text below it); "title" is the kind of what has no heading."""
    found = find_headings(text)
    ends = [*(heading.start for heading in found), len(text)]
    parts = [("title", text[: ends[0]])]
    return parts + [
        (heading.kind, text[heading.end : end])
        for heading, end in zip(found, ends[1:], strict=True)
    ]


def _joined(parts: list[tuple[str, str]], kind: str) -> str:
    """All sections of a kind, without notes; "" where nothing is described."""
    texts = (without_notes(text) for name, text in parts if name == kind)
    return " ".join(text for text in texts if not _is_void(text))


def _is_void(text: str) -> bool:
    return is_empty(text) or heading_kind(text) == "view"


def _free_paragraphs(parts: list[tuple[str, str]]) -> str:
    """The last paragraphs that belong to no heading; the first one after a request is its own."""
    for kind, text in reversed(parts):
        if kind not in ("title", "request"):
            continue
        paragraphs = [part for part in _PARAGRAPH.split(text.strip()) if part.strip()]
        cleaned = (without_notes(part) for part in paragraphs[kind == "request" :])
        kept = [part for part in cleaned if not _is_void(part) and not is_request(part)]
        if kept:
            return " ".join(kept)
    return ""
