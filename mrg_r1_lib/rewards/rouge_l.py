"""A lexical reward, the control for "reward wording instead of findings": ROUGE-L of the report with the reference report.

Completion -> report -> longest common subsequence with the column `reference`; F-measure of the rouge-score package, no
stemming.
"""

from collections.abc import Callable

from mrg_r1_lib.metrics.text import rouge_l
from mrg_r1_lib.report_format import parse_completion


def build() -> Callable[..., list[float | None]]:
    """The reward over the reference reports `reference`: ROUGE-L F-measure in [0, 1], 0 for an empty report, never None."""

    def reward(completions: list, reference: list[str], **_) -> list[float | None]:
        return rouge_l(
            reference, [parse_completion(completion).report for completion in completions]
        ).tolist()

    return reward
