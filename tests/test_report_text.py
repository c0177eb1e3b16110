"""Sections of a report and the normalisation of its text, on made-up reports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrg_r1_lib.corpora.report_text import NORMALISATIONS, as_written, r2gen
from mrg_r1_lib.corpora.sections import extract_sections

CASES = {
    "both": (" FINDINGS:  Clear.\n\n IMPRESSION:\n Normal.", "Clear.", "Normal."),
    "wrapped lines": (
        " FINDINGS:\n\n The heart is\n normal.\n Lungs clear.\n",
        "The heart is normal. Lungs clear.",
        "",
    ),
    "subheadings stay": (
        "FINDINGS:\nLUNGS: Clear.\nHEART: Normal.\n",
        "LUNGS: Clear. HEART: Normal.",
        "",
    ),
    "one heading for both": ("FINDINGS AND IMPRESSION:  Clear.", "Clear.", ""),
    "mixed case": ("Findings: Clear.\nImpression: Normal.", "Clear.", "Normal."),
    "a note ends the impression": (
        "IMPRESSION: Normal.\n\n NOTIFICATION: Dr. X was called.",
        "",
        "Normal.",
    ),
    "conclusion": ("FINDING: Clear.\n CONCLUSION: Normal.", "Clear.", "Normal."),
    "an addendum is joined": (
        "FINDINGS: Clear.\n\n ADDENDUM\n\n FINDINGS: A line, too.",
        "Clear. A line, too.",
        "",
    ),
    "no heading": (
        "FINAL REPORT\n CHEST RADIOGRAPH\n\n COMPARISON: None.\n\n PA view: lungs clear.",
        "PA view: lungs clear.",
        "",
    ),
    "bare text": ("Lungs are clear.\nHeart normal.", "Lungs are clear. Heart normal.", ""),
    "only a request": ("EXAMINATION: Chest.\n\n INDICATION: Cough.", "", ""),
    "a colon inside a line": (
        "FINDINGS: As follows: clear. No findings: none.",
        "As follows: clear. No findings: none.",
        "",
    ),
    "CRLF": ("FINDINGS:\r\n Clear.\r\n\r\n IMPRESSION: Normal.\r\n", "Clear.", "Normal."),
    "nothing": ("", "", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_sections_are_cut_out(case):
    text, findings, impression = CASES[case]
    assert extract_sections(text) == {"findings": findings, "impression": impression}


@given(st.text(alphabet="AbcFINDGSMPREO: \n.", max_size=80))
def test_any_text_has_sections_of_its_own_words(text):
    words = text.split()
    for section in extract_sections(text).values():
        assert all(any(word in other for other in words) for word in section.split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Heart size is normal.  No XXXX.", "heart size is normal . no xxxx ."),
        (
            "1. Clear lungs. 2. Mild, left-sided (small) effusion.",
            "clear lungs . mild left-sided small effusion .",
        ),
        ("The ___ year old's heart.", "the year olds heart ."),
        ("Measures 2.5 cm.", "measures 25 cm ."),  # R2Gen takes the point out of numbers, too
        ("...", ""),
        ("", ""),
    ],
)
def test_r2gens_normalisation_by_hand(text, expected):
    assert r2gen(text) == expected


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing_more(text):
    assert as_written(text) == text
    assert r2gen(r2gen(text)).replace(" ", "") == r2gen(text).replace(" ", "")


def test_the_normalisations_are_these():
    assert list(NORMALISATIONS) == ["as_written", "r2gen"]
