"""Tests of the statements of a report: the same findings in any layout give the same labels.

All sentences are made up for these tests.
"""

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_labelers_hard import FIRST

from mrg_r1_lib.labelers.rules import label_reports
from mrg_r1_lib.labelers.statements import cleaned, sentences_of

STATEMENTS = ["No pleural effusion", "Moderate cardiomegaly", "Right chest tube", "No pneumothorax"]
LAYOUTS = {
    "prose": ". ".join(STATEMENTS) + ".",
    "lines": "\n".join(STATEMENTS),
    "lower case lines": "\n".join(STATEMENTS).lower(),
    "upper case lines": "\n".join(STATEMENTS).upper(),
    "windows lines": "\r\n".join(STATEMENTS),
    "empty lines": "\n\n".join(STATEMENTS),
    "bullets": "\n".join(f"- {statement}" for statement in STATEMENTS),
    "stars": "\n".join(f"* {statement}" for statement in STATEMENTS),
    "dots in one line": " ".join(f"\u2022 {statement}" for statement in STATEMENTS),
    "numbers": "\n".join(f"{i}. {statement}" for i, statement in enumerate(STATEMENTS, 1)),
    "brackets": " ".join(f"({i}) {statement}" for i, statement in enumerate(STATEMENTS, 1)),
    "half brackets": " ".join(f"{i}) {statement}" for i, statement in enumerate(STATEMENTS, 1)),
    "letters": "\n".join(
        f"{i}) {statement}" for i, statement in zip("abcd", STATEMENTS, strict=True)
    ),
    "dashes": " \u2014 ".join(STATEMENTS),
    "hyphens": " - ".join(STATEMENTS),
    "semicolons": "; ".join(STATEMENTS),
    "markdown": "## Findings\n\n" + "\n".join(f"- **{statement}**" for statement in STATEMENTS),
    "quote": "\n".join(f"> {statement}" for statement in STATEMENTS),
    "tags": "<br>".join(STATEMENTS),
    "table": "\n".join(f"| {statement} |" for statement in STATEMENTS),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layout_of_a_report_changes_no_label(layout):
    np.testing.assert_array_equal(*label_reports([LAYOUTS[layout], LAYOUTS["prose"]]))


@pytest.mark.parametrize("width", [50, 60, 75, 90])
def test_wrapped_prose_is_read_as_prose(width):
    rows = [row["sentence"] for row in FIRST]
    report = " ".join(rows[place] for place in range(0, len(rows), 9))
    lines, line = [], ""
    for word in report.split():
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    wrapped = "\n ".join([*lines, line])
    assert "\n" in wrapped
    np.testing.assert_array_equal(*label_reports([wrapped, report]))


def test_a_heading_names_the_line_below_it():
    assert sentences_of("### Pneumothorax\n\nNone.\n\n**Edema:**\n- Mild") == [
        "Pneumothorax: None",
        "Edema: Mild",
    ]
    assert sentences_of("## No acute disease\n## Impression") == ["No acute disease", "Impression"]


@pytest.mark.parametrize("text", ["vs. pneumonia", "A 2.5 cm nodule", "x, ?pneumonia", "(right)"])
def test_these_marks_end_no_statement(text):
    assert sentences_of(text) == [text]


@given(st.text(max_size=60))
def test_any_letters_are_cleaned_without_harm(text):
    label_reports([text])
    assert cleaned(cleaned(text)).lower() == cleaned(text).lower()
    assert len(cleaned(text).lower()) == len(cleaned(text))  # what the colours rely on


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_the_unicode_form_of_a_text_changes_no_label(form):
    text = "Right\u2011sided e\ufb00usion. No pneumo\u200bthorax. Cardio\u00admegaly\u2026"
    np.testing.assert_array_equal(*label_reports([text, unicodedata.normalize(form, text)]))
