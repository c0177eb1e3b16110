"""IU X-Ray in Kaggle's layout: two tables, joined by the number of Open-i's report.

    indiana_reports.csv      uid, MeSH (Open-i's index, joined by ";"), findings, impression, …
    indiana_projections.csv  uid, filename, projection (Frontal or Lateral)

Numbers compare as numbers, since a spreadsheet writes 1 as 1.0 or 01.
"""

from collections.abc import Iterator
from pathlib import Path

from mrg_r1_lib.corpora.account import BAD_REPORT, NO_REPORT, Account
from mrg_r1_lib.corpora.image_files import inside
from mrg_r1_lib.corpora.iu_layouts import (
    KAGGLE_PROJECTIONS,
    KAGGLE_REPORTS,
    Report,
    described,
    image_folder,
    parse_terms,
)
from mrg_r1_lib.corpora.rows import read_rows, whole_number


def read_kaggle(folder: Path, account: Account) -> Iterator[Report]:
    """The rows of the table of reports, each with its images, frontal views first."""
    files = _images(folder, account)
    met = set()
    columns = ("uid", "MeSH", "findings", "impression")
    for name, row in read_rows(folder / KAGGLE_REPORTS, columns, account):
        number = whole_number(row["uid"])
        if not number:
            account.fault(name, f"expected a number as uid, got {row['uid'][:60]!r}")
            account.leave_out(name, BAD_REPORT)
            continue
        met.add(number)
        study_id = f"CXR{number}"
        yield Report(
            name,
            study_id,
            patient_id=study_id,
            findings=described(row["findings"], study_id),
            impression=described(row["impression"]),
            index_terms=parse_terms(row["MeSH"].split(";")),
            images=files.get(number, ()),
        )
    for number in sorted(files.keys() - met):
        account.leave_out(f"CXR{number} of {KAGGLE_PROJECTIONS}", NO_REPORT)


def _images(folder: Path, account: Account) -> dict[str, tuple[Path, ...]]:
    """Number of the report -> image files, frontal views first, in the table's order."""
    images = image_folder(folder, "kaggle")
    views: dict[str, list[tuple[bool, Path]]] = {}
    columns = ("uid", "filename", "projection")
    for name, row in read_rows(folder / KAGGLE_PROJECTIONS, columns, account):
        number = whole_number(row["uid"])
        try:
            if not number:
                raise ValueError(f"expected a number as uid, got {row['uid'][:60]!r}")
            view = (row["projection"].lower() != "frontal", inside(images, row["filename"]))
        except ValueError as error:
            account.fault(name, str(error))
        else:
            views.setdefault(number, []).append(view)
    ordered = {number: sorted(listed, key=lambda view: view[0]) for number, listed in views.items()}
    return {number: tuple(path for _, path in listed) for number, listed in ordered.items()}
