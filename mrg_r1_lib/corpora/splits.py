"""The studies of one split of a prepared corpus, with images as the scale asks for.

The corpus fixes its splits; a run's seed never does. Train teaches, validate chooses, test is
scored once, and so is the confirmation set: the studies that have an IMPRESSION and no FINDINGS.
"""

from collections.abc import Sequence
from functools import lru_cache

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.experiments import PREPARATIONS, Preparation, images_of
from mrg_r1_lib.scales import Scale
from mrg_r1_lib.study import CONFIRMATION, SPLITS, Study, Subset


def load_split(corpus: str, split: str, scale: Scale) -> Sequence[Study]:
    """The first studies of one split or of the confirmation set, as many as the scale takes; read
    on access.

    ValueError for an unknown split, or a split without studies.
    """
    known = (*SPLITS, CONFIRMATION)
    if split not in known:
        raise ValueError(f"Unknown split {split!r}; known splits: {', '.join(known)}.")
    studies = load_studies(corpus, scale)
    places = places_of(studies, split)
    if not places:
        raise ValueError(
            f"{corpus} has no studies with the text of split {split!r}: "
            "it cannot be trained on and scored."
        )
    return Subset(studies, places[: scale.studies.get(split)])


def places_of(studies: Sequence[Study], split: str) -> list[int]:
    """Where the studies of a split, or of the confirmation set, stand in their corpus.

    The confirmation set has the studies with an IMPRESSION and no FINDINGS, but none of a patient
    whose other studies teach or validate.
    """
    if split in SPLITS:
        return [place for place, name in enumerate(studies.splits) if name == split]
    seen = {study.patient_id for study in studies if study.split in ("train", "validate")}
    return [
        place
        for place, study in enumerate(studies)
        if study.impression and not study.findings and study.patient_id not in seen
    ]


def load_studies(corpus: str, scale: Scale) -> Sequence[Study]:
    """All studies of a prepared corpus, with images as the scale asks for."""
    preparation = PREPARATIONS[corpus]
    return _studies(preparation, images_of(corpus, scale), scale.image_size)


@lru_cache(maxsize=2)  # a notebook asks for several splits of one corpus
def _studies(preparation: Preparation, images: str, image_size: int) -> Sequence[Study]:
    return load_corpus(
        preparation.corpus,
        images=images,
        image_size=image_size,
        views=preparation.views,
        text=preparation.text,
    )
