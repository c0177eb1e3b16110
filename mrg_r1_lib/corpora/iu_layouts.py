"""IU X-Ray's reports in three published layouts; each reader yields `Report`s.

    open_i  ecgen-radiology/1.xml …; the files of NLMCXR_png.tgz (CXR1_1_IM-0001-3001.png)
            in NLMCXR_png/, images/ or beside the XML files
    r2gen   annotation.json {"train": [{"id", "report", "image_path"}], "val", "test"};
            images/<id>/0.png, 1.png (or <id>_0.png)
    kaggle  indiana_reports.csv, indiana_projections.csv;
            images/images_normalized/1_IM-0001-4001.dcm.png

`iu_r2gen` and `iu_kaggle` read the last two. Only kaggle names the projection; `open_i_views` has
it for open_i, and r2gen's images keep their order. Only r2gen has a split; it has neither index
terms nor IMPRESSION. An image without its report, and an empty answer such as "nan" as FINDINGS,
are noted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from mrg_r1_lib.corpora.account import BAD_REPORT, NO_REPORT, Account
from mrg_r1_lib.corpora.archive import MEMBER_LIMIT
from mrg_r1_lib.corpora.image_files import inside
from mrg_r1_lib.corpora.index_terms import parse_index_term
from mrg_r1_lib.corpora.report_files import read_bytes, reason
from mrg_r1_lib.corpora.report_notes import is_empty
from mrg_r1_lib.study import IndexTerm

XML_FOLDER, ANNOTATION = "ecgen-radiology", "annotation.json"
KAGGLE_REPORTS, KAGGLE_PROJECTIONS = "indiana_reports.csv", "indiana_projections.csv"
IMAGE_FOLDERS = {
    "open_i": ("NLMCXR_png", "images", ".", XML_FOLDER),
    "r2gen": ("images",),
    "kaggle": ("images/images_normalized", "images_normalized", "images", "."),
}
KEPT = {"CXR3558": "Please"}  # FINDINGS as published: the fixed split counts this study


@dataclass(frozen=True)
class Report:
    """One report as published: `name` is its file or row, `images` its image files in order."""

    name: str
    study_id: str
    patient_id: str
    findings: str
    impression: str = ""
    index_terms: tuple[IndexTerm, ...] | None = None
    images: tuple[Path, ...] = ()
    split: str = ""


def image_folder(folder: Path, layout: str) -> Path:
    """The folder of a layout's images: the first usual place that holds a PNG file."""
    places = [folder / name for name in IMAGE_FOLDERS[layout]]
    return next((place for place in places if next(place.glob("*.png"), None)), places[0])


def read_open_i(folder: Path, account: Account) -> Iterator[Report]:
    """The reports of `ecgen-radiology/*.xml`, without hidden files."""
    images = image_folder(folder, "open_i")
    met = set()
    for path in sorted((folder / XML_FOLDER).glob("*.xml")):
        if not path.name.startswith("."):
            try:
                data = read_bytes(path, MEMBER_LIMIT)
            except (OSError, ValueError) as error:
                account.fault(path.name, reason(error), path)
                account.leave_out(path.name, BAD_REPORT)
                continue
            for report in read_xml(path.name, data, images, account):
                met.add(report.study_id)
                yield report
    owners = (re.match(r"CXR[0-9]+(?=_)", path.name) for path in images.glob("CXR*.png"))
    lost = {owner[0] for owner in owners if owner} - met
    unreadable = {f"CXR{name.removesuffix('.xml')}" for name in account.left_out}
    for study_id in sorted(lost - unreadable):
        account.leave_out(study_id, NO_REPORT)


def read_xml(name: str, data: bytes, images: Path, account: Account) -> Iterator[Report]:
    """The one report of an XML file; an unusable file goes to the account instead."""
    try:
        yield parse_report(name, data, images)
    except (ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
        account.fault(name, str(error))
        account.leave_out(name, BAD_REPORT)


def parse_report(name: str, data: bytes, images: Path) -> Report:
    """One report from the bytes of an XML file; `images` is the image folder.

    ParseError or ValueError for a file that is no report, a DTD, an entity, or an image outside its
    folder.
    """
    if len(data) > MEMBER_LIMIT:
        raise ValueError(f"larger than {MEMBER_LIMIT} bytes")
    tree = fromstring(data, forbid_dtd=True)
    uid = tree.find("uId")
    written = "" if uid is None else uid.get("id", "")
    number = re.fullmatch(r"CXR0*([0-9]{1,9})", written)
    if not number:
        raise ValueError(f"expected an id such as CXR1 in <uId>, got {written[:60]!r}")
    study_id = f"CXR{number[1]}"
    listed = [image.get("id", "") for image in tree.iterfind("parentImage")]
    return Report(
        name,
        study_id,
        patient_id=study_id,
        findings=described(_section(tree, "FINDINGS"), study_id),
        impression=described(_section(tree, "IMPRESSION")),
        index_terms=parse_terms([major.text or "" for major in tree.iterfind("MeSH/major")]),
        images=tuple(inside(images, f"{image_id}.png") for image_id in listed),
    )


def parse_terms(majors: list[str]) -> tuple[IndexTerm, ...] | None:
    """Index terms as written -> parsed terms, each once, or None without any.

    Three reports name a term twice.
    """
    written = [" ".join(major.split()) for major in majors]
    return tuple(parse_index_term(term) for term in dict.fromkeys(written) if term) or None


def _section(tree: Element, label: str) -> str:
    parts = [part for part in tree.iter("AbstractText") if part.get("Label") == label]
    return " ".join("".join(part.itertext()) for part in parts)


def described(text: str, study_id: str = "") -> str:
    """A section with single spaces; "" for an empty answer such as "nan" or "None."."""
    text = " ".join(text.split())
    return "" if is_empty(text) and KEPT.get(study_id) != text else text
