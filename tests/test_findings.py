"""A report as findings: what, side, zone, size and the rest; agreement with the hand-made index."""

import pandas as pd
import pytest

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.index_terms import parse_index_term
from mrg_r1_lib.labelers.findings import findings_of
from mrg_r1_lib.labelers.index_agreement import attribute_agreement
from mrg_r1_lib.labelers.rules import explain
from mrg_r1_lib.observations import ABNORMALITIES, Label
from mrg_r1_lib.study import Study


def read(report, *names):
    return [tuple(getattr(each, name) for name in names) for each in findings_of(report)]


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ("Small left pleural effusion.", [("Pleural Effusion", "left", "", "small")]),
        ("Bibasilar atelectasis.", [("Atelectasis", "bilateral", "lower", "")]),
        ("The heart is mildly enlarged.", [("Cardiomegaly", "", "", "small")]),
        ("The heart is large.", [("Cardiomegaly", "", "", "")]),
        ("Lingular opacity.", [("Lung Opacity", "left", "middle", "")]),
        ("Severe emphysema.", [("emphysema", "", "", "large")]),
        ("Hiatal hernia.", [("hernia", "", "", "")]),
        ("The aorta is tortuous.", [("atherosclerosis", "", "", "")]),
        (
            "Small left effusion and right lower lobe consolidation.",
            [("Pleural Effusion", "left", "", "small"), ("Consolidation", "right", "lower", "")],
        ),
        (
            "Opacity in the left base with moderate edema.",
            [("Lung Opacity", "left", "lower", ""), ("Edema", "", "", "moderate")],
        ),
        (
            "Left basilar effusion and atelectasis.",  # a list shares its place
            [("Pleural Effusion", "left", "lower", ""), ("Atelectasis", "left", "lower", "")],
        ),
        (
            "Right hydropneumothorax.",
            [("Pneumothorax", "right", "", ""), ("Pleural Effusion", "right", "", "")],
        ),
    ],
)
def test_a_finding_has_the_side_zone_and_size_that_stand_with_it(report, expected):
    assert sorted(read(report, "what", "side", "zone", "size")) == sorted(expected)


def test_measures_are_in_millimetres_and_the_largest_of_a_product():
    for text, wanted in (
        ("A 2.5 x 3 cm nodule", 30.0),
        ("An 8 mm nodule", 8.0),
        ("A nodule of five millimetres", 5.0),
        ("The nodule has grown from 8 mm to 14 mm", 14.0),
        ("A nodule", None),
    ):
        assert [each.measure_mm for each in findings_of(text)] == [wanted]


def test_time_is_read_as_acuity_and_as_change():
    report = "Old healed rib fracture. Worsening edema. New effusion. Unchanged granuloma."
    assert read(report, "acuity", "change") == [
        ("chronic", ""),
        ("", "worse"),
        ("", "new"),
        ("", "stable"),
    ]


def test_devices_have_a_kind_and_a_position_and_a_tip_is_of_its_device():
    report = (
        "The tip of the endotracheal tube is above the carina. Left PICC ends in the azygos vein."
    )
    found = [each for each in findings_of(report) if each.position]
    assert [(each.kind, each.side, each.position) for each in found] == [
        ("airway tube", "", "above carina"),
        ("line", "left", "azygos"),
    ]
    assert {each.kind for each in findings_of(report)} == {"airway tube", "line"}


def test_a_finding_keeps_its_label_sentence_and_letters():
    (finding,) = findings_of("Clear. There may be a LEFT effusion here")[-1:]
    assert (finding.label, finding.asserted) == (Label.UNCERTAIN, True)
    assert finding.sentence[slice(*finding.letters)] == finding.span == "effusion"


def test_findings_are_the_labelers_own_readings():
    report = (
        "No effusion or pneumothorax. Mild edema, possible pneumonia. The heart is enlarged. "
        "History of fracture."
    )
    labeled = {(each.observation, each.label) for each in explain(report) if each.label}
    found = {(each.what, each.label) for each in findings_of(report)}
    assert found == {pair for pair in labeled if pair[0] in ABNORMALITIES}


def test_a_report_that_is_no_text_is_an_error():
    with pytest.raises(TypeError, match="expected a str"):
        findings_of(None)


def study(findings, *terms):
    return Study("1", "1", (), findings, index_terms=tuple(map(parse_index_term, terms)))


def test_agreement_with_the_index_by_hand():
    studies = [
        study("Small left effusion.", "Pleural Effusion/left/small"),  # both agree
        study("Right effusion.", "Pleural Effusion/left/small"),  # side differs, size is not said
        study("Clear lungs.", "Pleural Effusion/left"),  # not found
        study("Bilateral effusions.", "Pleural Effusion/right"),  # half of the report's values
        study("Calcified granuloma, right.", "Calcified Granuloma/lung/right"),  # none of the 13
        study("Left effusion.", "Technical Quality of Image Unsatisfactory/left"),  # no name
    ]
    table = attribute_agreement(studies).set_index("attribute")
    side = table.loc["side"]
    assert side[["terms", "named", "found", "stated"]].tolist() == [6, 5, 4, 4]
    assert side[["index_values", "report_values", "shared"]].tolist() == [4, 5, 3]
    assert side[["stated_rate", "recall", "precision"]].tolist() == [1.0, 3 / 4, 3 / 5]
    assert table.loc["size", ["terms", "found", "stated", "shared"]].tolist() == [2, 2, 1, 1]
    assert pd.isna(table.loc["zone", "recall"])


def test_on_real_reports_sides_zones_and_sizes_agree_with_the_index():
    studies = load_corpus("iu_xray", images="phantom")
    table = attribute_agreement(studies).set_index("attribute")
    assert (table["stated_rate"] > 0.8).all()
    assert (table[["recall", "precision"]].loc[["side", "size"]] > 0.9).all(axis=None)
