"""MIMIC-CXR's three tables: the split, the images with their views, and the published labels.

Each is read one row at a time into numbers. Ids may be written as 50414267, s50414267 or, by a
spreadsheet, 50414267.0.
"""

import re
from pathlib import Path

import numpy as np

from mrg_r1_lib.corpora.account import NO_SPLIT, Account, beside
from mrg_r1_lib.corpora.image_files import view_rank
from mrg_r1_lib.corpora.rows import read_rows, whole_number
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.study import SPLITS

CHEXPERT_CODES = {"": Label.BLANK, "1": Label.POSITIVE, "0": Label.NEGATIVE, "-1": Label.UNCERTAIN}
_DICOM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}")
_IMAGE = np.dtype([("subject", "i4"), ("study", "i4"), ("rank", "i1"), ("dicom", "S44")])
_SPLIT = np.dtype([("subject", "i4"), ("study", "i4"), ("split", "i1")])


def find_table(folder: Path, name: str, optional: bool = False) -> Path | None:
    """The one CSV of a name, plain or .gz; ValueError for several, FileNotFoundError for none."""
    paths = folder.glob(f"mimic-cxr-*-{name}.csv*")
    found = sorted(path for path in paths if path.name.endswith((".csv", ".csv.gz")))
    if len(found) > 1:
        listed = ", ".join(path.name for path in found)
        raise ValueError(
            f"mimic_cxr: {folder} holds several files for one: {listed}. Keep one of them."
        )
    if not found and not optional:
        raise FileNotFoundError(
            f"mimic_cxr: {folder} has no mimic-cxr-2.0.0-{name}.csv or .csv.gz. "
            "It is part of MIMIC-CXR-JPG: put it there. "
            f"{beside(folder / f'mimic-cxr-2.0.0-{name}.csv.gz')}"
        )
    return found[0] if found else None


def _numbers(row: dict[str, str]) -> tuple[int, int]:
    """(subject, study) of a row; ValueError unless each has eight digits, the first 1 and 5."""
    written = row["subject_id"].removeprefix("p"), row["study_id"].removeprefix("s")
    subject, study = (whole_number(text) for text in written)
    if not re.fullmatch(r"1[0-9]{7}", subject) or not re.fullmatch(r"5[0-9]{7}", study):
        raise ValueError(
            "expected a subject_id such as 10000032 and a study_id such as 50414267, "
            f"got {written[0][:40]!r}, {written[1][:40]!r}"
        )
    return int(subject), int(study)


def read_split(path: Path, account: Account) -> np.ndarray:
    """One row per study, sorted by patient and study; ValueError for a patient in two splits."""

    def rows():
        for name, row in read_rows(path, ("subject_id", "study_id", "split"), account):
            try:
                if row["split"] not in SPLITS:
                    raise ValueError(f"split {row['split']!r}, expected one of {', '.join(SPLITS)}")
                yield *_numbers(row), SPLITS.index(row["split"])
            except ValueError as error:
                account.fault(name, str(error))

    split = np.unique(np.fromiter(rows(), dtype=_SPLIT))  # the file has one row per image
    pairs = np.unique(split[["subject", "split"]])
    twice = pairs["subject"][1:][pairs["subject"][1:] == pairs["subject"][:-1]]
    if len(twice):
        raise ValueError(
            f"{path}: {len(twice)} patients are in two splits, the first is p{twice[0]}. "
            "Use the official file."
        )
    _, first = np.unique(split["study"], return_index=True)
    for place in np.setdiff1d(np.arange(len(split)), first):
        name = f"{path.name}: s{split['study'][place]}"
        account.fault(name, "a study of two patients; the first is kept")
    return split[np.sort(first)]


def read_images(path: Path, account: Account) -> np.ndarray:
    """One row per image, sorted by patient, study and rank of its view; each image counts once."""
    columns = ("dicom_id", "subject_id", "study_id", "ViewPosition")

    def rows():
        """Patient, study, rank and id of each image whose row is sound; the others are faults."""
        for name, row in read_rows(path, columns, account):
            dicom, rank = row["dicom_id"], view_rank(row["ViewPosition"])
            try:
                if not _DICOM.fullmatch(dicom):
                    raise ValueError(
                        "expected a dicom_id of five groups of eight hex digits, "
                        f"got {dicom[:60]!r}"
                    )
                yield *_numbers(row), rank, dicom.encode()
            except ValueError as error:
                account.fault(name, str(error))

    listed = np.fromiter(rows(), dtype=_IMAGE)
    _, first = np.unique(listed["dicom"], return_index=True)
    for place in np.setdiff1d(np.arange(len(listed)), first):
        name = f"{path.name}: {listed['dicom'][place].decode()}"
        account.fault(name, "listed twice; the first is kept")
    return np.sort(listed[np.sort(first)])


def read_labels(path: Path | None, studies: np.ndarray, account: Account) -> np.ndarray | None:
    """The published labels as codes `(studies, 14) int8` in the order of `studies`, or blank.

    A row's study that the split lacks is left out; studies without a row are noted.
    """
    if path is None:
        return None
    order = np.argsort(studies)
    labels = np.full((len(studies), len(OBSERVATIONS)), Label.BLANK, dtype=np.int8)
    has_row = np.zeros(len(studies), dtype=bool)
    for name, row in read_rows(path, ("subject_id", "study_id", *OBSERVATIONS), account):
        try:
            _, study = _numbers(row)
            values = [row[observation].removesuffix(".0") for observation in OBSERVATIONS]
            codes = [CHEXPERT_CODES[value] for value in values]
        except ValueError as error:
            account.fault(name, str(error))
            continue
        except KeyError as error:
            account.fault(name, f"expected 1, 0, -1 or nothing, got {error}")
            continue
        place = np.searchsorted(studies, study, sorter=order)
        if place < len(order) and studies[order[place]] == study:
            labels[order[place]] = codes
            has_row[order[place]] = True
        else:
            account.leave_out(f"s{study}", NO_SPLIT)
    bare = [f"s{study}" for study in studies[~has_row].tolist()]
    account.note(f"studies have no row in {path.name}: their published labels are blank", bare)
    return labels
