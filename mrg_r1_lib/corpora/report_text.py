"""Normalisation of report text before training and scoring: none, or R2Gen's cleaning.

`r2gen` follows R2Gen (arXiv:2010.16056) and most later papers. It drops list numbers and the
underscores of MIMIC's de-identified words. It lower-cases, drops punctuation and joins sentences by
" . ". Hyphens stay, and so does IU X-Ray's XXXX, as xxxx. Departure: one function serves both
corpora; R2Gen has one for each.
"""

import re
from collections.abc import Callable

_LIST_NUMBER = re.compile(r"(?:^|(?<=\s))\d{1,2}\.\s")
_PUNCTUATION = re.compile(r"""[.,?;*!%^&_+():<=>@\[\]{}"'/\\]""")


def as_written(text: str) -> str:
    """The text itself."""
    return text


def r2gen(text: str) -> str:
    """Lower-case sentences without punctuation, each followed by " .".

    >>> r2gen("1. Heart size normal.  2. No effusion, no XXXX (left-sided).")
    'heart size normal . no effusion no xxxx left-sided .'
    """
    sentences = _LIST_NUMBER.sub("", " ".join(text.split())).lower().split(". ")
    cleaned = (" ".join(_PUNCTUATION.sub("", sentence).split()) for sentence in sentences)
    kept = [sentence for sentence in cleaned if sentence]
    return " . ".join(kept) + " ." if kept else ""


NORMALISATIONS: dict[str, Callable[[str], str]] = {"as_written": as_written, "r2gen": r2gen}
