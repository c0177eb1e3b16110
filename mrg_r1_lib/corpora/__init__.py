"""Corpora: files or a seed -> a sequence of studies, one module a corpus.

Every loader takes `root` (a folder, or None for the data root), `images` and its own settings by name. Images are drawn or read
on access. A corpus has `splits` (of each study, "" where it has no FINDINGS), `layout` and `left_out` (file or study -> kind of
reason). What "as published" means for each layout says its module; the steps they share are modules of their own.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

from mrg_r1_lib.corpora import iu_xray, mimic_cxr, phantom
from mrg_r1_lib.corpora.report_text import NORMALISATIONS
from mrg_r1_lib.study import Study

# `python -m mrg_r1_lib.corpora.iu_xray` imports this package, and so that module, before it runs it: harmless, but Python warns
warnings.filterwarnings(
    "ignore", r"'mrg_r1_lib\.corpora\.iu_xray' found in sys\.modules", RuntimeWarning
)

CORPORA = {
    "iu_xray": iu_xray.load,  # real reports of Indiana University, hand-made index terms; open
    "mimic_cxr": mimic_cxr.load,  # real reports of Boston's emergency patients; credentialed: see `privacy`
    "phantom": phantom.load,  # synthetic reports of any number, for pretraining and tests
}
IMAGES = ("phantom", "files")


def load_corpus(
    name: str,
    root: Path | str | None = None,
    images: str | None = None,
    **settings: int | str | None,
) -> Sequence[Study]:
    """The studies of one corpus, ordered by number; `settings` go to its loader.

    `images`: "phantom" (drawn from the index terms; iu_xray's default) or "files" (mimic_cxr's). Settings of both:
    `image_size`, `views` (images a study at most), `text` (normalisation); of phantom: `studies`, `seed`.

    ValueError for an unknown corpus, kind of image or normalisation; FileNotFoundError where the corpus is not on this machine.

    >>> load_corpus("phantom", studies=2, seed=7)[1].study_id
    'phantom-7-1'
    """
    if name not in CORPORA:
        raise ValueError(f"Unknown corpus {name!r}; expected one of {', '.join(sorted(CORPORA))}.")
    if images not in (None, *IMAGES):
        raise ValueError(
            f"images={images!r}: expected one of {', '.join(map(repr, IMAGES))}; leave `images` out for the usual."
        )
    if settings.get("text", "as_written") not in NORMALISATIONS:
        raise ValueError(
            f"text={settings['text']!r}: expected one of {', '.join(map(repr, NORMALISATIONS))}."
        )
    if settings.get("views", 1) not in (1, 2):
        raise ValueError(f"views={settings['views']!r}: expected 1 or 2.")
    if images:
        settings["images"] = images
    return CORPORA[name](root=root, **settings)
