"""Tests of a report in colours and of the reasons for its labels."""

import re

import pytest

from mrg_r1_lib.labelers import why
from mrg_r1_lib.labelers.coloured import coloured
from mrg_r1_lib.labelers.rules import explain, label_reports
from mrg_r1_lib.observations import OBSERVATIONS, Label

ODD = [None, float("nan"), 3, b"Edema."]


@pytest.mark.parametrize("report", ODD, ids=repr)
@pytest.mark.parametrize("show", [explain, coloured, why], ids=lambda show: show.__name__)
def test_what_is_no_text_is_refused_by_name(show, report):
    with pytest.raises(TypeError, match=re.escape(f"report is {report!r}")):
        show(report)


@pytest.mark.parametrize(
    ("report", "marked"),
    [
        ("\u0130 edema.", "\x1b[31medema\x1b[0m"),  # the one letter whose lower case is longer
        ("The heart isn\u2019t enlarged.", "\x1b[34mheart isn't enlarged\x1b[0m"),
        ("No effusion, but there is a left effusion.", "\x1b[31meffusion\x1b[0m"),
        ("PA and lateral views.", "\x1b[90mPA and lateral views\x1b[0m."),
        ("History of pneumonia.", "\x1b[90mpneumonia\x1b[0m"),
    ],
)
def test_the_colour_stands_on_the_words_that_decided(report, marked):
    assert marked in coloured(report)


def test_a_sentence_that_no_rule_read_is_explained_as_such():
    unread, edema = explain("PA and lateral views. Edema.")
    assert (unread.observation, unread.rule) == ("", "not read")
    assert unread.sentence == "PA and lateral views" and edema.observation == "Edema"


def test_the_reasons_are_those_of_the_labels():
    report = "No edema. Possible edema. Right PICC. Calcified granuloma. History of pneumonia."
    reasons, labels = why(report).reasons(), label_reports([report])[0]
    named = {
        reason.split(":")[0]: reason.split()[reason.split(":")[0].count(" ") + 1]
        for reason in reasons
    }
    for observation, label in zip(OBSERVATIONS[:13], labels, strict=False):
        if label:
            assert named[observation] == Label(label).name.lower() + ","
    assert reasons[-1] == "No Finding: blank, Edema and Other abnormality not denied"
    assert '"Calcified granuloma"' in reasons[-2]


@pytest.mark.parametrize(
    ("report", "normal"),
    [
        ("No edema. Right PICC.", "positive, something is said and nothing asserted"),
        ("PA view.", "blank, nothing is said of the chest"),
        ("", "blank, nothing is said of the chest"),
    ],
)
def test_why_says_why_a_report_is_labelled_no_finding(report, normal):
    assert why(report).reasons()[-1] == f"No Finding: {normal}"


def test_why_is_text_in_a_terminal_and_html_in_a_notebook():
    shown = why("No edema & no <b>nodule</b> < 5 mm. No edema. Granuloma.")
    assert coloured(shown.report) in repr(shown)
    page = shown._repr_html_()
    assert "&amp;" in page and "<b>" not in page and page.count("edema<sup>−</sup>") == 2
    assert page.count("<span") == page.count("</span>")
    assert "Other abnormality: none of the 13" in page
