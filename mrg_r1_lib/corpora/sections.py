"""The sections FINDINGS and IMPRESSION of a free-text radiology report.

A section starts at a line that begins with a heading of a closed list and a colon. Other capitals
with a colon ("LUNGS:", "PA AND LATERAL VIEWS:") belong to their section. Several spellings count as
one heading; "FINDINGS AND IMPRESSION" is FINDINGS; a section that an addendum repeats is joined.
In a report with neither section the last paragraph is FINDINGS, unless it is a request, a
comparison or a note of a call.
"""

import re

# heading as written -> section; the longer spelling first
_HEADINGS = {
    r"FINDINGS? (?:AND|&) IMPRESSIONS?|FINDINGS?/IMPRESSIONS?": "findings",
    r"IMPRESSIONS? (?:AND|&) FINDINGS?": "findings",
    r"FINDINGS?": "findings",
    r"IMPRESSIONS?|CONCLUSIONS?": "impression",
    r"EXAMINATIONS?|EXAM|STUDY|TYPE OF EXAMINATION|PROCEDURE|TECHNIQUE|VIEWS?": "other",
    r"(?:CLINICAL )?(?:INDICATIONS?|HISTORY|INFORMATION)|HISTORY OF PRESENT ILLNESS": "other",
    r"REASON FOR (?:THE )?(?:EXAMINATION|EXAM|STUDY|THIS EXAMINATION)": "other",
    r"COMPARISONS?(?: STUDY| STUDIES| FILMS?)?": "other",
    r"RECOMMENDATIONS?(?:\(S\))?|NOTIFICATIONS?|WET READ|PRELIMINARY REPORT": "other",
    r"FINAL REPORT|ADDENDUM": "other",
}
_GROUPS = [f"(?P<h{number}>{spelling})" for number, spelling in enumerate(_HEADINGS)]
_HEADING = re.compile(rf"^[ \t]*(?:{'|'.join(_GROUPS)})[ \t]*:", re.MULTILINE)
_KINDS = list(_HEADINGS.values())
_TITLE = re.compile(r"^[ \t]*(?:FINAL REPORT|ADDENDUM)[ \t]*$", re.MULTILINE)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")


def extract_sections(text: str) -> dict[str, str]:
    """A report -> {"findings": …, "impression": …}, with single spaces, "" where missing.

    >>> extract_sections(" FINDINGS:  Clear lungs.\\n\\n IMPRESSION:\\n Normal.")
    {'findings': 'Clear lungs.', 'impression': 'Normal.'}
    """
    text = _TITLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    found = list(_HEADING.finditer(_capitals(text)))
    parts: dict[str, list[str]] = {"findings": [], "impression": [], "other": []}
    ends = [*(match.start() for match in found[1:]), len(text)]
    for match, end in zip(found, ends, strict=False):
        kind = _KINDS[int(match.lastgroup[1:])]
        parts[kind].append(text[match.end() : end])
    sections = {
        name: " ".join(" ".join(parts[name]).split()) for name in ("findings", "impression")
    }
    if not any(sections.values()):
        sections["findings"] = _last_paragraph(text)
    return sections


def _capitals(text: str) -> str:
    """The text with headings such as "Findings:" in capitals; no line changes its length."""
    heading = r"^[ \t]*[A-Z][A-Za-z /&()]{2,40}:"
    return re.sub(heading, lambda match: match[0].upper(), text, flags=re.MULTILINE)


def _last_paragraph(text: str) -> str:
    paragraphs = [paragraph for paragraph in _PARAGRAPH.split(text) if paragraph.strip()]
    last = paragraphs[-1] if paragraphs else ""
    return "" if _HEADING.match(_capitals(last)) else " ".join(last.split())
