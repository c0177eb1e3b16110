"""One study: the images of a visit, the radiologist's report, and the index terms that a human gave it.

A corpus is a `Sequence[Study]`. Images are calls, not arrays: a radiograph is read or drawn when somebody looks at it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label

SPLITS = ("train", "validate", "test")
SIDES = ("", "left", "right", "bilateral")  # the patient's side; "" is not said
ZONES = ("", "upper", "middle", "lower")
SIZES = ("", "small", "moderate", "large")


@dataclass(frozen=True)
class IndexTerm:
    """What one hand-made index term asserts: observations (none for "Spine/degenerative"), side, zone and size."""

    term: str
    observations: tuple[str, ...] = ()
    side: str = ""
    zone: str = ""
    size: str = ""


@dataclass(frozen=True)
class Study:
    """One study. `images` are zero-argument calls that return a PIL image; `split` is "" where the corpus gives none.

    `findings` and `impression` are the report's sections, "" where missing. `index_terms` is None where nobody indexed it.
    """

    study_id: str
    patient_id: str
    images: tuple[Callable[[], Image.Image], ...]
    findings: str
    impression: str = ""
    index_terms: tuple[IndexTerm, ...] | None = None
    split: str = ""


def index_labels(studies: Sequence[Study]) -> np.ndarray:
    """The human index as label codes `(studies, 14) int8`: what a term asserts is positive.

    "normal" makes the 13 abnormalities negative and No Finding positive; otherwise silence stays blank, since an indexer
    does not list what is absent.
    """
    labels = np.full((len(studies), len(OBSERVATIONS)), Label.BLANK, dtype=np.int8)
    for row, study in zip(labels, studies, strict=True):
        terms = study.index_terms or ()
        if any(term.term == "normal" for term in terms):
            row[:] = Label.NEGATIVE
            row[NO_FINDING] = Label.POSITIVE
        for term in terms:
            for name in term.observations:
                row[OBSERVATIONS.index(name)] = Label.POSITIVE
    return labels


def check_studies(studies: Sequence[Study]) -> None:
    """ValueError for duplicate ids, an unknown split, a study without image, or a patient in two splits."""
    counts = Counter(study.study_id for study in studies)
    twice = [study_id for study_id, count in counts.items() if count > 1]
    if twice:
        raise ValueError(f"{len(twice)} study ids occur more than once, the first is {twice[0]}. Each must be unique.")
    split_of: dict[str, str] = {}
    for study in studies:
        if study.split not in ("", *SPLITS):
            raise ValueError(f"{study.study_id}: split {study.split!r} is unknown; expected one of {', '.join(SPLITS)}.")
        if not study.images:
            raise ValueError(f"{study.study_id}: has no image; leave such studies out of the corpus.")
        if study.split and split_of.setdefault(study.patient_id, study.split) != study.split:
            raise ValueError(
                f"patient {study.patient_id} is in {split_of[study.patient_id]} and, with study {study.study_id}, in "
                f"{study.split}. Assign splits by patient."
            )


def pixels(studies: Sequence[Study]) -> np.ndarray:
    """The first image of each study as `(studies, height, width) uint8` grey values."""
    return np.stack([np.asarray(study.images[0]().convert("L")) for study in studies])
