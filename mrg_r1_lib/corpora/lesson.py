"""A small made-up corpus for a class: four kinds of finding, short reports, drawn radiographs.

Its studies are phantoms (`phantom.py`), of one fixed seed, with ids of their own: none is seen in
pretraining. As among the real reports of IU X-Ray, two of three studies have no finding.
"""

from dataclasses import replace
from pathlib import Path

from mrg_r1_lib.corpora.phantom import PhantomCorpus
from mrg_r1_lib.corpora.report_text import NORMALISATIONS
from mrg_r1_lib.study import Corpus

KINDS = ("Cardiomegaly", "Pneumothorax", "Pleural Effusion", "Support Devices")
NORMAL = 0.67  # share of studies without a finding
STUDIES = {"train": 1200, "validate": 200, "test": 300}


def load(
    root: Path | str | None = None,
    images: str = "phantom",
    image_size: int = 96,
    views: int = 1,
    text: str = "as_written",
) -> Corpus:
    """The 1,700 studies, one radiograph each (`views` changes nothing), `image_size` pixels per
    side; `text` is the normalisation of reports. ValueError for a `root` or image files.
    """
    if images != "phantom" or root is not None:
        raise ValueError(
            f"lesson: root={root!r}, images={images!r}, but the corpus reads no files. "
            "Leave both out."
        )
    drawn = PhantomCorpus(
        sum(STUDIES.values()), image_size=image_size, kinds=KINDS, normal=NORMAL, name="lesson"
    )
    splits = [split for split, count in STUDIES.items() for _ in range(count)]
    normalise = NORMALISATIONS[text]
    studies = [
        replace(study, split=split, findings=normalise(study.findings))
        for study, split in zip(drawn, splits, strict=True)
    ]
    return Corpus(studies, "drawn")
