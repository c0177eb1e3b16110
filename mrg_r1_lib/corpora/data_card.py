"""The data card's numbers: what is left at each filter, how splits repeat each other, words, prevalence.

Studies and label codes in, frames out. A word is a run of letters and digits, lower-cased, hyphen and apostrophe inside
(`words`); two texts are equal after normalising if their words are. Only studies with FINDINGS have a split. Positive means
positive or uncertain, as in the study's primary measure.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS
from mrg_r1_lib.study import SPLITS, Study, index_labels, published_labels

_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation.

    >>> words("Follow-up: XXXX-sided  effusion.Clear")
    ['follow-up', 'xxxx-sided', 'effusion', 'clear']
    """
    return _WORD.findall(text.lower())


def readings(studies: Sequence[Study], labels: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What others read in the studies, then `labels` by name: the hand-made index, and labels that the corpus comes with.

    Codes `(studies, 14)` each; what a corpus does not have is not among them.
    """
    own = {}
    if any(study.index_terms for study in studies):
        own["hand-made index"] = index_labels(studies)
    if any(study.published_labels for study in studies):
        own["published labels"] = published_labels(studies)
    return own | labels


def filter_counts(studies: Sequence[Study]) -> pd.DataFrame:
    """How many studies are left at each filter, then by split: kind (filter or split), step, remaining, left_out, reason.

    What the corpus itself left out as it was read comes first, a row a kind of reason.
    """
    kinds = Counter(getattr(studies, "left_out", {}).values())
    left = len(studies) + kinds.total()
    read = [("filter", "all reports", left, 0, "")]
    for kind, count in kinds.items():
        left -= count
        read.append(("filter", f"without: {kind}", left, count, kind))
    any_section = sum(bool(study.findings or study.impression) for study in studies)
    with_findings = sum(bool(study.findings) for study in studies)
    in_split = Counter(study.split for study in studies if study.findings)
    rows = [
        *read,
        (
            "filter",
            "with FINDINGS or IMPRESSION",
            any_section,
            len(studies) - any_section,
            "neither section",
        ),
        ("filter", "with FINDINGS", with_findings, any_section - with_findings, "IMPRESSION only"),
        *(("split", split, in_split[split], 0, "") for split in SPLITS),
    ]
    return pd.DataFrame(rows, columns=["kind", "step", "remaining", "left_out", "reason"])


def duplicates_table(studies: Sequence[Study], labels: np.ndarray) -> pd.DataFrame:
    """How many FINDINGS another training report has, too: a row a split and one for all.

    `labels` `(studies, 14)` are the reports' codes. Columns: split, reports, distinct (texts within the row's reports),
    verbatim and normalised (reports whose text stands in another training report, as it is or by its words), their shares of
    the reports, and normal_share (of the normalised ones, and reports_normal_share: of all, how many are labelled No Finding).
    ValueError if studies and labels differ in number.
    """
    if len(studies) != len(labels):
        raise ValueError(
            f"{len(studies)} studies and {len(labels)} rows of labels: expected as many."
        )
    table = pd.DataFrame(
        {
            "split": [study.split for study in studies],
            "text": [study.findings for study in studies],
            "normalised_text": [" ".join(words(study.findings)) for study in studies],
            "normal": positives(labels, classes=14)[:, NO_FINDING],
        }
    )
    table = table[table["split"].isin(SPLITS)]
    for name, text in (("verbatim", "text"), ("normalised", "normalised_text")):
        in_train = table.loc[table["split"] == "train", text].value_counts()
        others = table[text].map(in_train).fillna(0) - (
            table["split"] == "train"
        )  # a training report is not its own double
        table[name] = others > 0
    rows = [_duplicates_row(split, table[table["split"] == split]) for split in SPLITS]
    return pd.DataFrame([*rows, _duplicates_row("all", table)])


def held_out_table(
    train: Sequence[Study], test: Sequence[Study], private: bool = False
) -> pd.DataFrame:
    """What is known of each test study apart from any labeler: study_id (a `private` corpus's: the row's number), verbatim
    (whether a training study has the same FINDINGS, word for word) and the index's 14 codes, blank where there is no index."""
    known = {study.findings for study in train}
    table = pd.DataFrame(index_labels(test), columns=list(OBSERVATIONS))
    table.insert(0, "study_id", range(len(test)) if private else [study.study_id for study in test])
    table.insert(1, "verbatim", [study.findings in known for study in test])
    return table


def _duplicates_row(name: str, table: pd.DataFrame) -> dict:
    return {
        "split": name,
        "reports": len(table),
        "distinct": table["text"].nunique(),
        "verbatim": int(table["verbatim"].sum()),
        "verbatim_share": table["verbatim"].mean(),
        "normalised": int(table["normalised"].sum()),
        "normalised_share": table["normalised"].mean(),
        "normal_share": table.loc[table["normalised"], "normal"].mean(),
        "reports_normal_share": table["normal"].mean(),
    }


def vocabulary_table(studies: Sequence[Study]) -> pd.DataFrame:
    """The words of the FINDINGS, a row a split.

    Columns: split, reports, words, distinct, once (distinct words that occur once in the split), unseen_share (of the words)
    and unseen_distinct_share (of the distinct words) that the training split does not have, mean, median, p95 and max words
    a report, with_xxxx (reports with a de-identified word).
    """
    known = {word for study in studies if study.split == "train" for word in words(study.findings)}
    return pd.DataFrame(
        [
            _vocabulary_row(split, [s.findings for s in studies if s.split == split], known)
            for split in SPLITS
        ]
    )


def _vocabulary_row(split: str, reports: Sequence[str], known: set[str]) -> dict:
    by_report = [words(report) for report in reports]
    counts = Counter(word for report in by_report for word in report)
    lengths = np.array([len(report) for report in by_report])
    unseen = {word: count for word, count in counts.items() if word not in known}
    return {
        "split": split,
        "reports": len(reports),
        "words": counts.total(),
        "distinct": len(counts),
        "once": sum(count == 1 for count in counts.values()),
        "unseen_share": sum(unseen.values()) / max(1, counts.total()),
        "unseen_distinct_share": len(unseen) / max(1, len(counts)),
        "mean": lengths.mean() if len(lengths) else np.nan,
        "median": np.median(lengths) if len(lengths) else np.nan,
        "p95": np.percentile(lengths, 95) if len(lengths) else np.nan,
        "max": lengths.max(initial=0),
        "with_xxxx": sum("XXXX" in report for report in reports),
    }


def prevalence_table(labels: Mapping[str, np.ndarray], splits: Sequence[str]) -> pd.DataFrame:
    """The share of studies with each of the 14 observations, with Wilson's 95 % interval, a row a source and split.

    `labels`: source -> codes `(studies, 14)`, `splits` the studies' splits. Columns observation, source, split, positives,
    studies, share, low, high (in [0, 1]). ValueError if a source has another number of studies, or a split none.
    """
    splits = np.asarray(splits)
    rows = []
    for source, codes in labels.items():
        if len(codes) != len(splits):
            raise ValueError(
                f"{source}: {len(codes)} rows of labels for {len(splits)} studies: expected as many."
            )
        for split in SPLITS:
            chosen = positives(codes, classes=14)[splits == split]
            if not len(chosen):
                raise ValueError(
                    f"No study is in split {split!r}; expected at least one in each of {', '.join(SPLITS)}."
                )
            for name, count in zip(OBSERVATIONS, chosen.sum(axis=0).tolist(), strict=True):
                interval = binomtest(count, len(chosen)).proportion_ci(0.95, method="wilson")
                share = {"share": count / len(chosen), "low": interval.low, "high": interval.high}
                row = {
                    "observation": name,
                    "source": source,
                    "split": split,
                    "positives": count,
                    "studies": len(chosen),
                }
                rows.append(row | share)
    return pd.DataFrame(rows)
