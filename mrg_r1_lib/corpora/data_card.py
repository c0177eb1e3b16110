"""The data card's numbers: studies left by each filter, repeated reports, words, prevalence.

Studies and label codes in, frames out. A word is a lower-case run of letters and digits, with
hyphen and apostrophe inside (`words`). Two normalised texts are equal if their words are. Only
studies with FINDINGS have a split. Positive means positive or uncertain, as in the primary measure.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from mrg_r1_lib.corpora.sections import FINDINGS_RULES
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS
from mrg_r1_lib.study import SPLITS, Study, index_labels, published_labels

APART = "confirmation set: IMPRESSION only"  # why studies stand beside the splits
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")


def words(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation.

    >>> words("Follow-up: XXXX-sided  effusion.Clear")
    ['follow-up', 'xxxx-sided', 'effusion', 'clear']
    """
    return _WORD.findall(text.lower())


def readings(studies: Sequence[Study], labels: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Label codes `(studies, 14)` by source: hand-made index, published labels, then `labels`.

    A source that the corpus lacks is absent.
    """
    own = {}
    if any(study.index_terms for study in studies):
        own["hand-made index"] = index_labels(studies)
    if any(study.published_labels for study in studies):
        own["published labels"] = published_labels(studies)
    return own | labels


def filter_counts(studies: Sequence[Study]) -> pd.DataFrame:
    """Studies left after each filter, then in each split.

    Columns: kind (filter or split), step, remaining, left_out, reason. The first rows count the
    studies that the corpus left out on loading, one row per kind of reason.
    """
    kinds = Counter(getattr(studies, "left_out", {}).values())
    left = len(studies) + kinds.total()
    read = [("filter", "all reports", left, 0, "")]
    for kind, count in kinds.items():
        left -= count
        read.append(("filter", f"without: {kind}", left, count, f"left out: {kind}"))
    either = sum(bool(study.findings or study.impression) for study in studies)
    findings = sum(bool(study.findings) for study in studies)
    in_split = Counter(study.split for study in studies if study.findings)
    missing = len(studies) - either
    rows = [
        *read,
        ("filter", "with FINDINGS or IMPRESSION", either, missing, "left out: neither section"),
        ("filter", "with FINDINGS", findings, either - findings, APART),
        *(("split", split, in_split[split], 0, "") for split in SPLITS),
    ]
    return pd.DataFrame(rows, columns=["kind", "step", "remaining", "left_out", "reason"])


def findings_rules(studies: Sequence[Study]) -> pd.DataFrame:
    """How the FINDINGS of each study were found in its report, one row per rule of `sections`.

    Columns: rule, studies, share (of all studies, in [0, 1]). A corpus with published sections has
    "heading" and "none" only.
    """
    rules = getattr(studies, "findings_rules", None)
    if rules is None:
        rules = ["heading" if study.findings else "none" for study in studies]
    counts = Counter(rules)
    rows = [(rule, counts[rule], counts[rule] / max(1, len(studies))) for rule in FINDINGS_RULES]
    return pd.DataFrame(rows, columns=["rule", "studies", "share"])


def duplicates_table(studies: Sequence[Study], labels: np.ndarray) -> pd.DataFrame:
    """Reports whose FINDINGS occur in another training report: one row per split and one for all.

    `labels` `(studies, 14)` are the reports' codes. Columns: split, reports, distinct (texts),
    verbatim and normalised (reports whose text, or words, another training report has), their
    shares of the reports, normal_share (normalised ones labelled No Finding), reports_normal_share
    (all reports labelled No Finding). ValueError if studies and labels differ in number.
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
        is_train = table["split"] == "train"
        in_train = table.loc[is_train, text].value_counts()
        others = table[text].map(in_train).fillna(0) - is_train  # a report is not its own duplicate
        table[name] = others > 0
    rows = [_duplicates_row(split, table[table["split"] == split]) for split in SPLITS]
    return pd.DataFrame([*rows, _duplicates_row("all", table)])


def held_out_table(
    train: Sequence[Study], test: Sequence[Study], private: bool = False
) -> pd.DataFrame:
    """Facts about each test study that need no labeler: study_id, verbatim, 14 index codes.

    study_id is the row's number for a `private` corpus. verbatim: a training study has the same
    FINDINGS, word for word. Without an index the codes are blank.
    """
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
    """The words of the FINDINGS, one row per split.

    Columns: split, reports, words, distinct, once (distinct words that occur once in the split),
    unseen_share and unseen_distinct_share (words, distinct words outside the training split), mean,
    median, p95 and max words per report, with_xxxx (reports with a de-identified word).
    """
    reports = {split: [s.findings for s in studies if s.split == split] for split in SPLITS}
    known = {word for report in reports["train"] for word in words(report)}
    rows = [_vocabulary_row(split, reports[split], known) for split in SPLITS]
    return pd.DataFrame(rows)


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
    """Prevalence of the 14 observations with Wilson's 95 % interval, by source and split.

    `labels`: source -> codes `(studies, 14)`; `splits`: each study's split. Columns: observation,
    source, split, positives, studies, share, low, high (the last three in [0, 1]). ValueError for a
    source with another number of studies, or a split without studies.
    """
    splits = np.asarray(splits)
    rows = []
    for source, codes in labels.items():
        if len(codes) != len(splits):
            raise ValueError(
                f"{source}: {len(codes)} rows of labels for {len(splits)} studies: "
                "expected as many."
            )
        for split in SPLITS:
            chosen = positives(codes, classes=14)[splits == split]
            n = len(chosen)
            if not n:
                raise ValueError(
                    f"No study is in split {split!r}; "
                    f"expected at least one in each of {', '.join(SPLITS)}."
                )
            for name, count in zip(OBSERVATIONS, chosen.sum(axis=0).tolist(), strict=True):
                interval = binomtest(count, n).proportion_ci(0.95, method="wilson")
                rows.append((name, source, split, count, n, count / n, *interval))
    columns = ["observation", "source", "split", "positives", "studies", "share", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
