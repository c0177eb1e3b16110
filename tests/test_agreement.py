"""Two readings side by side, by hand-worked numbers, and a report in colours."""

import re

import numpy as np
import pytest

from mrg_r1_lib.labelers.agreement import POOLED, compare_labelers, disagreements
from mrg_r1_lib.labelers.coloured import coloured
from mrg_r1_lib.labelers.rules import label_reports
from mrg_r1_lib.observations import OBSERVATIONS, Label

HEART, EDEMA = OBSERVATIONS.index("Cardiomegaly"), OBSERVATIONS.index("Edema")
REPORTS = ["Mild edema.", "No edema.", "The heart is enlarged.", "Possible edema. Clear."]


def reading(*asserted: tuple[int, int]) -> np.ndarray:
    """Labels of four reports that assert only (report, observation)."""
    labels = np.zeros((4, 14), dtype=np.int8)
    for report, observation in asserted:
        labels[report, observation] = Label.POSITIVE
    return labels


def test_agreement_by_hand():
    rules = label_reports(REPORTS)  # edema in 0 and 3 (in doubt), the heart in 2
    table = compare_labelers(
        {"rules": rules, "other": reading((0, EDEMA), (1, EDEMA)), "third": reading()}
    )
    assert table.groupby(["one", "other"], sort=False).size().tolist() == [15, 15, 15]
    pair = table[(table["one"] == "rules") & (table["other"] == "other")].set_index("observation")
    edema = pair.loc["Edema"]
    assert (edema["one_asserts"], edema["other_asserts"], edema["both"]) == (2, 2, 1)
    assert edema["f1"] == 0.5 and edema["kappa"] == pytest.approx(
        0.0
    )  # 2 of 4 agree, as many as by chance
    assert (
        pair.loc["Cardiomegaly", "f1"] == 0
        and np.isnan(pair.loc["Fracture", ["f1", "kappa"]].astype(float)).all()
    )
    assert pair.loc[POOLED, "f1"] == pytest.approx(2 * 1 / 5)


def test_readings_of_different_reports_are_refused():
    with pytest.raises(ValueError, match=r"'b': \(3, 14\)"):
        compare_labelers({"a": reading(), "b": reading()[:3]})


def test_disagreements_are_explained_and_judged():
    other, judge = reading((1, EDEMA), (3, EDEMA)), reading((0, EDEMA), (1, EDEMA), (3, EDEMA))
    table = disagreements(label_reports(REPORTS), other, judge, REPORTS)
    rows = table.drop(columns="report").to_dict("split")
    assert rows["columns"] == ["observation", "rules", "right", "span", "cue", "rule"]
    assert rows["data"] == [
        ["Cardiomegaly", "asserts", "other", "heart is enlarged", "", "statement"],
        ["Edema", "does not", "other", "edema", "no", "negation before"],
        ["Edema", "asserts", "rules", "edema", "", "asserted"],
    ]
    assert table["report"].tolist() == [2, 1, 0]
    assert disagreements(judge, judge, judge, REPORTS).empty


def test_colours_change_no_letter_and_stand_on_what_decided():
    report = "Mild edema;  no pleural effusion or\npneumothorax. Possible pneumonia. The trachea is midline."
    text = coloured(report)
    assert re.sub(r"\x1b\[\d+m", "", text).split("\n") == [
        "Mild edema.",
        "no pleural effusion or pneumothorax.",
        "Possible pneumonia.",
        "The trachea is midline.",
    ]
    for mark, span in (
        (31, "edema"),
        (34, "pleural effusion"),
        (34, "pneumothorax"),
        (33, "pneumonia"),
    ):
        assert f"\x1b[{mark}m{span}\x1b[0m" in text
