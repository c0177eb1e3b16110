"""Where the sections of a free-text report begin: headings and their kinds.

`headings.csv` lists the words of headings. A heading has only such words; the uppermost row with
one of them gives its kind (`detail` and `filler` give none). Long words may be misspelt. A heading
stands at the start of a line, or after a sentence, and ends in a colon, a dash or the line's end.
Capitals always count. Other letters must not continue a sentence, since reports wrap their lines.
"""

import csv
import re
from difflib import get_close_matches
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

TABLE = Path(__file__).with_suffix(".csv")
SIMILAR = 0.85  # difflib's ratio: FINDNGS has 0.93 of FINDINGS, FNIDINGS 0.88
SHORTEST = 6  # letters of a word that may be misspelt
OTHER_WORDS = {"compression", "compressions", "occlusions", "inclusions"}  # similar, no headings
SECTIONS = ("findings", "impression")
NO_KIND = ("detail", "filler")

_START = re.compile(
    r"[ \t]*(?P<name>[A-Za-z][^:;]{1,80}?)[ \t]*"
    r"(?P<end>[:;]|[ \t]-+(?=\s|$)(?! (?:FINDING|IMPRESSION))|$)"
)
_BARE = re.compile(
    r"[ \t]*(?P<name>FINDINGS?|IMPRESSIONS?)(?P<end>[ \t]+(?=[A-Z][a-z]|\d\.)|-+(?![A-Z]{3}))"
)
_INLINE = re.compile(
    r"(?<=[.?!)_])[ \t]+(?P<after>[A-Za-z][A-Za-z /&()]{3,40}?)[ \t]*:"
    r"|(?<=\S)[ \t]+(?P<capitals>[A-Z][A-Z /&()]{3,40}?)[ \t]*:"
    r"|(?<=\S)[ \t]+(?P<other>[Ff]indings|[Ii]mpression)[ \t]*:"
    r"|(?<=\S)[ \t]+(?P<dashed>FINDINGS?|IMPRESSIONS?)(?:[ \t]*;|[ \t]-+(?=\s))"
)
_ENDS = set(":;-")
_TIME = re.compile(r"(?<=\d):(?=\d\d)")
_ENDED = re.compile(r"(?:[.:?!;)_\]]|^)[ \t]*$")
_CONTINUED = re.compile(
    r"\b(?:a|an|and|are|as|at|by|for|from|in|is|last|no|of|on|or|other|previous|prior|recent|than|"
    r"that|the|these|this|to|was|were|with)[ \t]*$",
    re.IGNORECASE,
)
_WHOLE_CHEST = re.compile("chest|radiogra|x-?ray|film", re.IGNORECASE)


class Heading(NamedTuple):
    """A heading: its place in the text, its kind, and its name as written."""

    start: int
    end: int
    kind: str
    name: str


@cache
def _words() -> tuple[dict[str, int], tuple[str, ...], list[str]]:
    """Word -> row; the kind of each row; the long words."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    place: dict[str, int] = {}
    long: list[str] = []
    for number, row in enumerate(rows):
        long += row["long words"].split()
        words = f"{row['long words']} {row['short words']}".split()
        place |= dict.fromkeys(words, number)
    return place, tuple(row["kind"] for row in rows), long


@lru_cache(maxsize=8192)
def heading_kind(name: str) -> str:
    """The kind of a heading, given without its colon; "" if it is none.

    >>> heading_kind("FINDNGS/ IMPRESSION"), heading_kind("CHEST, TWO VIEWS"), heading_kind("LUNGS")
    ('findings', 'view', '')
    """
    place, kinds, _ = _words()
    words = re.findall(r"[a-z]+", re.sub(r"\(s\)|(?<=\d)(?:st|nd|rd|th)\b", "", name.lower()))
    if any(len(word) < SHORTEST and word not in place for word in words):
        return ""
    rows = [place.get(_corrected(word), -1) for word in words]
    kind = kinds[min(rows)] if rows and min(rows) >= 0 else ""
    return "" if kind in NO_KIND else kind


@lru_cache(maxsize=8192)
def _corrected(word: str) -> str:
    """The long word that a misspelt one stands for, or the word itself."""
    place, _, long = _words()
    if word in place or len(word) < SHORTEST or word in OTHER_WORDS:
        return word
    return next(iter(get_close_matches(word, long, 1, SIMILAR)), word)


def find_headings(text: str) -> list[Heading]:
    """All headings of a text, in order. Names of views inside FINDINGS or IMPRESSION are text."""
    lines = _TIME.sub(".", text).split("\n")
    found: list[Heading] = []
    offset = 0
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        after = lines[number + 1] if number + 1 < len(lines) else ""
        at_start = _at_start(line, before, after, found, offset)
        found.extend(at_start)
        if _ENDS & set(line[at_start[0].end - offset if at_start else 0 :]):
            _add_inline(line, offset, found)
        offset += len(line) + 1
    return found


def _at_start(
    line: str, before: str, after: str, found: list[Heading], offset: int
) -> list[Heading]:
    """The heading with which a line starts, if any, in a list."""
    match = _BARE.match(line) or _START.match(line)
    kind = heading_kind(match["name"]) if match else ""
    last = found[-1] if found else None
    if not kind or (kind == "view" and last and last.kind in SECTIONS):
        return []
    heading = Heading(offset + match.start("name"), offset + match.end(), kind, match["name"])
    alone = not match["end"]
    if (
        alone
        and kind not in SECTIONS
        and (after.strip()[:1].islower() or match["name"].endswith("."))
    ):
        return []  # a wrapped sentence, or a whole one
    if _is_capitals(heading.name):
        wrapped = _CONTINUED.search(before) and _is_capitals(before) and kind not in SECTIONS
        return [] if wrapped else [heading]
    if kind == "view" and not _WHOLE_CHEST.search(heading.name):
        return []
    return [heading] if _begins(heading, before, last, offset) else []


def _begins(heading: Heading, before: str, last: Heading | None, offset: int) -> bool:
    """Whether a heading not in capitals starts something new, after the line `before`."""
    if _ENDED.search(before) or heading_kind(before) == "title":
        return True
    if _CONTINUED.search(before):
        return False
    if heading.kind in SECTIONS and heading.name[0].isupper():
        return True
    if last is None or last.start < offset - len(before) - 1 or _is_capitals(last.name):
        return False
    return last.name[0].islower() == heading.name[0].islower()  # a list of headings, in one style


def _is_capitals(text: str) -> bool:
    return text.upper() == text


def _add_inline(line: str, offset: int, found: list[Heading]) -> None:
    """Add the headings inside a line: after a sentence, or in capitals."""
    start = max(found[-1].end - offset, 0) if found else 0
    while match := _INLINE.search(line, start):
        name = match[match.lastgroup]
        kind = heading_kind(name)
        # of "___ man with fever FINDINGS:" the last word alone is a heading
        start = match.end() if kind else match.start(match.lastgroup)
        in_section = bool(found) and found[-1].kind in SECTIONS
        if kind in ("", "view", "title", "draft"):
            continue
        if match.lastgroup == "other" and not _same_line(found, offset, kind):
            continue
        if kind == "request" and in_section and not _is_capitals(name):
            continue
        found.append(
            Heading(offset + match.start(match.lastgroup), offset + match.end(), kind, name)
        )


def _same_line(found: list[Heading], offset: int, kind: str) -> bool:
    """Whether the last heading is on this line, not in capitals and of another kind."""
    last = found[-1] if found else None
    return bool(last) and last.start >= offset and not _is_capitals(last.name) and last.kind != kind
