"""Files -> systems to score: texts or label codes of the same studies, in one order.

One file per system holds columns `reference` and `generated` (text), or 28 columns of label codes
(`reference_Edema`, `generated_Edema`, …), or both. CheXbert's own files work, too: the 14 names as
columns, one file for the references and one for each system. `study_id` joins files, `patient_id`
(of the first file) names what is resampled.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mrg_r1_lib.evaluation.score.cells import codes_of, names_of, study_ids, texts_of
from mrg_r1_lib.evaluation.score.files import CODES, SIDES, InputError, Table
from mrg_r1_lib.evaluation.score.readers import read_table

EXPECTED = (
    "expected the columns reference and generated (text), or label codes: reference_Edema, "
    "generated_Edema and so on for the 14 observations, or the 14 names as columns of a file for "
    "the references and of a file for the generated reports"
)


@dataclass(frozen=True)
class System:
    """One system's studies: texts and label codes `(n, 14)` of "reference" and "generated"."""

    table: Table
    texts: dict[str, list[str]] = field(default_factory=dict)
    codes: dict[str, np.ndarray] = field(default_factory=dict)
    ids: list[str] | None = None
    patients: list[str] | None = None
    notes: tuple[str, ...] = ()

    def take(self, rows: Sequence[int]) -> "System":
        """The same system with its studies in the order of `rows`."""
        texts = {side: [text[row] for row in rows] for side, text in self.texts.items()}
        codes = {side: array[list(rows)] for side, array in self.codes.items()}
        return replace(self, texts=texts, codes=codes, ids=None, patients=None)


def read_systems(paths: Sequence[Path], allow_empty: bool = False) -> list[System]:
    """One or two systems from their files, on the same studies in the same order.

    `allow_empty` scores an empty generated cell as an empty report. InputError is
    one sentence: file, row, fault, what to do.
    """
    tables = [read_table(path) for path in paths]
    plain = [set(CODES) <= set(t.columns) and not set(SIDES) <= set(t.columns) for t in tables]
    if all(plain):
        return _of_code_files(tables)
    if any(plain):
        odd = tables[plain.index(False)].path
        raise InputError(f"{odd}, header: lacks the 14 columns of the other file; {EXPECTED}.")
    if len(tables) > 2:
        raise InputError(f"{len(tables)} files are too many; name one, or two to compare them.")
    systems = [_of_pairs(table, allow_empty) for table in tables]
    return [systems[0], *(_joined(systems[0], other) for other in systems[1:])]


def _of_pairs(table: Table, allow_empty: bool) -> System:
    """A system from a file that holds both sides."""
    texts, codes, notes = {}, {}, [f"{table.name}: {len(table)} studies, {table.how}."]
    for side in SIDES:
        names = [f"{side}_{name}" for name in CODES]
        found = [name for name in names if name in table.columns]
        if 0 < len(found) < len(names) or (side not in table.columns and not found):
            lacks = next(name for name in names if name not in found) if found else side
            there = ", ".join(repr(name[:40]) for name in table.names[:8])
            shown = there + (", …" if len(table.names) > 8 else "")
            raise InputError(f"{table.path}, header: no {lacks!r} in {shown}; {EXPECTED}.")
        if side in table.columns:
            texts[side], said = texts_of(table, side, allow_empty)
            notes += said
        if found:
            codes[side], how = codes_of(table, names)
            notes.append(f"{table.name}: label codes of {side}: {how}.")
    if len(codes) == 1:
        raise InputError(
            f"{table.path}, header: only {next(iter(codes))} has label codes; {EXPECTED}."
        )
    ids, patients = study_ids(table), names_of(table, "patient_id")
    return System(table, texts, codes, ids, patients, tuple(notes))


def _of_code_files(tables: Sequence[Table]) -> list[System]:
    """Systems from files of plain label codes: the first is of the references."""
    if len(tables) not in (2, 3):
        raise InputError(
            f"{tables[0].path} holds the labels of one side; name the references' file first, "
            "then one or two files of generated reports."
        )
    codes, how = zip(*(codes_of(table, CODES) for table in tables), strict=True)
    said = [f"{t.name}: label codes {layout}." for t, layout in zip(tables, how, strict=True)]
    ids, patients = study_ids(tables[0]), names_of(tables[0], "patient_id")
    first = System(tables[0], {}, {"reference": codes[0]}, ids, patients)
    systems = []
    for table, own, note in zip(tables[1:], codes[1:], said[1:], strict=True):
        rows, order = _order(first, table, study_ids(table))
        both = {"reference": codes[0], "generated": own[rows]}
        placed = replace(table, row=tables[0].row, first=tables[0].first)  # all stand in its order
        systems.append(System(placed, {}, both, ids, patients, (note, order)))
    head = f"{tables[0].name}: {len(tables[0])} references, {tables[0].how}."
    return [replace(systems[0], notes=(head, said[0], *systems[0].notes)), *systems[1:]]


def _joined(first: System, other: System) -> System:
    """The other system with its studies in the order of the first; references must be equal."""
    if first.texts.keys() != other.texts.keys() or first.codes.keys() != other.codes.keys():
        raise InputError(
            f"{other.table.path}, header: not the columns of {first.table.path}; give both text "
            "or both label codes."
        )
    rows, note = _order(first, other.table, other.ids)
    taken = other.take(rows)
    wrong: list[int] = []
    if "reference" in first.texts:
        pairs = zip(first.texts["reference"], taken.texts["reference"], strict=True)
        wrong = [row for row, (one, two) in enumerate(pairs) if one != two]
    if first.codes and not wrong:
        unequal = first.codes["reference"] != taken.codes["reference"]
        wrong = np.flatnonzero(unequal.any(axis=1)).tolist()
    if wrong:
        place = f"{first.table.row} {wrong[0] + first.table.first} of {first.table.path}"
        raise other.table.fault(
            [rows[row] for row in wrong],
            f"another reference than {place}; score the same studies against the same references, "
            "and add a study_id to both files if their order differs.",
        )
    return replace(taken, notes=(*other.notes, note))


def _order(first: System, table: Table, ids: list[str] | None) -> tuple[list[int], str]:
    """The row of `table` for each study of `first`: by study_id where both have it, else equal."""
    if first.ids is None or ids is None:
        if len(table) != len(first.table):
            there = f"{len(table)} rows and {first.table.path} {len(first.table)}"
            raise InputError(
                f"{table.path} has {there}; score the same studies in both, or add a study_id "
                "to both to see which are missing."
            )
        return list(range(len(table))), f"{table.name}: joined row by row, without study_id."
    rows = {name: row for row, name in enumerate(ids)}
    for names, known, whole, lacks in (
        (first.ids, rows, first.table, table),
        (ids, set(first.ids), table, first.table),
    ):
        lost = [row for row, name in enumerate(names) if name not in known]
        if lost:
            name = f"study_id {names[lost[0]]!r} is not in {lacks.path}"
            raise whole.fault(lost, f"{name}; score the same studies in both files.")
    order = [rows[name] for name in first.ids]
    moved = "" if order == sorted(order) else "; its rows stand in another order"
    return order, f"{table.name}: joined by study_id{moved}."
