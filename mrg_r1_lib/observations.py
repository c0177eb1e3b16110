"""The 14 CheXpert observations, the label codes, and the subsets for clinical efficacy (CE).

Order and codes follow CheXbert (Smit et al. 2020, `bert_labeler.py`). A label matrix is
`(studies, 14) int8` everywhere. MRG-R1 compares signed vectors over the 13 abnormalities, without
"No Finding": positive +1, uncertain +1, negative -1, blank 0 (second-hand note of
arXiv:2512.16145v1).
"""

from enum import IntEnum

import numpy as np

OBSERVATIONS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Opacity",
    "Lung Lesion",
    "Edema",
    "Consolidation",
    "Pneumonia",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Pleural Other",
    "Fracture",
    "Support Devices",
    "No Finding",
)
ABNORMALITIES = OBSERVATIONS[:13]
NO_FINDING = OBSERVATIONS.index("No Finding")

# number of classes -> column indices. 13 leaves "No Finding" out; 5 are CheXpert's competition
# tasks (Irvin et al. 2019)
CLASSES = {
    14: tuple(range(14)),
    13: tuple(range(13)),
    5: tuple(
        OBSERVATIONS.index(name)
        for name in ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
    ),
}


class Label(IntEnum):
    """A report's statement on one observation; the values are CheXbert's class indices."""

    BLANK = 0
    POSITIVE = 1
    NEGATIVE = 2
    UNCERTAIN = 3


_SIGN = np.array([0.0, 1.0, -1.0, 1.0])  # indexed by Label


def check_labels(labels: np.ndarray, name: str = "labels") -> np.ndarray:
    """Return `labels` as int8 codes 0-3 `(…, 14)`; ValueError names a bad shape or code."""
    try:
        array = np.asarray(labels)
    except ValueError:
        raise ValueError(f"{name}: the rows differ in length, expected 14 codes in each.") from None
    if array.ndim == 0 or array.shape[-1] != len(OBSERVATIONS):
        raise ValueError(
            f"{name}: expected {len(OBSERVATIONS)} codes in the last axis, No Finding as the last, "
            f"got shape {array.shape}."
        )
    if array.dtype.kind not in "biufO":
        raise ValueError(f"{name}: expected label codes 0 to 3, got values of {array.dtype}.")
    wrong = ~np.isin(array, list(Label))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        first = array[where].item() if isinstance(array[where], np.generic) else array[where]
        codes = ", ".join(f"{label.value} ({label.name.lower()})" for label in Label)
        raise ValueError(
            f"{name}: {int(wrong.sum())} values are no label code, "
            f"the first is {first!r} at {where}. Expected {codes}."
        )
    return array.astype(np.int8)


def signed_vectors(labels: np.ndarray) -> np.ndarray:
    """Label codes `(n, 14)` -> float `(n, 13)`: positive and uncertain +1, negative -1, blank 0.

    "No Finding" is left out.
    """
    return _SIGN[check_labels(labels)[..., : len(ABNORMALITIES)]]
