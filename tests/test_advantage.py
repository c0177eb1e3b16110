"""The weighted sum of rewards and the group advantage by hand-worked numbers."""

import numpy as np
import pytest

from mrg_r1_lib.rewards.advantage import combine_rewards, group_advantage


def test_rewards_are_summed_by_weight_and_a_missing_one_is_left_out_of_the_sum():
    # 0.75 * 0.4 + 0.25 = 0.55; only the format: 0.25; only MCCS: 0.3; neither: NaN
    rewards = [[0.4, 1.0], [np.nan, 1.0], [0.4, np.nan], [np.nan, np.nan]]
    np.testing.assert_allclose(combine_rewards(rewards, [0.75, 0.25]), [0.55, 0.25, 0.3, np.nan])
    np.testing.assert_allclose(
        combine_rewards(rewards, [1.5, 0.5]), [1.1, 0.5, 0.6, np.nan]
    )  # not divided by their sum


def test_one_right_completion_of_four_gets_three_times_the_push():
    # mean 1/4; deviations 3/4, -1/4 x 3; std with Bessel's correction sqrt((9 + 3)/16 / 3) = 1/2
    np.testing.assert_allclose(
        group_advantage([[1.0, 0, 0, 0]], epsilon=0), [[1.5, -0.5, -0.5, -0.5]]
    )
    np.testing.assert_allclose(
        group_advantage([[1.0, 0, 0, 0]]), [[0.75 / 0.5001] + [-0.25 / 0.5001] * 3]
    )


def test_the_advantage_compares_inside_a_group_only():
    # (0, 2): mean 1, std sqrt 2; the same deviations around any mean
    np.testing.assert_allclose(
        group_advantage([[0, 2], [10, 12]], epsilon=0), [[-(0.5**0.5), 0.5**0.5]] * 2
    )


def test_a_missing_reward_gets_no_advantage_and_does_not_move_the_others():
    np.testing.assert_allclose(
        group_advantage([[0.0, 2.0, np.nan]], epsilon=0), [[-(0.5**0.5), 0.5**0.5, 0]]
    )


def test_groups_that_teach_nothing_have_advantage_0():
    silent = [[0.5] * 3, [np.nan] * 3, [np.nan, 0.7, np.nan]]  # equal; none; a single one
    np.testing.assert_array_equal(group_advantage(silent), np.zeros((3, 3)))


def test_the_advantage_refuses_wrong_shapes():
    with pytest.raises(ValueError, match=r"expected \(groups, group_size\), got shape \(3,\)"):
        group_advantage([1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"rewards \(1, 2\), weights \(3,\)"):
        combine_rewards([[1.0, 2.0]], [1, 1, 1])
