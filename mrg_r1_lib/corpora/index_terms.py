"""Hand-made index term -> the observations, side, zone and size that it asserts.

Open-i's indexers wrote terms such as "Pleural Effusion/left/small": a MeSH heading, then qualifiers. `index_terms.csv` is the
whole rule book. A `heading` row gives observations if one of `with_any` is among the qualifiers (empty: always) and none of
`without` is. A `qualifier` row gives side, zone or size; where several rows fit, the upper one wins, so that a named side beats
the one that a lobe implies (the lingula is part of the left lung, the middle lobe of the right) and a lobe beats the hilum.
A heading without a row asserts none of the 13 abnormalities: degenerative spine, granuloma, hypoinflation and the like.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.study import IndexTerm

TABLE = Path(__file__).with_suffix(".csv")
ASPECTS = ("side", "zone", "size")


@dataclass(frozen=True)
class _HeadingRule:
    """Which observations a heading asserts, and the qualifiers that this depends on."""

    with_any: frozenset[str]
    without: frozenset[str]
    observations: tuple[str, ...]

    def holds(self, qualifiers: frozenset[str]) -> bool:
        return (
            not self.with_any or bool(self.with_any & qualifiers)
        ) and not self.without & qualifiers


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(";")) if cell else ()


@cache
def _rules() -> tuple[dict[str, _HeadingRule], tuple[dict[str, str], ...]]:
    """The table as heading rules by name and qualifier rows in order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    headings: dict[str, _HeadingRule] = {}
    for row in (row for row in rows if row["part"] == "heading"):
        observations = _words(row["observations"])
        unknown = set(observations) - set(ABNORMALITIES)
        if unknown:
            raise ValueError(
                f"{TABLE.name}: {row['word']} asserts {sorted(unknown)}; expected names of the 13 abnormalities."
            )
        headings[row["word"]] = _HeadingRule(
            frozenset(_words(row["with_any"])), frozenset(_words(row["without"])), observations
        )
    return headings, tuple(row for row in rows if row["part"] == "qualifier")


@cache
def parse_index_term(term: str) -> IndexTerm:
    """One index term as written -> what it asserts; nothing for headings that stand for no observation.

    >>> parse_index_term("Pleural Effusion/left/small")
    IndexTerm(term='Pleural Effusion/left/small', observations=('Pleural Effusion',), side='left', zone='', size='small')
    """
    headings, rows = _rules()
    heading, *words = term.split("/")
    qualifiers = frozenset(words)
    rule = headings.get(heading)
    observations = rule.observations if rule and rule.holds(qualifiers) else ()
    aspects = {
        aspect: next((row[aspect] for row in rows if row[aspect] and row["word"] in qualifiers), "")
        for aspect in ASPECTS
    }
    return IndexTerm(term, observations, **aspects)
