"""MIMIC-CXR (PhysioNet, credentialed): 227,835 studies of 65,379 patients, images of MIMIC-CXR-JPG.

    mimic-cxr-2.0.0-split.csv.gz      dicom_id, study_id, subject_id, split (the official one)
    mimic-cxr-2.0.0-metadata.csv.gz   dicom_id, subject_id, study_id, ViewPosition, …
    mimic-cxr-2.0.0-chexpert.csv.gz   subject_id, study_id, 14 columns of 1, 0, -1, empty (optional)
    files/p10/p10000032/s50414267.txt             the report
    files/p10/p10000032/s50414267/<dicom_id>.jpg  its images (.png is accepted, too)

The CSV files may be plain or .gz, of any version; reports and images lie in one `files/`. Frontal
views come first (PA, then AP), then unknown views, then lateral ones. `sections` finds FINDINGS.
The index holds numbers and image names, some hundred bytes per study; the rest is read on access.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrg_r1_lib.corpora.account import BAD_IMAGE, BAD_REPORT, NO_IMAGE, NO_SPLIT, Account
from mrg_r1_lib.corpora.image_files import check_image, readers
from mrg_r1_lib.corpora.report_text import NORMALISATIONS
from mrg_r1_lib.corpora.rows import read_rows
from mrg_r1_lib.corpora.sections import extract_sections
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.storage.paths import data_root
from mrg_r1_lib.study import SPLITS, Study

LONGEST = 1 << 20  # bytes of a report
VIEWS = {"PA": 0, "AP": 1, "": 2, "LATERAL": 4, "LL": 4}  # ViewPosition -> rank
UNUSUAL = 3  # rank of every other ViewPosition
CHEXPERT_CODES = {"": Label.BLANK, "1": Label.POSITIVE, "0": Label.NEGATIVE, "-1": Label.UNCERTAIN}
_DICOM = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}")
_IMAGE = np.dtype([("subject", "i4"), ("study", "i4"), ("rank", "i1"), ("dicom", "S44")])
_SPLIT = np.dtype([("subject", "i4"), ("study", "i4"), ("split", "i1")])


def load(
    root: Path | str | None = None,
    images: str = "files",
    image_size: int = 96,
    views: int = 1,
    text: str = "as_written",
) -> "MimicCorpus":
    """Index the corpus in `root` (None: `mimic_cxr/` in the data root), by patient and study.

    Each study has up to `views` images of `image_size` pixels per side. `text` names the
    normalisation. A warning names studies whose report or images cannot be read; they are left out.
    ValueError if these are over 5 %, for a patient in two splits, or for phantoms, since these
    reports have no index terms. FileNotFoundError names a missing file or folder.
    """
    folder = _folder(root, images)
    account = Account("mimic_cxr", str(folder))
    split = _read_split(_table(folder, "split"), account)
    listed = _read_images(_table(folder, "metadata"), account)
    known = np.isin(listed["study"], split["study"])
    unknown = np.unique(listed["study"][~known])
    for study in unknown:
        account.leave_out(f"s{study}", NO_SPLIT)
    labels = _read_labels(_table(folder, "chexpert", optional=True), split["study"], account)
    chosen, kept, findings = _index(folder, split, listed[known], views, account)
    left_out = account.close(len(split) + len(unknown))
    published = None if labels is None else labels[kept]
    return MimicCorpus(
        folder, split[kept], chosen[kept], findings[kept], published, image_size, text, left_out
    )


def _folder(root: Path | str | None, images: str) -> Path:
    if images != "files":
        raise ValueError(
            f"mimic_cxr: images={images!r}, but its reports have no index terms to draw from. "
            "Choose images='files'."
        )
    folder = Path(root).expanduser() if root is not None else data_root() / "mimic_cxr"
    if not (folder / "files").is_dir():
        raise FileNotFoundError(
            f"mimic_cxr: {folder} has no folder files/ (p10/p10000032/s50414267.txt and so on). "
            "Name the folder that holds it and the CSV files: "
            f"put it at {data_root() / 'mimic_cxr'}, or root=."
        )
    return folder


@dataclass(frozen=True, eq=False)
class MimicCorpus(Sequence[Study]):
    """A sequence of studies; report and images of each are read on access."""

    folder: Path
    rows: np.ndarray  # (studies,) of subject, study, split
    dicoms: np.ndarray  # (studies, views) of image names, "" where a study has fewer
    has_findings: np.ndarray  # (studies,) bool
    labels: np.ndarray | None  # (studies, 14) int8, the published ones
    image_size: int
    text: str
    left_out: dict[str, str]
    layout: str = "mimic_cxr"

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"MimicCorpus({len(self)} studies)"

    @property
    def splits(self) -> list[str]:
        """Each study's split, "" where it has no FINDINGS."""
        names = np.array(["", *SPLITS])
        return names[np.where(self.has_findings, self.rows["split"] + 1, 0)].tolist()

    def __getitem__(self, place: int | slice) -> Study | list[Study]:
        if isinstance(place, slice):
            return [self[i] for i in range(len(self))[place]]
        place = range(len(self))[place]
        subject, study, split = self.rows[place].tolist()
        sections = extract_sections(read_report(report_path(self.folder, subject, study)))
        normalise = NORMALISATIONS[self.text]
        names = [name.decode() for name in self.dicoms[place].tolist() if name]
        paths = [image_path(self.folder, subject, study, name) for name in names]
        return Study(
            study_id=f"s{study}",
            patient_id=f"p{subject}",
            images=readers(paths, self.image_size, credentialed=True),
            findings=normalise(sections["findings"]),
            impression=normalise(sections["impression"]),
            split=SPLITS[split] if self.has_findings[place] else "",
            published_labels=None if self.labels is None else tuple(self.labels[place].tolist()),
        )


def report_path(folder: Path, subject: int, study: int) -> Path:
    """files/p10/p10000032/s50414267.txt"""
    return folder / "files" / f"p{subject // 10**6}" / f"p{subject}" / f"s{study}.txt"


def image_path(folder: Path, subject: int, study: int, dicom: str) -> Path:
    """files/p10/p10000032/s50414267/<dicom>.jpg, or the .png if only that exists."""
    path = report_path(folder, subject, study).with_suffix("") / f"{dicom}.jpg"
    png = path.with_suffix(".png")
    return png if not path.exists() and png.exists() else path


def read_report(path: Path) -> str:
    """The text of a report file.

    ValueError for an empty, very large or non-UTF-8 file; FileNotFoundError for a missing one.
    """
    with path.open("rb") as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise ValueError(f"larger than {LONGEST} bytes")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start})") from None
    if not text.strip():
        raise ValueError("empty file")
    return text


def _table(folder: Path, name: str, optional: bool = False) -> Path | None:
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
            "It is part of MIMIC-CXR-JPG: put it there."
        )
    return found[0] if found else None


def _numbers(row: dict[str, str]) -> tuple[int, int]:
    """(subject, study) of a row; ValueError unless each has eight digits, the first 1 and 5."""
    subject, study = row["subject_id"].removeprefix("p"), row["study_id"].removeprefix("s")
    if not re.fullmatch(r"1\d{7}", subject) or not re.fullmatch(r"5\d{7}", study):
        raise ValueError(
            "expected a subject_id such as 10000032 and a study_id such as 50414267, "
            f"got {subject!r}, {study!r}"
        )
    return int(subject), int(study)


def _read_split(path: Path, account: Account) -> np.ndarray:
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


def _read_images(path: Path, account: Account) -> np.ndarray:
    """One row per image, sorted by patient, study and rank of its view; each image counts once."""
    columns = ("dicom_id", "subject_id", "study_id", "ViewPosition")

    def rows():
        for name, row in read_rows(path, columns, account):
            dicom, rank = row["dicom_id"], VIEWS.get(row["ViewPosition"].upper(), UNUSUAL)
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


def _read_labels(path: Path | None, studies: np.ndarray, account: Account) -> np.ndarray | None:
    """The published labels as codes `(studies, 14) int8` in the order of `studies`, or blank."""
    if path is None:
        return None
    order = np.argsort(studies)
    labels = np.full((len(studies), len(OBSERVATIONS)), Label.BLANK, dtype=np.int8)
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
    return labels


def _index(
    folder: Path, split: np.ndarray, listed: np.ndarray, views: int, account: Account
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check each study's report and images once.

    Returns image names `(studies, views)`, kept `(studies,)` bool, has-findings `(studies,)` bool.
    """
    chosen = np.zeros((len(split), views), dtype="S44")
    kept, findings = np.zeros(len(split), dtype=bool), np.zeros(len(split), dtype=bool)
    by_study = listed[np.argsort(listed["study"], kind="stable")]  # the views keep their order
    starts = np.searchsorted(by_study["study"], split["study"])
    ends = np.searchsorted(by_study["study"], split["study"], side="right")
    for place in tqdm(range(len(split)), desc="indexing mimic_cxr", mininterval=1.0, delay=2.0):
        subject, study, _ = split[place].tolist()
        path = report_path(folder, subject, study)
        try:
            findings[place] = bool(extract_sections(read_report(path))["findings"])
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError)
            account.fault(f"s{study}.txt", "no such file" if missing else str(error))
            account.leave_out(f"s{study}", BAD_REPORT)
            continue
        names = by_study["dicom"][starts[place] : ends[place]].tolist()
        paths = ((name, image_path(folder, subject, study, name.decode())) for name in names)
        good = _good_images(paths, views, f"s{study}", account)
        chosen[place, : len(good)] = good
        kept[place] = bool(good)
        if not good:
            account.leave_out(f"s{study}", BAD_IMAGE if names else NO_IMAGE)
    return chosen, kept, findings


def _good_images(
    paths: Iterable[tuple[bytes, Path]], views: int, study: str, account: Account
) -> list[bytes]:
    """The names of the first `views` readable images of a study; bad ones go to the account."""
    good: list[bytes] = []
    for name, path in paths:
        reason = check_image(path)
        if reason:
            account.fault(f"{study}/{name.decode()}", reason)
        else:
            good.append(name)
        if len(good) == views:
            break
    return good
