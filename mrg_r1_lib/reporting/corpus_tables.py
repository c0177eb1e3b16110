"""Tables and readings of the corpus itself, which need its reports: prevalence, agreement, what is
known of held-out studies.

Only notebook 01 builds them. Reports -> labels by the rules labeler or the scale's judge; nothing
is trained.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from mrg_r1_lib.corpora import data_card
from mrg_r1_lib.corpora.splits import load_split, load_studies, places_of
from mrg_r1_lib.labelers import index_agreement, load_labeler
from mrg_r1_lib.labelers.agreement import POOLED, compare_labelers
from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.reporting.schema import OBSERVATION, count, name, number, rate
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import REPOSITORY
from mrg_r1_lib.study import CONFIRMATION, SPLITS, Study, index_labels

PUBLISHED = REPOSITORY / "tests" / "labels" / "chexbert_on_iu_impressions.dev.csv"
PREVALENCE = {
    "observation": OBSERVATION,
    "source": name("who says so: the hand-made index, published labels, or a labeler"),
    "split": name("the studies that are counted", SPLITS),
    "positives": count("studies with it, positive or uncertain"),
    "studies": count("studies of the split"),
    "share": rate("positives / studies"),
    "low": rate("lower end of Wilson's 95 % interval"),
    "high": rate("upper end of the same interval"),
}
AGREEMENT = {
    "one": name("a reading of the reports"),
    "other": name("another reading of the same reports"),
    "observation": name("an observation, or all decisions on the 13", (*OBSERVATIONS, POOLED)),
    "one_asserts": count("reports of which the first reading asserts it; pooled: decisions"),
    "other_asserts": count("reports of which the second reading asserts it"),
    "both": count("reports of which both assert it"),
    "f1": rate("agreement on what is asserted; favours neither side"),
    "kappa": number("Cohen's kappa"),
}

ATTRIBUTE_AGREEMENT = {
    "attribute": name("side, zone or size of a finding", index_agreement.ATTRIBUTES),
    "terms": count("index terms that name it"),
    "named": count("of these, terms for which findings have a name"),
    "found": count("of these, terms whose finding the report asserts"),
    "stated": count("of these, terms of whose finding the report names the attribute"),
    "index_values": count("values by the index of findings that both describe"),
    "report_values": count("values by the report of the same findings"),
    "shared": count("values that both give"),
    "stated_rate": rate("stated / found"),
    "recall": rate("shared / index_values"),
    "precision": rate("shared / report_values"),
}


def prevalence(run: Run) -> pd.DataFrame:
    """How often each observation is positive, by source and split, by PREVALENCE."""
    studies = with_findings(run)
    labels = load_labeler(run.settings.judge)([study.findings for study in studies])
    sources = data_card.readings(studies, {f"{run.settings.judge} labeler on FINDINGS": labels})
    return data_card.prevalence_table(sources, [study.split for study in studies])


def agreement_table(run: Run) -> pd.DataFrame:
    """How far readings of the same studies agree: the rules on FINDINGS and whole reports, the
    index, by AGREEMENT.
    """
    studies, rules = with_findings(run), load_labeler("rules")
    labels = {
        "rules, FINDINGS": rules([study.findings for study in studies]),
        "rules, whole report": rules([f"{each.findings} {each.impression}" for each in studies]),
    }
    return compare_labelers(data_card.readings(studies, labels))


def attribute_agreement(run: Run) -> pd.DataFrame:
    """How far side, zone and size of findings agree with the index, by ATTRIBUTE_AGREEMENT."""
    return index_agreement.attribute_agreement(load_studies(run.corpus, run.settings))


def held_out_table(run: Run) -> pd.DataFrame:
    """What is known of each held-out study apart from any labeler, by `checks.HELD_OUT`.

    Of all held-out sets: the final evaluation comes after this table.
    """
    train = load_split(run.corpus, "train", run.settings)
    confirming = places_of(load_studies(run.corpus, run.settings), CONFIRMATION)
    tables = []
    for split in ("validate", "test", *([CONFIRMATION] if confirming else [])):
        held_out = load_split(run.corpus, split, run.settings)
        table = data_card.held_out_table(train, held_out, private=not run.preparation.public)
        tables.append(table.assign(split=split))
    return pd.concat(tables, ignore_index=True)


def with_findings(run: Run) -> list[Study]:
    """All studies of the corpus that have FINDINGS."""
    return [study for study in load_studies(run.corpus, run.settings) if study.findings]


@lru_cache(maxsize=1)
def impression_readings(run: Run) -> tuple[dict[str, np.ndarray], list[str]]:
    """Codes of IMPRESSIONs by CheXbert (published), the rules and the index, `(reports, 14)` each,
    and the texts.

    Only of the reports that `tests/labels` has published labels of: none but Indiana's.
    """
    by_id = {study.study_id: study for study in load_studies(run.corpus, run.settings)}
    published = pd.read_csv(PUBLISHED, index_col="study_id")
    published = published[published.index.isin(list(by_id))]
    studies: Sequence[Study] = [by_id[study_id] for study_id in published.index]
    texts = [study.impression for study in studies]
    codes = {
        "CheXbert": published[list(OBSERVATIONS)].to_numpy(dtype=np.int8),
        "rules": load_labeler("rules")(texts),
        "index": index_labels(studies),
    }
    return codes, texts


def impression_agreement(run: Run) -> pd.DataFrame:
    """F1 between every two of the `impression_readings`: a row per observation, a column per
    pair.
    """
    compared = compare_labelers(impression_readings(run)[0])
    pairs = compared["one"] + " and " + compared["other"]
    wide = compared.assign(pair=pairs).pivot(index="observation", columns="pair", values="f1")
    return wide.loc[[*OBSERVATIONS, POOLED]]
