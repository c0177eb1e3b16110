"""Corpora as their publishers lay them out, made up: real names and shapes, texts of our own, noise
for radiographs."""

import csv
import gzip
import io
import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from mrg_r1_lib.storage.paths import REPOSITORY

CSV_LABELS = [
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
]
FINDINGS = "Heart size is normal. Lungs are clear. No pleural effusion."


def picture(mode: str = "L", size: tuple[int, int] = (60, 80), seed: int = 0) -> Image.Image:
    """Noise in any of Pillow's modes; 16 bits use the lower 12, as detectors do."""
    values = np.random.default_rng(seed).integers(0, 256, size[::-1], dtype=np.uint8)
    if mode == "I;16":
        return Image.fromarray(values.astype(np.uint16) * 16)
    return Image.fromarray(values).convert(mode)


def write_image(path: Path, image: Image.Image | bytes | None = None) -> Path:
    """Write an image, or bytes in its place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(image, bytes):
        path.write_bytes(image)
    else:
        (image or picture()).save(path)
    return path


def write_csv(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[Mapping[str, object]],
    encoding="utf-8",
    newline="\n",
) -> Path:
    """A CSV, gzipped where its name says so."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator=newline, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    data = text.getvalue().encode(encoding)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def xml_report(
    number: int,
    findings: str = FINDINGS,
    images: int = 2,
    terms: Sequence[str] = ("normal",),
    head: str = "",
) -> str:
    """One of Open-i's report files."""
    majors = "".join(f"<major>{term}</major>" for term in terms)
    listed = "".join(
        f'<parentImage id="CXR{number}_1_IM-{number:04}-{view}001"/>'
        for view in range(1, images + 1)
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{head}<eCitation><uId id="CXR{number}"/><Abstract>'
        f'<AbstractText Label="FINDINGS">{findings}</AbstractText><AbstractText Label="IMPRESSION">Normal.</AbstractText>'
        f"</Abstract><MeSH>{majors}</MeSH>{listed}</eCitation>"
    )


def open_i_views(root: Path, table: str, column: str, views: Mapping[str, str]) -> Path:
    """One of Open-i's acquisition tables: the view of each image id."""
    rows = [{"imageid": image, column: view} for image, view in views.items()]
    return write_csv(root / table, ("imageid", column), rows)


def open_i(root: Path, studies: int = 40, images: int = 2, folder: str = "NLMCXR_png") -> Path:
    """ecgen-radiology/*.xml, a PNG for each of its images, and a table in which the first is PA."""
    views = {f"CXR{n}_1_IM-{n:04}-1001": "PA" for n in range(1, studies + 1)}
    open_i_views(root, "nlmcxr_dicom_metadata.csv.gz", "View Position", views)
    (root / "ecgen-radiology").mkdir(parents=True)
    for number in range(1, studies + 1):
        (root / "ecgen-radiology" / f"{number}.xml").write_text(
            xml_report(number, images=images), encoding="utf-8"
        )
        for view in range(1, images + 1):
            write_image(
                root / folder / f"CXR{number}_1_IM-{number:04}-{view}001.png", picture(seed=number)
            )
    return root


def r2gen(root: Path, studies: int = 40, flat: str = "", findings=lambda number: FINDINGS) -> Path:
    """annotation.json and images/<id>/0.png, 1.png, or flat names joined by `flat`."""
    parts: dict[str, list] = {"train": [], "val": [], "test": []}
    for number in range(1, studies + 1):
        name = f"CXR{number}_IM-{number:04}"
        paths = [f"{name}/{view}.png" for view in (0, 1)]
        part = (
            "train"
            if number <= studies * 7 // 10
            else "val"
            if number <= studies * 8 // 10
            else "test"
        )
        parts[part].append(
            {"id": name, "report": findings(number), "image_path": paths, "split": part}
        )
        for path in paths:
            write_image(
                root / "images" / (path.replace("/", flat) if flat else path), picture(seed=number)
            )
    (root / "annotation.json").write_text(json.dumps(parts), encoding="utf-8")
    return root


REPORT_COLUMNS = (
    "uid",
    "MeSH",
    "Problems",
    "image",
    "indication",
    "comparison",
    "findings",
    "impression",
)
PROJECTION_COLUMNS = ("uid", "filename", "projection")


def kaggle_rows(studies: int = 40) -> tuple[list[dict], list[dict]]:
    """The rows of both tables; the lateral view is listed first."""
    reports = [
        {"uid": n, "MeSH": "Cardiomegaly/mild;Spine/degenerative" if n % 2 else "normal", "Problems": "normal",
         "image": "Chest", "indication": "Cough", "comparison": "None", "findings": FINDINGS, "impression": "Normal."}
        for n in range(1, studies + 1)
    ]  # fmt: skip
    projections = [
        {"uid": n, "filename": f"{n}_IM-{n:04}-{view}001.dcm.png", "projection": projection}
        for n in range(1, studies + 1)
        for view, projection in ((1, "Lateral"), (2, "Frontal"))
    ]
    return reports, projections


def kaggle(root: Path, studies: int = 40, folder: str = "images/images_normalized") -> Path:
    """indiana_reports.csv, indiana_projections.csv and the images."""
    reports, projections = kaggle_rows(studies)
    write_csv(root / "indiana_reports.csv", REPORT_COLUMNS, reports)
    write_csv(root / "indiana_projections.csv", PROJECTION_COLUMNS, projections)
    for row in projections:
        write_image(root / folder / row["filename"], picture(seed=row["uid"]))
    return root


MIMIC_REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___ year old woman with cough.

 COMPARISON:  None.

 FINDINGS: 

 {findings}

 IMPRESSION: 

 {impression}
"""
SPLIT_COLUMNS = ("dicom_id", "study_id", "subject_id", "split")
METADATA_COLUMNS = (
    "dicom_id",
    "subject_id",
    "study_id",
    "PerformedProcedureStepDescription",
    "ViewPosition",
    "Rows",
    "Columns",
)


def dicom(study: int, view: int) -> str:
    """An image's name: five groups of eight hex digits."""
    return "-".join(
        f"{(study * 7919 + view * 104729 + group * 15485863) % 2**32:08x}" for group in range(5)
    )


def mimic_rows(
    studies: int = 40, patients_have: int = 2
) -> tuple[list[dict], list[dict], list[dict]]:
    """Rows of the split, metadata and CheXpert tables: a lateral and a PA view a study, 70/10/20 by
    patient."""
    split, metadata, labels = [], [], []
    for number in range(studies):
        patient = number // patients_have
        subject, study = 10000032 + patient * 7, 50414267 + number * 13
        share = patient / -(-studies // patients_have)
        name = "train" if share < 0.7 else "validate" if share < 0.8 else "test"
        for view, position in enumerate(("LATERAL", "PA")):
            ids = {"dicom_id": dicom(study, view), "study_id": study, "subject_id": subject}
            split.append(ids | {"split": name})
            metadata.append(ids | {"ViewPosition": position, "Rows": 80, "Columns": 60})
        labels.append(
            {
                "subject_id": subject,
                "study_id": study,
                "Cardiomegaly": "1.0",
                "Edema": "-1.0",
                "Pneumothorax": "0.0",
            }
        )
    return split, metadata, labels


def mimic(
    root: Path,
    studies: int = 40,
    suffix: str = ".csv.gz",
    findings=lambda number: FINDINGS,
    image=None,
    **rows,
) -> Path:
    """The tree of MIMIC-CXR and MIMIC-CXR-JPG, merged; `findings` of a study by its number, `image`
    in place of noise."""
    split, metadata, labels = mimic_rows(studies, **rows)
    write_csv(root / f"mimic-cxr-2.0.0-split{suffix}", SPLIT_COLUMNS, split)
    write_csv(root / f"mimic-cxr-2.0.0-metadata{suffix}", METADATA_COLUMNS, metadata)
    write_csv(
        root / f"mimic-cxr-2.0.0-chexpert{suffix}", ("subject_id", "study_id", *CSV_LABELS), labels
    )
    for number, row in enumerate(split[::2]):
        folder = study_folder(root, row)
        folder.parent.mkdir(parents=True, exist_ok=True)
        report = MIMIC_REPORT.format(findings=findings(number), impression="No acute process.")
        folder.with_suffix(".txt").write_text(report, encoding="utf-8")
    encoded = io.BytesIO()
    (image or picture()).save(encoded, "JPEG")
    for row in split:
        write_image(study_folder(root, row) / f"{row['dicom_id']}.jpg", encoded.getvalue())
    return root


def study_folder(root: Path, row: Mapping[str, object]) -> Path:
    """files/p10/p10000032/s50414267"""
    return (
        root
        / "files"
        / f"p{str(row['subject_id'])[:2]}"
        / f"p{row['subject_id']}"
        / f"s{row['study_id']}"
    )


def git_adds(folder: Path) -> dict[str, bytes]:
    """What `git add` takes of a folder: name -> bytes."""
    shutil.copy(REPOSITORY / ".gitignore", folder)
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, check=True, capture_output=True)
    names = listed.stdout.decode().split("\0")[:-1]
    return {name: (folder / name).read_bytes() for name in names}
