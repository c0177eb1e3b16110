"""IU X-Ray (Indiana University, Open-i): 3,955 radiograph reports with hand-made index terms, CC BY-NC-ND 4.0.

    <eCitation>
      <uId id="CXR1"/>
      <Abstract> <AbstractText Label="FINDINGS">…</AbstractText> <AbstractText Label="IMPRESSION">…</AbstractText> </Abstract>
      <MeSH> <major>Pleural Effusion/left/small</major> … </MeSH>
      <parentImage id="CXR1_1_IM-0001-3001"> … </parentImage>
    </eCitation>

Reports come from `ecgen-radiology/*.xml` in a folder that the user names, else from the wheel of torchxrayvision in the data
root, which carries them; `python -m mrg_r1_lib.corpora.iu_xray` fetches it. Decisions: text is kept but for white space; every
report is a study, also those without FINDINGS or image; the radiograph is a phantom drawn from the index terms (the reports
stay real); the corpus names no patients, so each report counts as its own; the split is by report, 70/10/20, without a seed.
"""

import hashlib
import re
import sys
import warnings
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from mrg_r1_lib.corpora.archive import MEMBER_LIMIT, fetch_wheel, read_tar_gz, read_zip_member
from mrg_r1_lib.corpora.index_terms import parse_index_term
from mrg_r1_lib.paths import data_root
from mrg_r1_lib.radiograph import draw_radiograph
from mrg_r1_lib.study import Study, check_studies

REQUIREMENT = "torchxrayvision==1.5.7"
WHEEL = "torchxrayvision-1.5.7-py3-none-any.whl"
WHEEL_SHA256 = "95f6c3475661f3515d4258deb0855bd5d1b1a56e0b65384251d3dd3fa61fac41"
REPORTS = "torchxrayvision/data/NLMCXR_reports.tgz"
REPORTS_SHA256 = "8fb6de7eec73d8c3665067ad4bb003ccd57f971ae316d2642e1627ac7268667a"
FOLDER = "ecgen-radiology"
FETCH = "python -m mrg_r1_lib.corpora.iu_xray"
UNREADABLE_SHARE = 0.05  # more unreadable reports than this is a damaged corpus, not a few damaged files


def load(root: Path | str | None = None, image_size: int = 96) -> list[Study]:
    """All reports as studies, by number, each with one phantom radiograph of `image_size` pixels a side.

    A report that cannot be read is left out and named in a warning; ValueError if that is more than 5 % of them.
    FileNotFoundError if there are no reports: nothing is fetched here.
    """
    source, documents = _documents(root)
    studies: list[Study] = []
    unreadable: dict[str, str] = {}
    for name, xml in documents:
        try:
            studies.append(parse_report(xml, image_size))
        except (ParseError, ValueError, LookupError) as error:  # LookupError: an unknown encoding
            unreadable[name] = str(error)
    _report_unreadable(unreadable, len(documents), source)
    splits = fixed_split(study.study_id for study in studies if study.findings)
    studies = [replace(study, split=splits.get(study.study_id, "")) for study in studies]
    check_studies(studies)
    return sorted(studies, key=lambda study: int(study.study_id.removeprefix("CXR")))


def parse_report(xml: bytes, image_size: int = 96) -> Study:
    """One report file -> a study without split; ParseError or ValueError for what is no report, a DTD or an entity."""
    if len(xml) > MEMBER_LIMIT:
        raise ValueError(f"larger than {MEMBER_LIMIT} bytes")
    tree = fromstring(xml, forbid_dtd=True)
    uid = tree.find("uId")
    study_id = "" if uid is None else uid.get("id", "")
    if not re.fullmatch(r"CXR\d+", study_id):
        raise ValueError(f"expected an id such as CXR1 in <uId>, got {study_id!r}")
    majors = [" ".join((major.text or "").split()) for major in tree.iterfind("MeSH/major")]
    terms = tuple(parse_index_term(term) for term in dict.fromkeys(majors) if term)  # three reports name a term twice
    return Study(
        study_id=study_id,
        patient_id=study_id,
        images=(partial(draw_radiograph, terms, study_id, image_size),),
        findings=_section(tree, "FINDINGS"),
        impression=_section(tree, "IMPRESSION"),
        index_terms=terms or None,
    )


def fixed_split(study_ids: Iterable[str]) -> dict[str, str]:
    """Study id -> split: in the order of the ids' SHA-256 the first 70 % train, the next 10 % validate, the rest test."""
    ordered = sorted(study_ids, key=lambda study_id: hashlib.sha256(study_id.encode()).hexdigest())
    train, validate = len(ordered) * 7 // 10, len(ordered) * 8 // 10
    names = ["train"] * train + ["validate"] * (validate - train) + ["test"] * (len(ordered) - validate)
    return dict(zip(ordered, names, strict=True))


def _section(tree: Element, label: str) -> str:
    texts = ("".join(part.itertext()) for part in tree.iter("AbstractText") if part.get("Label") == label)
    return " ".join(" ".join(texts).split())


def _documents(root: Path | str | None) -> tuple[str, list[tuple[str, bytes]]]:
    """Where the reports come from, and (file name, XML) of each."""
    folder = data_root() if root is None else Path(root).expanduser()
    if root is not None and not folder.is_dir():
        raise FileNotFoundError(f"iu_xray: the folder {folder} does not exist. Name the folder that holds {FOLDER}/*.xml.")
    files = [path for path in sorted((folder / FOLDER).glob("*.xml")) if not path.name.startswith(".")]
    if files:
        return str(folder / FOLDER), [(path.name, _read_limited(path)) for path in files]
    wheel = folder / WHEEL
    if not wheel.exists():
        remedy = "Name another folder, or leave root out to use the data root" if root is not None else "Fetch it (29 MB)"
        raise FileNotFoundError(f"iu_xray: {folder} holds neither {FOLDER}/*.xml nor {WHEEL}. {remedy}: {FETCH}")
    data = read_zip_member(wheel, REPORTS, REPORTS_SHA256)
    return str(wheel), [(name, xml) for name, xml in read_tar_gz(data, REPORTS) if name.endswith(".xml")]


def _read_limited(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MEMBER_LIMIT + 1)  # parse_report refuses what is longer


def _report_unreadable(unreadable: dict[str, str], reports: int, source: str) -> None:
    if not unreadable:
        return
    first = "; ".join(f"{name} ({reason})" for name, reason in list(unreadable.items())[:10])
    message = f"iu_xray: {len(unreadable)} of {reports} reports in {source} cannot be read: {first}."
    if len(unreadable) > UNREADABLE_SHARE * reports:
        raise ValueError(f"{message} At most {UNREADABLE_SHARE:.0%} may be left out: fetch or unpack the corpus again.")
    warnings.warn(f"{message} They are left out; the split is over the others.", stacklevel=4)


def main() -> str:
    """Fetch the reports if the data root has none, read them all, and say in one line what is there."""
    has_folder = any((data_root() / FOLDER).glob("*.xml"))
    fetched = not has_folder and fetch_wheel(REQUIREMENT, data_root() / WHEEL, WHEEL_SHA256)
    studies = load()
    source = data_root() / (FOLDER if has_folder else WHEEL)
    with_findings = sum(bool(study.findings) for study in studies)
    state = "fetched" if fetched else "already there"
    return f"iu_xray: {len(studies)} reports, {with_findings} with FINDINGS, in {source} ({state})."


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{main()}\n")
    except (FileNotFoundError, RuntimeError, ValueError) as error:
        sys.exit(f"{error}")
