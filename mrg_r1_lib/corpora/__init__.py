"""Corpora: files or a seed -> a sequence of studies, one module a corpus.

Every loader takes `root` (a folder, or None for the data root) and its own settings by name. Images are drawn on access from
the index terms; the reports of `iu_xray` are real, its radiographs here are phantoms.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

from mrg_r1_lib.corpora import iu_xray, phantom
from mrg_r1_lib.study import Study

# `python -m mrg_r1_lib.corpora.iu_xray` imports this package, and so that module, before it runs it: harmless, but Python warns
warnings.filterwarnings("ignore", r"'mrg_r1_lib\.corpora\.iu_xray' found in sys\.modules", RuntimeWarning)

CORPORA = {
    "iu_xray": iu_xray.load,  # real reports of Indiana University, hand-made index terms
    "phantom": phantom.load,  # synthetic reports of any number, for pretraining and tests
}
IMAGES = ("phantom",)


def load_corpus(name: str, root: Path | str | None = None, images: str = "phantom", **settings: int | str) -> Sequence[Study]:
    """The studies of one corpus, ordered by number; `settings` go to its loader (`image_size`; phantom: `studies`, `seed`).

    ValueError for an unknown corpus or kind of image; FileNotFoundError where the corpus is not on this machine.

    >>> load_corpus("phantom", studies=2, seed=7)[1].study_id
    'phantom-7-1'
    """
    if name not in CORPORA:
        raise ValueError(f"Unknown corpus {name!r}; expected one of {', '.join(sorted(CORPORA))}.")
    if images not in IMAGES:
        raise ValueError(f"images={images!r}: only {', '.join(map(repr, IMAGES))} is built so far; leave `images` out.")
    return CORPORA[name](root=root, **settings)
