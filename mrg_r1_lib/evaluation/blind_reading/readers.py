"""What two readers of a blind reading say: their agreement, and which system is better."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from mrg_r1_lib.evaluation.blind_reading.page import COUNTS, PREFERENCES, QUESTIONS
from mrg_r1_lib.storage.files import read_json

VALID = {question: [[a, b] for a in COUNTS for b in COUNTS] for question in QUESTIONS}
VALID["preferred"] = list(PREFERENCES)


def compare(key: Path, one: Path, other: Path) -> pd.DataFrame:
    """What two readers say: per question Cohen's kappa between them, and a paired sign test.

    A system is better on a study where the two readers counted fewer for it, or preferred it more
    often. kappa of counts has linear weights; NaN where both gave one same answer throughout.
    ValueError names a file that is damaged, unfinished, of another page, or of the same reader.
    """
    made = read_json(key)
    if not isinstance(made, dict) or not {"page", "systems", "exchanged"} <= made.keys():
        raise ValueError(f"{key} is no key of a page; name the key first, then two answers.")
    first, second = (_answers(path, made) for path in (one, other))
    if first["reader"] == second["reader"]:
        raise ValueError(f"{one} and {other} are by one reader, {first['reader']!r}; expected two.")
    rows = []
    for question in VALID:
        a, b = first[question], second[question]
        if question in QUESTIONS:
            ahead = (a + b)[:, 1] - (a + b)[:, 0]
        else:
            ahead = sum((each == 0).astype(int) - (each == 1) for each in (a, b))
        *wins, equal, p = sign_test(ahead)
        better = {f"{arm} better": n for arm, n in zip(made["systems"], wins, strict=True)}
        row = {"question": question, "kappa": _kappa(a, b), **better, "equal": equal, "p": p}
        rows.append(row)
    return pd.DataFrame(rows)


def _answers(path: Path, key: dict) -> dict[str, np.ndarray | str]:
    """A reader's answers by system: counts `(studies, 2)`, preferences `(studies,)` in 0-2."""
    read, found = read_json(path), {question: [] for question in VALID}
    if not isinstance(read, dict) or read.get("page") != key["page"]:
        raise ValueError(f"{path} holds no answers to the page {key['page']} of this key.")
    for number, turned in enumerate(key["exchanged"]):
        for question, valid in VALID.items():
            try:
                answer = read["answers"][number][question]
            except (KeyError, IndexError, TypeError):
                answer = None
            if answer not in valid:
                raise ValueError(
                    f"{path}: study {number + 1}, {question!r} is {answer}; expected one of "
                    f"{valid}. Answer it on the page, and export again."
                )
            found[question].append(_of_systems(answer) if turned else answer)
    return {"reader": read.get("reader")} | {name: np.array(all_) for name, all_ in found.items()}


def _of_systems(answer: list[int] | int) -> list[int] | int:
    """An answer on two exchanged reports."""
    return answer[::-1] if isinstance(answer, list) else (1, 0, 2)[answer]


def _kappa(one: np.ndarray, other: np.ndarray) -> float:
    if len({*one.flat, *other.flat}) == 1:
        return math.nan
    ordered = {"labels": list(COUNTS), "weights": "linear"} if one.ndim == 2 else {}
    return float(cohen_kappa_score(one.ravel(), other.ravel(), **ordered))


def sign_test(differences: Sequence[float]) -> tuple[int, int, int, float]:
    """How many are above, below and equal to 0, and the two-sided exact p without the equal ones.

    >>> above, below, equal, p = sign_test([1, 2, 1, 1, 3, 1, 1, -1, 0])
    >>> above, below, equal, p == 2 * (1 + 8) / 2**8
    (7, 1, 1, True)
    """
    signs = np.sign(differences)
    above, below = int((signs > 0).sum()), int((signs < 0).sum())
    p = float(binomtest(above, above + below).pvalue) if above + below else 1.0
    return above, below, len(signs) - above - below, p
