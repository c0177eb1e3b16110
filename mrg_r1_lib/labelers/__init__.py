"""Labelers: reports -> label codes. One file a labeler, one line here.

`load_labeler(name)` returns a function from a list of n reports to labels `(n, 14) int8`: 0 blank,
1 positive, 2 negative, 3 uncertain, in the order of `observations.OBSERVATIONS`; No Finding is 0 or
1. It reads each report by itself.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mrg_r1_lib.labelers.coloured import why as why
from mrg_r1_lib.labelers.rules import load_rules

Labeler = Callable[[Sequence[str]], np.ndarray]


def _load_chexbert() -> Labeler:
    from mrg_r1_lib.labelers.chexbert import (
        load_chexbert,
    )  # torch and transformers: only who asks for it waits for them

    return load_chexbert()


LABELERS: dict[str, Callable[[], Labeler]] = {
    "rules": load_rules,  # vocabulary and clause scopes; no weights
    "chexbert": _load_chexbert,  # the original, from a checkpoint that the user brings
}


def load_labeler(name: str) -> Labeler:
    """The labeler of that name; ValueError lists the known names.

    >>> load_labeler("rules")(["", "The heart is enlarged."])[:, 1].tolist()
    [0, 1]
    """
    if name not in LABELERS:
        raise ValueError(f"labeler {name!r} is unknown; expected one of {', '.join(LABELERS)}.")
    return LABELERS[name]()


def labeler_weights(name: str) -> Path | None:
    """The file of weights that a labeler reads, None for one without; labels depend on it."""
    if name != "chexbert":
        return None
    from mrg_r1_lib.labelers.chexbert import CHECKPOINT, FOLDER
    from mrg_r1_lib.storage.paths import data_root

    return data_root() / FOLDER / CHECKPOINT
