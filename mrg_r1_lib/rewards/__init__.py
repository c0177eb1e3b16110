"""Rewards by name: completions and references in, one number per completion out, as TRL calls it.

Each file holds one reward. Its builder takes the reward's parameters and returns
`reward(completions, <column>, **_)`. A new reward is one new file and one line in `REWARDS`; the
contract tests run over that dictionary. TRL adds rewards with `reward_weights` (MRG-R1: 0.75 mccs +
0.25 report_tags, second-hand note of arXiv:2512.16145v1).
"""

import inspect
from collections.abc import Callable, Iterable

from mrg_r1_lib.labelers import Labeler
from mrg_r1_lib.rewards import (
    bleu,
    graded,
    label_f1,
    mccs,
    net_benefit,
    positive_cosine,
    report_tags,
    rouge_l,
)
from mrg_r1_lib.rewards.columns import CHECKS, check_completions

Reward = Callable[..., list[float | None]]

REWARDS: dict[str, Callable[..., Reward]] = {
    "mccs": mccs.build,
    "report_tags": report_tags.build,
    "net_benefit": net_benefit.build,
    "label_f1": label_f1.build,
    "graded": graded.build,
    "positive_cosine": positive_cosine.build,
    "rouge_l": rouge_l.build,
    "bleu": bleu.build,
}


def check_rewards(arm: str, rewards: Iterable[str], options: Iterable[str]) -> None:
    """ValueError if an arm names an unknown reward, or an option that none of its rewards takes."""
    for name in rewards:
        if name not in REWARDS:
            known = ", ".join(REWARDS)
            raise ValueError(
                f"arm {arm}: reward {name!r} is unknown; expected one of {known}. "
                "A parameter of a reward goes into options."
            )
    taken = options_of(rewards)
    for option in options:
        if option not in taken:
            raise ValueError(
                f"arm {arm}: no reward of this arm takes the option {option!r}; its rewards, "
                f"{', '.join(rewards)}, take {', '.join(taken) or 'none'}."
            )


def options_of(rewards: Iterable[str]) -> list[str]:
    """The parameters that these rewards take, sorted; the labeler and the prevalence are given.

    >>> options_of(["mccs", "report_tags"])
    ['margin']
    """
    taken = {key for name in rewards for key in inspect.signature(REWARDS[name]).parameters}
    return sorted(taken - {"labeler", "prevalence"})


def build_reward(name: str, labeler: Labeler | None = None, **parameters: float) -> Reward:
    """The TRL reward function called `name`, with its parameters bound; TRL logs it by that name.

    The function takes `completions` (strings or message lists) and dataset columns by keyword. It
    returns one value in [0, 1] per completion, or None, which TRL leaves out, where the reward's
    file says so. Rewards that read no labels ignore `labeler`. ValueError for an unknown name, an
    unknown or bad parameter, or a missing labeler. The function raises ValueError or TypeError for
    a column that it reads, if that has another length, no label codes, or no text (`columns`).

    >>> reward = build_reward("report_tags")
    >>> reward.__name__, reward(completions=["<think></think><report>Clear.</report>", "Clear."])
    ('report_tags', [1.0, 0.0])
    """
    if name not in REWARDS:
        raise ValueError(f"reward {name!r} is unknown; expected one of {', '.join(REWARDS)}.")
    known = dict(inspect.signature(REWARDS[name]).parameters)
    if known.pop("labeler", None):
        if labeler is None:
            raise ValueError(
                f"reward {name!r} compares labels and needs a labeler; "
                "pass labeler=load_labeler(...)."
            )
        bound = {"labeler": labeler, **parameters}
    else:
        bound = parameters
    wrong = [parameter for parameter in parameters if parameter not in known]
    if wrong:
        raise ValueError(
            f"reward {name!r} has no parameter {wrong[0]!r}; it takes {', '.join(known) or 'none'}."
        )
    return _Named(name, REWARDS[name](**bound))


class _Named:
    """A reward under its name, as picklable as what its builder returns; TRL unwraps a partial."""

    def __init__(self, name: str, score: Reward):
        self.__name__ = self.__qualname__ = name
        self._score = score
        self._reads = [column for column in CHECKS if column in inspect.signature(score).parameters]

    def __call__(self, completions: list, **columns) -> list[float | None]:
        check_completions(completions)
        for column in self._reads if completions else ():
            columns[column] = CHECKS[column](columns.get(column), len(completions))
        return self._score(completions, **columns) if completions else []
