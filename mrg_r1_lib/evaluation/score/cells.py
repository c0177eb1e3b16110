"""Columns of a table -> checked texts, label codes and ids; nothing doubtful passes in silence.

Of text with tags the report alone is kept: think text would leak labels. Label codes are read in
the two published layouts, told apart by their values.
"""

from collections.abc import Sequence

import numpy as np

from mrg_r1_lib.corpora.rows import is_utf8
from mrg_r1_lib.evaluation.score.files import Table
from mrg_r1_lib.observations import Label
from mrg_r1_lib.report_format import TAGS, parse_completion

MISSING = {"nan", "none", "null", "na", "n/a", "<na>"}  # what scripts write for no report


def texts_of(table: Table, side: str, allow_empty: bool) -> tuple[list[str], list[str]]:
    """The column's texts to label, and notes on tags and empty ones; InputError for a bad cell."""
    cells = _written(table, side)
    tagged = [any(tag in cell for tag in TAGS) for cell in cells]
    texts = [
        parse_completion(cell).report if tags else cell.strip()
        for cell, tags in zip(cells, tagged, strict=True)
    ]
    empty = [row for row, text in enumerate(texts) if not text]
    if empty and (side == "reference" or not allow_empty):
        fault = "has tags and no text in <report>" if tagged[empty[0]] else "is empty"
        other = "leave the study out"
        if side == "generated":
            other = "pass --allow-empty to score it as a report that says nothing"
        raise table.fault(empty, f"{side} {fault}; write the report or {other}.")
    facts = {
        f"{sum(tagged)} of {len(cells)} in {side} hold tags: what is inside <report> is scored, "
        "of others the whole text": any(tagged),
        f"{texts.count('')} in {side} are empty and say nothing": "" in texts,
        f"some in {side} hold U+FFFD, a letter lost in a conversion": any(
            "\ufffd" in text for text in texts
        ),
    }
    return texts, [f"{table.name}: {fact}." for fact, holds in facts.items() if holds]


def _written(table: Table, side: str) -> list[str]:
    cells = ["" if cell is None else cell for cell in table.columns[side]]
    wrong = [row for row, cell in enumerate(cells) if not isinstance(cell, str)]
    if wrong:
        raise table.fault(wrong, f"{side} is {cells[wrong[0]]!r}, not text; write the report.")
    broken = [row for row, cell in enumerate(cells) if not is_utf8(cell)]
    if broken:
        raise table.fault(broken, f"{side} holds half a letter, which no UTF-8 has; write it anew.")
    named = [row for row, cell in enumerate(cells) if cell.strip().lower() in MISSING]
    if named:
        script = f"{side} is {cells[named[0]]!r}, as scripts write for no report"
        other = "leave the study out"
        if side == "generated":
            other += ", or empty the cell and pass --allow-empty"
        raise table.fault(named, f"{script}; write the report or {other}.")
    return cells


def codes_of(table: Table, names: Sequence[str]) -> tuple[np.ndarray, str]:
    """Label codes `(n, 14)` of 14 columns, and the layout that their values tell.

    1, 0, -1, empty: positive, negative, uncertain, blank, as CheXbert and CheXpert write files.
    0 to 3: blank, positive, negative, uncertain, CheXbert's classes. Only 0 and 1: 0 is blank.
    InputError names the first value that fits neither, or both layouts in one file.
    """
    values = np.stack([_numbers(table, name) for name in names], axis=1)
    wrong = ~(np.isnan(values) | np.isin(values, (-1, 0, 1, 2, 3)))
    published = bool(np.isnan(values).any() or (values == -1).any())
    if published:
        wrong |= values > 1
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise table.fault(
            np.flatnonzero(wrong.any(axis=1)),
            f"{names[column]} is {values[row, column]:g}; use 1, 0, -1 and empty, or 0 to 3.",
        )
    if not published:
        how = "0 to 3, CheXbert's classes" if (values > 1).any() else "0 and 1 only, 0 as blank"
        return values.astype(np.int8), how
    codes = np.full(values.shape, Label.BLANK, dtype=np.int8)
    for value, label in ((1, Label.POSITIVE), (0, Label.NEGATIVE), (-1, Label.UNCERTAIN)):
        codes[values == value] = label
    return codes, "1, 0, -1 and empty, as CheXbert writes files"


def _numbers(table: Table, name: str) -> np.ndarray:
    numbers = np.empty(len(table))
    for row, cell in enumerate(table.columns[name]):
        try:
            numbers[row] = np.nan if cell is None or cell == "" else float(cell)
        except (TypeError, ValueError):
            raise table.fault([row], f"{name} is {cell!r}, not a label code; use 0 to 3.") from None
    return numbers


def names_of(table: Table, column: str) -> list[str] | None:
    """The ids of a column as text, 12.0 as 12; None without it, InputError for an empty one."""
    if column not in table.columns:
        return None
    names = ["" if cell is None else str(cell).strip() for cell in table.columns[column]]
    broken = [row for row, name in enumerate(names) if not is_utf8(name)]
    if broken:
        raise table.fault(broken, f"{column} holds half a letter, which no UTF-8 has; mend it.")
    empty = [row for row, name in enumerate(names) if name.lower() in {"", *MISSING}]
    if empty:
        raise table.fault(empty, f"{column} is empty; write it in every row or leave it out.")
    return [name[:-2] if name.endswith(".0") and name[:-2].isdigit() else name for name in names]


def study_ids(table: Table) -> list[str] | None:
    """The column study_id; None without it, InputError for an id that stands twice."""
    ids = names_of(table, "study_id")
    if ids is not None and len(set(ids)) < len(ids):
        first: dict[str, int] = {}
        double = [row for row, name in enumerate(ids) if first.setdefault(name, row) != row]
        name = ids[double[0]]
        there = f"{table.row} {first[name] + table.first}"
        raise table.fault(double, f"study_id {name!r} stands in {there}, too; keep one row each.")
    return ids
