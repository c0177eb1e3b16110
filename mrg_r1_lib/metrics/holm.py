"""Holm's correction of p-values for several comparisons."""

from collections.abc import Sequence

import numpy as np

from mrg_r1_lib.metrics.checks import check_numbers


def holm(p: Sequence[float], size: int = 0) -> np.ndarray:
    """Holm's adjusted p-values (Scandinavian Journal of Statistics 1979), in the order given.

    `size`: comparisons of the family, where some were not made. ValueError for a p that is NaN or
    outside [0, 1]: it would count as a comparison.

    >>> holm([0.03, 0.01])  # the smaller one counts twice; the larger one cannot be below it
    array([0.03, 0.02])
    """
    p = check_numbers(p, "p", (None,), 0, 1)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * (max(size, len(p)) - np.arange(len(p))))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
