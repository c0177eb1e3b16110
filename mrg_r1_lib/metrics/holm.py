"""Holm's correction of p-values for several comparisons."""

from collections.abc import Sequence

import numpy as np


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's adjusted p-values (Scandinavian Journal of Statistics 1979), in the order given.

    >>> holm([0.03, 0.01])  # the smaller one counts twice; the larger one cannot be below it
    array([0.03, 0.02])
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
