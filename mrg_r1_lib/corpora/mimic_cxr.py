"""MIMIC-CXR (PhysioNet, credentialed): 227,835 studies of 65,379 patients, images of MIMIC-CXR-JPG.

    mimic-cxr-2.0.0-split.csv.gz      dicom_id, study_id, subject_id, split (the official one)
    mimic-cxr-2.0.0-metadata.csv.gz   dicom_id, subject_id, study_id, ViewPosition, …
    mimic-cxr-2.0.0-chexpert.csv.gz   subject_id, study_id, 14 columns of 1, 0, -1, empty (optional)
    files/p10/p10000032/s50414267.txt             the report
    files/p10/p10000032/s50414267/<dicom_id>.jpg  its images (.png is accepted, too)

The CSV files may be plain or .gz, of any version; reports and images lie in one `files/`. Frontal
views come first (PA, then AP), then unknown views, then lateral ones. `mimic_tables` reads the
tables, `sections` finds FINDINGS. Lost studies are counted by cause.
The index holds numbers and image names, some hundred bytes per study; the rest is read on access.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrg_r1_lib.corpora.account import BAD_REPORT, NO_REPORT, NO_SPLIT, Account, beside
from mrg_r1_lib.corpora.image_files import cause, check_image, readers
from mrg_r1_lib.corpora.mimic_tables import find_table, read_images, read_labels, read_split
from mrg_r1_lib.corpora.report_files import read_bytes, reason
from mrg_r1_lib.corpora.report_text import NORMALISATIONS
from mrg_r1_lib.corpora.sections import FINDINGS_RULES, extract_sections, read_sections
from mrg_r1_lib.storage.paths import data_root
from mrg_r1_lib.study import SPLITS, Study

LONGEST = 1 << 20  # bytes of a report
# share of reports without the heading FINDINGS; from the counts in MIT-LCP/mimic-code's parser
PUBLISHED = (227_885 - 149_842) / 227_885


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
    account = Account("mimic_cxr", str(folder), published=PUBLISHED, private=True)
    split = read_split(find_table(folder, "split"), account)
    listed = read_images(find_table(folder, "metadata"), account)
    known = np.isin(listed["study"], split["study"])
    for study in np.unique(listed["study"][~known]):
        account.leave_out(f"s{study}", NO_SPLIT)
    labels = read_labels(find_table(folder, "chexpert", optional=True), split["study"], account)
    met = len(split) + len(account.left_out)
    chosen, kept, rules = _index(folder, split, listed[known], views, account)
    bare = split["study"][kept & (rules == 0)].tolist()
    account.without_findings += [f"s{study}" for study in bare]
    left_out = account.close(met)
    published = None if labels is None else labels[kept]
    return MimicCorpus(
        folder, split[kept], chosen[kept], rules[kept], published, image_size, text, left_out
    )


def _folder(root: Path | str | None, images: str) -> Path:
    if images != "files":
        raise ValueError(
            f"mimic_cxr: images={images!r}, but its reports have no index terms to draw from. "
            "Choose images='files'."
        )
    folder = Path(root).expanduser() if root is not None else data_root() / "mimic_cxr"
    if not os.path.isdir(folder / "files"):  # also where nobody may look
        raise FileNotFoundError(
            f"mimic_cxr: {folder} has no folder files/ (p10/p10000032/s50414267.txt and so on). "
            "Name the folder that holds it and the CSV files: "
            f"put it at {data_root() / 'mimic_cxr'}, or root=. {beside(folder / 'files')}"
        )
    return folder


@dataclass(frozen=True, eq=False)
class MimicCorpus(Sequence[Study]):
    """A sequence of studies; report and images of each are read on access."""

    folder: Path
    rows: np.ndarray  # (studies,) of subject, study, split
    dicoms: np.ndarray  # (studies, views) of image names, "" where a study has fewer
    rules: np.ndarray  # (studies,) int8, places in FINDINGS_RULES: how the FINDINGS were found
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
    def has_findings(self) -> np.ndarray:
        """Which studies have FINDINGS `(studies,) bool`."""
        return self.rules > 0

    @property
    def findings_rules(self) -> list[str]:
        """The rule of `sections` that found each study's FINDINGS, "none" without them."""
        return [FINDINGS_RULES[rule] for rule in self.rules.tolist()]

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
            split=SPLITS[split] if self.rules[place] else "",
            published_labels=None if self.labels is None else tuple(self.labels[place].tolist()),
        )


def report_path(folder: Path, subject: int, study: int) -> Path:
    """files/p10/p10000032/s50414267.txt"""
    return folder / "files" / f"p{subject // 10**6}" / f"p{subject}" / f"s{study}.txt"


def image_path(folder: Path, subject: int, study: int, dicom: str) -> Path:
    """files/p10/p10000032/s50414267/<dicom>.jpg, or the .png if only that exists."""
    path = report_path(folder, subject, study).with_suffix("") / f"{dicom}.jpg"
    png = path.with_suffix(".png")
    exists = os.path.exists  # Path.exists raises where a folder may not be entered
    return png if not exists(path) and exists(png) else path


def read_report(path: Path) -> str:
    """The text of a report file.

    ValueError for an empty, very large or non-UTF-8 file, or one with NUL bytes, which a full disk
    or a crash leaves; FileNotFoundError for a missing one.
    """
    try:
        text = read_bytes(path, LONGEST).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start})") from None
    if not text.strip():
        raise ValueError("empty file")
    if "\0" in text:
        raise ValueError("holds NUL bytes")
    return text


def _index(
    folder: Path, split: np.ndarray, listed: np.ndarray, views: int, account: Account
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Check each study's report and images once.

    Returns image names `(studies, views)`, kept `(studies,)` bool, rules `(studies,)` int8.
    """
    chosen = np.zeros((len(split), views), dtype="S44")
    kept, rules = np.zeros(len(split), dtype=bool), np.zeros(len(split), dtype=np.int8)
    by_study = listed[np.argsort(listed["study"], kind="stable")]  # the views keep their order
    starts = np.searchsorted(by_study["study"], split["study"])
    ends = np.searchsorted(by_study["study"], split["study"], side="right")
    for place in tqdm(range(len(split)), desc="indexing mimic_cxr", mininterval=1.0, delay=2.0):
        subject, study, _ = split[place].tolist()
        path = report_path(folder, subject, study)
        try:
            rules[place] = FINDINGS_RULES.index(read_sections(read_report(path)).rule)
        except (OSError, ValueError) as error:
            account.fault(f"s{study}.txt", reason(error), path)
            missing = isinstance(error, FileNotFoundError)
            account.leave_out(f"s{study}", NO_REPORT if missing else BAD_REPORT)
            continue
        names = by_study["dicom"][starts[place] : ends[place]].tolist()
        paths = ((name, image_path(folder, subject, study, name.decode())) for name in names)
        good = _good_images(paths, views, f"s{study}", account)
        chosen[place, : len(good)] = good
        kept[place] = bool(good)
    return chosen, kept, rules


def _good_images(
    paths: Iterable[tuple[bytes, Path]], views: int, study: str, account: Account
) -> list[bytes]:
    """The names of the first `views` readable images of a study; bad ones go to the account."""
    good: list[bytes] = []
    bad: list[str] = []
    for name, path in paths:
        if fault := check_image(path):
            account.fault(f"{study}/{name.decode()}", fault, path)
            bad.append(fault)
        else:
            good.append(name)
        if len(good) == views:
            break
    if not good:
        account.leave_out(study, cause(bad))
    return good
