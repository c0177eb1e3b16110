"""A lexical reward, the other control for "reward wording instead of findings": BLEU-4 of the report with the reference.

Completion -> report -> sentence BLEU of sacrebleu with the column `reference`, lower case. Its orders are as many as the report
has (`effective_order`), and an order without a match counts as half of one: the corpus score's zero would leave most short
reports without a reward.
"""

from collections.abc import Callable

from sacrebleu.metrics import BLEU

from mrg_r1_lib.report_format import parse_completion


def build() -> Callable[..., list[float | None]]:
    """The reward over the reference reports `reference`: BLEU-4 in [0, 1], 0 for an empty report, never None."""
    bleu = BLEU(lowercase=True, smooth_method="floor", smooth_value=0.5, effective_order=True)

    def reward(completions: list, reference: list[str], **_) -> list[float | None]:
        reports = [parse_completion(completion).report for completion in completions]
        scores = [
            bleu.sentence_score(report, [right]).score / 100
            for report, right in zip(reports, reference, strict=True)
        ]
        return [min(score, 1.0) for score in scores]  # 1.0000000000000004 for equal ones

    return reward
