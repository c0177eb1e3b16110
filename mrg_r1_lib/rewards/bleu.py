"""BLEU-4 of report and reference, a lexical reward: the control "reward wording, not findings".

Completion -> report -> sacrebleu's sentence BLEU with the column `reference`, in lower case. A
report shorter than four words uses fewer n-gram orders (`effective_order`). An order without a
match counts as half a match: with zero, as in the corpus score, most short reports would get no
reward.
"""

from collections.abc import Callable

from sacrebleu.metrics import BLEU

from mrg_r1_lib.report_format import parse_completion


def build() -> Callable[..., list[float | None]]:
    """The reward over the column `reference`: BLEU-4 in [0, 1], 0 without a report, never None."""
    bleu = BLEU(lowercase=True, smooth_method="floor", smooth_value=0.5, effective_order=True)

    def reward(completions: list, reference: list[str], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        scores = [
            bleu.sentence_score(report, [right]).score / 100
            for report, right in zip(reports, reference, strict=True)
        ]
        return [min(score, 1.0) for score in scores]  # equal texts give 1.0000000000000004

    return reward
