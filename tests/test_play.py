"""`play`: one report under every reward, against numbers worked by hand."""

import numpy as np
import pytest

from mrg_r1_lib.rewards import REWARDS
from mrg_r1_lib.rewards.loopholes import LOOPHOLES, REFERENCE
from mrg_r1_lib.rewards.play import play, untrained_rewards

MISSED = "Small left pleural effusion. No pneumothorax or consolidation."


def test_every_reward_that_needs_no_training_data_has_a_value(monkeypatch):
    assert list(play(REFERENCE, MISSED).rewards.index) == list(REWARDS)
    monkeypatch.setitem(REWARDS, "fitted", lambda labeler, prevalence: None)
    assert "fitted" not in untrained_rewards() and "fitted" not in play("Edema.", "").rewards


def test_a_report_with_one_finding_missed_has_the_values_by_hand():
    # 3 of 4 entries shared: c = 3 / sqrt(3 * 4), (c - 0.3) / 0.7; one of two findings: 2 / 3;
    # one miss of 13: 12 / 13; cosine of the positives: 1 / sqrt 2
    shown = play(REFERENCE, MISSED)
    hand = {"mccs": 0.8086, "label_f1": 0.6667, "net_benefit": 0.9231, "positive_cosine": 0.7071}
    np.testing.assert_allclose(shown.rewards[list(hand)], list(hand.values()), atol=1e-4)
    assert shown.cosine() == "c = 3 / (√3 √4) = 0.866"
    assert shown.vectors.loc["Pleural Effusion"].tolist() == [1, 1, 1]
    assert shown.vectors.loc["Cardiomegaly"].tolist() == [1, 0, 0]
    assert shown.vectors.loc["Pneumothorax"].tolist() == [-1, -1, 1]


def test_an_option_goes_to_the_reward_that_takes_it():
    bare = play(REFERENCE, MISSED).rewards
    moved = play(REFERENCE, MISSED, margin=0.0).rewards
    assert moved["mccs"] == pytest.approx(0.75**0.5)  # without a margin MCCS is the cosine
    assert moved.drop("mccs").equals(bare.drop("mccs"))
    with pytest.raises(ValueError, match="no reward takes the option 'marign'; known are"):
        play(REFERENCE, MISSED, marign=0.5)


@pytest.mark.parametrize("given", ["labeler", "prevalence"])
def test_what_play_gives_the_rewards_itself_is_no_option(given):
    with pytest.raises(ValueError, match=f"option '{given}'; known are margin") as error:
        play(REFERENCE, MISSED, **{given: 1.0})
    assert given not in str(error.value).partition("known are")[2]


def test_a_reference_that_asserts_nothing_has_no_mccs_and_an_empty_report_0():
    silent = play("", "No edema.")
    assert np.isnan(silent.rewards["mccs"]) and "<td>none</td>" in silent._repr_html_()
    assert silent.cosine() == "no cosine: the reference asserts and denies nothing"
    empty = play(REFERENCE, "")
    assert empty.rewards.eq(0).all()
    assert empty.cosine() == "no cosine: the report asserts and denies nothing"


def test_a_whole_completion_keeps_its_own_tags():
    broken = play(REFERENCE, f"<report>{REFERENCE}")
    assert broken.report.report == REFERENCE
    assert broken.rewards["report_tags"] == 0 and broken.rewards["mccs"] == 1


def test_it_is_html_in_a_notebook_and_text_in_a_terminal_with_labels_vectors_and_rewards():
    shown = play(REFERENCE, LOOPHOLES["contradiction"] + " <b>")
    page, text = shown._repr_html_(), repr(shown)
    for part in (
        "heart is enlarged<sup>+</sup>",
        "pneumothorax<sup>−</sup>",
        "<td>+1</td>",
        "c = 4 / (√4 √4)",
    ):
        assert part in page
    for part in ("REFERENCE", "Cardiomegaly: positive", "c = 4 / (√4 √4) = 1.000", "graded"):
        assert part in text
    assert "<b> " not in page and page.count("<div") == page.count("</div>")


@pytest.mark.parametrize("pair", [(None, "Clear."), ("Clear.", 3)], ids=repr)
def test_what_is_no_text_is_refused_by_name(pair):
    with pytest.raises(TypeError, match="expected a str"):
        play(*pair)
