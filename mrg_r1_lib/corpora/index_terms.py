"""Hand-made index term -> the observations, side, zone and size that it asserts.

Open-i's indexers wrote terms such as "Pleural Effusion/left/small": a MeSH heading, then
qualifiers. `index_terms.csv` holds all rules. A `heading` row gives observations if the qualifiers
include one of `with_any` (empty: always) and none of `without`. A `qualifier` row gives side, zone
or size; of several rows the upper one wins. So a named side beats the side that a lobe implies
(lingula left, middle lobe right), and a lobe beats the hilum. A heading without a row asserts none
of the 13 abnormalities, for example degenerative spine, granuloma or hypoinflation.
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
    """The observations that a heading asserts, and the qualifiers that this depends on."""

    with_any: frozenset[str]
    without: frozenset[str]
    observations: tuple[str, ...]

    def holds(self, qualifiers: frozenset[str]) -> bool:
        named = not self.with_any or bool(self.with_any & qualifiers)
        return named and not self.without & qualifiers


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
                f"{TABLE.name}: {row['word']} asserts {sorted(unknown)}; "
                "expected names of the 13 abnormalities."
            )
        with_any, without = frozenset(_words(row["with_any"])), frozenset(_words(row["without"]))
        headings[row["word"]] = _HeadingRule(with_any, without, observations)
    return headings, tuple(row for row in rows if row["part"] == "qualifier")


@cache
def parse_index_term(term: str) -> IndexTerm:
    """One index term as written -> its assertion; no observations for an unknown heading.

    >>> term = parse_index_term("Pleural Effusion/left/small")
    >>> term.observations, term.side, term.zone, term.size
    (('Pleural Effusion',), 'left', '', 'small')
    """
    headings, rows = _rules()
    heading, *words = term.split("/")
    qualifiers = frozenset(words)
    rule = headings.get(heading)
    observations = rule.observations if rule and rule.holds(qualifiers) else ()
    named = [row for row in rows if row["word"] in qualifiers]
    aspects = {
        aspect: next((row[aspect] for row in named if row[aspect]), "") for aspect in ASPECTS
    }
    return IndexTerm(term, observations, **aspects)
