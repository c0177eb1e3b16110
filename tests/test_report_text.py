"""Sections of a report and the normalisation of its text, on made-up reports.

`sections.json` has reports in MIMIC-CXR's manner, made up, with the expected sections of two
readings: `findings`, `impression` and `rule` are the first one, `second` is a later reading of the
shuffled texts alone. They differ in S75: an IMPRESSION "See CT." is no section. S79 and later, which
later code had wrong at first, have one reading.
"""

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrg_r1_lib.corpora.report_notes import is_empty, without_notes
from mrg_r1_lib.corpora.report_text import NORMALISATIONS, as_written, r2gen
from mrg_r1_lib.corpora.sections import (
    FINDINGS_RULES,
    count_rules,
    extract_sections,
    read_sections,
)

READ = json.loads((Path(__file__).parent / "sections.json").read_text(encoding="utf-8"))

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


@pytest.mark.parametrize("read", READ, ids=[f"{read['case']} {read['kind']}" for read in READ])
def test_a_report_in_mimics_manner_has_the_sections_that_a_reader_found(read):
    found = read_sections(read["text"])
    assert found == (read["findings"], read["impression"], read["rule"])


def test_two_readings_of_the_made_up_reports_agree_but_for_one():
    twice = [r for r in READ if "second" in r]
    differ = [r["case"] for r in twice if [r["findings"], r["impression"]] != r["second"]]
    assert len(twice) >= 60 and differ == ["S75"]


def test_the_rules_that_found_the_findings_of_a_corpus_are_counted():
    counts = count_rules(read["text"] for read in READ)
    assert list(counts) == list(FINDINGS_RULES)
    assert counts == Counter(read["rule"] for read in READ)


def test_lines_and_paragraphs_may_end_as_on_windows_and_change_nothing():
    for read in READ:
        assert read_sections(read["text"].replace("\n", "\r\n")) == read_sections(read["text"])


def test_a_wrapped_line_of_a_report_in_capitals_is_no_heading():
    text = (
        "FINDINGS: CLEAR. COMPARED WITH THE PRIOR\n EXAMINATION: LARGER HEART.\n IMPRESSION: LARGE."
    )
    assert extract_sections(text) == {
        "findings": "CLEAR. COMPARED WITH THE PRIOR EXAMINATION: LARGER HEART.",
        "impression": "LARGE.",
    }


@pytest.mark.parametrize("word", ["BILATERAL", "MEDIAL", "DEPRESSION", "COMPRESSION", "OCCLUSIONS"])
def test_a_word_that_is_only_similar_begins_no_section(word):
    text = f"FINDINGS: Clear. \n {word}: seen.\n\n IMPRESSION: Normal."
    assert extract_sections(text)["findings"] == f"Clear. {word}: seen."


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Effusion. Dr. ___ was paged.", "Effusion."),
        ("Effusion, discussed with Dr. ___ by phone.", "Effusion."),
        ("Findings of effusion were conveyed to the ED team.", "Findings of effusion."),
        ("It was telephoned at 4 p.m. The heart is large.", "The heart is large."),
        ("Discussed with the previous film in mind.", "Discussed with the previous film in mind."),
        ("Reviewed in comparison to the film of 4 a.m.", "Reviewed in comparison to the film of 4 a.m."),
    ],
)  # fmt: skip
def test_a_note_of_communication_goes_and_the_finding_in_it_stays(text, kept):
    assert without_notes(text) == kept


@pytest.mark.parametrize(
    "text", ["", "nan", "NaN", "None.", "none", "N/A", "___", "...", "Please", "See impression."]
)
def test_an_empty_answer_is_no_description(text):
    assert is_empty(text)
    assert extract_sections(f"FINDINGS: {text}\n\n IMPRESSION: Normal.")["findings"] == ""


@pytest.mark.parametrize("text", ["Normal.", "None of it.", "Clear. Please compare.", "No change"])
def test_a_short_answer_may_be_a_description(text):
    assert not is_empty(text)


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
