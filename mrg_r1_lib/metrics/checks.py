"""What every metric asks of its numbers: one clear error, before another library's or a silent NaN.

A NaN passes most comparisons as False, so that it would come out as a small p or as a weight.
"""

from collections.abc import Sequence
from numbers import Integral, Real

import numpy as np

from mrg_r1_lib.observations import OBSERVATIONS, check_labels


def is_within(value: object, low: float, high: float) -> bool:
    """Whether a value is one real number in [low, high]; NaN is in none.

    >>> is_within(0.5, 0, 1), is_within("0.5", 0, 1), is_within(float("nan"), 0, 1)
    (True, False, False)
    """
    return isinstance(value, Real) and bool(low <= value <= high)


def check_draws(resamples: int, seed: int) -> None:
    """ValueError unless there is a resample, and a seed that gives the same ones again."""
    if not isinstance(resamples, Integral) or isinstance(resamples, bool) or resamples < 1:
        raise ValueError(
            f"resamples: {resamples!r} is too few; expected a whole number, 1 or more."
        )
    if not isinstance(seed, Integral) or seed < 0:
        raise ValueError(f"seed: {seed!r}; expected a whole number, 0 or more.")


def check_numbers(
    values: Sequence[float] | np.ndarray,
    name: str,
    shape: tuple[int | None, ...] | None = None,
    low: float = -np.inf,
    high: float = np.inf,
    missing: bool = False,
) -> np.ndarray:
    """The values as float; ValueError names the first that is no finite number in [low, high].

    `shape` has None for any length. `missing`: NaN, which stands for None, is allowed.
    """
    array = _as_float(values, name)
    fits = shape is None or array.ndim == len(shape)
    if not fits or not all(n in (None, m) for n, m in zip(shape or (), array.shape, strict=False)):
        expected = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{name}: expected the shape ({expected}), got {array.shape}.")
    wrong = ~((array >= low) & (array <= high) & np.isfinite(array))
    wrong &= ~np.isnan(array) if missing else True
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ValueError(
            f"{name}: {int(wrong.sum())} of {array.size} are no finite number"
            f"{'' if np.isinf(low) else f' in [{low:g}, {high:g}]'}, "
            f"the first is {array[where].item()!r} at {where}."
        )
    return array


def _as_float(values: object, name: str) -> np.ndarray:
    """The values as float, None as NaN; ValueError for text, also if it reads as a number."""
    try:
        array = np.asarray(values)
        known = array.dtype.kind != "O" or all(isinstance(v, Real | None) for v in array.flat)
        if array.dtype.kind in "biufO" and known:
            return array.astype(float)
    except ValueError:  # rows of different lengths
        pass
    raise ValueError(f"{name}: expected numbers, got {str(values)[:80]}.")


def check_rows(labels: np.ndarray, name: str = "labels", rows: int | None = None) -> np.ndarray:
    """Label codes as `(n, 14) int8`, n at least 1 or just `rows`; ValueError for other shapes."""
    codes = check_labels(labels, name)
    if codes.ndim != 2 or (len(codes) != rows if rows is not None else not len(codes)):
        count = "at least one study" if rows is None else f"n = {rows}"
        raise ValueError(
            f"{name}: expected (n, {len(OBSERVATIONS)}) with {count}, got shape {codes.shape}."
        )
    return codes
