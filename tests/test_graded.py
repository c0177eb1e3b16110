"""The graded reward by hand-worked numbers, its properties, and the loopholes that it closes."""

import pickle
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.rewards import build_reward
from mrg_r1_lib.rewards.comparison import agreement, compare
from mrg_r1_lib.rewards.facts import facts_of
from mrg_r1_lib.rewards.finding_tables import load_tables
from mrg_r1_lib.rewards.graded import grade
from mrg_r1_lib.rewards.loopholes import (
    FAITHFUL,
    LOOPHOLES,
    REFERENCE,
    WRONG,
    gallery_reports,
    gallery_table,
)

FINDINGS = [
    "Small left pleural effusion.",
    "Large right pneumothorax.",
    "Mild cardiomegaly.",
    "Consolidation in the right lower lobe.",
    "There is a 2 cm nodule in the left upper lobe.",
    "Old left rib fractures.",
    "Degenerative changes of the spine.",
    "Calcified granuloma in the right lung.",
    "Possible edema.",
    "Right subclavian line with its tip in the right atrium.",
]
DENIALS = ["No pneumothorax.", "Lungs are clear.", "No acute disease.", "Heart size is normal."]
INVENTED = ["Hiatal hernia.", "Free air under the diaphragm.", "Pectus excavatum.", "Gynecomastia."]
SENTENCES = st.lists(st.sampled_from(FINDINGS + DENIALS), max_size=5)


def value(reference, generated, **options):
    return grade(facts_of(reference), facts_of(generated), **options)


# --- by hand; weights: heart 1.5, effusion 2.5, pneumothorax 4, spine and granuloma 0.5


@pytest.mark.parametrize(
    ("generated", "expected"),
    [
        (REFERENCE, 1.0),
        ("The heart is enlarged.", 1.5 / 4),
        # side wrong, size right: 0.4 * (0.5 + 0 + 0.25) / 1
        (REFERENCE.replace("left", "right"), (1.5 + 2.5 * 0.3) / 4),
        # side right, size wrong by two steps: the same
        (REFERENCE.replace("Small", "Large"), (1.5 + 2.5 * 0.3) / 4),
        # neither side nor size: half of their parts, (0.5 + 0.125 + 0.125) / 1
        ("The heart is enlarged. There is a pleural effusion.", (1.5 + 2.5 * 0.75) / 4),
        (REFERENCE + " Degenerative changes of the spine.", 1 / (1 + 0.43 + 0.4 * 0.5 / 4)),
        # a contradiction is a miss and an invention
        (REFERENCE + " No pleural effusion.", 1.5 / 4 / (1 + 0.43 + 0.4 * 2.5 / 4)),
        # a missed finding that is denied
        ("The heart is enlarged. No pleural effusion.", 1.5 / 4 / (1 + 0.1 * 2.5 / 4)),
        # in doubt: 0.85 of the credit
        (REFERENCE.replace("The heart is", "The heart may be"), (1.5 * 0.85 + 2.5) / 4),
        ("The lungs are clear. No pneumothorax.", 0.0),
        ("", 0.0),
    ],
)
def test_the_value_by_hand(generated, expected):
    assert value(REFERENCE, generated) == pytest.approx(expected, abs=1e-9)


def test_a_study_without_findings_has_a_rule_of_its_own():
    normal = "Heart size is normal. The lungs are clear."
    assert value(normal, "No acute disease.") == 1.0
    assert value(normal, "") == value(normal, "xyzzy plugh frotz gnusto") == 0.0
    spine, urgent = "Degenerative changes of the spine.", "There is a pneumothorax."
    assert value(normal, f"Clear lungs. {spine}") == pytest.approx(1 / (1 + 0.43 + 0.4 * 0.5))
    assert value(normal, f"Clear lungs. {urgent}") == pytest.approx(1 / (1 + 0.43 + 0.4 * 4))
    assert value(f"Clear lungs. {spine}", normal) == pytest.approx(1 / 1.5)  # incidental alone


def test_a_related_finding_has_a_share_of_the_credit_and_of_the_cost():
    # opacity for pneumonia: half of the credit, half invented; weights 2 and 3
    expected = 0.5 / (1 + 0.5 * (0.43 + 0.4 * 2 / 3))
    assert value("Pneumonia.", "Lung opacity.") == pytest.approx(expected)
    exact, near, vague, none = (
        value("Right lower lobe pneumonia.", f"{text} in the right lower lobe.")
        for text in ("Pneumonia", "Consolidation", "Opacity", "Granuloma")
    )
    assert exact > near > vague > none


def test_an_opacity_that_is_likely_atelectasis_is_one_finding():
    report = "Opacity in the left base, likely atelectasis."
    assert list(facts_of(report).findings) == [("Atelectasis", "")]
    assert value(report, "Possible left basilar atelectasis.") == 1.0


def test_a_clinician_edits_weights_in_a_table_of_positive_numbers():
    weights = load_tables().weights
    assert min(weights.values()) > 0 and "*" in weights
    assert weights["Pneumothorax"] > weights["Cardiomegaly"] > weights["degenerative spine"]


def test_surprise_changes_weights_by_two_at_most():
    prevalence = np.full(13, 0.1)
    prevalence[1] = 1.0  # Cardiomegaly is no surprise, half of its weight stays
    completions = [render_target("", "The heart is enlarged.")]
    reward = build_reward("graded", prevalence=prevalence)
    others = 13 / 12  # surprise has the mean 1
    expected = 1.5 * 0.5 / (1.5 * 0.5 + 2.5 * others)
    assert reward(completions=completions, reference=[REFERENCE]) == pytest.approx([expected])


@pytest.mark.parametrize(
    ("reference", "same", "other"),
    [
        ("A 5 mm nodule.", "A nodule of 0.5 cm.", "A nodule of 5 cm."),
        ("Left upper lobe nodule.", "Nodule in the left apex.", "Left lower lobe nodule."),
        ("Acute rib fracture.", "Recent rib fracture.", "Old healed rib fracture."),
        ("The edema has improved.", "Improving edema.", "Worsening edema."),
        ("Fracture of the left clavicle.", "Left clavicle fracture.", "Left rib fracture."),
        (
            "Endotracheal tube tip above the carina.",
            "The tip of the endotracheal tube is above the carina.",
            "Endotracheal tube tip in the right main bronchus.",
        ),
        (
            "Small left and large right effusions.",
            "Large right and small left effusions.",
            "Large left and small right effusions.",
        ),
        ("Pneumothorax. It is large.", "Large pneumothorax.", "Small pneumothorax."),
        (
            "Right effusion, none on the left.",
            "Right pleural effusion.",
            "Bilateral pleural effusions.",
        ),
    ],
)
def test_details_are_compared_by_their_meaning(reference, same, other):
    assert value(reference, same) == pytest.approx(1.0)
    assert value(reference, other) < 0.7


def test_a_denial_with_a_restriction_contradicts_only_what_it_is_about():
    for denial, contradicted in (
        ("No left effusion.", False),
        ("No large effusion.", False),
        ("No other effusion.", False),
        ("No right effusion.", True),
        ("No effusion.", True),
    ):
        facts = facts_of(f"Small right effusion. {denial}")
        assert bool(facts.contradicted) == contradicted, denial
    assert not facts_of("Old rib fracture. No acute fracture.").contradicted
    assert facts_of("The lungs are clear. Left consolidation.").contradicted


# --- what is no text


def test_findings_in_a_row_without_grammar_earn_nothing():
    for salad in (
        "effusion heart enlarged no pneumothorax no consolidation",
        "left small effusion heart enlarged no pneumothorax",
        "qwerty small left effusion asdfgh zxcvbn plugh xyzzy frotz gnusto rezrov",
    ):
        assert value(REFERENCE, salad) == 0.0


def test_repetition_and_unread_words_take_from_the_value_but_not_the_references_own():
    assert value(REFERENCE, f"{REFERENCE} {REFERENCE}") == pytest.approx(1 / (1 + 3 / 4))
    assert value(f"{REFERENCE} {REFERENCE}", f"{REFERENCE} {REFERENCE}") == 1.0
    assert value(REFERENCE, REFERENCE + " Xyzzy plugh frotz gnusto.") == pytest.approx(1 / 1.4)


def test_every_loophole_earns_less_than_0_7_and_the_faithful_reports_more_than_0_95():
    table = gallery_table(load_labeler("rules"))
    assert list(table.index) == list(gallery_reports())
    assert (table.loc[list(FAITHFUL), "graded"] > 0.95).all()
    assert (table.loc[[*LOOPHOLES, *WRONG], "graded"] < 0.7).all()
    assert (table.loc[list(LOOPHOLES)[:5], "mccs"] == 1).all()  # to labels they are perfect


# --- properties


@given(SENTENCES, SENTENCES)
def test_no_report_has_more_than_the_exact_one_and_all_lie_in_0_to_1(reference, generated):
    reference, generated = " ".join(reference), " ".join(generated)
    if not facts_of(reference).reads:
        assert value(reference, generated) is None
        return
    assert value(reference, reference) == pytest.approx(1.0)
    assert 0 <= value(reference, generated) <= value(reference, reference) + 1e-12


@given(SENTENCES, SENTENCES, st.sampled_from(INVENTED))
def test_an_invented_finding_never_raises_the_value(reference, generated, invented):
    reference, generated = " ".join(["No edema.", *reference]), " ".join(["No edema.", *generated])
    before, after = value(reference, generated), value(reference, f"{generated} {invented}")
    assert after < before or before == after == 0


@given(SENTENCES, SENTENCES, st.integers(0, 99))
def test_the_order_of_sentences_changes_nothing(reference, generated, seed):
    one = " ".join(["No edema.", *reference])
    other = random.Random(seed).sample(generated, len(generated))
    assert value(one, " ".join(generated)) == value(one, " ".join(other))


@given(SENTENCES)
def test_more_of_what_is_there_is_never_worse(findings):
    found = list(dict.fromkeys(text for text in findings if text in FINDINGS))
    reference = " ".join(["No hernia.", *found])
    values = [value(reference, " ".join(found[:n])) for n in range(len(found) + 1)]
    assert values[1:] == sorted(values[1:])


@given(st.text(alphabet="the no left 2cm effusion.,%×\n-'", max_size=80), st.text(max_size=60))
def test_any_text_has_a_value(one, other):
    for report in (one, other, one + other):
        assert value(REFERENCE, report) is not None
        assert value(report, REFERENCE) is None or 0 <= value(report, REFERENCE) <= 1


def test_a_reference_in_which_nothing_is_read_gives_no_reward():
    columns = {"completions": [render_target("", "Edema.")] * 2, "reference": ["", "See above."]}
    assert build_reward("graded")(**columns) == [None, None]


def test_a_reference_that_is_no_text_or_is_missing_is_an_error():
    reward = build_reward("graded")
    with pytest.raises(TypeError, match="expected a str"):
        reward(completions=[render_target("", "Edema.")], reference=[None])
    with pytest.raises(ValueError, match="0 texts for 1 completions"):
        reward(completions=[render_target("", "Edema.")], reference=[])


def test_the_reward_can_be_sent_to_another_process():
    reward = pickle.loads(pickle.dumps(build_reward("graded", prevalence=np.full(13, 0.1))))
    columns = {"completions": [render_target("", "Edema.")], "reference": ["Edema."]}
    assert reward.__name__ == "graded" and reward(**columns) == [1.0]


def test_agreement_of_a_match_is_1_with_itself_and_less_with_more_contradictions():
    reference = facts_of("Small left effusion.").findings["Pleural Effusion", ""]
    values = [
        agreement(reference, facts_of(f"{text} effusion.").findings["Pleural Effusion", ""])
        for text in ("Small left", "Left", "Small right", "Large right")
    ]
    assert values[0] == 1.0 and values == sorted(values, reverse=True)
    assert len(set(values)) == 4


def test_a_comparison_names_what_is_matched_invented_denied_and_contradicted():
    reference = facts_of("Cardiomegaly. Left effusion. Edema.")
    generated = facts_of("Left effusion. No effusion. No edema. Hiatal hernia.")
    compared = compare(reference, generated)
    assert [fact.key[0] for fact, _ in compared.matched] == ["Pleural Effusion"]
    assert {fact.key[0] for fact, _ in compared.invented} == {"Pleural Effusion", "hernia"}
    assert [fact.key[0] for fact in compared.denied] == ["Edema"]
    assert compared.contradicted == {("Pleural Effusion", "")}
    assert all(credit == 0 for _, credit in compared.credits)
