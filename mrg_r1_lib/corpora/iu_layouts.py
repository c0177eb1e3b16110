"""IU X-Ray's reports as three publishers lay them out; each reader gives `Report`s and names in the account what it cannot use.

    open_i  ecgen-radiology/1.xml …, and the files of NLMCXR_png.tgz (CXR1_1_IM-0001-3001.png) in NLMCXR_png/, images/ or beside
    r2gen   annotation.json {"train": [{"id", "report", "image_path"}], "val", "test"}, images/<id>/0.png, 1.png (or <id>_0.png)
    kaggle  indiana_reports.csv, indiana_projections.csv, images/images_normalized/1_IM-0001-4001.dcm.png

Only kaggle names the projection: there frontal views come first; elsewhere images stand in the publisher's order. Only r2gen
has a split; it has neither index terms nor IMPRESSION.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from mrg_r1_lib.corpora.account import BAD_REPORT, Account
from mrg_r1_lib.corpora.archive import MEMBER_LIMIT
from mrg_r1_lib.corpora.image_files import inside
from mrg_r1_lib.corpora.index_terms import parse_index_term
from mrg_r1_lib.corpora.rows import is_utf8, read_rows
from mrg_r1_lib.study import IndexTerm

XML_FOLDER, ANNOTATION = "ecgen-radiology", "annotation.json"
KAGGLE_REPORTS, KAGGLE_PROJECTIONS = "indiana_reports.csv", "indiana_projections.csv"
IMAGE_FOLDERS = {
    "open_i": ("NLMCXR_png", "images", ".", XML_FOLDER),
    "r2gen": ("images",),
    "kaggle": ("images/images_normalized", "images_normalized", "images", "."),
}
R2GEN_SPLITS = {"train": "train", "val": "validate", "test": "test"}


@dataclass(frozen=True)
class Report:
    """One report as it was found; `name` is its file or row, `images` its image files as they are listed, best view first."""

    name: str
    study_id: str
    patient_id: str
    findings: str
    impression: str = ""
    index_terms: tuple[IndexTerm, ...] | None = None
    images: tuple[Path, ...] = ()
    split: str = ""


def image_folder(folder: Path, layout: str) -> Path:
    """Where a layout's images lie: the first of its usual places that holds a PNG file."""
    places = [folder / name for name in IMAGE_FOLDERS[layout]]
    return next((place for place in places if next(place.glob("*.png"), None)), places[0])


def read_open_i(folder: Path, account: Account) -> Iterator[Report]:
    """The reports of `ecgen-radiology/*.xml`; hidden files are none."""
    images = image_folder(folder, "open_i")
    for path in sorted((folder / XML_FOLDER).glob("*.xml")):
        if not path.name.startswith("."):
            with path.open("rb") as file:
                data = file.read(MEMBER_LIMIT + 1)  # parse_report refuses what is longer
            yield from read_xml(path.name, data, images, account)


def read_xml(name: str, data: bytes, images: Path, account: Account) -> Iterator[Report]:
    """The one report of an XML file, or none and a word in the account."""
    try:
        yield parse_report(name, data, images)
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        account.fault(name, str(error))
        account.leave_out(name, BAD_REPORT)


def parse_report(name: str, data: bytes, images: Path) -> Report:
    """One report file; ParseError or ValueError for what is no report, a DTD, an entity, or an image outside its folder."""
    if len(data) > MEMBER_LIMIT:
        raise ValueError(f"larger than {MEMBER_LIMIT} bytes")
    tree = fromstring(data, forbid_dtd=True)
    uid = tree.find("uId")
    study_id = "" if uid is None else uid.get("id", "")
    if not re.fullmatch(r"CXR\d+", study_id):
        raise ValueError(f"expected an id such as CXR1 in <uId>, got {study_id!r}")
    return Report(
        name,
        study_id,
        study_id,
        _section(tree, "FINDINGS"),
        _section(tree, "IMPRESSION"),
        parse_terms([major.text or "" for major in tree.iterfind("MeSH/major")]),
        tuple(
            inside(images, f"{image.get('id', '')}.png") for image in tree.iterfind("parentImage")
        ),
    )


def parse_terms(majors: list[str]) -> tuple[IndexTerm, ...] | None:
    """Index terms as written -> parsed, each once (three reports name a term twice); None where there are none."""
    written = [" ".join(major.split()) for major in majors]
    return tuple(parse_index_term(term) for term in dict.fromkeys(written) if term) or None


def _section(tree: Element, label: str) -> str:
    texts = (
        "".join(part.itertext()) for part in tree.iter("AbstractText") if part.get("Label") == label
    )
    return _squeezed(" ".join(texts))


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def read_r2gen(folder: Path, account: Account) -> Iterator[Report]:
    """The entries of R2Gen's annotation file, with its split; a report of Indiana counts as the patient of its entries.

    ValueError for a file that is no such annotation.
    """
    path, images = folder / ANNOTATION, image_folder(folder, "r2gen")
    try:
        entries = json.loads(path.read_bytes().decode("utf-8-sig", errors="surrogateescape"))
        parts = [
            (split, number, entry)
            for split in R2GEN_SPLITS
            for number, entry in enumerate(entries[split])
        ]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path}: is no annotation with {', '.join(R2GEN_SPLITS)} ({reason}). Use R2Gen's file."
        ) from error
    for split, number, entry in parts:
        name = f"{path.name} {split}[{number}]"
        try:
            yield _entry(name, entry, R2GEN_SPLITS[split], images)
        except (ValueError, TypeError, KeyError) as error:
            account.fault(name, f"lacks {error}" if isinstance(error, KeyError) else str(error))
            account.leave_out(name, BAD_REPORT)


def _entry(name: str, entry: dict[str, Any], split: str, images: Path) -> Report:
    study_id, report, paths = str(entry["id"]), entry["report"], entry["image_path"]
    if not re.fullmatch(r"CXR\d+[\w-]*", study_id):
        raise ValueError(f"expected an id such as CXR1_IM-0001, got {study_id!r}")
    if not isinstance(report, str) or not isinstance(paths, list):
        raise ValueError("expected a text as report and a list as image_path")
    if not is_utf8(report):
        raise ValueError("not UTF-8")
    files = tuple(_as_it_lies(images, str(path)) for path in paths)
    return Report(
        name,
        study_id,
        re.match(r"CXR\d+", study_id)[0],
        _squeezed(report),
        images=files,
        split=split,
    )


def _as_it_lies(images: Path, name: str) -> Path:
    """The file of `<id>/0.png`; where that is missing and a flat `<id>_0.png` or `<id>-0.png` is there, that one."""
    path = inside(images, name)
    flat = (images / name.replace("/", joint) for joint in "_-")
    return path if path.exists() else next((file for file in flat if file.exists()), path)


def read_kaggle(folder: Path, account: Account) -> Iterator[Report]:
    """The rows of Kaggle's two tables; its uid is the number of Open-i's report, its MeSH the same index, joined by ";"."""
    images = image_folder(folder, "kaggle")
    listed: dict[str, list[tuple[bool, Path]]] = {}
    for name, row in read_rows(
        folder / KAGGLE_PROJECTIONS, ("uid", "filename", "projection"), account
    ):
        try:
            listed.setdefault(row["uid"], []).append(
                (row["projection"] != "Frontal", inside(images, row["filename"]))
            )
        except ValueError as error:
            account.fault(name, str(error))
    for name, row in read_rows(
        folder / KAGGLE_REPORTS, ("uid", "MeSH", "findings", "impression"), account
    ):
        if not row["uid"].isdecimal():
            account.fault(name, f"expected a number as uid, got {row['uid']!r}")
            account.leave_out(name, BAD_REPORT)
            continue
        study_id = f"CXR{int(row['uid'])}"
        files = tuple(
            path for _, path in sorted(listed.get(row["uid"], []), key=lambda item: item[0])
        )  # else as listed
        terms = parse_terms(row["MeSH"].split(";"))
        yield Report(
            name,
            study_id,
            study_id,
            _squeezed(row["findings"]),
            _squeezed(row["impression"]),
            terms,
            files,
        )
