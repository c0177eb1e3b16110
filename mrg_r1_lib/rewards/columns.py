"""The columns that TRL passes to a reward, checked before it reads them: one row per completion.

A column of another length would pair a completion with another study, and None or NaN in one would
end as a missing reward, which TRL leaves out without a word.
"""

from collections.abc import Sequence

import numpy as np

from mrg_r1_lib.metrics.checks import check_rows
from mrg_r1_lib.report_format import check_reports


def check_completions(completions: Sequence) -> None:
    """TypeError unless `completions` is a list; each of them is checked when it is parsed."""
    if isinstance(completions, str | bytes) or not isinstance(completions, Sequence):
        raise TypeError(
            f"completions: got one {type(completions).__name__}, expected a list of texts or of "
            "message lists."
        )


def check_reference_labels(labels: Sequence, completions: int) -> np.ndarray:
    """The column `reference_labels` as `(completions, 14) int8`; ValueError for other shapes."""
    return check_rows(labels, "reference_labels", rows=completions)


def check_reference(reference: Sequence[str], completions: int) -> Sequence[str]:
    """The column `reference`; TypeError for what is no text, ValueError for another length."""
    check_reports(reference, "reference")
    if len(reference) != completions:
        raise ValueError(
            f"reference: {len(reference)} texts for {completions} completions; expected as many."
        )
    return reference


CHECKS = {"reference": check_reference, "reference_labels": check_reference_labels}
