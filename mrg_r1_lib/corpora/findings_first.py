"""Reports with their abnormal sentences first, as finetuning teaches them.

A report names few abnormal findings among many normal ones, in any place and in many words. A small
policy that decodes greedily then drifts into the commonest normal report, whatever it sees. With
the abnormal sentences in front, in the order of the think part, a finding is said as soon as it is
named. No word is changed, and references keep their order.
"""

import re
from collections.abc import Sequence

import numpy as np

from mrg_r1_lib.labelers import Labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives

# the labelers' own split drops marks and numbers of lists; here every character stays
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def findings_first(reports: Sequence[str], labeler: Labeler) -> list[str]:
    """The same reports, their sentences with a positive or uncertain observation in front.

    These stand in the order of OBSERVATIONS, the others as before. A report whose labels would
    change, since one sentence explains another, stays as it is.

    >>> from mrg_r1_lib.labelers import load_labeler
    >>> findings_first(["Heart size is normal. Small left effusion."], load_labeler("rules"))
    ['Small left effusion. Heart size is normal.']
    """
    parts = [SENTENCE_END.split(report) for report in reports]
    said = positives(labeler([sentence for sentences in parts for sentence in sentences]))
    ends = np.cumsum([len(sentences) for sentences in parts])[:-1]
    ordered = [
        " ".join(sentences[place] for place in np.argsort(_rank(rows), kind="stable"))
        for sentences, rows in zip(parts, np.split(said, ends), strict=True)
    ]
    same = (labeler(ordered) == labeler(reports)).all(axis=1)
    return [new if kept else old for new, old, kept in zip(ordered, reports, same, strict=True)]


def _rank(said: np.ndarray) -> np.ndarray:
    """The first positive observation of each sentence `(sentences, 13)`, 13 where there is none."""
    return np.where(said.any(axis=1), said.argmax(axis=1), said.shape[1])
