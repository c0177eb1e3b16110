"""Rows of a CSV file, plain or .gz, read one at a time.

A bad row is noted in the account and skipped; a missing column is an error before the first row. A
byte order mark, CRLF and columns in any order are accepted. One stray quote joins rows into one, so
a quote without its partner, or a field that holds other rows, stops the load. So does a line
without an end: no more of it is read than `LONGEST_LINE`, and of a table than `LARGEST`.
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from mrg_r1_lib.corpora.account import Account, beside

LONGEST_LINE = 1 << 20  # letters; a published row has some thousand
LARGEST = 1 << 28  # letters: 700 for each of MIMIC-CXR's 377,110 images
_SEPARATOR = re.compile(r",(?![ \t])")  # in prose a space follows
_NUMBER = re.compile(r"0*([0-9]{1,15})(?:\.0*)?")


def read_rows(
    path: Path, columns: Sequence[str], account: Account
) -> Iterator[tuple[str, dict[str, str]]]:
    """Every good row as (name of the row, {column: value}).

    A row of another length or in another encoding goes to the account. ValueError for a missing
    column, a stray quote, a damaged file, or a folder in its place.
    """
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: is no file. {beside(path)} Put the published table there."
        )
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        yield from parse_rows(file, str(path), columns, account)


def parse_rows(
    file: BinaryIO, path: str, columns: Sequence[str], account: Account
) -> Iterator[tuple[str, dict[str, str]]]:
    """As `read_rows`, from an open file of unzipped bytes; `path` is its name in messages."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
    reader = csv.reader(_lines(text, path), strict=True)
    line = 0  # the last line of the row before
    try:
        header = [name.strip() for name in next(reader, [])]
        place = _places(path, header, columns)
        line = reader.line_num
        if line > 1:
            raise ValueError(f"{path} line 1: a quote there joins it with later rows. {_MEND}")
        for number, row in enumerate(reader, start=1):
            begun, line = line + 1, reader.line_num
            name = f"{Path(path).name} row {number}"
            if line > begun:
                _require_one_row(row, len(header), path, begun)
            if len(row) != len(header):
                if row:
                    account.fault(name, f"{len(row)} columns, expected {len(header)}")
                continue
            values = {column: row[place[column]].strip() for column in columns}
            if is_utf8("".join(values.values())):
                yield name, values
            else:
                account.fault(name, "not UTF-8")
    except csv.Error as error:
        raise ValueError(
            f"{path} line {line + 1}: a quote there has no partner, or a field has no end "
            f"({error}). {_MEND}"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path}: is truncated or damaged ({error}). Fetch it again.") from error
    finally:
        text.detach()  # the file is the caller's to close


def _lines(text: TextIO, path: str) -> Iterator[str]:
    """The lines of a file; csv.Error for one without an end, before it fills the memory.

    ValueError for a table without an end, such as one that was packed to be small.
    """
    letters = 0
    while line := text.readline(LONGEST_LINE):
        letters += len(line)
        if len(line) == LONGEST_LINE:
            raise csv.Error(f"a line of over {LONGEST_LINE} letters")
        if letters > LARGEST:
            raise ValueError(f"{path}: is a table of over {LARGEST} letters. Fetch it again.")
        yield line


_MEND = "Expected one row per line: take out the stray quote, or fetch the file again."


def _require_one_row(row: list[str], columns: int, path: str, line: int) -> None:
    """ValueError for a row of several lines whose length is wrong or that holds other rows."""
    inside = max(len(_SEPARATOR.findall(field)) for field in row if "\n" in field or "\r" in field)
    if len(row) != columns or inside >= min(columns - 1, max(2, (columns - 1) // 2)):
        raise ValueError(f"{path} line {line}: a quote there joins it with later rows. {_MEND}")


def _places(path: str, header: list[str], columns: Sequence[str]) -> dict[str, int]:
    missing = [column for column in columns if column not in header]
    if missing:
        written = ", ".join(header)
        other = next((mark for mark in ";\t" if len(header) == 1 and mark in written), "")
        remedy = "Use the file as it was published."
        if "\0" in written or not is_utf8(written):
            remedy = f"It is not in UTF-8. {remedy}"
        elif other:
            remedy = f"It is separated by {other!r} instead of commas. {remedy}"
        raise ValueError(
            f"{path}: lacks the column {missing[0]!r}; its first line has "
            f"{repr(written[:200])[1:-1] or 'nothing'}. {remedy}"
        )
    return {column: header.index(column) for column in columns}


def whole_number(text: str) -> str:
    """A number without leading zeros and ".0", as spreadsheets write them; "" for another text.

    >>> whole_number("0012"), whole_number("12.0"), whole_number("1.5"), whole_number("x")
    ('12', '12', '', '')
    """
    match = _NUMBER.fullmatch(text)
    return match[1] if match else ""


def is_utf8(text: str) -> bool:
    """Whether a text decoded with surrogateescape was UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
