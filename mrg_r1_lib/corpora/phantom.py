"""Phantom studies from a seed: random index terms, a radiograph drawn from them, a matching report.

They serve pretraining and tests, never held-out numbers. Study i depends on (seed, i) alone and is
made on access, so a large corpus needs no memory. The terms are spelled like the real index and
read by the same table. A hedged finding is drawn like any other and its index term asserts it,
since MRG-R1 counts uncertain as present. The text names side, zone and size wherever the term does.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np

from mrg_r1_lib.corpora.index_terms import parse_index_term
from mrg_r1_lib.corpora.phantom_text import Slots, write_findings
from mrg_r1_lib.radiographs.draw import draw_radiograph
from mrg_r1_lib.study import SPLITS, Study

NORMAL = 0.35  # share of normal studies, as in IU X-Ray
COUNTS = {1: 0.45, 2: 0.30, 3: 0.17, 4: 0.08}  # abnormalities of an abnormal study -> share

LEFT_RIGHT = ("left", "right")
EITHER = ("left", "right", "bilateral")
ZONES = ("upper", "middle", "lower", "lower")  # bases twice: most opacities lie there
AMOUNT = ("", "small", "moderate", "large")
DEGREE = ("", "mild", "moderate", "severe")
NOT_SAID = ("",)


class Kind(NamedTuple):
    """An abnormality's relative weight in drawing, and the words of its index term."""

    weight: float
    heading: str
    sides: tuple[str, ...] = NOT_SAID
    zones: tuple[str, ...] = NOT_SAID
    sizes: tuple[str, ...] = NOT_SAID


# weights: roughly IU X-Ray's shares in percent; rare ones are raised, so each is in at least 3 %
KINDS = {
    "Enlarged Cardiomediastinum": Kind(5, "Mediastinum/enlarged"),
    "Cardiomegaly": Kind(13, "Cardiomegaly", sizes=DEGREE),
    "Lung Opacity": Kind(14, "Opacity/lung", EITHER, ZONES, AMOUNT),
    "Lung Lesion": Kind(6, "Nodule/lung", EITHER, ZONES, ("", "small", "large")),
    "Edema": Kind(5, "Pulmonary Edema", sizes=DEGREE),
    "Consolidation": Kind(5, "Consolidation/lung", EITHER, ZONES),
    "Pneumonia": Kind(5, "Pneumonia", EITHER, ZONES),
    "Atelectasis": Kind(12, "Pulmonary Atelectasis", EITHER, ZONES, DEGREE),
    "Pneumothorax": Kind(5, "Pneumothorax", LEFT_RIGHT, sizes=AMOUNT),
    "Pleural Effusion": Kind(9, "Pleural Effusion", EITHER, sizes=AMOUNT),
    "Pleural Other": Kind(5, "Thickening/pleura", EITHER, ("upper", "lower")),
    "Fracture": Kind(5, "Fractures, Bone/ribs", LEFT_RIGHT),
    "Support Devices": Kind(10, "Catheters, Indwelling", LEFT_RIGHT),
}
# zone -> word of the index; the middle zone depends on the side: middle lobe right, lingula left
ZONE_WORDS = {"": "", "upper": "upper lobe", "lower": "base"}
MIDDLE_WORDS = {"left": "lingula", "right": "middle lobe", "bilateral": "middle lobe/lingula"}


def load(
    root: Path | str | None = None,
    images: str = "phantom",
    studies: int = 8000,
    seed: int = 0,
    image_size: int = 96,
    split: str = "train",
    terse: bool = False,
) -> "PhantomCorpus":
    """`studies` phantom studies in `split`, with one radiograph each, `image_size` pixels per side.

    Terse reports say what is on the picture and deny nothing. ValueError for no studies, an unknown
    split, a `root`, or image files.
    """
    if images != "phantom":
        raise ValueError(
            f"phantom: images={images!r}, but the corpus reads no files. Leave images out."
        )
    if root is not None:
        raise ValueError(
            f"phantom: got root={str(root)!r}, but the corpus reads no files. Leave root out."
        )
    return PhantomCorpus(studies, seed, image_size, split, terse)


@dataclass(frozen=True)
class PhantomCorpus(Sequence[Study]):
    """A sequence of phantom studies; each is made on access, the same one every time."""

    studies: int
    seed: int = 0
    image_size: int = 96
    split: str = "train"
    terse: bool = False
    kinds: tuple[str, ...] = tuple(KINDS)  # that are drawn, and denied
    normal: float = NORMAL  # share of studies without any
    name: str = "phantom"  # of the corpus, in each study's id

    def __post_init__(self) -> None:
        if self.studies < 1:
            raise ValueError(f"phantom: studies={self.studies}; expected at least 1.")
        if self.split not in SPLITS:
            raise ValueError(
                f"phantom: split {self.split!r} is unknown; expected one of {', '.join(SPLITS)}."
            )

    def __len__(self) -> int:
        return self.studies

    def __getitem__(self, index: int | slice) -> Study | list[Study]:
        if isinstance(index, slice):
            return [self._make(i)[0] for i in range(self.studies)[index]]
        return self._make(range(self.studies)[index])[0]

    def written_labels(self) -> np.ndarray:
        """The reports' true label codes `(studies, 14) int8`, known from their generation."""
        return np.array([self._make(i)[1] for i in range(self.studies)])

    def _make(self, i: int) -> tuple[Study, np.ndarray]:
        study_id = f"{self.name}-{self.seed}-{i}"
        rng = Random(study_id)
        findings = draw_findings(rng, self.kinds, self.normal)
        text, labels = write_findings(findings, rng, self.terse, self.kinds)
        written = [_term(name, slots) for name, slots in findings] or ["normal"]
        terms = tuple(parse_index_term(term) for term in written)
        images = (partial(draw_radiograph, terms, study_id, self.image_size),)
        study = Study(study_id, study_id, images, text, index_terms=terms, split=self.split)
        return study, labels


def drawn_anew(studies: Sequence[Study], times: int, image_size: int, use: str) -> list[Study]:
    """`times` copies of the studies, each with a new radiograph drawn from its index terms.

    Body, pose, exposure and every open choice differ from the study's own phantom, between copies,
    and between uses, so that what is seen in `use` was not seen before. Report and index stay.
    ValueError for a study without index terms.
    """
    bare = [study.study_id for study in studies if study.index_terms is None]
    if bare:
        raise ValueError(
            f"{len(bare)} of {len(studies)} studies have no index terms, the first is {bare[0]}; "
            "expected terms to draw from."
        )
    return [
        replace(study, images=(partial(draw_radiograph, study.index_terms, key, image_size),))
        for time in range(times)
        for study in studies
        for key in [f"{study.study_id}, {use} {time}"]
    ]


def draw_findings(
    rng: Random, kinds: Sequence[str] = tuple(KINDS), normal: float = NORMAL
) -> list[tuple[str, Slots]]:
    """One study's abnormalities, each once, with words for side, zone and size; [] is normal.

    `kinds` are those that are drawn, four or more; `normal` is the share of normal studies.
    """
    if rng.random() < normal:
        return []
    (count,) = rng.choices(list(COUNTS), list(COUNTS.values()))
    weights = {name: KINDS[name].weight for name in kinds}
    findings = []
    for _ in range(count):
        (name,) = rng.choices(list(weights), list(weights.values()))
        del weights[name]
        kind = KINDS[name]
        words = {"side": kind.sides, "zone": kind.zones, "size": kind.sizes}
        findings.append((name, {slot: rng.choice(choices) for slot, choices in words.items()}))
    return findings


def _term(observation: str, slots: Slots) -> str:
    """A finding as the index writes it: heading/zone/side/size."""
    side, zone = slots["side"], slots["zone"]
    zone_word = MIDDLE_WORDS[side] if zone == "middle" else ZONE_WORDS[zone]
    return "/".join(filter(None, (KINDS[observation].heading, zone_word, side, slots["size"])))
