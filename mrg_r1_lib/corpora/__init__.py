"""Corpora: files or a seed -> a sequence of studies; one module per corpus.

Every loader takes `root` (a folder, or None for the data root), `images` and its own settings by
name. Images are drawn or read on access. A corpus of files also has `splits` (one per study, ""
without FINDINGS), `layout` and `left_out` (file or study -> kind of reason). Each corpus's module
describes its published files; shared steps have modules of their own.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

from mrg_r1_lib.corpora import iu_xray, lesson, mimic_cxr, phantom
from mrg_r1_lib.corpora.report_text import NORMALISATIONS
from mrg_r1_lib.study import Study

# `python -m mrg_r1_lib.corpora.iu_xray` imports this package, and with it that module, before it
# runs the module. Python warns about that; it is harmless here.
warnings.filterwarnings(
    "ignore", r"'mrg_r1_lib\.corpora\.iu_xray' found in sys\.modules", RuntimeWarning
)

CORPORA = {
    "iu_xray": iu_xray.load,  # reports of Indiana University with hand-made index terms; open
    "mimic_cxr": mimic_cxr.load,  # reports of a Boston hospital; credentialed: see storage/privacy
    "lesson": lesson.load,  # 1,700 synthetic studies with four kinds of finding, for a class
    "phantom": phantom.load,  # any number of synthetic studies, for pretraining and tests
}
IMAGES = ("phantom", "files")


def load_corpus(
    name: str,
    root: Path | str | None = None,
    images: str | None = None,
    **settings: int | str | None,
) -> Sequence[Study]:
    """The studies of one corpus, ordered by number; `settings` go to its loader.

    `images`: "phantom" (drawn from the index terms; iu_xray's default) or "files" (mimic_cxr's).
    Settings of these two: `image_size`, `views` (most images per study), `text` (normalisation).
    Settings of phantom: `studies`, `seed`.

    ValueError for an unknown corpus, kind of image or normalisation; FileNotFoundError for a corpus
    that is not on this machine.

    >>> load_corpus("phantom", studies=2, seed=7)[1].study_id
    'phantom-7-1'
    """
    if name not in CORPORA:
        raise ValueError(f"Unknown corpus {name!r}; expected one of {', '.join(sorted(CORPORA))}.")
    if images not in (None, *IMAGES):
        raise ValueError(
            f"images={images!r}: expected one of {', '.join(map(repr, IMAGES))}; "
            "leave `images` out for the corpus's default."
        )
    if settings.get("text", "as_written") not in NORMALISATIONS:
        known = ", ".join(map(repr, NORMALISATIONS))
        raise ValueError(f"text={settings['text']!r}: expected one of {known}.")
    if settings.get("views", 1) not in (1, 2):
        raise ValueError(f"views={settings['views']!r}: expected 1 or 2.")
    if images:
        settings["images"] = images
    return CORPORA[name](root=root, **settings)
