"""The format reward: 1 for a completion in the form <think>…</think><report>…</report>, else 0.

MRG-R1 scores the format by rule (second-hand note of arXiv:2512.16145v1); its exact rule is
unknown. Here a completion needs each tag once, in order, only white space around them, and a report
that is not empty.
"""

from collections.abc import Callable

from mrg_r1_lib.report_format import parse_completion


def build() -> Callable[..., list[float | None]]:
    """The reward over completions alone: 1.0 or 0.0, never None."""

    def reward(completions: list, **_) -> list[float | None]:
        return [float(parse_completion(completion).well_formed) for completion in completions]

    return reward
