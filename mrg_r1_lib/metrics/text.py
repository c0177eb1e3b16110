"""Text metrics: BLEU and ROUGE-L of strings, and the style of reports. Strings in, numbers out.

Both read each pair once and in bounded memory: a file of 227,835 reports takes half a minute.
METEOR and CIDEr are left out: no package of requirements.lock computes them without a download
(NLTK's METEOR needs the WordNet data; CIDEr is in none of them).
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from rouge_score.scoring import fmeasure
from rouge_score.tokenize import tokenize
from sacrebleu.metrics import BLEU

from mrg_r1_lib.metrics.checks import check_rows
from mrg_r1_lib.metrics.clinical_efficacy import POSITIVE_CODES
from mrg_r1_lib.observations import CLASSES, Label
from mrg_r1_lib.report_format import check_reports

ORDERS = (1, 2, 3, 4)  # of BLEU
BATCH = 2048  # pairs whose n-grams sacrebleu holds at once
CACHED_TEXTS = 8192  # split into words once where they repeat


def _check_texts(reference: Sequence[str], generated: Sequence[str]) -> None:
    check_reports(reference, "reference")
    check_reports(generated, "generated")
    if len(reference) != len(generated) or not len(reference):
        raise ValueError(
            f"{len(reference)} references, {len(generated)} generated: "
            "expected as many, and at least one."
        )


def rouge_l(reference: Sequence[str], generated: Sequence[str]) -> np.ndarray:
    """ROUGE-L F-measure of each pair of texts -> `(n,)` float in [0, 1]; 0 where a text is empty.

    rouge-score's own tokens: lower case, runs of letters and digits; no stemming. Its numbers, too:
    only the longest common subsequence is found in another way, 40 times faster.
    """
    _check_texts(reference, generated)
    pairs = zip(reference, generated, strict=True)
    return np.array([_rouge_l(wanted, written) for wanted, written in pairs], dtype=float)


def _rouge_l(wanted: str, written: str) -> float:
    wanted_words, written_words = _words(wanted), _words(written)
    if not wanted_words or not written_words:
        return 0.0
    shared = common_subsequence(wanted_words, written_words)
    return fmeasure(shared / len(written_words), shared / len(wanted_words))


@lru_cache(maxsize=CACHED_TEXTS)
def _words(text: str) -> tuple[str, ...]:
    return tuple(tokenize(text, None))


def common_subsequence(one: Sequence[str], other: Sequence[str]) -> int:
    """Length of the longest common subsequence, by the bits of one number (Hyyrö 2004).

    A row of the usual table is kept as the places where it does not rise: a bit per word of `one`.

    >>> common_subsequence("the heart is large".split(), "heart size is large".split())
    3
    """
    places: dict[str, int] = {}
    for place, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << place
    full = (1 << len(one)) - 1
    level = full
    for word in other:
        shared = level & places.get(word, 0)
        level = (level + shared | level - shared) & full
    return len(one) - level.bit_count()


def text_metrics(reference: Sequence[str], generated: Sequence[str]) -> dict[str, float]:
    """BLEU-1..4 of the corpus and the mean ROUGE-L of its reports, each in [0, 1].

    sacrebleu, lower case, its tokenizer "13a" (punctuation is split off, so "clear ." and "clear."
    are equal), no smoothing: BLEU-n is 0 without a common n-gram. Not R2Gen's numbers: that code
    strips punctuation and compares with references decoded from its vocabulary and cut at 60 or
    100 tokens.
    """
    _check_texts(reference, generated)
    # force only silences a warning about text that looks tokenized, which 13a is indifferent to
    bleu = BLEU(lowercase=True, tokenize="13a", smooth_method="none", force=True)
    sums = np.zeros(2 + 2 * len(ORDERS), dtype=int)  # lengths, matches and n-grams per order
    for start in range(0, len(reference), BATCH):
        part = slice(start, start + BATCH)
        score = bleu.corpus_score(list(generated[part]), [list(reference[part])])
        sums += [score.sys_len, score.ref_len, *score.counts, *score.totals]
    scores = {f"bleu_{order}": _bleu(sums.tolist(), order) for order in ORDERS}
    return {**scores, "rouge_l": float(rouge_l(reference, generated).mean())}


def _bleu(sums: list[int], order: int) -> float:
    matches, total = sums[2 : 2 + order], sums[6 : 6 + order]
    score = BLEU.compute_bleu(matches, total, sums[0], sums[1], max_ngram_order=order).score
    return min(score / 100, 1.0)  # equal texts give 1.0000000000000004


def report_style(labels: np.ndarray, reports: Sequence[str]) -> dict[str, float]:
    """Means per report: words, and observations of the 13 that it asserts (or doubts) and denies.

    A policy that learned to list negatives for their reward shows here, not in CE. ValueError
    unless there are as many labels `(n, 14)` as reports, and at least one.
    """
    check_reports(reports)
    if not len(reports):
        raise ValueError("reports: got none, expected at least one.")
    abnormal = check_rows(labels, rows=len(reports))[:, list(CLASSES[13])]
    return {
        "words": float(np.mean([len(report.split()) for report in reports])),
        "positives": float(np.isin(abnormal, POSITIVE_CODES["positive"]).sum(axis=1).mean()),
        "negatives": float((abnormal == Label.NEGATIVE).sum(axis=1).mean()),
    }
