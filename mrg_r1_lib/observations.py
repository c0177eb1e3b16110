"""The 14 CheXpert observations, the label codes, and the subsets that clinical efficacy is counted over.

Order and codes are CheXbert's (Smit et al. 2020, `bert_labeler.py`): a label matrix is `(studies, 14) int8` everywhere.
MRG-R1 compares signed vectors over the 13 abnormalities: positive +1, uncertain +1, negative -1, blank 0 ("No Finding" left
out; second-hand note of arXiv:2512.16145v1).
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

# classes -> column indices: all 14; the 13 without "No Finding"; CheXpert's 5 competition tasks (Irvin et al. 2019)
CLASSES = {
    14: tuple(range(14)),
    13: tuple(range(13)),
    5: tuple(
        OBSERVATIONS.index(name)
        for name in ("Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion")
    ),
}


class Label(IntEnum):
    """What a report says of one observation; the values are CheXbert's class indices."""

    BLANK = 0
    POSITIVE = 1
    NEGATIVE = 2
    UNCERTAIN = 3


_SIGN = np.array([0.0, 1.0, -1.0, 1.0])  # indexed by Label


def check_labels(labels: np.ndarray, name: str = "labels") -> np.ndarray:
    """Return `labels` as an int8 array `(…, 14)` of codes 0-3; ValueError names the first bad shape or value."""
    array = np.asarray(labels)
    if array.ndim == 0 or array.shape[-1] != len(OBSERVATIONS):
        raise ValueError(
            f"{name}: expected {len(OBSERVATIONS)} codes in the last axis, got shape {array.shape}."
        )
    wrong = ~np.isin(array, list(Label))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{name}: {int(wrong.sum())} values are no label code, the first is {array[where].item()!r} at {where}. "
            f"Expected {', '.join(f'{label.value} ({label.name.lower()})' for label in Label)}."
        )
    return array.astype(np.int8)


def signed_vectors(labels: np.ndarray) -> np.ndarray:
    """Label codes `(n, 14)` -> float `(n, 13)`: positive and uncertain +1, negative -1, blank 0; No Finding left out."""
    return _SIGN[check_labels(labels)[..., : len(ABNORMALITIES)]]
