"""One study: the images of a visit, the radiologist's report, and the index terms that a human gave it.

A corpus is a `Sequence[Study]`. Images are calls, not arrays: a radiograph is read or drawn when somebody looks at it. Only a
study with FINDINGS has a split: the others cannot be trained on or scored.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label

SPLITS = ("train", "validate", "test")
SIDES = ("", "left", "right", "bilateral")  # the patient's side; "" is not said
ZONES = ("", "upper", "middle", "lower")
SIZES = ("", "small", "moderate", "large")
PIXELS = (
    96  # a side of the images that baselines and classifiers compare; larger ones are averaged down
)


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

    `findings` and `impression` are the report's sections, "" where missing. `index_terms` is None where nobody indexed it, and
    `published_labels`, 14 label codes that the corpus itself comes with, where it has none.
    """

    study_id: str
    patient_id: str
    images: tuple[Callable[[], Image.Image], ...]
    findings: str
    impression: str = ""
    index_terms: tuple[IndexTerm, ...] | None = None
    split: str = ""
    published_labels: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Corpus(Sequence[Study]):
    """Studies held in memory, and of those that are not among them which kind of reason each has: file or row -> kind."""

    studies: Sequence[Study]
    layout: str = ""  # as which files it was found
    left_out: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.studies)

    def __getitem__(self, index: int | slice) -> Study | Sequence[Study]:
        return self.studies[index]

    @property
    def splits(self) -> list[str]:
        """Each study's split, "" where it has none."""
        return [study.split for study in self.studies]


@dataclass(frozen=True)
class Subset(Sequence[Study]):
    """Some studies of a corpus by their places in it; each is read when it is looked at."""

    corpus: Sequence[Study]
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int | slice) -> Study | list[Study]:
        if isinstance(index, slice):
            return [self.corpus[place] for place in self.places[index]]
        return self.corpus[self.places[index]]


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


def published_labels(studies: Sequence[Study]) -> np.ndarray:
    """The labels that the corpus comes with as label codes `(studies, 14) int8`; blank where it has none."""
    blank = (int(Label.BLANK),) * len(OBSERVATIONS)
    return np.array([study.published_labels or blank for study in studies], dtype=np.int8).reshape(
        -1, len(OBSERVATIONS)
    )


def check_studies(studies: Sequence[Study]) -> None:
    """ValueError for duplicate ids, an unknown split, a study without image, or a patient in two splits."""
    counts = Counter(study.study_id for study in studies)
    twice = [study_id for study_id, count in counts.items() if count > 1]
    if twice:
        raise ValueError(
            f"{len(twice)} study ids occur more than once, the first is {twice[0]}. Each must be unique."
        )
    split_of: dict[str, str] = {}
    for study in studies:
        if study.split not in ("", *SPLITS):
            raise ValueError(
                f"{study.study_id}: split {study.split!r} is unknown; expected one of {', '.join(SPLITS)}."
            )
        if not study.images:
            raise ValueError(
                f"{study.study_id}: has no image; leave such studies out of the corpus."
            )
        if study.split and split_of.setdefault(study.patient_id, study.split) != study.split:
            raise ValueError(
                f"patient {study.patient_id} is in {split_of[study.patient_id]} and, with study {study.study_id}, in "
                f"{study.split}. Assign splits by patient."
            )


def pixels(studies: Sequence[Study]) -> np.ndarray:
    """The first image of each study as `(studies, height, width) uint8` grey values, at most 96 pixels a side."""
    return np.stack([_grey(study.images[0]()) for study in studies])


def _grey(image: Image.Image) -> np.ndarray:
    grey = image.convert("L")
    return np.asarray(
        grey if max(grey.size) <= PIXELS else grey.resize((PIXELS, PIXELS), Image.Resampling.BOX)
    )
