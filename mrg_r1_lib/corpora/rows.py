"""Rows of a CSV file, plain or .gz, read one at a time.

A bad row is noted in the account and skipped; a missing column is an error before the first row. A
byte order mark, CRLF and columns in any order are accepted.
"""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from mrg_r1_lib.corpora.account import Account


def read_rows(
    path: Path, columns: Sequence[str], account: Account
) -> Iterator[tuple[str, dict[str, str]]]:
    """Every good row as (name of the row, {column: value}).

    A row of another length, in another encoding or that cannot be parsed goes to the account.
    ValueError for a missing column or a damaged file.
    """
    with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
        reader = csv.reader(
            io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="")
        )
        number = 0
        try:
            header = [name.strip() for name in next(reader, [])]
            place = _places(path, header, columns)
            while True:
                number += 1
                name = f"{path.name} row {number}"
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    account.fault(name, str(error))
                    continue
                if not row:
                    continue
                if len(row) != len(header):
                    account.fault(name, f"{len(row)} columns, expected {len(header)}")
                    continue
                values = {column: row[place[column]].strip() for column in columns}
                if is_utf8("".join(values.values())):
                    yield name, values
                else:
                    account.fault(name, "not UTF-8")
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(
                f"{path}: is truncated or damaged ({error}). Fetch it again."
            ) from error


def _places(path: Path, header: list[str], columns: Sequence[str]) -> dict[str, int]:
    missing = [column for column in columns if column not in header]
    if missing:
        raise ValueError(
            f"{path}: lacks the column {missing[0]!r}; its first line has "
            f"{', '.join(header)[:200] or 'nothing'}. Use the file as it was published."
        )
    return {column: header.index(column) for column in columns}


def is_utf8(text: str) -> bool:
    """Whether a text decoded with surrogateescape was UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
