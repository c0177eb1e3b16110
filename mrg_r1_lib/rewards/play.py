"""A made-up report beside its reference, to play with: its labels, their vectors, every reward.

Reference and report -> colours of `labelers.why` -> signed vectors -> each reward of `REWARDS` that
can be built without training data. The rules labeler reads both.
"""

import inspect
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd

from mrg_r1_lib.labelers import load_labeler, why
from mrg_r1_lib.labelers.coloured import Why
from mrg_r1_lib.observations import ABNORMALITIES, signed_vectors
from mrg_r1_lib.report_format import check_text, parse_completion, render_target
from mrg_r1_lib.rewards import REWARDS, build_reward, options_of


@dataclass(frozen=True)
class Play:
    """Two reports side by side; `repr` shows them as text, a notebook as HTML.

    `vectors`: a row per abnormality, columns reference, report (-1, 0 or 1) and product. `rewards`:
    the report's value under each reward, NaN where the reward is None.
    """

    reference: Why
    report: Why
    vectors: pd.DataFrame
    rewards: pd.Series

    def cosine(self) -> str:
        """The cosine of the two vectors as a line of arithmetic."""
        wanted, said = (int((self.vectors[name] ** 2).sum()) for name in ("reference", "report"))
        if not wanted or not said:
            return (
                f"no cosine: the {'report' if wanted else 'reference'} asserts and denies nothing"
            )
        shared = int(self.vectors["product"].sum())
        value = shared / np.sqrt(wanted * said)
        return f"c = {shared} / (√{said} √{wanted}) = {value:.3f}"

    def _tables(self) -> list[pd.DataFrame]:
        signs = {-1: "−1", 0: "·", 1: "+1"}
        values = self.rewards.map("{:.3f}".format).where(self.rewards.notna(), "none")
        return [self.vectors.map(signs.get), values.to_frame()]

    def __repr__(self) -> str:
        vectors, rewards = (table.to_string() for table in self._tables())
        texts = f"REFERENCE\n{self.reference!r}\n\nREPORT\n{self.report!r}"
        return f"{texts}\n\n{vectors}\n{self.cosine()}\n\n{rewards}"

    def _repr_html_(self) -> str:
        vectors, rewards = (table.to_html(border=0) for table in self._tables())
        blocks = {
            "Reference": self.reference._repr_html_(),
            "Report": self.report._repr_html_(),
            "Signed vectors": f"{vectors}<div>{escape(self.cosine())}</div>",
            "Rewards of the report": rewards,
        }
        shown = "".join(
            f'<div style="flex:1 1 20em"><b>{title}</b>{block}</div>'
            for title, block in blocks.items()
        )
        return f'<div style="display:flex;flex-wrap:wrap;gap:1em;text-align:left">{shown}</div>'


def untrained_rewards() -> list[str]:
    """The names in `REWARDS` whose builder needs nothing but a labeler."""
    return [
        name
        for name, build in REWARDS.items()
        if all(
            each.default is not each.empty or each.name == "labeler"
            for each in inspect.signature(build).parameters.values()
        )
    ]


def play(reference: str, report: str, **options: float) -> Play:
    """Labels, vectors and rewards of `report` against `reference`, as one object to look at.

    `report` is put between the tags of the format; with tags in it, it is taken as the whole
    completion. `options` (such as `margin=0.5`) go to the rewards that take them. TypeError for
    what is no text; ValueError for an option that no reward takes, or a bad value of one.

    >>> shown = play("Edema. No fracture.", "Edema.", margin=0.0)
    >>> shown.cosine(), float(round(shown.rewards["mccs"], 3))
    ('c = 1 / (√1 √2) = 0.707', 0.707)
    """
    completion = check_text(report)
    if "<report>" not in report:
        completion = render_target("", report)
    labeler, texts = load_labeler("rules"), [reference, parse_completion(completion).report]
    labels = labeler(texts)
    vectors = pd.DataFrame(
        signed_vectors(labels).astype(int).T, ABNORMALITIES, ["reference", "report"]
    )
    vectors["product"] = vectors["reference"] * vectors["report"]
    columns = {"reference": [reference], "reference_labels": labels[:1].tolist()}
    values = {
        name: build_reward(name, labeler=labeler, **taken)(completions=[completion], **columns)[0]
        for name, taken in _shared(options).items()
    }
    return Play(*map(why, texts), vectors, pd.Series(values, name="value", dtype=float))


def _shared(options: dict[str, float]) -> dict[str, dict[str, float]]:
    """Reward -> those of the options that it takes; ValueError for one that none takes."""
    takes = {name: options_of([name]) for name in untrained_rewards()}
    known = options_of(takes)
    for option in options:
        if option not in known:
            raise ValueError(
                f"play: no reward takes the option {option!r}; known are {', '.join(known)}."
            )
    return {
        name: {key: value for key, value in options.items() if key in parameters}
        for name, parameters in takes.items()
    }
