"""One study: the images of a visit, the radiologist's report, and hand-made index terms.

A corpus is a `Sequence[Study]`. Each image is a function without arguments, which reads or draws
the radiograph on access. Only a study with FINDINGS has a split: the others cannot be trained on
or scored.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from mrg_r1_lib.observations import ABNORMALITIES, NO_FINDING, OBSERVATIONS, Label

SPLITS = ("train", "validate", "test")
CONFIRMATION = (
    "impressions"  # the studies with an IMPRESSION and no FINDINGS: nobody trains on them
)
SIDES = ("", "left", "right", "bilateral")  # the patient's side; "" where the term names none
ZONES = ("", "upper", "middle", "lower")
SIZES = ("", "small", "moderate", "large")
DETAILS = (  # of an abnormality: that it is there, and each side, zone and size
    ("", ""),
    *(("side", side) for side in SIDES[1:3]),
    *(("zone", zone) for zone in ZONES[1:]),
    *(("size", size) for size in SIZES[1:]),
)
PIXELS = 96  # per side; baselines and classifiers see larger images averaged down to it


@dataclass(frozen=True)
class IndexTerm:
    """The assertion of one hand-made index term: observations, side, zone and size.

    `observations` is empty for terms such as "Spine/degenerative".
    """

    term: str
    observations: tuple[str, ...] = ()
    side: str = ""
    zone: str = ""
    size: str = ""


@dataclass(frozen=True)
class Study:
    """One study. `images` are functions without arguments that return a PIL image.

    `findings` and `impression` are the report's sections, `split` one of SPLITS; each is "" where
    missing. `index_terms` is None without an index. `published_labels` are 14 codes published with
    the corpus, or None.
    """

    study_id: str
    patient_id: str
    images: tuple[Callable[[], Image.Image], ...]
    findings: str
    impression: str = ""
    index_terms: tuple[IndexTerm, ...] | None = None
    split: str = ""
    published_labels: tuple[int, ...] | None = None

    @property
    def reference(self) -> str:
        """The text that generated reports are compared with: FINDINGS, else the IMPRESSION."""
        return self.findings or self.impression


@dataclass(frozen=True)
class Corpus(Sequence[Study]):
    """Studies held in memory, and the studies that were left out."""

    studies: Sequence[Study]
    layout: str = ""  # the layout of the files that were read
    left_out: Mapping[str, str] = field(default_factory=dict)  # file or row -> kind of reason

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
    """Some studies of a corpus, by their places in it; each is read on access."""

    corpus: Sequence[Study]
    places: Sequence[int]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: int | slice) -> Study | list[Study]:
        if isinstance(index, slice):
            return [self.corpus[place] for place in self.places[index]]
        return self.corpus[self.places[index]]


def index_labels(studies: Sequence[Study]) -> np.ndarray:
    """The hand-made index as label codes `(studies, 14) int8`: asserted observations are positive.

    "normal" makes the 13 abnormalities negative and No Finding positive. Otherwise a missing term
    stays blank, since indexers do not list absent findings.
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


def index_details(studies: Sequence[Study]) -> np.ndarray:
    """What the index says of each abnormality: `(studies, 13, 9) float32`, 1, 0 or NaN (not said).

    The columns are DETAILS: is it there, and is it there with that side, zone or size? "bilateral"
    is left and right. A term without a side leaves the sides open. What no term names is absent,
    like in the picture that is drawn from the terms.
    """
    found = np.zeros((len(studies), len(ABNORMALITIES), len(DETAILS)), dtype=np.float32)
    for study, row in zip(studies, found, strict=True):
        for term in study.index_terms or ():
            said = np.array([_said(term, *detail) for detail in DETAILS], dtype=np.float32)
            for name in term.observations:
                place = ABNORMALITIES.index(name)
                either = (row[place] == 1) | (said == 1)
                row[place] = np.where(either, 1, row[place] + said)  # open wins over another one
    return found


def _said(term: IndexTerm, attribute: str, value: str) -> float:
    """1 if the term states that value, 0 if another one, NaN if none."""
    if not attribute:
        return 1.0
    stated = getattr(term, attribute)
    if not stated:
        return np.nan
    return float(stated == value or (stated == "bilateral" and attribute == "side"))


def published_labels(studies: Sequence[Study]) -> np.ndarray:
    """The labels published with the corpus, as codes `(studies, 14) int8`; blank without any."""
    blank = (int(Label.BLANK),) * len(OBSERVATIONS)
    codes = [study.published_labels or blank for study in studies]
    return np.array(codes, dtype=np.int8).reshape(-1, len(OBSERVATIONS))


def check_studies(studies: Sequence[Study]) -> None:
    """ValueError for a repeated id, an unknown split, no image, or a patient in two splits."""
    counts = Counter(study.study_id for study in studies)
    twice = [study_id for study_id, count in counts.items() if count > 1]
    if twice:
        raise ValueError(
            f"{len(twice)} study ids occur more than once, the first is {twice[0]}. "
            "Each must be unique."
        )
    split_of: dict[str, str] = {}
    for study in studies:
        if study.split not in ("", *SPLITS):
            raise ValueError(
                f"{study.study_id}: split {study.split!r} is unknown; "
                f"expected one of {', '.join(SPLITS)}."
            )
        if not study.images:
            raise ValueError(f"{study.study_id}: has no image; leave it out of the corpus.")
        if study.split and split_of.setdefault(study.patient_id, study.split) != study.split:
            raise ValueError(
                f"patient {study.patient_id} is in {split_of[study.patient_id]} and, "
                f"with study {study.study_id}, in {study.split}. Assign splits by patient."
            )


def pixels(studies: Sequence[Study]) -> np.ndarray:
    """The first images as grey values `(studies, height, width) uint8`, at most 96 per side."""
    return np.stack([_grey(study.images[0]()) for study in studies])


def _grey(image: Image.Image) -> np.ndarray:
    grey = image.convert("L")
    if max(grey.size) > PIXELS:
        grey = grey.resize((PIXELS, PIXELS), Image.Resampling.BOX)
    return np.asarray(grey)
