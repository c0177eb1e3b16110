"""Clinical efficacy by hand and against scikit-learn, text metrics at their edges."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_recall_fscore_support

from mrg_r1_lib.metrics.clinical_efficacy import (
    CE_DEFINITIONS,
    clinical_efficacy,
    per_observation,
)
from mrg_r1_lib.metrics.text import report_style, rouge_l, text_metrics
from mrg_r1_lib.observations import CLASSES, OBSERVATIONS, Label

POSITIVE, NEGATIVE, UNCERTAIN = Label.POSITIVE, Label.NEGATIVE, Label.UNCERTAIN


def row(**named):
    """Label codes by name, as in row(Pleural_Effusion=POSITIVE)."""
    return [named.get(name.replace(" ", "_"), 0) for name in OBSERVATIONS]


# Four studies; C Cardiomegaly, E Edema, X Pneumothorax, S Support Devices, N No Finding; "?"
# uncertain.
#             reference   generated   as sets, ? negative     as sets, ? positive
# study 1     C, E?       C, S        {C}   {C, S}            {C, E}  {C, S}
# study 2     N, not X    N           {N}   {N}               {N}     {N}
# study 3     E           E?, X       {E}   {X}               {E}     {E, X}
# study 4     not C       C           {}    {C}               {}      {C}
REFERENCE = np.array(
    [
        row(Cardiomegaly=POSITIVE, Edema=UNCERTAIN),
        row(No_Finding=POSITIVE, Pneumothorax=NEGATIVE),
        row(Edema=POSITIVE),
        row(Cardiomegaly=NEGATIVE),
    ]
)
GENERATED = np.array(
    [
        row(Cardiomegaly=POSITIVE, Support_Devices=POSITIVE),
        row(No_Finding=POSITIVE),
        row(Edema=UNCERTAIN, Pneumothorax=POSITIVE),
        row(Cardiomegaly=POSITIVE),
    ]
)
MICRO_14 = (
    3 / 6,
    3 / 4,
    6 / 10,
)  # ? positive: shared C, N, E; 2 + 1 + 2 + 1 written; 2 + 1 + 1 + 0 wanted
MICRO_5 = (2 / 3, 2 / 3, 2 / 3)  # C, E only: shared C, E; written C, E, C; wanted C, E, E
# by class: C shared 1 of 2 written, 1 wanted (1/2, 1, 2/3); E 1 of 1, 2 (1, 1/2, 2/3); N (1, 1,
# 1); X, S and 9 more (0, 0, 0)
MACRO_14 = (2.5 / 14, 2.5 / 14, (7 / 3) / 14)
MACRO_5 = (1.5 / 5, 1.5 / 5, (4 / 3) / 5)
# by study: (1/2, 1/2, 1/2), (1, 1, 1), (1/2, 1, 2/3), (0/1, 0/0, 0)
SAMPLES_14 = (2 / 4, 2.5 / 4, (13 / 6) / 4)
SAMPLES_5 = (
    2 / 4,
    1.5 / 4,
    (5 / 3) / 4,
)  # {C, E} {C}: (1, 1/2, 2/3); {} {}: 0; {E} {E}: 1; {} {C}: 0
EXPECTED = {
    "r2gen_micro": (
        2 / 5,
        2 / 3,
        4 / 8,
    ),  # ? negative: shared C, N; 2 + 1 + 1 + 1 written; 1 + 1 + 1 + 0 wanted
    "r2gen_macro": (
        1.5 / 14,
        2 / 14,
        (5 / 3) / 14,
    ),  # C (1/2, 1, 2/3), N (1, 1, 1), E 0 of 0 written: (0, 0, 0), the rest 0
    "promptmrg": (
        1.5 / 4,
        2 / 4,
        (5 / 3) / 4,
    ),  # by study: (1/2, 1, 2/3), (1, 1, 1), (0, 0, 0), (0, 0, 0)
    "rgrg_example": (1.5 / 4, 2 / 4, (5 / 3) / 4),
    "ifcc_5": MICRO_5,
    "ifcc_14": MICRO_14,
    "rgrg_micro_5": MICRO_5,
    "rgrg_micro_14": MICRO_14,
    "radeval_micro_14": MICRO_14,
    "radeval_macro_14": MACRO_14,
    "radeval_samples_14": SAMPLES_14,
    "radeval_micro_5": MICRO_5,
    "radeval_macro_5": MACRO_5,
    "radeval_samples_5": SAMPLES_5,
    # by positive references: C 1, E 2, N 1; without N for the 5
    "radeval_weighted_14": (3.5 / 4, 3 / 4, 3 / 4),
    "ccd": (3.5 / 4, 3 / 4, 3 / 4),
    "radeval_weighted_5": (2.5 / 3, 2 / 3, 2 / 3),
    # ? negative: precision of C, N, X, S (written), recall of C, N, E (wanted), F1 of all five
    "cxrmate2": (1.5 / 4, 2 / 3, (5 / 3) / 5),
}
SKLEARN = {"micro": "micro", "macro": "macro", "example": "samples"}


def random_labels(seed, n=60):
    rng = np.random.default_rng(seed)
    return rng.choice(4, p=[0.7, 0.15, 0.1, 0.05], size=(2, n, 14))


@pytest.mark.parametrize("definition", CE_DEFINITIONS)
def test_each_published_definition_gives_its_hand_worked_numbers(definition):
    scores = clinical_efficacy(REFERENCE, GENERATED, **CE_DEFINITIONS[definition])
    assert (scores["precision"], scores["recall"], scores["f1"]) == pytest.approx(
        EXPECTED[definition]
    )


def test_r2gens_numbers_are_scikit_learns_macro_and_micro_on_positive_labels_only():
    y_true, y_pred = REFERENCE == POSITIVE, GENERATED == POSITIVE
    assert f1_score(y_true, y_pred, average="micro", zero_division=0) == pytest.approx(
        EXPECTED["r2gen_micro"][2]
    )
    assert f1_score(y_true, y_pred, average="macro", zero_division=0) == pytest.approx(
        EXPECTED["r2gen_macro"][2]
    )


def test_promptmrgs_number_is_the_mean_of_each_studys_own_f1():
    y_true, y_pred = REFERENCE == POSITIVE, GENERATED == POSITIVE
    each = [
        f1_score(wanted, written, zero_division=0)
        for wanted, written in zip(y_true, y_pred, strict=True)
    ]
    assert np.mean(each) == pytest.approx(EXPECTED["promptmrg"][2])


def test_radevals_numbers_are_scikit_learns_report_with_uncertain_as_positive():
    y_true, y_pred = np.isin(REFERENCE, [1, 3]), np.isin(GENERATED, [1, 3])
    for average in ("micro", "macro", "samples"):
        scores = precision_recall_fscore_support(y_true, y_pred, average=average, zero_division=0)[
            :3
        ]
        assert scores == pytest.approx(EXPECTED[f"radeval_{average}_14"])


@pytest.mark.parametrize("average", SKLEARN)
@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("uncertain", ["positive", "negative"])
def test_every_combination_of_options_agrees_with_scikit_learn_on_random_labels(
    average, classes, uncertain
):
    reference, generated = random_labels(0)
    counted = [POSITIVE, UNCERTAIN] if uncertain == "positive" else [POSITIVE]
    y_true, y_pred = (
        np.isin(labels[:, list(CLASSES[classes])], counted) for labels in (reference, generated)
    )
    expected = precision_recall_fscore_support(
        y_true, y_pred, average=SKLEARN[average], zero_division=0
    )[:3]
    scores = clinical_efficacy(reference, generated, average, classes, uncertain)
    assert list(scores.values()) == pytest.approx(expected)


def test_the_defaults_are_micro_over_13_with_uncertain_as_positive():
    named = clinical_efficacy(
        REFERENCE, GENERATED, average="micro", classes=13, uncertain="positive"
    )
    # without N: shared C, E; written 5, wanted 3
    assert (
        clinical_efficacy(REFERENCE, GENERATED)
        == named
        == pytest.approx({"precision": 0.4, "recall": 2 / 3, "f1": 0.5})
    )


@pytest.mark.parametrize("average", SKLEARN)
def test_nothing_over_nothing_is_0(average):
    blank, negative = np.zeros((3, 14), dtype=np.int8), np.full((3, 14), NEGATIVE)
    assert clinical_efficacy(blank, negative, average) == {
        "precision": 0.0,
        "recall": 0.0,
        "f1": 0.0,
    }


def test_blank_and_negative_are_the_same_to_the_metric():
    reference, generated = random_labels(1)
    silent = np.where(generated == NEGATIVE, 0, generated)
    assert clinical_efficacy(reference, silent, "macro") == clinical_efficacy(
        reference, generated, "macro"
    )


def test_swapping_reference_and_generated_swaps_precision_and_recall():
    reference, generated = random_labels(2)
    there, back = clinical_efficacy(reference, generated), clinical_efficacy(generated, reference)
    assert (there["precision"], there["recall"], there["f1"]) == (
        back["recall"],
        back["precision"],
        back["f1"],
    )


def test_a_constant_normal_report_scores_micro_14_but_nothing_over_the_13():
    reference = np.array([row(No_Finding=POSITIVE)] * 6 + [row(Edema=POSITIVE)] * 4)
    normal = np.array([row(No_Finding=POSITIVE)] * 10)
    assert clinical_efficacy(reference, normal, classes=14)["f1"] == pytest.approx(0.6)
    assert clinical_efficacy(reference, normal, classes=13)["f1"] == 0.0


@pytest.mark.parametrize(
    ("option", "value", "known"),
    [
        ("average", "samples", "'micro', 'macro', 'example'"),
        ("classes", 12, "14, 13, 5"),
        ("uncertain", "u", "'positive'"),
    ],
)
def test_an_unknown_option_is_an_error_that_names_the_known_ones(option, value, known):
    with pytest.raises(
        ValueError, match=f"{option}: {value!r} is unknown; expected one of {known}"
    ):
        clinical_efficacy(REFERENCE, GENERATED, **{option: value})


def test_different_numbers_of_studies_and_no_study_are_errors():
    with pytest.raises(ValueError, match="same studies"):
        clinical_efficacy(REFERENCE, GENERATED[:1])
    with pytest.raises(ValueError, match="at least one study"):
        clinical_efficacy(REFERENCE[:0], GENERATED[:0])


def test_the_table_of_observations_has_14_rows_with_support_and_scores():
    table = per_observation(REFERENCE, GENERATED).set_index("observation")
    assert list(table.index) == list(OBSERVATIONS)
    assert table.loc["Edema"].to_dict() == pytest.approx(
        {"support": 2, "precision": 1, "recall": 0.5, "f1": 2 / 3}
    )
    assert table.loc["Pneumothorax"].to_dict() == {
        "support": 0,
        "precision": 0,
        "recall": 0,
        "f1": 0,
    }
    assert (
        per_observation(REFERENCE, GENERATED, "negative")
        .set_index("observation")
        .loc["Edema", "support"]
        == 1
    )


def test_a_report_equal_to_its_reference_scores_1_whatever_its_case_and_spacing():
    scores = text_metrics(
        ["The lungs are clear. No effusion."], ["the lungs are clear . no effusion ."]
    )
    assert scores == pytest.approx(
        {f"bleu_{order}": 1.0 for order in range(1, 5)} | {"rouge_l": 1.0}
    )


def test_bleu_by_hand():
    # "a b c d e" for "a b c d f": 4 of 5 words, 3 of 4 pairs, 2 of 3, 1 of 2; equal lengths, no
    # penalty
    scores = text_metrics(["a b c d f"], ["a b c d e"])
    assert scores["bleu_1"] == pytest.approx(4 / 5)
    assert scores["bleu_2"] == pytest.approx((4 / 5 * 3 / 4) ** (1 / 2))
    assert scores["bleu_4"] == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** (1 / 4))
    assert scores["rouge_l"] == pytest.approx(4 / 5)


def test_bleu_counts_over_the_corpus_and_punishes_short_reports():
    # 2 + 0 of 3 words right, 6 words wanted: exp(1 - 6/3) * 2/3
    assert text_metrics(["a b c d", "e f"], ["a b", "x"])["bleu_1"] == pytest.approx(
        np.exp(-1) * 2 / 3
    )


def test_without_a_common_ngram_bleu_is_0_not_smoothed():
    assert text_metrics(["a b c d e"], ["a x c y e"])["bleu_2"] == 0.0


def test_empty_reports_are_scored_0_and_no_report_is_an_error():
    nothing = {f"bleu_{order}": 0.0 for order in range(1, 5)} | {"rouge_l": 0.0}
    assert (
        text_metrics([""], [""])
        == text_metrics(["clear"], [""])
        == text_metrics([""], ["clear"])
        == nothing
    )
    with pytest.raises(ValueError, match="0 references, 0 generated"):
        text_metrics([], [])
    with pytest.raises(ValueError, match="2 references, 1 generated"):
        rouge_l(["a", "b"], ["a"])


def test_the_style_of_reports_is_their_length_and_what_they_assert():
    labels = [
        row(Edema=POSITIVE, Fracture=UNCERTAIN, No_Finding=NEGATIVE),
        row(Edema=NEGATIVE, No_Finding=POSITIVE),
    ]
    assert report_style(np.array(labels), ["Edema, maybe a fracture.", "No edema."]) == {
        "words": 3.0,
        "positives": 1.0,
        "negatives": 0.5,
    }
