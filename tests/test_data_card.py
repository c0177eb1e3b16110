"""The data card's frames, worked by hand on a handful of studies."""

import numpy as np
import pytest
import trees

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.data_card import (
    duplicates_table,
    filter_counts,
    findings_rules,
    prevalence_table,
    readings,
    vocabulary_table,
    words,
)
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.study import Study

NORMAL = [Label.BLANK] * 13 + [Label.POSITIVE]
HEART = [Label.BLANK, Label.POSITIVE] + [Label.BLANK] * 12
DOUBT = [Label.BLANK, Label.UNCERTAIN] + [Label.BLANK] * 12
DENIED = [Label.BLANK, Label.NEGATIVE] + [Label.BLANK] * 12


def study(number, findings, split="", impression=""):
    name = f"S{number}"
    return Study(
        name, name, images=(lambda: None,), findings=findings, impression=impression, split=split
    )


SIX = [
    study(1, "Clear lungs.", "train"),
    study(2, "Clear lungs.", "train"),
    study(3, "Big heart, XXXX seen.", "train"),
    study(4, "clear  LUNGS", "validate"),  # the words of study 1, not its letters
    study(5, "Big heart, XXXX seen.", "test"),
    study(6, "Clear heart, odd heart.", "test"),
]
SIX_LABELS = np.array([NORMAL, NORMAL, HEART, NORMAL, HEART, HEART])
SIX_SPLITS = [study.split for study in SIX]


def by(table, column):
    return table.set_index(column)


def test_a_word_is_a_lower_case_run_of_letters_and_digits_with_hyphens_inside():
    assert words("Left-sided, T12; patient's_ 1.5 cm -- XXXX.") == [
        "left-sided",
        "t12",
        "patient's",
        "1",
        "5",
        "cm",
        "xxxx",
    ]


def test_what_each_filter_leaves_out_adds_up():
    card = filter_counts([study(7, ""), study(8, "", impression="Normal."), *SIX])
    assert card["remaining"].tolist() == [8, 7, 6, 3, 1, 2]
    assert card["left_out"].tolist() == [0, 1, 1, 0, 0, 0]
    assert card.loc[card["kind"] == "split", "remaining"].sum() == 6


def test_a_report_is_a_duplicate_where_another_training_report_says_the_same():
    table = by(duplicates_table(SIX, SIX_LABELS), "split")
    assert table["verbatim"].to_dict() == {
        "train": 2,
        "validate": 0,
        "test": 1,
        "all": 3,
    }  # study 3 is not its own double
    assert table["normalised"].to_dict() == {"train": 2, "validate": 1, "test": 1, "all": 4}
    assert table["distinct"].to_dict() == {"train": 2, "validate": 1, "test": 2, "all": 4}
    assert table.loc["test", "verbatim_share"] == pytest.approx(1 / 2)


def test_the_normal_share_of_duplicates_stands_beside_that_of_all_reports():
    table = by(duplicates_table(SIX, SIX_LABELS), "split")
    assert table.loc["all", ["normal_share", "reports_normal_share"]].tolist() == pytest.approx(
        [3 / 4, 3 / 6]
    )
    assert table.loc["test", "normal_share"] == 0


def test_duplicates_need_a_row_of_labels_for_each_study():
    with pytest.raises(ValueError, match="6 studies and 5 rows of labels"):
        duplicates_table(SIX, SIX_LABELS[:5])


def test_words_are_new_only_where_the_training_split_does_not_have_them():
    table = by(vocabulary_table(SIX), "split")
    train, test = table.loc["train"], table.loc["test"]
    assert train[
        ["reports", "words", "distinct", "once", "unseen_share", "with_xxxx"]
    ].tolist() == [3, 8, 6, 4, 0, 1]
    assert test[["words", "distinct", "once", "mean", "max"]].tolist() == [
        8,
        6,
        5,
        4,
        4,
    ]  # heart thrice, five others once
    assert test[["unseen_share", "unseen_distinct_share"]].tolist() == pytest.approx(
        [1 / 8, 1 / 6]
    )  # "odd"


def test_words_of_an_empty_split_are_no_error():
    assert by(vocabulary_table(SIX[:3]), "split").loc["test", "words"] == 0


def test_prevalence_counts_the_uncertain_with_wilsons_interval():
    labels = np.array([HEART, DENIED, NORMAL, NORMAL, DOUBT, HEART])
    table = prevalence_table({"labeler": labels}, SIX_SPLITS)
    assert len(table) == len(OBSERVATIONS) * 3
    heart = by(table[table["observation"] == "Cardiomegaly"], "split")
    assert heart["positives"].to_dict() == {"train": 1, "validate": 0, "test": 2}
    # Wilson, z = 1.96, 1 of 3: centre (1/3 + z²/6) / (1 + z²/3) = 0.427, half width 0.365
    assert heart.loc["train", ["share", "low", "high"]].tolist() == pytest.approx(
        [1 / 3, 0.0615, 0.7923], abs=1e-4
    )
    assert heart.loc["test", "high"] == 1


def test_prevalence_names_the_source_that_has_other_studies_and_the_split_that_has_none():
    with pytest.raises(ValueError, match="index: 5 rows of labels for 6 studies"):
        prevalence_table({"index": SIX_LABELS[:5]}, SIX_SPLITS)
    with pytest.raises(ValueError, match="No study is in split 'test'"):
        prevalence_table({"index": SIX_LABELS[:4]}, SIX_SPLITS[:4])


def test_the_real_corpus_has_the_published_counts(indiana):
    card = by(filter_counts(indiana), "step")
    assert card.loc["all reports", "remaining"] == 3955
    assert card.loc["with FINDINGS", "remaining"] == 3425


@pytest.mark.parametrize(
    ("corpus", "build", "others"),
    [
        ("iu_xray", trees.open_i, ["hand-made index"]),
        ("iu_xray", trees.kaggle, ["hand-made index"]),
        ("iu_xray", trees.r2gen, []),
        ("mimic_cxr", trees.mimic, ["published labels"]),
    ],
    ids=["open_i", "kaggle", "r2gen", "mimic_cxr"],
)
def test_the_card_is_made_of_every_layout(tmp_path, corpus, build, others):
    studies = load_corpus(corpus, root=build(tmp_path), images="files")
    labels = load_labeler("rules")([study.findings for study in studies])
    by = readings(studies, {"rules": labels})
    assert list(by) == [*others, "rules"] and all(codes.shape == (40, 14) for codes in by.values())
    counts = filter_counts(studies)
    assert counts["remaining"].tolist() == [40, 40, 40, 28, 4, 8]
    assert findings_rules(studies)["studies"].tolist() == [0, 40, 0, 0]
    assert len(prevalence_table(by, [study.split for study in studies])) == 14 * 3 * len(by)
    assert duplicates_table(studies, labels)["reports"].tolist() == [28, 4, 8, 40]
    assert vocabulary_table(studies)["reports"].tolist() == [28, 4, 8]
