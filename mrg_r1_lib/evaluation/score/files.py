"""Files of reports or label codes in five formats -> one table of columns, every fault named.

CSV, TSV, JSON (a list of records), JSONL and Parquet, in UTF-8. Only the columns that a score needs
are kept. Names of columns may differ in case and in spaces. A fault is one sentence: the file, the
row, what is wrong there, what to do.
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mrg_r1_lib.observations import OBSERVATIONS


def key_of(name: str) -> str:
    """A column's name in lower case, with "_" for spaces.

    >>> key_of(" Lung Opacity")
    'lung_opacity'
    """
    return re.sub(r"[\s_]+", "_", str(name).strip().lower())


class InputError(ValueError):
    """A fault of a file, in one sentence: where it is and what to do."""


CODES = tuple(map(key_of, OBSERVATIONS))
SIDES = ("reference", "generated")
KNOWN = {
    *SIDES,
    "study_id",
    "patient_id",
    *CODES,
    *(f"{side}_{c}" for side in SIDES for c in CODES),
}


@dataclass(frozen=True)
class Table:
    """A file's known columns, by `key_of` their names; a missing cell is None."""

    path: Path
    how: str  # what it was read as
    columns: dict[str, list]
    names: tuple[str, ...]  # of all columns, as the file has them
    row: str = "row"  # what the format calls a row, and the number of the first
    first: int = 1

    @property
    def name(self) -> str:
        """Its file without the folder, for tables and notes."""
        return self.path.name

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def fault(self, rows: Sequence[int], text: str) -> InputError:
        """The error for the rows that share a fault; it names the first one."""
        more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
        return InputError(f"{self.path}, {self.row} {rows[0] + self.first}{more}: {text}")


def read_table(path: Path) -> Table:
    """Read a file by its ending; InputError says what is wrong with it."""
    if path.is_dir():
        raise InputError(f"{path} is a folder; name one file: {', '.join(READERS)}.")
    if not path.exists():
        raise InputError(f"{path} is not there; look at the name and the folder.")
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
        kept = [place for place, name in enumerate(names) if key_of(name) in KNOWN]
        for cells in lines:
            if cells and len(cells) != len(names):
                raise InputError(
                    f"{path}, row {len(rows) + 2} (line {lines.line_num}) has {len(cells)} "
                    f"cells, the header {len(names)}; put quotes around text with {separator!r}."
                )
            rows.append([cells[place] for place in kept] if cells else [])
    except csv.Error as error:
        raise InputError(
            f"{path}, row {len(rows) + 2} (up to line {lines.line_num}): the quotes do not "
            f'match ({error}); close each quote, and write "" for one inside a cell.'
        ) from None
    while rows and not rows[-1]:  # empty lines at the end
        rows.pop()
    empty = [place for place, cells in enumerate(rows) if not cells]
    columns = _columns(path, [names[place] for place in kept])
    table = Table(path, f"cells split at {separator!r}", columns, tuple(names), "row", 2)
    if empty and kept:
        raise table.fault(empty, "the line is empty; remove it or write its study.")
    for column, cells in zip(columns.values(), zip(*rows, strict=True), strict=False):
        column.extend(cells)
    return table


def _columns(path: Path, names: Sequence[str]) -> dict[str, list]:
    keys = [key_of(name) for name in names]
    double = next((key for key in keys if keys.count(key) > 1), None)
    if double:
        raise InputError(f"{path}, header: two columns are named {double!r}; keep one.")
    return {key: [] for key in keys}


def _read_json(path: Path) -> Table:
    try:
        records = json.loads(_decoded(path))
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}: is not JSON ({error.msg}); write a list of records."
        ) from None
    if not isinstance(records, list):
        raise InputError(
            f"{path} holds one {type(records).__name__}; write a list of records: "
            '[{"reference": "…", "generated": "…"}, …].'
        )
    return _of_records(path, records, "record")


def _read_jsonl(path: Path) -> Table:
    records = []
    for place, line in enumerate(_decoded(path).rstrip().split("\n"), start=1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise InputError(
                f"{path}, line {place}: is not JSON ({error.msg}); write one record per line."
            ) from None
    return _of_records(path, records, "line")


def _of_records(path: Path, records: list, row: str) -> Table:
    wrong = [place for place, record in enumerate(records) if not isinstance(record, dict)]
    names = tuple(
        dict.fromkeys(name for each in records if isinstance(each, dict) for name in each)
    )
    kept = [name for name in names if key_of(name) in KNOWN]
    columns = _columns(path, kept)
    table = Table(path, f"one {row} per study", columns, names, row, 1)
    if wrong:
        raise table.fault(wrong, 'is no record; write {"reference": "…", "generated": "…"}.')
    for name in kept:
        columns[key_of(name)].extend(_cell(record.get(name)) for record in records)
    return table


def _read_parquet(path: Path) -> Table:
    import pyarrow.parquet as parquet  # half a second, for this format only
    from pyarrow import ArrowInvalid

    try:
        names = parquet.read_schema(path).names
        kept = [name for name in names if key_of(name) in KNOWN]
        found = parquet.read_table(path, columns=kept).to_pydict()
    except (ArrowInvalid, OSError) as error:
        reason = str(error).partition(".")[0]
        raise InputError(f"{path} is not Parquet ({reason}); write it anew.") from None
    columns = _columns(path, kept)
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
