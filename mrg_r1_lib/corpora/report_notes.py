"""Text of a report that is no description: notes of communication, requests, empty answers.

A note says that somebody was told ("Dr. ___ was paged at 4 p.m."). A sentence whose subject is only
a note is dropped; of "Large effusion, discussed with Dr. ___" the finding stays. Empty answers are
`nan`, `None.` and the like, and single sentences such as "Please see below". `report_notes.csv`
lists the words that the subject of a note may have.
"""

import csv
import re
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_suffix(".csv")

_SENTENCE = re.compile(
    r"(?<=[.?!])(?<!\bDr\.)(?<!\bDrs\.)(?<!\bMr\.)(?<!\bMs\.)(?<!\bMrs\.)(?<!\b[Nn]o\.)(?<!\s\d\.)"
    r"\s+(?=[A-Z(]|\d+[.)]\s|\d{1,2}:\d\d|(?<![ap]\.m\. )___ )"
)
_TOLD = re.compile(
    r"(?:[,;(–-]\s*)?\b(?:(?:and|which|that|this|these|as)\s+)?"
    r"(?:(?:was|were|is|are|has|have|had|been|being|also|subsequently|then|immediately)\s+){0,4}"
    r"(?:acknowledged|alerted|aware|called|communicated|contacted|conveyed|discussed|"
    r"e-?mail(?:ed)?|entered in(?:to)? the|informed|made aware|messaged|notified|paged|phoned|"
    r"posted to|relayed|"
    r"(?:forwarded|given|provided|reported|sent) to|reported by|reviewed with|telephoned|texted|"
    r"transmitted|communication|discussion|message|notification|page|phone|telephone|wet read)\b",
    re.IGNORECASE,
)
_LISTENER = re.compile(
    r"\b(?:drs?|doctors?|physicians?|md|m\.d|resident|attending|fellow|nurse|rn|r\.n|np|team|"
    r"clinicians?|clinical service|providers?|house ?staff|referring|ordering|caregiver|ed|icu|"
    r"emergency|office|telephone|phone|pager|by page|voicemail|dashboard|a\.?m|p\.?m|hrs|hours|"
    r"minutes|read-?back)\b",
    re.IGNORECASE,
)
_REQUEST = re.compile(
    r"(?:please|evaluate|eval|assess|rule out|r/o|query|question of|\?|check|look for|"
    r"(?:an? )?(?:___|\d+)[- ]?(?:year|yo|y/o|month)|comparison (?:is|was) made|"
    r"compared (?:to|with))\b[^.]*\.?$",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"(?:nan|none|null|nil|n\.?/?a|<?na>?|unknown|unavailable|not (?:available|applicable|"
    r"provided|given|dictated|reported)|as (?:above|below)|(?:see|refer to|please(?! note))\b[^.]*|"
    r"[\W_]*)[.!]?",
    re.IGNORECASE,
)


@cache
def _note_words() -> frozenset[str]:
    with TABLE.open(encoding="utf-8", newline="") as file:
        return frozenset(word for row in csv.DictReader(file) for word in row["words"].split())


def is_empty(text: str) -> bool:
    """Whether a section has no description: nothing, `nan`, "None.", "Please see below."

    >>> is_empty("None."), is_empty("Please"), is_empty("None of the ribs is broken.")
    (True, True, False)
    """
    return _EMPTY.fullmatch(text.strip()) is not None


def is_request(paragraph: str) -> bool:
    """Whether a paragraph is one sentence that asks or compares: "Evaluate for pneumonia."."""
    return _REQUEST.match(paragraph.strip()) is not None


def without_notes(text: str) -> str:
    """A text without its notes of communication; white space becomes single spaces.

    >>> without_notes("Large effusion, discussed with Dr. ___. He was paged at 4 p.m.")
    'Large effusion.'
    """
    text = " ".join(text.split())
    if not _LISTENER.search(text):
        return text
    kept = (_without_note(sentence) for sentence in _SENTENCE.split(text))
    return " ".join(sentence for sentence in kept if sentence)


def _without_note(sentence: str) -> str:
    told = _TOLD.search(sentence)
    if not told or not _LISTENER.search(sentence):
        return sentence
    subject = sentence[: told.start()]
    if set(re.findall(r"[a-z][a-z']*", subject.lower())) <= _note_words():
        return ""
    return f"{subject.rstrip(' ,;(-–')}."
