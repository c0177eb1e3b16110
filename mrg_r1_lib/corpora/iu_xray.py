"""IU X-Ray (Indiana University, Open-i): 3,955 reports with hand-made index terms, CC BY-NC-ND 4.0.

The reports come from a folder in one of three published layouts (`iu_layouts`), else from the wheel
of torchxrayvision, which `python -m mrg_r1_lib.corpora.iu_xray` fetches. Decisions:
- Text is kept, but for white space; "nan" and the like are no FINDINGS. The "Please" of CXR3558
  stays with phantoms, since the committed results count it, and in the order of the split.
- Images are phantoms drawn from the index terms, or the files.
- With phantoms every report is a study; with files every report with an image is one. A warning
  counts the other reports, and those without FINDINGS unless they are as many as published.
- Open-i's files show a frontal view first where its acquisition tables name one, and as the second
  of two views a lateral one (`open_i_views`).
- The corpus names no patients, so each report counts as one patient.
- The split is R2Gen's in R2Gen's layout. Else it is 70/10/20 by report, without a seed, over all
  reports with FINDINGS; it is the same with phantoms and files.
"""

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from mrg_r1_lib.corpora.account import DUPLICATE, Account
from mrg_r1_lib.corpora.archive import fetch_wheel, read_tar_gz, read_zip_member
from mrg_r1_lib.corpora.image_files import cause, check_image, readers
from mrg_r1_lib.corpora.iu_find import WHEEL, find, searched
from mrg_r1_lib.corpora.iu_kaggle import read_kaggle
from mrg_r1_lib.corpora.iu_layouts import (
    ANNOTATION,
    KAGGLE_REPORTS,
    XML_FOLDER,
    Report,
    image_folder,
    read_open_i,
    read_xml,
)
from mrg_r1_lib.corpora.iu_r2gen import read_r2gen
from mrg_r1_lib.corpora.open_i_views import Views
from mrg_r1_lib.corpora.report_notes import is_empty
from mrg_r1_lib.corpora.report_text import NORMALISATIONS
from mrg_r1_lib.radiographs.draw import draw_radiograph
from mrg_r1_lib.storage.paths import data_root
from mrg_r1_lib.study import Corpus, Study, check_studies

REQUIREMENT = "torchxrayvision==1.5.7"
WHEEL_SHA256 = "95f6c3475661f3515d4258deb0855bd5d1b1a56e0b65384251d3dd3fa61fac41"
REPORTS = "torchxrayvision/data/NLMCXR_reports.tgz"
REPORTS_SHA256 = "8fb6de7eec73d8c3665067ad4bb003ccd57f971ae316d2642e1627ac7268667a"
PUBLISHED = (3955, 530)  # reports, and those without FINDINGS
LAYOUTS = {"open_i": read_open_i, "r2gen": read_r2gen, "kaggle": read_kaggle}


def load(
    root: Path | str | None = None,
    images: str = "phantom",
    image_size: int = 96,
    views: int = 1,
    text: str = "as_written",
    layout: str | None = None,
) -> Corpus:
    """All reports as studies, by number, each with up to `views` images.

    `images`: "phantom" (one drawn radiograph) or "files", `image_size` pixels per side. `text`: the
    normalisation of FINDINGS and IMPRESSION. `layout` chooses one of several in a folder ("wheel":
    the reports that the set-up fetched). A warning names unreadable files; their studies are left
    out. ValueError if these are over 5 % of the studies, for several layouts, or for phantoms
    without index terms. FileNotFoundError without reports: nothing is fetched here.
    """
    folder, layout = find(root, layout)
    _check_images(images, folder, layout, root)
    source = str(folder / WHEEL if layout == "wheel" else folder)
    account = Account("iu_xray", source, published=PUBLISHED[1] / PUBLISHED[0])
    read = _read_wheel if layout == "wheel" else LAYOUTS[layout]
    reports = list(_once(read(folder, account), account))
    met = len(reports) + len(account.left_out)
    splits = fixed_split(report.study_id for report in reports if report.findings)
    if images == "files":
        reports = _with_files(reports, folder, layout, views, account)
    studies = []
    for report in reports:
        if images == "phantom":
            terms = report.index_terms or ()
            calls = (partial(draw_radiograph, terms, report.study_id, image_size),)
        else:
            calls = readers(_good_images(report, views, account), image_size)
        if calls:
            split = report.split if layout == "r2gen" else splits.get(report.study_id, "")
            studies.append(_study(report, calls, split, text))
    _note_texts(reports, layout, account)
    left_out = account.close(met)
    check_studies(studies)
    return Corpus(sorted(studies, key=_number), layout, left_out)


def _with_files(
    reports: list[Report], folder: Path, layout: str, views: int, account: Account
) -> list[Report]:
    """The reports as they are shown with image files: frontal views first, no empty FINDINGS."""
    if layout == "open_i":
        wheel = next((f for f in (folder, data_root()) if (f / WHEEL).exists()), folder) / WHEEL
        tables = Views(folder, wheel, account)
        order = tables.frontal_first if views == 1 else tables.frontal_then_lateral
        reports = [replace(r, images=order(r.images)) for r in reports]
    return [replace(r, findings="") if is_empty(r.findings) else r for r in reports]


def _note_texts(reports: list[Report], layout: str, account: Account) -> None:
    """Note the reports without FINDINGS, and those that repeat another one of their patient."""
    bare = [report.study_id for report in reports if not report.findings]
    if layout != "wheel" and (len(reports), len(bare)) != PUBLISHED:
        account.without_findings += bare
    seen: set[tuple[str, str]] = set()
    doubled = []
    for report in reports:
        said = (report.patient_id, report.findings)
        if said in seen and report.findings:
            doubled.append(report.study_id)
        seen.add(said)
    account.note("studies repeat the report of another study of their patient", doubled)


def _check_images(images: str, folder: Path, layout: str, root: Path | str | None) -> None:
    if images == "files" and layout == "wheel":
        raise FileNotFoundError(
            f"iu_xray: {folder} holds reports without images (the wheel). For images='files' fetch "
            "Open-i's (./run_all.sh fetch), or name a folder in one of the layouts "
            f"{', '.join(LAYOUTS)}: MRG_R1_DATA=/path/to/folder, or root=. "
            f"None was found: {searched(root)}"
        )
    if images == "phantom" and layout == "r2gen":
        raise ValueError(
            f"iu_xray: {folder / ANNOTATION} has no index terms to draw phantoms from. "
            "Choose images='files'."
        )


def fixed_split(study_ids: Iterable[str]) -> dict[str, str]:
    """Study id -> split, in the order of the ids' SHA-256: 70 % train, 10 % validate, rest test."""
    ordered = sorted(study_ids, key=lambda study_id: hashlib.sha256(study_id.encode()).hexdigest())
    train, validate = len(ordered) * 7 // 10, len(ordered) * 8 // 10
    names = ["train"] * train
    names += ["validate"] * (validate - train)
    names += ["test"] * (len(ordered) - validate)
    return dict(zip(ordered, names, strict=True))


def _read_wheel(folder: Path, account: Account) -> Iterator[Report]:
    data = read_zip_member(folder / WHEEL, REPORTS, REPORTS_SHA256)
    for name, xml in read_tar_gz(data, REPORTS):
        if name.endswith(".xml"):
            yield from read_xml(name, xml, image_folder(folder, "open_i"), account)


def _once(reports: Iterable[Report], account: Account) -> Iterator[Report]:
    """The first report of each id; a second one goes to the account."""
    first: dict[str, str] = {}
    for report in reports:
        if report.study_id in first:
            account.fault(report.name, f"has the id {report.study_id} of {first[report.study_id]}")
            account.leave_out(report.name, DUPLICATE)
        else:
            first[report.study_id] = report.name
            yield report


def _good_images(report: Report, views: int, account: Account) -> list[Path]:
    """The first `views` readable image files of a report; bad ones go to the account."""
    good: list[Path] = []
    bad: list[str] = []
    for path in dict.fromkeys(report.images):  # an image that is named twice is one view
        if len(good) == views:
            break
        if reason := check_image(path):
            account.fault(f"{report.study_id}: {path.parent.name}/{path.name}", reason, path)
            bad.append(reason)
        else:
            good.append(path)
    if not good:
        account.leave_out(report.study_id, cause(bad))
    return good


def _study(report: Report, images: tuple[partial, ...], split: str, text: str) -> Study:
    normalise = NORMALISATIONS[text]
    return Study(
        study_id=report.study_id,
        patient_id=report.patient_id,
        images=images,
        findings=normalise(report.findings),
        impression=normalise(report.impression),
        index_terms=report.index_terms,
        split=split if report.findings else "",
    )


def _number(study: Study) -> tuple[int, str]:
    return int(re.match(r"CXR(\d+)", study.study_id)[1]), study.study_id


def main() -> str:
    """Fetch the wheel, read the reports, and say in one line what is there.

    Notebook 00 reads the wheel, whatever else the data root holds. Where it cannot be fetched the
    user's own files suffice; RuntimeError if there are none.
    """
    fetched = False
    try:
        fetched = fetch_wheel(REQUIREMENT, data_root() / WHEEL, WHEEL_SHA256)
        folder, layout = find(None)
    except (RuntimeError, OSError) as error:  # no network, or a folder that is only read
        try:
            folder, layout = find(None)
        except FileNotFoundError:
            raise error from None
    studies = load(images="files" if layout == "r2gen" else "phantom")
    sources = {"wheel": WHEEL, "open_i": XML_FOLDER, "r2gen": ANNOTATION, "kaggle": KAGGLE_REPORTS}
    with_findings = sum(bool(study.findings) for study in studies)
    state = "fetched" if fetched and layout == "wheel" else "already there"
    counts = f"{len(studies)} reports, {with_findings} with FINDINGS"
    return f"iu_xray: {counts}, in {folder / sources[layout]} ({state})."


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{main()}\n")
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"{error}")
