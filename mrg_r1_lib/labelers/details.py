"""The words that describe a finding: side, zone, size, measure, acuity, change, position.

`findings.csv` is written for a clinician: a row `kind,phrase,meaning`. Rows of the kinds in
`ATTRIBUTES` describe, `name` and `device` rows name a finding that the 13 observations do not.
`joint` words join two statements, `word` rows are ordinary words of a report, `heading` rows are
headings of the hand-made index, `pronoun` words begin a sentence on what was said. Which finding a
word describes is decided by what stands between them: adjectives stand before their finding, a
place behind its preposition, and a list or a "with" parts two findings.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import NamedTuple

ATTRIBUTES = ("side", "zone", "size", "acuity", "change", "position", "bone")
SIZES = ("small", "moderate", "large")
KINDS = (*ATTRIBUTES, "side+zone", "none", "name", "device", "joint", "word", "heading", "pronoun")
_UNITS = {f"milli{end}": 1.0 for end in ("meter", "meters", "metre", "metres")} | {"mm": 1.0}
_UNITS |= {f"centi{end}": 10.0 for end in ("meter", "meters", "metre", "metres")} | {"cm": 10.0}
_SHARES = ("percent", "degrees", "degree")  # what is measured, but not in millimetres
_UNITS |= dict.fromkeys(_SHARES, 1.0)
_PAST = frozenset(("from", "previously", "formerly", "was", "were", "earlier", "before", "prior"))
_NUMBERS = {"half": 0.5, "a": 1.0, "one": 1.0, "two": 2.0, "three": 3.0, "four": 4.0, "five": 5.0}
_NUMBERS |= {"six": 6.0, "seven": 7.0, "eight": 8.0, "nine": 9.0, "ten": 10.0, "twelve": 12.0}
_NUMBERS |= {"fifteen": 15.0, "twenty": 20.0, "thirty": 30.0, "forty": 40.0, "fifty": 50.0}
_DENIED = frozenset(("none", "not", "no", "nothing", "without", "spares", "sparing", "spared"))
_PARTS = frozenset((",", "and", "or", "nor", "with", "without", "but", "/", "(", ")", ":", "as"))
_BEHIND = frozenset(("in", "at", "of", "within", "along", "over", "on", "near", "from", "to"))
_BEHIND |= {"overlying", "throughout", "involving", "is", "are", "measures", "measuring", "above"}
_ONLY_LISTS = frozenset((",", "and", "or", "nor", "/"))
_MEANS = {"represent", "represents", "representing", "likely", "probably", "possibly", "compatible"}
_MEANS |= {"consistent", "suggest", "suggests", "suggestive", "suggesting", "reflect", "reflects"}
_MEANS |= {"reflecting", "versus", "vs", "either"}  # "opacity, likely atelectasis": in one place
_DENIAL = 4  # words from a "none" to the place that it denies
_REACH = 14  # words from a finding to a word that describes it

Details = dict[str, tuple[str, ...]]


class Words(NamedTuple):
    """The table: by first word the phrases that describe, and the names, joints and words."""

    described: dict[str, list[tuple[tuple[str, ...], tuple[tuple[str, str], ...]]]]
    names: dict[str, str]
    devices: dict[str, str]
    joints: frozenset[str]
    known: frozenset[str]
    headings: dict[str, str]
    pronouns: frozenset[str]


class Detail(NamedTuple):
    """Words [start, end) of a sentence, and the attributes that they give."""

    start: int
    end: int
    values: tuple[tuple[str, str], ...]


@cache
def load_words() -> Words:
    """The table that comes with the library; ValueError for an unknown kind or a second row."""
    text = files(__package__).joinpath("findings.csv").read_text(encoding="utf-8")
    described, single = {}, defaultdict(dict)
    for row in csv.DictReader(text.splitlines()):
        kind, phrase, meaning = row["kind"], row["phrase"], row["meaning"]
        values = tuple(zip(kind.split("+"), meaning.split(), strict=kind == "side+zone"))
        known = described if kind in (*ATTRIBUTES, "side+zone", "none") else single[kind]
        if kind not in KINDS or phrase in known:
            raise ValueError(f"findings.csv: {kind!r} {phrase!r} is unknown or stands twice.")
        if kind in ATTRIBUTES:
            values = ((kind, meaning),)
        known[phrase] = meaning if known is not described else values if kind != "none" else ()
    by_first = defaultdict(list)
    for phrase in sorted(described, key=lambda phrase: -len(phrase.split())):
        first, *rest = phrase.split()
        by_first[first].append((tuple(rest), described[phrase]))
    words = {word for phrase in described for word in phrase.split()}
    return Words(
        dict(by_first),
        names=single["name"],
        devices=single["device"],
        headings=single["heading"],
        joints=frozenset(single["joint"]),
        pronouns=frozenset(single["pronoun"]),
        known=frozenset(words | set(single["word"]) | set(single["joint"]) | set(_UNITS)),
    )


def details_in(words: list[str]) -> list[Detail]:
    """The phrases of a sentence that describe, the longest at each word, and its measures."""
    table, found, spent = load_words().described, [], 0
    if table.keys().isdisjoint(words) and _UNITS.keys().isdisjoint(words):
        return found
    for start, word in enumerate(words):
        if start < spent:
            continue
        for rest, values in table.get(word, ()):
            end = start + 1 + len(rest)
            if tuple(words[start + 1 : end]) == rest:
                if values:
                    found.append(Detail(start, end, values))
                spent = end
                break
        else:
            if word in _UNITS and start and _number(words[start - 1]) is not None:
                found.append(_measure(words, start))
    return _of_today(words, found)


def _of_today(words: list[str], found: list[Detail]) -> list[Detail]:
    """Without the old measure of "from 20 mm to 12 mm" and "12 mm, previously 8 mm"."""
    measures = [each for each in found if each.values[0][0] in ("measure", "amount")]
    if len(measures) < 2:
        return found
    old = [
        each
        for each in measures
        if not _PAST.isdisjoint(words[max(0, each.start - 2) : each.start])
        or not _PAST.isdisjoint(words[each.end : each.end + 1])
    ]
    return [each for each in found if each not in old] if len(old) < len(measures) else found


def _number(word: str) -> float | None:
    return float(word) if word[0].isdigit() else _NUMBERS.get(word)


def _measure(words: list[str], unit: int) -> Detail:
    """ "2.5 x 3 cm": the largest of the numbers before a unit, in millimetres."""
    start = unit - 1
    sizes = [_number(words[start]) or 0.0]
    while start >= 1:
        back = 2 if words[start - 1] in ("x", "by") and start >= 2 else 1
        if not words[start - back][0].isdigit():
            break
        start -= back
        sizes.append(float(words[start]))
    kind = "amount" if words[unit] in _SHARES else "measure"
    return Detail(start, unit + 1, ((kind, f"{max(sizes) * _UNITS[words[unit]]:g}"),))


def details_of_pronoun(words: list[str]) -> Details:
    """The details of a sentence on what was said before, "It measures 8 mm"; else none."""
    found: Details = {}
    if words and words[0] in load_words().pronouns:
        for detail in details_in(words):
            for attribute, value in detail.values:
                found[attribute] = (*found.get(attribute, ()), value)
    return found


def described(
    words: list[str], spans: Sequence[tuple[int, int]]
) -> list[dict[str, tuple[str, ...]]]:
    """For each finding at words [start, end) its attributes: name -> values in their order.

    The spans are sorted. Findings of one list share the place that stands before or behind it.
    """
    found: list[Details] = [{} for _ in spans]
    details = details_in(words)
    if not details:
        return found
    for detail in details:
        owner = _owner(words, spans, detail)
        if owner is not None and not _is_denied(words, spans[owner], detail):
            for attribute, value in detail.values:
                if value not in found[owner].get(attribute, ()):
                    found[owner][attribute] = (*found[owner].get(attribute, ()), value)
    for i in range(len(spans) - 1):
        gap = words[spans[i][1] : spans[i + 1][0]]
        if gap and (_ONLY_LISTS.issuperset(gap) or not _MEANS.isdisjoint(gap)):
            _share(found[i], found[i + 1])
    return found


def _share(one: Details, two: Details) -> None:
    """A place that only one of two listed findings names is that of both."""
    if ("side" in one or "zone" in one) == ("side" in two or "zone" in two):
        return
    giver, taker = (one, two) if "side" in one or "zone" in one else (two, one)
    taker |= {name: giver[name] for name in ("side", "zone") if name in giver}


def _owner(words: list[str], spans: Sequence[tuple[int, int]], detail: Detail) -> int | None:
    """Which finding the words describe: the one that they stand in, else a neighbour."""
    before = after = None
    for i, (start, end) in enumerate(spans):
        if start <= detail.start and detail.end <= end:
            return i
        if end <= detail.start + 1:
            before = i
        elif start >= detail.end - 1 and after is None:
            after = i
    if before is not None and detail.start - spans[before][1] > _REACH:
        before = None
    if after is not None and spans[after][0] - detail.end > _REACH:
        after = None
    if before is None or after is None:
        return after if before is None else before
    return after if _belongs_after(words, spans[before][1], detail, spans[after][0]) else before


def _is_denied(words: list[str], span: tuple[int, int], detail: Detail) -> bool:
    """Does the sentence deny the place, as in "effusion on the right, none on the left"?"""
    return not _DENIED.isdisjoint(words[max(span[1], detail.start - _DENIAL) : detail.start])


def _belongs_after(words: list[str], end: int, detail: Detail, start: int) -> bool:
    """Between two findings: does it describe the second?"""
    between, behind = words[end : detail.start], words[detail.end : start]
    if not _PARTS.isdisjoint(behind):
        return False
    return not _PARTS.isdisjoint(between) or _BEHIND.isdisjoint(between)
