"""Tests of the rules labeler: hard cases sentence by sentence, No Finding, explanations, the vocabulary table, linear time.

All sentences are made up for these tests.
"""

import pickle
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrg_r1_lib.labelers import load_labeler, rules
from mrg_r1_lib.labelers.rules import explain, label_reports, sentences_of
from mrg_r1_lib.labelers.vocabulary import Vocabulary, words_of
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label

SIGNS = {"+": Label.POSITIVE, "-": Label.NEGATIVE, "?": Label.UNCERTAIN}
SHORT = {
    "ecm": "Enlarged Cardiomediastinum",
    "heart": "Cardiomegaly",
    "opacity": "Lung Opacity",
    "lesion": "Lung Lesion",
    "edema": "Edema",
    "consolidation": "Consolidation",
    "pneumonia": "Pneumonia",
    "atelectasis": "Atelectasis",
    "pneumothorax": "Pneumothorax",
    "effusion": "Pleural Effusion",
    "pleura": "Pleural Other",
    "fracture": "Fracture",
    "device": "Support Devices",
}


def labels_of(text: str) -> str:
    """The labels of the 13 as "+edema -effusion", in the order of OBSERVATIONS."""
    names = {name: short for short, name in SHORT.items()}
    signs = {label: sign for sign, label in SIGNS.items()}
    row = label_reports([text])[0, :NO_FINDING]
    return " ".join(signs[label] + names[OBSERVATIONS[i]] for i, label in enumerate(row) if label)


def no_finding(text: str) -> int:
    return int(label_reports([text])[0, NO_FINDING])


# --- sentences and what they say

CASES = {
    # mentions
    "Bibasilar atelectases and small effusions.": "+atelectasis +effusion",
    "No pneumothoraces or effussions.": "-pneumothorax -effusion",
    "Moderate cardiomegally.": "+heart",
    "A hydropneumothorax on the left.": "+pneumothorax +effusion",
    "Left-sided pacemaker with intact leads.": "+device",
    "A pleural effusion is noted.": "+effusion",  # "is noted" holds the letters of "is not"
    # lists
    "No pleural effusion, pneumothorax, or focal consolidation.": "-consolidation -pneumothorax -effusion",
    "Neither pneumothorax nor effusion.": "-pneumothorax -effusion",
    "Pneumothorax, effusion, or consolidation is not seen.": "-consolidation -pneumothorax -effusion",
    "No effusion, but a small pneumothorax is present.": "+pneumothorax -effusion",
    "No pneumothorax with small effusion.": "-pneumothorax +effusion",
    "No effusion, stable cardiomegaly.": "+heart -effusion",
    "No effusion and mild cardiomegaly.": "+heart -effusion",
    "No pneumothorax, the heart is enlarged.": "+heart -pneumothorax",
    "No pneumothorax, heart is enlarged.": "+heart -pneumothorax",
    "No large effusion, mild edema or pneumothorax.": "-edema -pneumothorax -effusion",
    "Small effusion, pneumothorax is not identified.": "-pneumothorax +effusion",
    "Lungs are clear without effusion or pneumothorax.": "-pneumothorax -effusion",
    # doubt and denial together
    "Cannot exclude pneumonia.": "?pneumonia",
    "Pneumonia cannot be excluded.": "?pneumonia",
    "A small pneumothorax is not excluded.": "?pneumothorax",
    "No new consolidation.": "?consolidation",
    "No significant change in the left effusion.": "+effusion",
    "There is no pleural line to suggest pneumothorax.": "-pneumothorax",
    "Findings suggest pneumonia.": "?pneumonia",
    "No definite effusion, possible atelectasis.": "?atelectasis -effusion",
    "Atelectasis versus pneumonia.": "?pneumonia ?atelectasis",
    "The opacity may represent pneumonia.": "+opacity ?pneumonia",
    "Compatible with edema.": "?edema",
    # the heart and the mediastinum
    "Heart size is normal.": "-heart",
    "The heart is not enlarged.": "-heart",
    "The heart size is not normal.": "+heart",
    "Heart size is at the upper limits of normal.": "-heart",
    "Borderline cardiomegaly.": "+heart",
    "The cardiac silhouette remains mildly enlarged.": "+heart",
    "Heart size is stable.": "",
    "The cardiomediastinal silhouette is within normal limits.": "-ecm",
    "Heart size and mediastinal contours are normal.": "-ecm -heart",
    "Enlarged heart and normal mediastinum.": "-ecm +heart",
    "Prominent heart and normal mediastinum.": "-ecm +heart",
    "Normal cardiac size and mediastinum.": "-ecm -heart",
    "Heart size is normal and mediastinal contours are stable.": "-heart",
    "Heart is normal and lungs are clear.": "-heart",
    "No effusion, heart size normal.": "-heart -effusion",
    "No mediastinal widening is seen.": "-ecm",
    "Heart and mediastinum of normal size and contour.": "-ecm -heart",
    # the past
    "The pneumothorax has resolved.": "-pneumothorax",
    "The previously seen effusion is unchanged.": "+effusion",
    "Clearing of the left lower lobe infiltrate.": "+opacity",
    "The endotracheal tube has been removed.": "-device",
    "History of pneumonia.": "",
    # words that de-identification took
    "No XXXX of a pleural effusion.": "-effusion",
    "Left base opacity XXXX representing atelectasis.": "+opacity +atelectasis",
    "Costophrenic XXXX are blunted.": "?effusion",
    # anatomy
    "Blunting of the left lateral costophrenic angle.": "?effusion",
    "A large breast mass.": "",
    "Collapse of a thoracic vertebra.": "",
    "Fractured sternotomy wires.": "+device",
    "Soft tissue edema.": "",
    "Pericardial effusion.": "",
    # as CheXbert has it
    "Mild vascular congestion.": "+edema",
    "Pulmonary vascular engorgement.": "+edema",
    "The lungs are clear.": "",
    # form
    "Pleura: negative for effusion. Lungs: no edema.": "-edema -effusion",
    "Pneumothorax: none. Effusion: small.": "-pneumothorax +effusion",
    "1. Cardiomegaly. 2. A 2.5 cm nodule.": "+heart +lesion",
    "No pneumothorax\n or effusion.": "-pneumothorax -effusion",
}


@pytest.mark.parametrize("text", CASES)
def test_a_sentence_is_read_as_a_radiologist_means_it(text):
    assert labels_of(text) == CASES[text]


def test_over_a_report_positive_beats_uncertain_beats_negative():
    assert labels_of("No edema. Possible edema.") == "?edema"
    assert labels_of("Possible edema. Edema. No edema.") == "+edema"


@pytest.mark.parametrize(
    "text",
    [
        "No acute cardiopulmonary abnormality.",
        "Clear lungs.",
        "Normal chest.",
        "No edema. Right PICC.",
    ],
)
def test_a_report_that_denies_disease_has_no_finding(text):
    assert no_finding(text) == 1


@pytest.mark.parametrize(
    "other",
    [
        "Emphysema.",
        "Calcified granuloma.",
        "Hiatal hernia.",
        "Degenerative changes of the spine.",
        "Possible scoliosis.",
    ],
)
def test_an_abnormality_beyond_the_13_denies_no_finding(other):
    assert no_finding(f"No acute disease. {other}") == 0
    assert no_finding(f"No acute disease. No {other.lower()}") == 1


def test_a_general_word_such_as_findings_asserts_nothing():
    assert no_finding("Findings: no edema.") == 1


def test_views_and_technique_alone_say_nothing():
    assert not label_reports(["PA and lateral views. Findings."]).any()


def test_a_decision_names_its_sentence_words_cue_and_rule():
    first, second = explain("Mild edema. Pneumonia is not excluded.")
    assert (first.observation, first.label, first.span, first.cue, first.rule) == (
        "Edema",
        1,
        "edema",
        "",
        "asserted",
    )
    assert (second.sentence, second.cue, second.rule) == (
        "Pneumonia is not excluded",
        "is not excluded",
        "uncertainty after",
    )


def test_every_label_is_explained_and_nothing_else_is(indiana):
    strength = [Label.NEGATIVE, Label.UNCERTAIN, Label.POSITIVE]  # from weak to strong
    reports = [*(study.findings for study in indiana), "No acute disease.", "Chest.", ""]
    for report, labels in zip(reports, label_reports(reports), strict=True):
        explained = dict.fromkeys(OBSERVATIONS, Label.BLANK)
        for decision in explain(report):
            assert decision.rule and decision.span in " ".join(words_of(decision.sentence))
            if decision.observation in explained and decision.label in strength:
                weaker = explained[decision.observation] or Label.NEGATIVE
                explained[decision.observation] = max(weaker, decision.label, key=strength.index)
        assert list(explained.values()) == labels.tolist(), report


def test_a_labeler_can_be_sent_to_another_process():
    again = pickle.loads(pickle.dumps(load_labeler("rules")))
    np.testing.assert_array_equal(again(["No edema."]), label_reports(["No edema."]))


def test_a_long_sentence_is_not_kept():
    before = rules._read_sentence.cache_info().currsize
    label_reports(["no " * rules.LONG + "edema"])
    assert rules._read_sentence.cache_info().currsize == before


def test_decimal_points_do_not_end_sentences():
    assert sentences_of("1. A 2.5 cm nodule.No edema") == ["A 2.5 cm nodule", "No edema"]


PIECES = st.sampled_from(
    [
        "no",
        "effusion",
        "edema",
        ",",
        "or",
        "but",
        ".",
        "heart",
        "is",
        "normal",
        "may be",
        "not seen",
        "XXXX",
        "5",
        "é",
    ]
)


@given(st.lists(PIECES, max_size=30))
def test_any_text_is_labelled_sentence_by_sentence(pieces):
    text = " ".join(pieces)
    halves = label_reports([text, text + ". Pneumothorax."])
    assert halves[1, OBSERVATIONS.index("Pneumothorax")] == Label.POSITIVE
    np.testing.assert_array_equal(halves[0, :8], halves[1, :8])


@pytest.mark.parametrize(
    "piece",
    [
        "no effusion and mild ",
        "heart ",
        "effusion is not seen or ",
        "mild, ",
        "edema versus ",
        "No edema. ",
        "not ",
        "no ",
        ", ",
        "(",
        "- no edema\n",
        "edema: ",
        "no worsening of the ",
        "**edema**\n",
        "# ",
    ],
)
def test_reading_is_linear_in_the_length_of_a_text(piece):
    def work(copies: int) -> int:
        """Lines of Python that are run for it: exact, on any machine."""
        lines = 0

        def count(_frame, event, _argument):
            nonlocal lines
            lines += event == "line"
            return count

        before = sys.gettrace()
        sys.settrace(count)
        try:
            label_reports([piece * copies])
        finally:
            sys.settrace(before)
        return lines

    label_reports([piece])  # the table is read, and "No edema" is in the cache
    assert work(1601) < 4.2 * work(400) + 100  # 16 times as many where quadratic


# --- the table


def test_a_vocabulary_row_with_an_unknown_kind_or_observation_is_refused():
    row = {"kind": "finding", "phrase": "mass", "meaning": "Lung Lesion", "unless": ""}
    with pytest.raises(ValueError, match=r"'find'.*expected one of finding"):
        Vocabulary([row | {"kind": "find"}])
    with pytest.raises(ValueError, match=r"'Lung Mass'.*expected one of Enlarged"):
        Vocabulary([row | {"meaning": "Lung Mass"}])
    with pytest.raises(ValueError, match="both finding and break"):
        Vocabulary([row, row | {"kind": "break"}])


@pytest.mark.parametrize(
    ("phrase", "meaning"),
    [("heart huge", "Cardiomegaly positive"), ("heart + huge", "Cardiomegaly positve")],
)
def test_a_statement_of_another_form_is_named(phrase, meaning):
    row = {"kind": "statement", "phrase": phrase, "meaning": meaning, "unless": ""}
    known = "one of blank, positive, negative, uncertain"
    with pytest.raises(ValueError, match=rf"statement '{re.escape(phrase)}'.*{known}"):
        Vocabulary([row])
