"""The group advantage of GRPO in numpy, for teaching and tests; TRL computes it in training.

Rewards per function -> weighted sum -> normalised inside a study's group of completions. Follows
TRL 1.16 (`GRPOTrainer._generate_and_score_completions`) with `scale_rewards="group"` and
`multi_objective_aggregation="sum_then_normalize"`. NaN stands for None, a missing reward.
"""

import numpy as np

from mrg_r1_lib.metrics.checks import check_numbers, is_within


def combine_rewards(rewards: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """R_i = sum_k w_k r_ik over the rewards that exist, `(n, k)` and `(k,)` -> `(n,)`.

    A missing reward is left out of the sum, but the weights stay: without MCCS a completion reaches
    at most 0.25. NaN if every reward is missing. ValueError for shapes that do not fit, infinite
    rewards, or weights that are no numbers.

    >>> combine_rewards([[0.8, 1.0], [np.nan, 1.0]], [0.75, 0.25])
    array([0.85, 0.25])
    """
    rewards = check_numbers(rewards, "rewards", missing=True)
    weights = check_numbers(weights, "weights")
    if rewards.ndim != 2 or weights.shape != rewards.shape[1:]:
        raise ValueError(
            f"rewards {rewards.shape}, weights {weights.shape}: expected (n, k) and (k,)."
        )
    total = np.nansum(rewards * weights, axis=1)
    return np.where(np.isnan(rewards).all(axis=1), np.nan, total)


def group_advantage(rewards: np.ndarray, epsilon: float = 1e-4) -> np.ndarray:
    """A_i = (R_i - mean(R)) / (std(R) + epsilon) per group, `(groups, group_size)` -> same shape.

    mean and std (with Bessel's correction) run over the group's rewards that are not NaN. A NaN
    gets the advantage 0, and so does the only reward of a group. Equal rewards give 0: such a group
    teaches nothing. ValueError unless there are two axes, for infinite rewards, or for an `epsilon`
    below 0.

    >>> group_advantage([[1.0, 0.0, 0.0, 0.0]]).round(2)  # mean 1/4, std 1/2
    array([[ 1.5, -0.5, -0.5, -0.5]])
    """
    rewards = check_numbers(rewards, "rewards", missing=True)
    if not is_within(epsilon, 0, 1):
        raise ValueError(f"epsilon: {epsilon!r} is outside [0, 1]; 0.0001 is usual.")
    if rewards.ndim != 2:
        raise ValueError(f"rewards: expected (groups, group_size), got shape {rewards.shape}.")
    scored = ~np.isnan(rewards)
    count = scored.sum(axis=1, keepdims=True)
    mean = np.nansum(rewards, axis=1, keepdims=True) / np.maximum(count, 1)
    deviation = np.where(scored, rewards - mean, 0.0)
    std = np.sqrt((deviation**2).sum(axis=1, keepdims=True) / np.maximum(count - 1, 1))
    return deviation / (std + epsilon)
