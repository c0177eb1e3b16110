"""A file of reports or label codes as one table of columns, every fault named.

Only the columns that a score needs are kept. Names of columns may differ in case and in spaces. A
fault is one sentence: the file, the row, what is wrong there, what to do.
"""

import re
from collections.abc import Sequence
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


def empty_columns(path: Path, names: Sequence[str]) -> dict[str, list]:
    """A column per name, by its key; InputError for two names of one key."""
    keys = [key_of(name) for name in names]
    double = next((key for key in keys if keys.count(key) > 1), None)
    if double:
        raise InputError(f"{path}, header: two columns are named {double!r}; keep one.")
    return {key: [] for key in keys}
