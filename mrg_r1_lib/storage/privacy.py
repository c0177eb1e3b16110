"""What must never reach a committed file: text, images and ids of a corpus that needs credentials.

MIMIC-CXR may be read by those who signed for it. Of such a corpus nothing is quoted in a notebook, scores stand under row
numbers, and every writer of committed files refuses ids, columns of text and sentences. What may not be committed (weights,
completions, drafts of notebooks) lies in `runs/`, which git ignores.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

CREDENTIALED = ("mimic_cxr",)
# columns that hold names of the library's own; in any other column of a committed table stand numbers
NAME_COLUMNS = frozenset(
    (
        "system",
        "arm",
        "section",
        "against",
        "seed",
        "metric",
        "measure",
        "check",
        "average",
        "uncertain",
        "observation",
        "source",
        "split",
        "one",
        "other",
        "classes",
        "used by",
        "peak memory",
        "paper",
        "here",
    )
)
LONGEST_NAME = 8  # words of a name that the library gives; more is a sentence
SHINGLE = 5  # words in a row that two texts share only if one quotes the other
_ID = re.compile(
    r"(?<![\w.])(?:[ps]?[15]\d{7}|[0-9a-f]{8}(?:-[0-9a-f]{8}){4})(?![\w.])"
)  # patient, study, image of MIMIC-CXR
_COMMITTED = re.compile(rf"/(?:smoke|laptop|full)/(?:{'|'.join(CREDENTIALED)})(?:_\w+)?/")
_WORD = re.compile(r"[^\W_]+")
_PRINTED = re.compile(
    r"[-–]|< ?\d*\.\d+|[-+]?\d[\d,.]*(?: to \d[\d,.]*| \[[-+]?[\d.]+, [-+]?[\d.]+\])?"
)

Item = TypeVar("Item")


def is_credentialed(corpus: str) -> bool:
    """Whether a corpus, in any preparation of it ("mimic_cxr_r2gen"), may not be quoted."""
    return any(corpus == name or corpus.startswith(f"{name}_") for name in CREDENTIALED)


def quotable(corpus: str, items: Sequence[Item]) -> Sequence[Item]:
    """The items to show in a notebook, text or images: none of a credentialed corpus.

    >>> quotable("iu_xray", ["Clear."]), quotable("mimic_cxr", ["Clear."])
    (['Clear.'], [])
    """
    return [] if is_credentialed(corpus) else items


def require_publishable(path: Path, text: str) -> None:
    """PermissionError if `text`, to be written to `path`, is of a credentialed corpus and holds what may not be committed.

    Refused: an id of a patient, study or image; in a table text outside the columns of names; in JSON or a cell a sentence.
    """
    shown = Path(path).absolute().as_posix()
    if "/runs/" in shown or not _COMMITTED.search(shown):
        return
    reason = _id_in(text)
    if not reason and Path(path).suffix == ".csv":
        reason = _text_in_table(text)
    if not reason and Path(path).suffix == ".json":
        reason = next(
            (
                f"a text of {len(name.split())} words"
                for name in _strings(json.loads(text))
                if _too_long(name)
            ),
            "",
        )
    if reason:
        raise PermissionError(
            f"{path}: holds {reason}. Files of a credentialed corpus that may be committed hold numbers, under row numbers, "
            f"and names of this library only: keep the rest below runs/."
        )


def require_unquoted(
    path: Path, shown: Iterable[str], own: Iterable[str], private: Iterable[str]
) -> None:
    """PermissionError if what a notebook shows holds an id, or five words in a row that also stand in a `private` text.

    `own` are texts of this library (the notebook's source), whose words in a row prove nothing. `private` is read once,
    one text after the other, in bounded memory.
    """
    shown = list(shown)
    reason = next(filter(None, map(_id_in, shown)), "")
    if not reason:
        ours = {shingle for text in own for shingle in _shingles(text)}
        ours = {shingle for text in shown for shingle in _shingles(text)} - ours
        if ours and any(shingle in ours for text in private for shingle in _shingles(text)):
            reason = f"{SHINGLE} words in a row of a report or completion"  # not which: this message may be kept, too
    if reason:
        raise PermissionError(
            f"{path}: shows {reason} of a credentialed corpus. It was not written: see its draft in runs/."
        )


def _id_in(text: str) -> str:
    return "what looks like the id of a patient, study or image" if _ID.search(text) else ""


def _text_in_table(text: str) -> str:
    for row in csv.DictReader(io.StringIO(text)):
        for column, cell in row.items():
            if column not in NAME_COLUMNS and not _is_number(cell):
                return f"text in the column {column!r}"
            if _too_long(cell):
                return f"a text of {len(cell.split())} words in the column {column!r}"
    return ""


def _is_number(cell: str) -> bool:
    """Whether a cell is empty, a number, True or False, or numbers as they are printed, such as "0.57 [0.50, 0.63]"."""
    if _PRINTED.fullmatch(cell or ""):
        return True
    try:
        float(cell or "nan")
    except (TypeError, ValueError):
        return cell in ("True", "False")
    return True


def _too_long(name: str) -> bool:
    return len(name.split()) > LONGEST_NAME


def _strings(value: object) -> Iterator[str]:
    """All strings of a JSON value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def _shingles(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return zip(*(words[start:] for start in range(SHINGLE)), strict=False)
