"""The contract of every reward in the registry, then each reward by hand-worked numbers."""

import inspect
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.rewards import REWARDS, build_reward, check_rewards
from mrg_r1_lib.rewards.advantage import group_advantage
from mrg_r1_lib.rewards.counts import COUNTS, build_counts
from mrg_r1_lib.rewards.label_f1 import positive_f1
from mrg_r1_lib.rewards.mccs import cosine, margin_cosine
from mrg_r1_lib.rewards.net_benefit import net_benefit
from mrg_r1_lib.rewards.positive_cosine import positive_cosine

CODES = {"": 1, "no ": 2, "maybe ": 3}
MENTION = re.compile(f"(no |maybe |)({'|'.join(OBSERVATIONS)})")


def codes(text):
    """The 14 codes of a text like "Edema, no Fracture, maybe Pneumonia"."""
    row = [0] * 14
    for cue, name in MENTION.findall(text):
        row[OBSERVATIONS.index(name)] = CODES[cue]
    return row


def labeler(reports):
    return np.array([codes(report) for report in reports], dtype=np.int8).reshape(-1, 14)


REFERENCES = [
    "Edema, no Fracture",
    "no Edema, no Pneumothorax",
    "Cardiomegaly, maybe Edema",
    "Lungs clear.",
    "No Finding",
]
REPORTS = ["Edema", "no Edema, no Pneumothorax", "Fracture, no Cardiomegaly", "Edema", "No Finding"]
COMPLETIONS = [f"<think>seen</think>\n<report>{report}</report>" for report in REPORTS]
BROKEN = [
    "",
    "Edema",
    "<report>",
    "</report>Edema<report>",
    "<report></report>",
    "<think>Edema",
    "<report>Edema",
]
UNSCORED = {"mccs": [3, 4]}  # the references above that assert nothing over the 13


def call(name, completions, references=REFERENCES, **columns):
    """The reward called as TRL does: everything by keyword, with columns that no reward asks
    for."""
    trl = {
        "prompts": ["?"] * len(completions),
        "completion_ids": [[1]] * len(completions),
        "trainer_state": None,
    }
    rows = {
        "reference": list(references),
        "reference_labels": [codes(reference) for reference in references],
    }
    return build_reward(name, labeler=labeler)(completions=completions, **trl, **rows, **columns)


every_reward = pytest.mark.parametrize("name", REWARDS)


@every_reward
def test_a_reward_carries_its_registered_name_because_trl_and_the_digests_of_runs_go_by_it(name):
    assert build_reward(name, labeler=labeler).__name__ == name
    assert REWARDS[name].__module__ == f"mrg_r1_lib.rewards.{name}"


@every_reward
def test_a_reward_gives_one_float_from_0_to_1_a_completion_and_none_only_where_it_says_so(name):
    rewards = call(name, COMPLETIONS)
    assert [i for i, reward in enumerate(rewards) if reward is None] == UNSCORED.get(name, [])
    scored = [reward for reward in rewards if reward is not None]
    assert all(type(reward) is float and 0 <= reward <= 1 for reward in scored)


@every_reward
def test_a_reward_does_not_depend_on_the_order_or_the_company_of_completions(name):
    rewards = call(name, COMPLETIONS)
    assert call(name, COMPLETIONS[::-1], REFERENCES[::-1]) == rewards[::-1]
    alone = [
        call(name, [completion], [reference])[0]
        for completion, reference in zip(COMPLETIONS, REFERENCES, strict=True)
    ]
    assert alone == rewards


@every_reward
def test_a_reward_reads_a_message_list_like_its_text(name):
    as_text = [[{"role": "assistant", "content": completion}] for completion in COMPLETIONS]
    as_parts = [
        [{"role": "assistant", "content": [{"type": "text", "text": completion}]}]
        for completion in COMPLETIONS
    ]
    assert call(name, as_text) == call(name, as_parts) == call(name, COMPLETIONS)


@every_reward
def test_the_think_text_does_not_change_a_reward(name):
    telling = [
        f"<think>{reference}</think>\n<report>{report}</report>"
        for reference, report in zip(REFERENCES, REPORTS, strict=True)
    ]
    assert call(name, telling) == call(name, COMPLETIONS)


@every_reward
def test_text_outside_the_report_earns_nothing(name):
    rewards = call(
        name,
        ["Edema, no Fracture <think>Edema, no Fracture</think> Edema <report></report>"],
        REFERENCES[:1],
    )
    assert rewards == [0.0]


@every_reward
def test_a_broken_completion_is_scored_without_an_error(name):
    rewards = call(name, BROKEN, ["Edema"] * len(BROKEN))
    assert rewards[:-1] == [0.0] * (len(BROKEN) - 1)  # none of them has a report
    assert rewards[-1] == (
        0.0 if name == "report_tags" else 1.0
    )  # a report that was cut off counts as far as it got


@every_reward
def test_no_completions_give_no_rewards(name):
    assert call(name, [], []) == []


@every_reward
def test_a_misspelt_parameter_is_an_error_that_names_the_reward_and_what_it_takes(name):
    known = [key for key in inspect.signature(REWARDS[name]).parameters if key != "labeler"]
    taken = ", ".join(known) or "none"
    with pytest.raises(ValueError, match=f"{name}.*'margni'; it takes {taken}"):
        build_reward(name, labeler=labeler, margni=0.5)


@pytest.mark.parametrize(
    "name", [name for name in REWARDS if "labeler" in inspect.signature(REWARDS[name]).parameters]
)
def test_a_reward_over_labels_built_without_a_labeler_says_so(name):
    with pytest.raises(ValueError, match=f"{name}.*labeler=load_labeler"):
        build_reward(name)


@pytest.mark.parametrize("arm", [name for name, each in ARMS.items() if each.stage == "srl"])
def test_every_arm_names_rewards_and_options_that_are_there(arm):
    check_rewards(arm, ARMS[arm].rewards, ARMS[arm].options)


def test_an_arm_with_an_unknown_reward_or_option_is_told_before_it_trains():
    with pytest.raises(ValueError, match="arm mine: reward 'missed' is unknown; expected one of"):
        check_rewards("mine", {"mccs": 0.75, "missed": 4.0}, {})
    with pytest.raises(ValueError, match="no reward of this arm takes the option 'threshold'"):
        check_rewards("mine", {"mccs": 1.0}, {"margin": 0.3, "threshold": 0.3})


def test_an_error_about_an_option_says_where_options_go_and_which_there_are():
    with pytest.raises(ValueError, match=r"'margin' is unknown.*goes into options"):
        check_rewards("mine", {"mccs": 0.75, "margin": 0.3}, {})
    with pytest.raises(ValueError, match="'marign'; its rewards, mccs, report_tags, take margin"):
        check_rewards("mine", {"mccs": 0.75, "report_tags": 0.25}, {"marign": 0.3})
    with pytest.raises(ValueError, match="'margin'; its rewards, rouge_l, take none"):
        check_rewards("mine", {"rouge_l": 1.0}, {"margin": 0.3})


@pytest.mark.parametrize("given", ["labeler", "prevalence"])
def test_what_training_gives_a_reward_is_no_option_of_an_arm(given):
    with pytest.raises(ValueError, match=f"takes the option '{given}'"):
        check_rewards("mine", {"net_benefit": 1.0, "graded": 1.0}, {given: 1.0})


def test_an_unknown_reward_is_an_error_that_lists_the_known_ones():
    with pytest.raises(
        ValueError, match="'bleurt' is unknown; expected one of mccs, report_tags, net_benefit"
    ):
        build_reward("bleurt")


def test_only_report_text_reaches_the_labeler():
    seen = []
    build_reward("mccs", labeler=lambda reports: seen.extend(reports) or labeler(reports))(
        completions=[
            "<think>Edema</think> aside <report>Clear.</report>",
            "<report>Cut<think>Edema",
            "Edema",
        ],
        reference_labels=[codes("Edema")] * 3,
    )
    assert seen == ["Clear.", "Cut", ""]


def test_a_column_cannot_replace_a_bound_parameter():
    assert call("mccs", COMPLETIONS, margin=[0.9] * 5, labeler=[None] * 5) == call(
        "mccs", COMPLETIONS
    )


def test_mccs_on_three_completions_by_hand():
    # reference (+, +, -) on Edema, Fracture, Pneumothorax, norm sqrt 3; margin 0.3
    reference = "Edema, Fracture, no Pneumothorax"
    rewards = call(
        "mccs",
        [f"<report>{text}</report>" for text in (reference, "Edema", "no Edema, Fracture")],
        [reference] * 3,
    )
    # cosines 1; 1/sqrt 3 = 0.57735; (-1 + 1)/(sqrt 2 sqrt 3) = 0
    assert rewards == pytest.approx([1.0, (0.57735 - 0.3) / 0.7, 0.0], abs=1e-5)


def test_mccs_binds_its_margin():
    columns = {
        "completions": ["<report>Edema</report>"],
        "reference_labels": [codes("Edema, Fracture")],
    }
    # cosine 1/sqrt 2 = 0.70711
    assert build_reward("mccs", labeler=labeler, margin=0.0)(**columns) == pytest.approx(
        [0.70711], abs=1e-5
    )
    assert build_reward("mccs", labeler=labeler, margin=0.5)(**columns) == pytest.approx(
        [0.41421], abs=1e-5
    )


def test_uncertain_counts_as_positive_in_the_cosine_and_no_finding_is_left_out():
    generated, reference = labeler(["maybe Edema, No Finding"]), labeler(["Edema"])
    assert cosine(generated, reference).tolist() == [1.0]


def test_opposite_reports_have_cosine_minus_1_and_earn_0():
    generated, reference = labeler(["no Edema, Fracture"]), labeler(["Edema, no Fracture"])
    assert cosine(generated, reference) == pytest.approx([-1.0])
    assert margin_cosine(generated, reference, 0.0).tolist() == [0.0]


def test_shared_negatives_alone_earn_a_reward_that_the_margin_takes_away():
    # reference: 1 positive, 3 negatives; the generated report names the negatives only: 3 / (sqrt 3
    # sqrt 4) = 0.86603
    negatives = "no Pneumothorax, no Pleural Effusion, no Fracture"
    generated, reference = labeler([negatives]), labeler([f"Edema, {negatives}"])
    assert margin_cosine(generated, reference, 0.0) == pytest.approx([0.86603], abs=1e-5)
    assert margin_cosine(generated, reference, 0.87).tolist() == [0.0]


def test_a_blank_reference_gives_nan_and_a_blank_report_0():
    generated, reference = labeler(["Edema", "", ""]), labeler(["No Finding", "Edema", ""])
    np.testing.assert_array_equal(margin_cosine(generated, reference, 0.3), [np.nan, 0.0, np.nan])


@pytest.mark.parametrize("margin", [-0.1, 1.0, 1.5, math.nan])
def test_a_margin_outside_0_to_1_is_refused_when_the_reward_is_built_and_when_it_is_computed(
    margin,
):
    with pytest.raises(ValueError, match=r"margin: .* outside \[0, 1\)"):
        build_reward("mccs", labeler=labeler, margin=margin)
    with pytest.raises(ValueError, match=r"margin: .* outside \[0, 1\)"):
        margin_cosine(labeler(["Edema"]), labeler(["Edema"]), margin)


def test_a_labeler_that_returns_too_few_rows_is_an_error_not_a_broadcast():
    for name in ("mccs", "label_f1", "net_benefit", "positive_cosine"):
        reward = build_reward(name, labeler=lambda reports: labeler(reports[:1]))
        with pytest.raises(ValueError, match="expected"):
            reward(completions=COMPLETIONS[:2], reference_labels=[codes("Edema")] * 2)


LABELS = arrays(np.int8, (4, 14), elements=st.integers(0, 3))


@given(LABELS, LABELS, st.floats(0, 0.99))
def test_mccs_lies_in_0_to_1_is_symmetric_and_falls_with_the_margin(generated, reference, margin):
    values = margin_cosine(generated, reference, margin)
    blank = ~np.any(reference[:, :13], axis=1)
    np.testing.assert_array_equal(np.isnan(values), blank)
    assert np.all((values[~blank] >= 0) & (values[~blank] <= 1))
    assert np.all(values[~blank] <= margin_cosine(generated, reference, 0.0)[~blank] + 1e-12)
    assert np.all(margin_cosine(reference, reference, margin)[~blank] == 1)
    both = ~blank & np.any(generated[:, :13], axis=1)
    np.testing.assert_allclose(values[both], margin_cosine(reference, generated, margin)[both])


@pytest.mark.parametrize("name", ["label_f1", "net_benefit", "positive_cosine"])
def test_rewards_of_positives_pay_nothing_for_silence_on_a_normal_study(name):
    reward = build_reward(name, labeler=lambda reports: np.zeros((len(reports), 14), dtype=np.int8))
    completions = ["", "<think>Edema</think>", "<think></think><report>Lungs are clear.</report>"]
    assert reward(completions=completions, reference_labels=[[0] * 14] * 3) == [0.0, 0.0, 1.0]


def test_label_f1_by_hand():
    # {C, E} and {E, F}: 2 * 1 / 4; {} and {}: 1; {} and {E}: 0; {E} and {}: 0; negatives and No
    # Finding do not count
    generated = labeler(["Cardiomegaly, maybe Edema", "no Edema, No Finding", "no Edema", "Edema"])
    reference = labeler(["Edema, Fracture, no Pneumonia", "", "Edema", "No Finding"])
    assert positive_f1(generated, reference).tolist() == [0.5, 1.0, 0.0, 0.0]


def test_positive_cosine_by_hand():
    # {C, E} and {E, F}: 1 / sqrt 4; {} and {}: 1; {} and {E}: 0; {E, F, C} and {E}: 1 / sqrt 3
    generated = labeler(
        ["Cardiomegaly, maybe Edema", "no Edema", "no Edema", "Edema, Fracture, Cardiomegaly"]
    )
    reference = labeler(["Edema, Fracture, no Pneumonia", "", "Edema", "Edema, no Fracture"])
    np.testing.assert_allclose(positive_cosine(generated, reference), [0.5, 1.0, 0.0, 3**-0.5])


def test_net_benefit_by_hand():
    # one missed and one invented: 1 - (1 + 3/7) / 13; nothing wrong; one missed; one invented;
    # denials are free
    generated = labeler(["Cardiomegaly, maybe Edema", "no Edema, No Finding", "no Edema", "Edema"])
    reference = labeler(["Edema, Fracture, no Pneumonia", "", "Edema, no Pneumonia", "No Finding"])
    np.testing.assert_allclose(
        net_benefit(generated, reference, 0.3), [1 - 10 / 91, 1, 1 - 1 / 13, 1 - 3 / 91]
    )
    assert net_benefit(labeler(["Edema"]), labeler([""]), 0.5).tolist() == [
        1 - 1 / 13
    ]  # at 1/2 both errors cost the same


def test_surprise_weighs_both_errors_of_an_observation_alike():
    prevalence = np.full(13, 0.1)
    prevalence[OBSERVATIONS.index("Fracture")] = (
        0.001  # three times the surprise: weights 13/15 and 39/15
    )
    reward = build_reward("net_benefit", labeler=labeler, prevalence=prevalence)
    completions = [
        f"<report>{report}</report>" for report in ("Clear.", "Clear.", "Edema", "Fracture")
    ]
    columns = {"reference_labels": [codes(text) for text in ("Edema", "Fracture", "", "")]}
    assert reward(completions, **columns) == pytest.approx(
        [1 - 1 / 15, 1 - 3 / 15, 1 - 3 / 7 / 15, 1 - 9 / 7 / 15]
    )


@given(st.integers(0, 100), st.sampled_from([0.1, 0.3, 0.5]))
def test_net_benefit_is_highest_for_asserting_what_is_likelier_than_its_threshold(there, threshold):
    reference = labeler(["Edema"] * there + ["no Edema"] * (100 - there))
    asserted, denied = (
        net_benefit(labeler([text] * 100), reference, threshold).mean()
        for text in ("Edema", "no Edema")
    )
    gain = asserted - denied
    assert np.sign(gain.round(12)) == np.sign(round(there / 100 - threshold, 12))


def test_scaling_by_the_group_undoes_the_prices_of_net_benefit():
    sampled = labeler(["Edema", "Edema", "", ""])
    there, absent = (net_benefit(sampled, labeler([text] * 4)) for text in ("Edema", ""))
    assert there[0] - there[2] == pytest.approx(
        7 / 3 * (absent[2] - absent[0])
    )  # a miss is worse, by the price
    advantages = group_advantage([there, absent])
    assert advantages[0] == pytest.approx(-advantages[1], abs=0.01)  # and not once it is divided


@pytest.mark.parametrize("threshold", [0.0, 0.6, math.nan])
def test_a_threshold_outside_0_to_a_half_is_refused_when_the_reward_is_built(threshold):
    with pytest.raises(ValueError, match=r"threshold: .* outside \(0, 0.5\]"):
        build_reward("net_benefit", labeler=labeler, threshold=threshold)


def test_bleu_by_hand():
    # "clear lungs" of "the lungs are clear": 1-grams 2/2, no 2-gram of 1, which counts half; two
    # words for four: exp(1 - 4/2)
    reports = ["Clear lungs", "The lungs are clear"]
    rewards = call(
        "bleu", [f"<report>{report}</report>" for report in reports], ["the lungs are clear"] * 2
    )
    assert rewards == pytest.approx([math.exp(-1) * 0.5**0.5, 1.0])


def test_rouge_l_by_hand():
    # "the lungs are clear" and "lungs clear today": common subsequence 2; P 2/3, R 2/4, F 4/7; case
    # and dots do not count
    rewards = call("rouge_l", ["<report>Lungs clear today.</report>"], ["The lungs are clear."])
    assert rewards == pytest.approx([4 / 7])


def test_report_tags_wants_the_whole_contract():
    whole = "<think></think><report>Clear.</report>"
    half = [
        "<report>Clear.</report>",
        whole + " More.",
        whole[: -len("</report>")],
        "<think></think><report> </report>",
    ]
    assert call("report_tags", [whole, *half], ["Clear."] * 5) == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_counts_are_of_the_13_abnormalities_and_carry_their_names():
    reference = codes("Edema, maybe Fracture, no Pneumonia")
    completions = [
        f"<think>Edema</think>\n<report>{text}</report>"
        for text in ("maybe Edema, Cardiomegaly, no Pneumonia", "")
    ]
    columns = {
        "completions": completions,
        "reference_labels": [reference] * 2,
        "prompts": ["?"] * 2,
    }
    counted = {count.__name__: count(**columns) for count in build_counts(labeler)}
    assert counted == {
        "positives": [2.0, 0.0],
        "hits": [1.0, 0.0],
        "wanted": [2.0, 2.0],
        "negatives": [1.0, 0.0],
    }
    assert list(counted) == list(COUNTS)
