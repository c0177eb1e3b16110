"""Drawn findings -> a findings section in the plain language of chest radiograph reports.

`phantom_wordings.csv` holds every sentence: its observations, their value, and slots for side, zone
and size. Each finding is stated once; a share of them is hedged ("possible", "may"). A report
denies the absent observations that real reports usually deny. Present findings come first, in the
order of the think part, so that a new policy can learn the order. Denials are grouped (heart,
lungs, pleura, bones, devices), as in most reports.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from mrg_r1_lib.observations import ABNORMALITIES, NO_FINDING, OBSERVATIONS, Label

TABLE = Path(__file__).with_name("phantom_wordings.csv")
HEDGED = 0.12  # share of the drawn findings that the text states as uncertain
VALUES = {"present": Label.POSITIVE, "absent": Label.NEGATIVE, "uncertain": Label.UNCERTAIN}

Slots = dict[str, str]  # side, zone and size, each a word or ""


class Habit(NamedTuple):
    """An observation in reports: its group of sentences, and the share of reports that deny it."""

    group: str
    denied: float


HABITS = {
    "Enlarged Cardiomediastinum": Habit("heart", 0.50),
    "Cardiomegaly": Habit("heart", 0.75),
    "Lung Opacity": Habit("lungs", 0.35),
    "Lung Lesion": Habit("lungs", 0.15),
    "Edema": Habit("lungs", 0.25),
    "Consolidation": Habit("lungs", 0.50),
    "Pneumonia": Habit("lungs", 0.15),
    "Atelectasis": Habit("lungs", 0.10),
    "Pneumothorax": Habit("pleura", 0.80),
    "Pleural Effusion": Habit("pleura", 0.80),
    "Pleural Other": Habit("pleura", 0.10),
    "Fracture": Habit("bones", 0.20),
    "Support Devices": Habit("devices", 0.10),
    "No Finding": Habit("lungs", 0.0),
}
GROUPS = tuple(dict.fromkeys(habit.group for habit in HABITS.values()))  # in a report's order
NORMAL_STATED = 0.50  # share of the normal studies whose text also says that they are normal

# observation -> findings beside which a report does not deny it: it would contradict itself
IMPLIED = {
    "Lung Opacity": {"Lung Lesion", "Edema", "Consolidation", "Pneumonia", "Atelectasis"},
    "Consolidation": {"Lung Opacity", "Pneumonia"},
    "Pneumonia": {"Lung Opacity", "Consolidation"},
    "Enlarged Cardiomediastinum": {"Cardiomegaly"},
}


@dataclass(frozen=True)
class Wording:
    """One sentence pattern, and the value that it gives to its observations."""

    observations: tuple[str, ...]
    value: Label
    pattern: str

    @property
    def group(self) -> str:
        return HABITS[self.observations[-1]].group


@cache
def wordings() -> tuple[Wording, ...]:
    """All sentence patterns, in the table's order."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return tuple(
            Wording(tuple(row["observation"].split(";")), VALUES[row["value"]], row["wording"])
            for row in csv.DictReader(file)
        )


@cache
def _about(observation: str, value: Label) -> tuple[Wording, ...]:
    alone = [wording for wording in wordings() if wording.observations == (observation,)]
    return tuple(wording for wording in alone if wording.value == value)


@cache
def _denials() -> tuple[Wording, ...]:
    return tuple(wording for wording in wordings() if wording.value == Label.NEGATIVE)


def fill(pattern: str, side: str = "", zone: str = "", size: str = "") -> str:
    """A sentence from a pattern; empty slots vanish, "the bilateral lung" becomes "both lungs".

    >>> fill("{size} opacity in the {side} {zone} lung.", side="bilateral", zone="lower")
    'Opacity in both lower lungs.'
    """
    text = " ".join(pattern.format(side=side, zone=zone, size=size).split())
    text = re.sub(r"\bthe bilateral (\w+ )?lung\b", r"both \1lungs", text)
    return text[0].upper() + text[1:]


def write_findings(
    findings: Sequence[tuple[str, Slots]],
    rng: Random,
    terse: bool = False,
    kinds: Sequence[str] = ABNORMALITIES,
) -> tuple[str, np.ndarray]:
    """A findings section for `findings`, and its label codes `(14,) int8`.

    A terse one denies nothing: it says what is on the picture and no more. Of the absent
    abnormalities only those of `kinds` are denied.

    `findings` are (observation, slots) pairs, each observation once. Without findings the study is
    normal: No Finding is positive.
    """
    said: list[tuple[Wording, str]] = []
    for observation, slots in findings:
        value = Label.UNCERTAIN if rng.random() < HEDGED else Label.POSITIVE
        wording = rng.choice(_about(observation, value))
        said.append((wording, fill(wording.pattern, **slots)))
    if not findings and (terse or rng.random() < NORMAL_STATED):
        wording = rng.choice(_about("No Finding", Label.POSITIVE))
        said.append((wording, wording.pattern))
    if not terse:
        present = {name for name, _ in findings}
        said += [(wording, wording.pattern) for wording in _denied(present, rng, kinds)]
    labels = np.full(len(OBSERVATIONS), Label.BLANK, dtype=np.int8)
    for wording, _ in said:
        labels[[OBSERVATIONS.index(name) for name in wording.observations]] = wording.value
    labels[NO_FINDING] = Label.BLANK if findings else Label.POSITIVE
    return " ".join(sentence for _, sentence in sorted(said, key=_place)), labels


def _denied(present: set[str], rng: Random, kinds: Sequence[str]) -> list[Wording]:
    """Sentences that deny absent observations, each once at most; one or more in a normal study."""
    blocked = present | {name for name, beside in IMPLIED.items() if beside & present}
    deniable = [name for name in ABNORMALITIES if name in kinds and name not in blocked]
    left = {name for name in deniable if rng.random() < HABITS[name].denied}
    left = left or {"Pleural Effusion"} & set(kinds) - present
    chosen = []
    for wording in rng.sample(_denials(), len(_denials())):
        if left.issuperset(wording.observations):
            chosen.append(wording)
            left -= set(wording.observations)
    return chosen


def _place(said: tuple[Wording, str]) -> tuple[bool, int, int]:
    """A sentence's sort key: present before absent, then the group, the order of observations."""
    wording, _ = said
    place = OBSERVATIONS.index(wording.observations[-1])
    absent = wording.value == Label.NEGATIVE
    return (absent, GROUPS.index(wording.group) if absent else place, place)
