"""Degeneration: has a policy collapsed to few reports, to loops, or to lists of denials?

Reports and their label codes in, one number per sign of it out; no reference is needed. A policy
that learned to please its reward shows here first, not in clinical efficacy.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from mrg_r1_lib.metrics.checks import check_rows
from mrg_r1_lib.metrics.text import report_style
from mrg_r1_lib.observations import NO_FINDING, Label
from mrg_r1_lib.report_format import check_text

NGRAM = 4  # words


def degeneration(reports: Sequence[str], labels: np.ndarray) -> dict[str, float]:
    """Signs of degeneration of n reports with label codes `(n, 14)`; shares in [0, 1].

    Repeated 4-grams: the share of a report's 4-grams that it has already written, mean over the
    reports that have one (seq-rep-4 of Welleck et al. 2020; words split at white space, lower
    case).
    "neither normal nor of the 13" holds other abnormalities, and text that no label stands for.
    ValueError if reports and labels differ in number, or there is none; TypeError for a report that
    is not text.

    >>> labels = [[0, 0, 0, 0, 2] + [0] * 8 + [1]] * 2
    >>> degeneration(["No edema.", "No edema."], labels)["distinct reports"]
    1
    """
    style = report_style(labels, reports)
    counts = Counter(reports)
    repeated = {text: repeated_ngrams(text) for text in counts}
    long = [text for text, share in repeated.items() if share is not None]
    again = sum(repeated[text] * counts[text] for text in long)
    return {
        "distinct reports": len(counts),
        "share of the most frequent report": max(counts.values()) / len(reports),
        "share of empty reports": counts[""] / len(reports),
        f"repeated {NGRAM}-grams": again / max(sum(counts[text] for text in long), 1),
        "words per report": style["words"],
        **said(labels),
    }


def said(labels: np.ndarray) -> dict[str, float]:
    """What label codes `(n, 14)` alone tell of degeneration; ValueError for other arrays."""
    labels = check_rows(labels)
    asserted = np.isin(labels[:, :NO_FINDING], (Label.POSITIVE, Label.UNCERTAIN))
    outside = ~asserted.any(axis=1) & (labels[:, NO_FINDING] != Label.POSITIVE)
    return {
        "findings of the 13 per report": float(asserted.sum(axis=1).mean()),
        "denials per report": float((labels[:, :NO_FINDING] == Label.NEGATIVE).sum(axis=1).mean()),
        "share neither normal nor of the 13": float(outside.mean()),
    }


def repeated_ngrams(report: str, length: int = NGRAM) -> float | None:
    """The share of n-grams that repeat an earlier one; None for a report shorter than one.

    >>> repeated_ngrams("no edema no edema no edema")  # 3 of them, the last as the first
    0.3333333333333333
    """
    words = check_text(report).lower().split()
    found = list(zip(*(words[start:] for start in range(length)), strict=False))
    return (len(found) - len(set(found))) / len(found) if found else None
