"""GRPO by hand: a policy so small that every probability can be seen. For teaching; TRL trains.

A softmax over one logit per sentence is the policy. Per step a group of G sentences is drawn from
it, each gets its reward and its advantage A (`rewards.advantage`), and gradient descent takes one
step on

    L = -(1 / G) sum_i [A_i log pi(o_i) - beta k_i]
    k = exp(d) - d - 1,  d = log start(o_i) - log pi(o_i)

The gradient is that of TRL's loss where each completion serves one update. Departures from
training: a completion is one token, there is one study and no image, and the step is plain SGD.
"""

import numpy as np
import pandas as pd
import torch

from mrg_r1_lib.metrics.checks import check_numbers, is_within
from mrg_r1_lib.rewards.advantage import group_advantage

# what the policy can say on the study of `rewards.loopholes.REFERENCE` -> what kind of sentence
SENTENCES = {
    "Cardiomegaly is seen.": "right finding",
    "Small left pleural effusion.": "right finding",
    "Fluid in the left pleural space.": "right finding",
    "No pneumothorax.": "right denial",
    "No focal consolidation.": "right denial",
    "The heart is not enlarged.": "wrong",
    "No left pleural effusion.": "wrong",
    "Right rib fracture.": "wrong",
}
STEPS, GROUP, BETA, RATE = 200, 8, 0.04, 0.2  # this project's choice: seconds on a laptop


def grpo_loss(
    logits: torch.Tensor,
    start: torch.Tensor,
    chosen: torch.Tensor,
    advantage: torch.Tensor,
    beta: float = BETA,
) -> torch.Tensor:
    """L of the module's text for one group, a scalar with a gradient in `logits`.

    `logits` and `start` `(sentences,)`: the policy's and its start's; `chosen` and `advantage`
    `(G,)`: the numbers of the sentences drawn, and their advantages.

    >>> zeros = torch.zeros(2)
    >>> loss = grpo_loss(zeros, zeros, torch.tensor([0, 1]), torch.tensor([1.0, -0.5]), beta=0.0)
    >>> round(loss.item(), 4)  # -(log 0.5 - 0.5 log 0.5) / 2
    0.1733
    """
    log_pi = logits.log_softmax(-1)[chosen]
    d = start.log_softmax(-1)[chosen] - log_pi
    k = d.exp() - d - 1
    return -(advantage * log_pi - beta * k).mean()


def train_by_hand(
    rewards: np.ndarray,
    steps: int = STEPS,
    group: int = GROUP,
    beta: float = BETA,
    rate: float = RATE,
    seed: int = 0,
) -> pd.DataFrame:
    """Probability of each sentence after each step: columns step (from 0), sentence, probability.

    `rewards` `(8,)`: the reward of each of `SENTENCES`. The start is uniform. A group whose rewards
    are equal gives no advantage: then only the KL term moves the policy. ValueError for another
    number of rewards, a group below 2, or a negative `beta` or `rate`.
    """
    rewards = check_numbers(rewards, "rewards", (len(SENTENCES),))
    _check(steps, group, beta, rate)
    chance = torch.Generator().manual_seed(seed)
    start = torch.zeros(len(SENTENCES), dtype=torch.float64)
    logits = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([logits], lr=rate)
    probabilities = [logits.detach().softmax(-1).numpy()]
    for _ in range(steps):
        pi = logits.detach().softmax(-1)
        chosen = torch.multinomial(pi, group, replacement=True, generator=chance)
        advantage = torch.from_numpy(group_advantage(rewards[chosen.numpy()][None])[0])
        optimizer.zero_grad()
        grpo_loss(logits, start, chosen, advantage, beta).backward()
        optimizer.step()
        probabilities.append(logits.detach().softmax(-1).numpy())
    table = pd.DataFrame(np.array(probabilities), columns=list(SENTENCES)).rename_axis("step")
    return table.reset_index().melt("step", var_name="sentence", value_name="probability")


def _check(steps: int, group: int, beta: float, rate: float) -> None:
    if group < 2:
        raise ValueError(f"group: {group!r} is below 2; an advantage compares at least two.")
    for name, value in {"steps": steps, "beta": beta, "rate": rate}.items():
        if not is_within(value, 0, np.inf):
            raise ValueError(f"{name}: {value!r} is no number from 0 up.")
