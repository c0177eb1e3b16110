"""Files in five formats -> tables: CSV, TSV, JSON (a list of records), JSONL and Parquet, in UTF-8.

What no reader can mean is refused: a quote that joins rows, two values under one name, letters that
no UTF-8 has. A file is read whole, so it has a limit.
"""

import codecs
import csv
import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mrg_r1_lib.evaluation.score.files import KNOWN, InputError, Table, empty_columns, key_of

LARGEST = 1 << 30  # bytes; the 227,835 reports of MIMIC-CXR twice take a quarter
_PROSE = r"(?=[ \r\n]|(?<=[0-9].)[0-9]{3}(?![0-9]))"  # behind a separator that is part of a text
DIGITS = 18  # a longer number stays text: it is an id, if anything


def read_table(path: Path) -> Table:
    """Read a file by its ending; InputError says what is wrong with it."""
    if os.path.isdir(path):  # pathlib fails for a name that is too long
        raise InputError(f"{path} is a folder; name one file: {', '.join(READERS)}.")
    if not os.path.exists(path):
        raise InputError(f"{path} is not there; look at the name and the folder.")
    if not path.is_file():
        raise InputError(f"{path} is a pipe or a device; save it as a file, and name that.")
    if path.stat().st_size > LARGEST:
        raise InputError(f"{path} has over {LARGEST >> 30} GiB; score it in parts.")
    if path.suffix.lower() not in READERS:
        raise InputError(
            f"{path} ends in {path.suffix or 'nothing'!r}; save it as one of "
            f"{', '.join(READERS)}, from a spreadsheet as 'CSV UTF-8'."
        )
    table = READERS[path.suffix.lower()](path)
    if table.columns and not len(table):
        raise InputError(f"{path} has columns and no rows; write one row per study.")
    return table


def _decoded(path: Path) -> str:
    """The file's text; InputError unless it is UTF-8."""
    data = path.read_bytes()
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or b"\0" in data[:200]:
        raise InputError(
            f"{path}, row 1: is UTF-16; save it as UTF-8, from a spreadsheet as 'CSV UTF-8'."
        )
    if not data.strip():
        raise InputError(f"{path} is empty; write a header and one row per study.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path}, line {line}: byte {data[error.start]:#x} is not UTF-8; if the file is "
            "Latin-1, save it as UTF-8: iconv -f LATIN1 -t UTF-8 old > new."
        ) from None


def _read_csv(path: Path) -> Table:
    text = _decoded(path)
    head = text.partition("\n")[0]
    separator = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=head.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    try:
        names = next(lines, [])
        _require_own_rows(path, names, len(names), 1, separator)
        kept = [place for place, name in enumerate(names) if key_of(name) in KNOWN]
        for cells in lines:
            if cells and len(cells) != len(names):
                raise InputError(
                    f"{path}, row {len(rows) + 2} (line {lines.line_num}) has {len(cells)} "
                    f"cells, the header {len(names)}; put quotes around text with {separator!r}."
                )
            _require_own_rows(path, cells, len(names), len(rows) + 2, separator)
            rows.append([cells[place] for place in kept] if cells else [])
    except csv.Error as error:
        raise InputError(
            f"{path}, row {len(rows) + 2} (up to line {lines.line_num}): the quotes do not match, "
            f'or a cell is too long ({error}); close each quote, and write "" for one in a cell.'
        ) from None
    while rows and not rows[-1]:  # empty lines at the end
        rows.pop()
    empty = [place for place, cells in enumerate(rows) if not cells]
    columns = empty_columns(path, [names[place] for place in kept])
    table = Table(path, f"cells split at {separator!r}", columns, tuple(names), "row", 2)
    if empty and kept:
        raise table.fault(empty, "the line is empty; remove it or write its study.")
    for column, cells in zip(columns.values(), zip(*rows, strict=True), strict=False):
        column.extend(cells)
    return table


def _require_own_rows(path: Path, cells: list[str], width: int, row: int, separator: str) -> None:
    """InputError if a cell holds other rows: each of its lines ends as many cells as a row has.

    A quote that closes some rows later does that. In text a space or an end of the line follows a
    separator, and "1,000" is a number.
    """
    for cell in cells:
        breaks = len(re.findall(r"\r\n?|\n", cell)) if width > 1 else 0
        ends = cell.count(separator) - len(re.findall(separator + _PROSE, cell)) if breaks else 0
        if breaks and ends >= breaks * (width - 1):
            raise InputError(
                f"{path}, row {row}: a quote there joins it with later rows; take it out. If the "
                f"cell has these lines, write a space behind each {separator!r} in it, or JSONL."
            )


def _parsed(path: Path, text: str, remedy: str, line: int = 0) -> Any:
    """A JSON value, of one `line` of the file or of all; InputError for what is none."""
    try:
        return json.loads(text, object_pairs_hook=_once_named, parse_int=_whole)
    except (ValueError, RecursionError) as error:
        line = line or getattr(error, "lineno", 0)
        where = f"{path}, line {line}" if line else f"{path}"
        reason = getattr(error, "msg", error)
        raise InputError(f"{where}: is not JSON ({reason}); {remedy}.") from None


def _once_named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A record; ValueError for two values under one name, of which Python keeps the last."""
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"a record names {twice[:40]!r} twice")
    return record


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS else digits


def _read_json(path: Path) -> Table:
    records = _parsed(path, _decoded(path), "write a list of records")
    if not isinstance(records, list):
        raise InputError(
            f"{path} holds one {type(records).__name__}; write a list of records: "
            '[{"reference": "…", "generated": "…"}, …].'
        )
    return _of_records(path, records, "record")


def _read_jsonl(path: Path) -> Table:
    lines = enumerate(_decoded(path).rstrip().split("\n"), start=1)
    records = [_parsed(path, line, "write one record per line", place) for place, line in lines]
    return _of_records(path, records, "line")


def _of_records(path: Path, records: list, row: str) -> Table:
    wrong = [place for place, record in enumerate(records) if not isinstance(record, dict)]
    names = tuple(
        dict.fromkeys(name for each in records if isinstance(each, dict) for name in each)
    )
    kept = [name for name in names if key_of(name) in KNOWN]
    columns = empty_columns(path, kept)
    table = Table(path, f"one {row} per study", columns, names, row, 1)
    if wrong:
        raise table.fault(wrong, 'is no record; write {"reference": "…", "generated": "…"}.')
    for name in kept:
        columns[key_of(name)].extend(_cell(record.get(name)) for record in records)
    return table


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet as parquet  # half a second, for this format only
    from pyarrow import ArrowException

    try:
        names = parquet.read_schema(path).names
        kept = [name for name in names if key_of(name) in KNOWN]
        columns = empty_columns(path, kept)  # refuses a column that stands twice
        found = parquet.read_table(path, columns=kept).to_pydict()
    except InputError:
        raise
    except (ArrowException, ValueError, OverflowError, OSError) as error:
        reason = str(error).partition(".")[0]
        raise InputError(f"{path} cannot be read as Parquet ({reason}); write it anew.") from None
    for name in kept:
        columns[key_of(name)].extend(map(_cell, found[name]))
    return Table(path, "Parquet", columns, tuple(names))


def _cell(value: object) -> object:
    return None if isinstance(value, float) and value != value else value  # NaN


READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".json": _read_json,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
