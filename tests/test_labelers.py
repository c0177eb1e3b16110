"""Tests of the labelers: the contract that every entry of LABELERS keeps, and the rules' agreement with other hands."""

import csv
from pathlib import Path

import numpy as np
import pytest

from mrg_r1_lib.labelers import LABELERS, load_labeler
from mrg_r1_lib.labelers.rules import label_reports
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label

LABELS = Path(__file__).parent / "labels"
REPORTS = [
    "Heart size is normal. No effusion.",
    "",
    "Mild edema, possible pneumonia.",
    "Right PICC. No pneumothorax.",
]
# --- the contract of every labeler


@pytest.fixture(
    params=sorted(set(LABELERS) - {"chexbert"})
)  # its weights are the user's: tested with small ones of its own
def labeler(request):
    return load_labeler(request.param)


def test_a_labeler_returns_codes_of_14_observations_as_int8(labeler):
    labels = labeler(REPORTS)
    assert labels.shape == (4, 14) and labels.dtype == np.int8
    assert np.isin(labels, list(Label)).all() and np.isin(labels[:, NO_FINDING], (0, 1)).all()
    assert labeler([]).shape == (0, 14)


def test_the_empty_report_is_all_blank(labeler):
    assert not labeler(["", "  \n"]).any()


def test_labels_depend_neither_on_batch_nor_order_nor_surrounding_white_space(labeler):
    labels = labeler(REPORTS)
    np.testing.assert_array_equal(labeler(REPORTS[::-1])[::-1], labels)
    np.testing.assert_array_equal(
        np.vstack([labeler([f"\n  {report}\t "]) for report in REPORTS]), labels
    )


@pytest.mark.parametrize("entry", [None, 3, b"Edema.", float("nan")], ids=repr)
def test_an_entry_that_is_no_text_is_named_by_its_position(labeler, entry):
    with pytest.raises(TypeError, match=r"reports\[1\]"):
        labeler(["Edema.", entry])


def test_one_string_in_place_of_a_list_is_refused():
    with pytest.raises(TypeError, match="expected a list"):
        label_reports("Edema.")


def test_an_unknown_labeler_is_answered_with_the_known_names():
    with pytest.raises(ValueError, match=r"'chexpert' is unknown; expected one of .*rules"):
        load_labeler("chexpert")


# --- agreement with other hands


def reference(name: str) -> tuple[list[str], list[dict[str, str]]]:
    with (LABELS / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row["study_id"] for row in rows], rows


@pytest.fixture(scope="module")
def studies():
    from mrg_r1_lib.corpora import load_corpus

    try:
        return {study.study_id: study for study in load_corpus("iu_xray")}
    except FileNotFoundError as error:
        pytest.skip(f"no reports: {error}")


def f1(truth: np.ndarray, found: np.ndarray) -> np.ndarray:
    """F1 a column; the arrays are `(studies, observations) bool`."""
    return 2 * (truth & found).sum(0) / np.maximum(truth.sum(0) + found.sum(0), 1)


def test_rules_agree_with_chexbert_on_impressions(studies):
    ids, rows = reference("chexbert_on_iu_impressions.dev.csv")
    truth = np.array([[row[name] == "1" for name in OBSERVATIONS[:13]] for row in rows])
    labels = load_labeler("rules")([studies[study].impression for study in ids])[:, :13]
    found = np.isin(labels, (Label.POSITIVE, Label.UNCERTAIN))
    assert f1(truth.reshape(-1, 1), found.reshape(-1, 1))[0] >= 0.945
    assert f1(truth, found).mean() >= 0.86


def test_rules_agree_with_hand_made_labels(studies):
    ids, rows = reference("openi_gold_findings.dev.csv")
    columns = [1, 3, 4, 5, 6, 7, 8, 9]  # the observations that were marked throughout
    truth = np.array([[row[OBSERVATIONS[i]] == "1" for i in columns] for row in rows])
    texts = [f"{studies[study].findings} {studies[study].impression}" for study in ids]
    found = load_labeler("rules")(texts)[:, columns] == Label.POSITIVE
    assert f1(truth.reshape(-1, 1), found.reshape(-1, 1))[0] >= 0.87
