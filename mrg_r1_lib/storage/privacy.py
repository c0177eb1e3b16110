"""What must never reach a committed file: text, images and ids of a guarded corpus.

A corpus is guarded unless its preparation is declared public. MIMIC-CXR, for one, may be read only
by those who signed for it. A committed file of a guarded corpus holds numbers and names of this
library. Its scores stand under row numbers, and a notebook quotes nothing. Weights, completions and
drafts of notebooks lie in `runs/`, which git ignores.
"""

import csv
import html
import io
import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from unicodedata import category, decimal, normalize
from urllib.parse import unquote

from mrg_r1_lib.experiments import PREPARATIONS

LONGEST_NAME = 8  # words of a name that the library gives; more is a sentence
SHINGLE = 5  # words in a row that two texts share only if one quotes the other
TABLES = {".csv": ",", ".tsv": "\t"}
DOCUMENTS = {".md": "|", ".tex": "&", ".txt": "\t|", ".html": ""}  # what separates their cells
# not text: embedded pictures; digests and commits, whose digits would look like ids
_OPAQUE = re.compile(
    r"data:[\w/+.;=-]*base64,[\w+/=]+|(?<![0-9a-z])(?=\d*[a-f])[0-9a-f]{12,64}(?![0-9a-z])",
    re.I | re.A,
)
_ID = re.compile(
    r"(?<!\d)(?<!\d\.)[15](?:_?\d){7}(?!\d)"  # a patient or study of MIMIC-CXR
    r"|(?<!\d)(?<!\d )[15]\d([ '’-])\d{3}\1\d{3}(?! ?\d)"  # the same in groups
    r"|[0-9a-f]{8}(?:[\W_][0-9a-f]{8}){4}"  # an image of MIMIC-CXR
    r"|(?<![\d.])[0-2](?:\.\d+){6,}",  # anything in DICOM
    re.I,
)
# "" is an index without a name
_ID_COLUMN = re.compile(r"|(?:.*[_ ])?(?:id|uid|study|subject|patient|dicom|image|case)s?", re.I)
_INLINE = re.compile(r"</?(?:[abisu]|em|strong|mark|span|font|code|su[bp]|wbr)\b[^<>]*>", re.I)
_WORD = re.compile(r"[^\W_]+")
_LETTER = re.compile(r"[^\W\d_]")
_PRINTED = re.compile(  # a number, or an interval or a range of numbers
    r"|[-–]|True|False|[-+]?inf|nan|< ?\d*\.\d+"
    r"|[-+]?\.?\d[\d,.]*(?:e[-+]?\d+)?(?: to \d[\d,.]*| \[[-+]?[\d.]+[,;] [-+]?[\d.]+\])?",
    re.I | re.A,
)


def guarded(corpus: str) -> bool:
    """Whether text, images and ids of a corpus must stay private: of all but those declared public.

    >>> guarded("iu_xray"), guarded("mimic_cxr_r2gen"), guarded("a new one")
    (False, True, True)
    """
    return not (corpus in PREPARATIONS and PREPARATIONS[corpus].public)


def quotable(corpus: str, items: Sequence) -> Sequence:
    """The items to show in a notebook, text or images: none of a guarded corpus.

    >>> quotable("iu_xray", ["Clear."]), quotable("mimic_cxr", ["Clear."])
    (['Clear.'], [])
    """
    return [] if guarded(corpus) else items


def require_publishable(
    path: Path, text: str, names: Collection[str] = (), private: Iterable[str] = ()
) -> None:
    """PermissionError if `text`, a guarded corpus's file `path`, holds what may not be committed.

    Refused are ids, also in the file's name, words in a table outside the columns `names`,
    sentences in a table or in JSON, and five words in a row of a `private` text. A number in a
    column or under a key that is not named for ids is none. `private` is read once, text by text,
    and only for a text of five words.
    """
    kind, shown = Path(path).suffix.lower(), [text]
    if kind in TABLES:
        rows = list(csv.reader(io.StringIO(text), delimiter=TABLES[kind]))
        reason = _text_in_table(rows, names)
        shown = [cell for row in rows for cell in row if len(cell.split()) >= SHINGLE]
    elif kind == ".json":
        shown = list(_strings(json.loads(text)))
        reason, shown = _first(map(_not_a_name, shown)), [s for s in shown if s.count(" ") > 3]
    elif kind in DOCUMENTS:
        reason = _id_in(text) or _first(map(_too_long, _cells(text, DOCUMENTS[kind])))
    else:
        reason = f"a kind of text ({kind or 'no suffix'}) that nothing here checks"
    if reason := _id_in(Path(path).stem) or reason or _quote(shown, [], private):
        raise PermissionError(
            f"{path}: holds {reason}. Of a guarded corpus commit numbers, row numbers and this "
            f"library's names; keep the rest below runs/. Counts have commas: 14,966,784."
        )


def require_unquoted(
    path: Path, shown: Iterable[str], own: Iterable[str], private: Iterable[str]
) -> None:
    """PermissionError if a notebook shows an id, or five words in a row of a `private` text.

    Words in a row of this library and of `own`, the notebook's source, prove nothing. `private` is
    read once, text by text, in bounded memory.
    """
    shown = list(shown)
    if reason := _first(map(_id_in, shown)) or _quote(shown, own, private):
        raise PermissionError(
            f"{path}: shows {reason} of a guarded corpus. Not written: its draft is in runs/."
        )


def _first(reasons: Iterable[str]) -> str:
    return next(filter(None, reasons), "")


def _id_in(text: str) -> str:
    plain = re.sub(r"\b0[xX]0*([\da-fA-F]{6,7})\b", lambda hex: str(int(hex[1], 16)), _plain(text))
    return "what looks like the id of a patient, study or image" * bool(_ID.search(plain))


def _plain(text: str) -> str:
    """The text as it is read: no tags, entities, percent codes, pictures, digests or invisible
    characters."""
    text = _INLINE.sub("", _OPAQUE.sub(" ", unquote(text)))
    text = html.unescape(re.sub(r"<[^<>]*>", " ", text))
    text = "".join(each for each in normalize("NFKC", text) if category(each) != "Cf")
    return re.sub(r"\d", lambda digit: str(decimal(digit[0])), text)  # of any script


def _too_long(name: str) -> str:
    words = sum(bool(_LETTER.search(word)) for word in _plain(name).split())
    return f"a text of {words} words" if words > LONGEST_NAME else ""


def _not_a_name(name: str) -> str:
    return _id_in(name) or _too_long(name)


def _text_in_table(rows: list[list[str]], names: Collection[str]) -> str:
    """The reason to refuse a table; its first row holds the columns' names."""
    head = rows[0] if rows else []
    for cell in head:
        if reason := _not_a_name(cell):
            return f"{reason} as a column's name"
    for row in rows[1:]:
        if len(row) > len(head):
            return f"a row of {len(row)} cells under {len(head)} columns"
        for column, cell in zip(head, row, strict=False):
            if column in names:
                reason = _not_a_name(cell)
            elif not _PRINTED.fullmatch(cell):
                reason = "text"
            else:  # an id of MIMIC-CXR has eight digits, a row number fewer
                digits = len(re.sub(r"\D", "", cell)) if _ID_COLUMN.fullmatch(column) else 0
                reason = "what may be an id" if digits > 7 else ""
            if reason:
                return f"{reason} in the column {column!r}"
    return ""


def _cells(text: str, separators: str) -> Iterator[str]:
    """The table cells of a document: of HTML in any, and of rows with its own separators."""
    yield from re.findall(r"<t[dh]\b[^>]*>(.*?)(?=<t[dhr]\b|</t)", text, re.S | re.I)
    for line in text.splitlines():
        if any(mark in line for mark in separators):
            yield from re.split(f"[{separators}]", line)


def _strings(value: object, ids: bool = False) -> Iterator[str]:
    """All strings of a JSON value, keys and what stands under a name for `ids` included."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield key
            yield from _strings(part, _ID_COLUMN.fullmatch(key) is not None)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part, ids)
    elif ids or isinstance(value, str):
        yield str(value)


def _quote(shown: Iterable[str], own: Iterable[str], private: Iterable[str]) -> str:
    proof = {shingle for text in shown for shingle in _shingles(text)}
    library = Path(__file__).parents[1].rglob("*.py") if proof else ()
    for text in chain(own, (path.read_text(encoding="utf-8") for path in library)):
        proof.difference_update(_shingles(text))
    if proof and any(shingle in proof for text in private for shingle in _shingles(text)):
        # not which: this message may be kept, too
        return f"{SHINGLE} words in a row of a report or completion"
    return ""


def _shingles(text: str) -> Iterator[tuple[str, ...]]:
    words = _WORD.findall(_plain(text).lower())
    return zip(*(words[start:] for start in range(SHINGLE)), strict=False)
