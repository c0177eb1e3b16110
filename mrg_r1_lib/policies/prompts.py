"""Studies -> the rows that TRL trains on.

A row has a prompt, images, and a completion for supervised finetuning (SFT) or a reference for
semantic-driven reinforcement learning (SRL). Rows are conversational; images are drawn or read on
access. The reference's labels are computed once and are a column. The think part of an SFT
completion lists the positive observations by name and side.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from datasets import Dataset
from transformers.trainer_pt_utils import get_length_grouped_indices

from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.report_format import INSTRUCTION, render_target
from mrg_r1_lib.rewards.facts import facts_of
from mrg_r1_lib.study import Study

IMAGE_CACHE = 2**28  # bytes


def user_message() -> list[dict]:
    """The prompt of every study; TRL puts the study's images in front of the text."""
    return [{"role": "user", "content": INSTRUCTION}]


def think_text(labels: np.ndarray, report: str) -> str:
    """The positive observations of one report by name, each with the side that it states.

    `labels` are its codes `(14,)`; uncertain ones count.

    >>> codes = np.array([0, 1, 0, 0, 0, 0, 0, 0, 2, 3, 0, 0, 0, 0])
    >>> think_text(codes, "Cardiomegaly. Possible left effusion. No pneumothorax.")
    'Cardiomegaly, Pleural Effusion left'
    """
    stated: dict[str, set[str]] = {}
    for (name, _), fact in facts_of(report).findings.items():
        stated.setdefault(name, set()).update(side for side in fact.sides if side)
    positive = np.isin(labels, (Label.POSITIVE, Label.UNCERTAIN))
    words = []
    for name in np.array(OBSERVATIONS)[positive]:
        sides = stated.get(name, set())
        side = "bilateral" if len(sides) > 1 else "".join(sides)
        words.append(f"{name} {side}".strip())
    return ", ".join(words)


def order_by_length(texts: Sequence[str], batch_size: int, seed: int) -> list[int]:
    """A random order of all places in which the texts of a batch are about equally long.

    A batch is padded to its longest row: about a fifth less is computed than in random batches.
    """
    generator = torch.Generator().manual_seed(seed)
    lengths = [len(text) for text in texts]
    order = get_length_grouped_indices(lengths, batch_size, generator=generator)
    whole = len(order) // batch_size * batch_size
    batches = torch.tensor(order[:whole]).view(-1, batch_size)
    shuffled = batches[torch.randperm(len(batches), generator=generator)]
    return shuffled.flatten().tolist() + order[whole:]


def sft_rows(studies: Sequence[Study], labels: np.ndarray) -> Dataset:
    """Rows `prompt`, `completion`, `images` for SFT; labels `(studies, 14)` give the think part."""
    completions = [
        [
            {
                "role": "assistant",
                "content": render_target(think_text(row, study.findings), study.findings),
            }
        ]
        for study, row in zip(studies, labels, strict=True)
    ]
    return _with_images(studies, {"completion": completions})


def srl_rows(studies: Sequence[Study], labels: np.ndarray) -> Dataset:
    """Rows `prompt`, `images`, `reference`, `reference_labels` for SRL; labels `(studies, 14)`."""
    findings = [study.findings for study in studies]
    columns = {"reference": findings, "reference_labels": np.asarray(labels).tolist()}
    return _with_images(studies, columns)


def _images_to_keep(studies: Sequence[Study]) -> int:
    """The number of studies whose images fit into IMAGE_CACHE, at least 64."""
    width, height = studies[0].images[0]().size
    return max(64, IMAGE_CACHE // (3 * width * height * len(studies[0].images)))


def _with_images(studies: Sequence[Study], columns: dict[str, list]) -> Dataset:
    # a group asks for its study's images once per completion, and again in each epoch
    @lru_cache(maxsize=_images_to_keep(studies))
    def images(index: int) -> list:
        return [image().convert("RGB") for image in studies[index].images]

    def add_images(rows: dict[str, list]) -> dict[str, list]:
        indices = rows.pop("index")
        return rows | {"images": [images(index) for index in indices]}

    rows = {"prompt": [user_message() for _ in studies], "index": list(range(len(studies)))}
    return Dataset.from_dict(rows | columns).with_transform(add_images)
