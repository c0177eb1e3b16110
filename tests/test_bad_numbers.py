"""Numbers that are none: each is one error of this library, and never a small p or a NaN reward."""

import re

import numpy as np
import pytest

from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.labelers.agreement import compare_labelers
from mrg_r1_lib.labelers.coloured import coloured, why
from mrg_r1_lib.labelers.findings import findings_in, findings_of
from mrg_r1_lib.labelers.rules import explain, explain_sentence
from mrg_r1_lib.metrics import clinical_efficacy, holm, interval, paired_bootstrap, text_metrics
from mrg_r1_lib.metrics.clinical_efficacy import per_observation
from mrg_r1_lib.metrics.degeneration import degeneration, repeated_ngrams, said
from mrg_r1_lib.metrics.resampling import percentiles, scored, two_sided_p
from mrg_r1_lib.metrics.text import report_style, rouge_l
from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.rewards import REWARDS, build_reward
from mrg_r1_lib.rewards.advantage import combine_rewards, group_advantage
from mrg_r1_lib.rewards.counts import build_counts
from mrg_r1_lib.rewards.mccs import margin_cosine
from mrg_r1_lib.rewards.net_benefit import net_benefit

TEXTS = ["No edema.", "Mild edema.", "Clear lungs."]
CODES = np.array([[0] * 4 + [code] + [0] * 9 for code in (2, 1, 0)])
WITH_NONE = CODES.astype(object)
WITH_NONE[1, 2] = None
WITH_TEXT = CODES.astype(object)
WITH_TEXT[1, 2] = "1"
BAD_LABELS = {
    "None": None,
    "a None": WITH_NONE,
    "a text": WITH_TEXT,
    "texts": CODES.astype(str),
    "complex": CODES.astype(complex),
    "NaN": np.where(CODES == 1, np.nan, CODES),
    "ragged": [[0] * 14, [0] * 14, [0] * 13],
    "13 columns": CODES[:, :13],
    "no row": CODES[:0],
    "one number": 3,
}
BAD_TEXTS = {
    "None": None,
    "a None": [*TEXTS[:2], None],
    "a NaN": [*TEXTS[:2], float("nan")],
    "bytes": [*TEXTS[:2], b"Clear."],
    "one str": "abc",
    "one bytes": b"abc",
    "a dict": dict.fromkeys(TEXTS, 1),
    "a set": set(TEXTS),
    "lists": [[text] for text in TEXTS],
    "numbers": [1, 2, 3],
}
OF_LABELS = {
    "clinical_efficacy": lambda bad: clinical_efficacy(bad, bad),
    "per_observation": lambda bad: per_observation(bad, bad),
    "interval": lambda bad: interval(bad, bad, resamples=5),
    "scored": lambda bad: scored(bad, [bad], resamples=5),
    "report_style": lambda bad: report_style(bad, TEXTS),
    "degeneration": lambda bad: degeneration(TEXTS, bad),
    "said": said,
}
OF_TEXTS = {
    "rouge_l": lambda bad: rouge_l(TEXTS, bad),
    "text_metrics": lambda bad: text_metrics(bad, TEXTS),
    "report_style": lambda bad: report_style(CODES, bad),
    "degeneration": lambda bad: degeneration(bad, CODES),
    "labeler": load_labeler("rules"),
}
COMPLETIONS = [render_target("", text) for text in TEXTS]
NO_NUMBERS = {
    "NaN": [0.1] * 12 + [float("nan")],
    "None": [None] * 13,
    "text": ["a"] * 13,
    "above 1": [1.5] * 13,
    "below 0": [-0.1] * 13,
    "twelve": [0.1] * 12,
    "two axes": [[0.1] * 13],
    "one number": 0.5,
}
VALUES = {
    "NaN": np.nan,
    "infinity": np.inf,
    "None": None,
    "text": "1",
    "complex": 1j,
    "an array": np.ones(1),
}


@pytest.mark.parametrize("bad", BAD_LABELS)
@pytest.mark.parametrize("function", OF_LABELS)
def test_what_is_no_table_of_label_codes_is_named(function, bad):
    with pytest.raises(ValueError, match=r"labels|reference|generated|shapes"):
        OF_LABELS[function](BAD_LABELS[bad])


@pytest.mark.parametrize("function", [name for name in OF_LABELS if name != "interval"])
def test_labels_of_three_axes_are_no_reports(function):
    with pytest.raises(ValueError, match=r"expected \((?:n|studies), 14\)"):
        OF_LABELS[function](CODES[None])


def test_the_first_bad_value_of_an_object_array_is_shown_as_it_is():
    with pytest.raises(ValueError, match=r"generated: 1 values .* the first is None at \(1, 2\)"):
        clinical_efficacy(CODES, WITH_NONE)
    assert clinical_efficacy(CODES.astype(object), CODES.tolist())["f1"] == 1


@pytest.mark.parametrize("bad", BAD_TEXTS)
@pytest.mark.parametrize("function", OF_TEXTS)
def test_what_is_no_list_of_texts_is_named(function, bad):
    with pytest.raises(TypeError, match=r"expected a (?:list of )?str"):
        OF_TEXTS[function](BAD_TEXTS[bad])


@pytest.mark.parametrize("function", [explain, explain_sentence, coloured, why, findings_of, findings_in, repeated_ngrams], ids=lambda f: f.__name__)  # fmt: skip
@pytest.mark.parametrize("bad", [None, 3.5, b"Edema.", ["Edema."]], ids=repr)
def test_what_is_no_report_is_named(function, bad):
    with pytest.raises(TypeError, match=f"is {re.escape(repr(bad))} .*expected a str"):
        function(bad)


@pytest.mark.parametrize("value", VALUES)
def test_a_statistic_that_is_no_number_has_no_p(value):
    with pytest.raises(ValueError, match=r"statistic: returned .* expected one number"):
        paired_bootstrap(CODES, CODES, CODES[::-1], lambda *_: VALUES[value], resamples=5)


def test_a_statistic_that_is_nan_in_one_draw_has_no_interval():
    def of_the_first(reference, generated):
        return np.nan if not (reference == 1).any() else 1.0

    with pytest.raises(ValueError, match="returned nan; expected one number"):
        interval(CODES, CODES, of_the_first, resamples=50)


@pytest.mark.parametrize("value", [np.nan, np.inf, None])
def test_resampled_values_that_are_no_numbers_have_no_p_and_no_interval(value):
    for function in (two_sided_p, percentiles):
        with pytest.raises(ValueError, match="resampled values: 1 of 3 are no finite number"):
            function(np.array([0.1, value, 0.2], dtype=object))
        with pytest.raises(ValueError, match="expected at least one draw"):
            function(np.array([]))


@pytest.mark.parametrize(
    "p", [[0.1, np.nan], [0.1, None], [-0.1], [1.1], [[0.1]], 0.1, "a"], ids=repr
)
def test_a_p_that_is_none_is_not_corrected(p):
    with pytest.raises(ValueError, match="p: "):
        holm(p)
    assert not len(holm([]))


@pytest.mark.parametrize("bad", NO_NUMBERS)
@pytest.mark.parametrize("reward", ["net_benefit", "graded"])
def test_a_prevalence_that_is_none_builds_no_reward(reward, bad):
    with pytest.raises(ValueError, match=r"prevalence: |weights: "):
        build_reward(reward, load_labeler("rules"), prevalence=NO_NUMBERS[bad])


@pytest.mark.parametrize("value", [None, "0.3", np.nan, [0.3], -1, 2], ids=repr)
def test_an_option_that_is_no_number_is_named(value):
    for call, name in (
        (lambda: margin_cosine(CODES, CODES, value), "margin"),
        (lambda: net_benefit(CODES, CODES, value), "threshold"),
        (lambda: net_benefit(CODES, CODES, weights=[value] * 13 if value != 2 else [2]), "weights"),
        (lambda: interval(CODES, CODES, level=value, resamples=5), "level"),
        (lambda: interval(CODES, CODES, resamples=value if value != 2 else 0), "resamples"),
        (lambda: scored(CODES, [CODES], resamples=value if value != 2 else 1.5), "resamples"),
        (lambda: scored(CODES, [CODES], resamples=5, seed=value if value != 2 else 1.5), "seed"),
        (lambda: group_advantage([[0.0, 1.0]], value), "epsilon"),
    ):
        with pytest.raises(ValueError, match=f"{name}: "):
            call()


@pytest.mark.parametrize("patients", [["a"], ["a", None, "b"], ["a", np.nan, "b"]], ids=repr)
def test_a_study_without_a_patient_is_named(patients):
    with pytest.raises(ValueError, match="patients: expected a name for each of 3 studies"):
        scored(CODES, [CODES], patients, resamples=5)


@pytest.mark.parametrize("rewards", [[[np.inf, 1.0]], [["a", 1.0]], [[1.0], [1.0, 2.0]]], ids=repr)
def test_rewards_that_are_no_numbers_have_no_advantage(rewards):
    with pytest.raises(ValueError, match="rewards: "):
        group_advantage(rewards)
    with pytest.raises(ValueError, match="rewards: "):
        combine_rewards(rewards, [0.75, 0.25])
    with pytest.raises(ValueError, match="weights: "):
        combine_rewards([[1.0, 1.0]], [0.75, np.nan])


@pytest.mark.parametrize("name", REWARDS)
def test_a_reward_names_the_column_that_is_none(name):
    reward = build_reward(name, load_labeler("rules"))
    columns = {"completions": COMPLETIONS, "reference": TEXTS, "reference_labels": CODES.tolist()}
    assert len(reward(**columns)) == 3
    reads = [column for column in ("reference", "reference_labels") if column in reward._reads]
    assert reads or name == "report_tags"
    for column in reads:
        bad = BAD_TEXTS if column == "reference" else BAD_LABELS
        for value in [*bad.values(), columns[column][:2]]:
            with pytest.raises((TypeError, ValueError), match=column):
                reward(**columns | {column: value})
    for completions in (None, "abc", b"abc", dict.fromkeys(TEXTS), np.array(COMPLETIONS)):
        with pytest.raises(TypeError, match="completions: got one"):
            reward(**columns | {"completions": completions})
    with pytest.raises(TypeError, match="completion is None"):
        reward(**columns | {"completions": [*COMPLETIONS[:2], None]})


def test_a_count_of_labels_names_the_column_that_is_none():
    for count in build_counts(load_labeler("rules")):
        for bad in (CODES[:2], CODES[None], CODES[0], WITH_NONE):
            with pytest.raises(ValueError, match="reference_labels: "):
                count(completions=COMPLETIONS, reference_labels=bad)


def test_readings_of_three_axes_are_not_compared():
    with pytest.raises(ValueError, match=r"Expected labels of one shape, \(reports, 14\)"):
        compare_labelers({"one": CODES[None], "other": CODES[None]})
