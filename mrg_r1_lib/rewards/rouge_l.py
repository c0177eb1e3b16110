"""ROUGE-L of report and reference, a lexical reward: the control "reward wording, not findings".

Completion -> report -> longest common subsequence with the column `reference`. The value is the
F-measure of the rouge-score package, without stemming.
"""

from collections.abc import Callable

from mrg_r1_lib.metrics.text import rouge_l
from mrg_r1_lib.report_format import parse_completion


def build() -> Callable[..., list[float | None]]:
    """The reward over the column `reference`: ROUGE-L in [0, 1], 0 without a report, never None."""

    def reward(completions: list, reference: list[str], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        return rouge_l(reference, reports).tolist()

    return reward
