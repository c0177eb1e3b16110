"""GRPO by hand on eight sentences, against numbers worked by hand."""

import numpy as np
import pytest
import torch

from mrg_r1_lib.rewards.advantage import group_advantage
from mrg_r1_lib.training.by_hand import SENTENCES, grpo_loss, train_by_hand

PAID = np.array([1.0, 0, 0, 0, 0, 0, 0, 0])


def gradient(logits, start, chosen, advantage, beta):
    """dL/dlogits as numpy."""
    leaf = torch.tensor(logits, dtype=torch.float64, requires_grad=True)
    start, advantage = (torch.tensor(each, dtype=torch.float64) for each in (start, advantage))
    grpo_loss(leaf, start, torch.tensor(chosen), advantage, beta).backward()
    return leaf.grad.numpy()


def test_one_step_by_hand_makes_the_better_of_two_sentences_likelier():
    # rewards 1 and 0: A = +-0.5 / sqrt(0.5) = +-0.7071; of pi = (1/2, 1/2) the scores are
    # (1/2, -1/2) and (-1/2, 1/2); dL = -(0.7071 * (1/2, -1/2) * 2) / 2 = (-0.3536, 0.3536)
    advantage = group_advantage([[1.0, 0.0]], epsilon=0)[0]
    step = gradient([0.0, 0.0], [0.0, 0.0], [0, 1], advantage, beta=0.0)
    np.testing.assert_allclose(step, [-(0.125**0.5), 0.125**0.5])


def test_the_gradient_is_the_score_function_weighted_by_the_advantage():
    logits, chosen, advantage = [0.3, -0.2, 1.1], [2, 0, 0, 1], [1.5, -0.5, -0.25, -0.75]
    pi = np.exp(logits) / np.exp(logits).sum()
    scores = np.eye(3)[chosen] - pi  # grad log pi(o_i) of a softmax
    expected = -(np.array(advantage)[:, None] * scores).mean(axis=0)
    np.testing.assert_allclose(gradient(logits, [0.0] * 3, chosen, advantage, 0.0), expected)


def test_at_the_start_the_kl_term_has_no_gradient_for_any_sentence():
    logits = [0.3, -0.2, 1.1]
    for chosen in ([0, 1], [2, 2]):
        np.testing.assert_allclose(
            gradient(logits, logits, chosen, [0.0, 0.0], 10.0), 0, atol=1e-12
        )


def test_the_kl_term_descends_the_divergence_from_the_start_to_the_policy():
    # of pi = (1/2, 1/2), start = (1/4, 3/4): each sentence once is its expectation; with logits
    # grad KL(start || pi) = pi - start = (1/4, -1/4), but that of KL(pi || start) is
    # pi_1 (log 2 - KL) = (0.2747, -0.2747)
    step = gradient([0.0, 0.0], [0.0, np.log(3)], [0, 1], [0.0, 0.0], 1.0)
    np.testing.assert_allclose(step, [0.25, -0.25])


def test_a_sentence_that_alone_is_paid_becomes_likely_and_equal_rewards_move_nothing():
    table = train_by_hand(PAID, steps=60)
    assert list(table.columns) == ["step", "sentence", "probability"]
    wide = table.pivot(index="step", columns="sentence", values="probability")
    np.testing.assert_allclose(wide.sum(axis=1), 1)
    first = next(iter(SENTENCES))
    assert wide[first].iloc[0] == 1 / 8 and wide[first].iloc[-1] > 0.8
    equal = train_by_hand(np.full(8, 0.5), steps=5)
    np.testing.assert_allclose(equal["probability"], 1 / 8)


def test_the_same_seed_draws_the_same_groups():
    one, same, other = (train_by_hand(PAID, steps=5, seed=seed) for seed in (0, 0, 1))
    assert one.equals(same) and not one.equals(other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rewards": [1.0]}, r"rewards: expected the shape \(8\), got \(1,\)"),
        ({"rewards": [None] * 8}, "rewards: 8 of 8 are no finite number"),
        ({"group": 1}, "group: 1 is below 2"),
        ({"beta": -0.1}, "beta: -0.1 is no number from 0 up"),
        ({"rate": float("nan")}, "rate: nan is no number from 0 up"),
    ],
)
def test_what_cannot_be_trained_on_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        train_by_hand(**{"rewards": PAID, "steps": 1, **options})
