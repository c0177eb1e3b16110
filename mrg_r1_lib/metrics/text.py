"""Text metrics: BLEU and ROUGE-L of strings, and the style of reports. Strings in, numbers out."""

from collections.abc import Sequence

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU

from mrg_r1_lib.metrics.clinical_efficacy import POSITIVE_CODES
from mrg_r1_lib.observations import CLASSES, Label, check_labels


def _check_texts(reference: Sequence[str], generated: Sequence[str]) -> None:
    if len(reference) != len(generated) or not len(reference):
        raise ValueError(
            f"{len(reference)} references, {len(generated)} generated: "
            "expected as many, and at least one."
        )


def rouge_l(reference: Sequence[str], generated: Sequence[str]) -> np.ndarray:
    """ROUGE-L F-measure of each pair of texts -> `(n,)` float in [0, 1]; 0 where a text is empty.

    rouge-score's own tokens: lower case, runs of letters and digits; no stemming.
    """
    _check_texts(reference, generated)
    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    pairs = zip(reference, generated, strict=True)
    return np.array(
        [scorer.score(wanted, written)["rougeL"].fmeasure for wanted, written in pairs], dtype=float
    )


def text_metrics(reference: Sequence[str], generated: Sequence[str]) -> dict[str, float]:
    """BLEU-1..4 of the corpus and the mean ROUGE-L of its reports, each in [0, 1].

    sacrebleu, lower case, its tokenizer "13a" (punctuation is split off, so "clear ." and "clear."
    are equal), no smoothing: BLEU-n is 0 without a common n-gram. Not R2Gen's numbers: that code
    strips punctuation and compares with references decoded from its vocabulary and cut at 60 or 100
    tokens.
    """
    _check_texts(reference, generated)
    scores = {}
    for order in range(1, 5):
        # force only silences a warning about text that looks tokenized, which 13a is indifferent to
        bleu = BLEU(
            lowercase=True, tokenize="13a", smooth_method="none", max_ngram_order=order, force=True
        )
        scores[f"bleu_{order}"] = bleu.corpus_score(list(generated), [list(reference)]).score / 100
    return {**scores, "rouge_l": float(rouge_l(reference, generated).mean())}


def report_style(labels: np.ndarray, reports: Sequence[str]) -> dict[str, float]:
    """Means a report: words, and observations among the 13 that it calls positive (or uncertain)
    and negative.

    A policy that learned to list negatives for their reward shows here, not in CE.
    """
    _check_texts(labels, reports)
    abnormal = check_labels(labels)[:, list(CLASSES[13])]
    return {
        "words": float(np.mean([len(report.split()) for report in reports])),
        "positives": float(np.isin(abnormal, POSITIVE_CODES["positive"]).sum(axis=1).mean()),
        "negatives": float((abnormal == Label.NEGATIVE).sum(axis=1).mean()),
    }
