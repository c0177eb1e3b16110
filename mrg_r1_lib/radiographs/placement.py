"""The signs of a study's index terms, and their places.

Index term -> `Place`. A random stream of the term decides side, zone and size where the term names
none. Departure from the index: a term that asserts Lung Opacity beside a more specific observation,
such as Consolidation, shows only the specific one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.radiographs.body import LEFT, RIGHT
from mrg_r1_lib.study import IndexTerm

_SIDES = {"left": (LEFT,), "right": (RIGHT,), "bilateral": (RIGHT, LEFT)}
_EXTENTS = {"small": 0.0, "moderate": 0.5, "large": 1.0}


@dataclass(frozen=True)
class Place:
    """One sign to draw: `extent` from 0 (small) to 1 (large), `plain` (visibility) from 0 to 1."""

    observation: str
    term: str
    sides: tuple[int, ...]
    zone: str
    extent: float
    plain: float
    seed: int

    def rng(self) -> np.random.Generator:
        """A fresh generator, so that the bend and the shadow of one sign use the same numbers."""
        return np.random.Generator(np.random.PCG64(self.seed))


def check_terms(terms: Sequence[IndexTerm]) -> None:
    """ValueError for a term that asserts an observation without a sign."""
    for term in terms:
        unknown = [name for name in term.observations if name not in ABNORMALITIES]
        if unknown:
            raise ValueError(
                f"index term {term.term!r} asserts {unknown[0]!r}, which has no sign on a "
                f"radiograph. Expected one of: {', '.join(ABNORMALITIES)}."
            )


def place_terms(
    terms: Sequence[IndexTerm], stream: Callable[[str], np.random.Generator]
) -> list[Place]:
    """The signs of `terms`. Open choices use the term's own `stream`, so no term moves another."""
    places = {}
    for term in terms:
        rng = stream(f"{term.term}/{term.side}/{term.zone}/{term.size}")
        side = term.side or ("left", "right")[rng.integers(2)]
        zone = term.zone or ("upper", "middle", "lower", "lower")[rng.integers(4)]
        extent = _EXTENTS[term.size] if term.size else rng.random()
        extent = min(max(extent + rng.uniform(-0.15, 0.15), 0.0), 1.0)
        plain, seed = rng.random(), int(rng.integers(2**62))
        names = [name for name in term.observations if name != "Lung Opacity"] or term.observations
        for name in names:
            places[name, seed] = Place(name, term.term, _SIDES[side], zone, extent, plain, seed)
    return list(places.values())
