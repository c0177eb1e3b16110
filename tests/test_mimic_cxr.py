"""MIMIC-CXR's tree, made up, with files that are not as they should be."""

import gzip
import os
import warnings

import numpy as np
import pytest
import trees

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.data_card import filter_counts, findings_rules
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.study import check_studies, published_labels

STUDY = "s50414280"  # the second one, of the first patient
FOLDER = "files/p10/p10000032"


def load(root, **settings):
    return load_corpus("mimic_cxr", root=root, **settings)


def test_the_tree_is_read_whole_without_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corpus = load(trees.mimic(tmp_path), image_size=32)
    assert (len(corpus), corpus.layout, corpus.left_out) == (40, "mimic_cxr", {})
    assert [corpus.splits.count(name) for name in ("train", "validate", "test")] == [28, 4, 8]
    study = corpus[0]
    assert (study.study_id, study.patient_id, study.split) == ("s50414267", "p10000032", "train")
    assert (study.findings, study.impression, study.index_terms) == (
        trees.FINDINGS,
        "No acute process.",
        None,
    )
    assert [image().size for image in study.images] == [(32, 32)]
    check_studies(corpus)
    assert [s.study_id for s in corpus[1:3]] == [corpus[1].study_id, corpus[2].study_id]
    assert "Heart" not in repr(corpus)


def test_the_data_root_holds_it_under_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    trees.mimic(tmp_path / "mimic_cxr", 4)
    assert len(load_corpus("mimic_cxr")) == 4


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_tables_may_be_plain_or_gzipped_with_columns_in_any_order_a_mark_and_crlf(tmp_path, suffix):
    trees.mimic(tmp_path, 4, suffix=suffix)
    split, metadata, _ = trees.mimic_rows(4)
    for name, columns, rows in (
        ("split", trees.SPLIT_COLUMNS, split),
        ("metadata", trees.METADATA_COLUMNS, metadata),
    ):
        path = tmp_path / f"mimic-cxr-2.0.0-{name}{suffix}"
        trees.write_csv(path, columns[::-1], rows, encoding="utf-8-sig", newline="\r\n")
    assert [(study.study_id, study.split) for study in load(tmp_path)] == [
        (f"s{row['study_id']}", row["split"]) for row in split[::2]
    ]


def test_frontal_views_come_first_and_two_views_may_be_asked_for(tmp_path):
    trees.mimic(tmp_path, 4)
    one, two = load(tmp_path)[0], load(tmp_path, views=2)[0]
    names = [call.args[0].stem for call in two.images]
    assert names == [trees.dicom(50414267, 1), trees.dicom(50414267, 0)]  # PA, then lateral
    assert [call.args[0].stem for call in one.images] == names[:1]


def test_views_rank_pa_ap_unknown_other_lateral(tmp_path):
    trees.mimic(tmp_path, 2)
    _, metadata, _ = trees.mimic_rows(2)
    for row, position in zip(metadata, ("", "AP", "LL", "XTABLE LATERAL"), strict=True):
        row["ViewPosition"] = position
    trees.write_csv(tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz", trees.METADATA_COLUMNS, metadata)
    with_two = load(tmp_path, views=2)
    assert [call.args[0].stem for call in with_two[0].images] == [
        metadata[1]["dicom_id"],
        metadata[0]["dicom_id"],
    ]
    assert [call.args[0].stem for call in with_two[1].images] == [
        metadata[3]["dicom_id"],
        metadata[2]["dicom_id"],
    ]


def test_published_labels_are_read_in_our_order_and_are_optional(tmp_path):
    corpus = load(trees.mimic(tmp_path, 4))
    codes = dict(zip(OBSERVATIONS, published_labels(corpus)[2], strict=True))
    named = {name: Label(code) for name, code in codes.items() if code}
    assert named == {
        "Cardiomegaly": Label.POSITIVE,
        "Edema": Label.UNCERTAIN,
        "Pneumothorax": Label.NEGATIVE,
    }
    (tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz").unlink()
    assert load(tmp_path)[0].published_labels is None
    assert not published_labels(load(tmp_path)).any()


def test_png_images_are_taken_where_there_is_no_jpg(tmp_path):
    for path in trees.mimic(tmp_path, 4).rglob("*.jpg"):
        path.unlink()
        trees.write_image(path.with_suffix(".png"), trees.picture("I;16"))
    assert load(tmp_path)[0].images[0]().mode == "L"


def test_an_image_says_that_it_is_credentialed(tmp_path):
    assert load(trees.mimic(tmp_path, 4))[0].images[0]().info == {"credentialed": True}


def test_a_report_without_findings_is_a_study_without_a_split(tmp_path):
    path = trees.mimic(tmp_path) / FOLDER / f"{STUDY}.txt"
    path.write_text(" IMPRESSION:  Normal.\n")
    corpus = load(tmp_path)
    assert (
        len(corpus) == 40
        and corpus.splits[1] == "" == corpus[1].split
        and corpus[1].impression == "Normal."
    )
    path.write_text("COMPARISON: None.\n\n INDICATION: Cough.\n")
    assert load(tmp_path)[1].findings == ""


BAD = {
    "missing report": (
        lambda f: (f / f"{STUDY}.txt").unlink(),
        rf"{STUDY}\.txt \(no such file",
        "no report",
    ),
    "empty report": (
        lambda f: (f / f"{STUDY}.txt").write_text(" \n"),
        rf"{STUDY}\.txt \(empty file",
        "report unreadable",
    ),
    "NUL bytes": (
        lambda f: (f / f"{STUDY}.txt").write_bytes(bytes(500)),
        rf"{STUDY}\.txt \(holds NUL bytes",
        "report unreadable",
    ),
    "not UTF-8": (
        lambda f: (f / f"{STUDY}.txt").write_bytes(b"FINDINGS: \x92"),
        r"not UTF-8 \(byte 10",
        "report unreadable",
    ),
    "huge": (
        lambda f: (f / f"{STUDY}.txt").write_bytes(b"x" * (2 << 20)),
        "larger than 1048576 bytes",
        "report unreadable",
    ),
    "no images": (
        lambda f: [p.unlink() for p in (f / STUDY).iterdir()],
        r"\(no such file",
        "image file missing",
    ),
    "zero bytes": (
        lambda f: [p.write_bytes(b"") for p in (f / STUDY).iterdir()],
        r"\(empty file",
        "image unreadable",
    ),
    "truncated": (
        lambda f: [p.write_bytes(p.read_bytes()[:300]) for p in (f / STUDY).iterdir()],
        r"\((truncated JPEG|neither|damaged)",
        "image unreadable",
    ),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_file_is_named_and_no_other_study_is_lost(tmp_path, bad):
    change, reason, kind = BAD[bad]
    change(trees.mimic(tmp_path) / FOLDER)
    with pytest.warns(UserWarning, match=reason):
        corpus = load(tmp_path)
    assert len(corpus) == 39 and corpus.left_out == {STUDY: kind}
    assert STUDY not in [study.study_id for study in corpus]
    counts = filter_counts(corpus)
    assert (
        counts["remaining"].tolist()[:2] == [40, 39]
        and f"left out: {kind}" in counts["reason"].tolist()
    )


def test_a_folder_that_may_not_be_entered_loses_no_other_study(tmp_path, monkeypatch):
    closed, stat = f"{trees.mimic(tmp_path) / FOLDER / STUDY}/", os.stat

    def refuse(path, **options):
        if str(path).startswith(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", refuse)
    with pytest.warns(UserWarning, match=rf"{STUDY}/\S+ \(damaged \(Permission denied"):
        assert load(tmp_path).left_out == {STUDY: "image unreadable"}


def test_a_bad_frontal_view_leaves_the_lateral_one(tmp_path):
    (trees.mimic(tmp_path) / FOLDER / STUDY / f"{trees.dicom(50414280, 1)}.jpg").write_bytes(b"")
    with pytest.warns(UserWarning, match=f"{STUDY}/{trees.dicom(50414280, 1)}"):
        (call,) = load(tmp_path)[1].images
    assert call.args[0].stem == trees.dicom(50414280, 0)


@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        ("metadata", "dicom_id", "../../../../etc/passwd", "expected a dicom_id of five groups"),
        ("metadata", "study_id", "../s1", "expected a subject_id such as 10000032 and a study_id"),
        ("split", "split", "dev", "split 'dev', expected one of train, validate, test"),
        ("split", "subject_id", "x", "expected a subject_id"),
    ],
)
def test_a_bad_row_is_named_and_no_other_study_is_lost(tmp_path, table, column, value, reason):
    trees.mimic(tmp_path)
    rows = dict(zip(("split", "metadata"), trees.mimic_rows()[:2], strict=True))[table]
    rows[2][column] = value
    columns = {"split": trees.SPLIT_COLUMNS, "metadata": trees.METADATA_COLUMNS}[table]
    trees.write_csv(tmp_path / f"mimic-cxr-2.0.0-{table}.csv.gz", columns, rows)
    with pytest.warns(UserWarning, match=rf"{table}\.csv\.gz row 3 \({reason}"):
        assert len(load(tmp_path)) == 40  # another row names the study


def test_an_image_that_is_listed_twice_is_named(tmp_path):
    trees.mimic(tmp_path)
    _, metadata, _ = trees.mimic_rows()
    trees.write_csv(
        tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz",
        trees.METADATA_COLUMNS,
        [*metadata, metadata[0]],
    )
    with pytest.warns(UserWarning, match=f"{metadata[0]['dicom_id']} .listed twice"):
        assert len(load(tmp_path)) == 40


def test_a_study_without_a_split_or_an_image_row_is_counted(tmp_path):
    trees.mimic(tmp_path)
    split, metadata, _ = trees.mimic_rows()
    trees.write_csv(tmp_path / "mimic-cxr-2.0.0-split.csv.gz", trees.SPLIT_COLUMNS, split[2:])
    trees.write_csv(
        tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz",
        trees.METADATA_COLUMNS,
        [*metadata[:2], *metadata[4:]],
    )
    corpus = load(tmp_path)
    assert len(corpus) == 38 and sorted(corpus.left_out.values()) == [
        "no image",
        "not in the split file",
    ]


def test_a_patient_in_two_splits_stops(tmp_path):
    trees.mimic(tmp_path)
    split, _, _ = trees.mimic_rows()
    split[2]["split"] = split[3]["split"] = "test"
    trees.write_csv(tmp_path / "mimic-cxr-2.0.0-split.csv.gz", trees.SPLIT_COLUMNS, split)
    with pytest.raises(
        ValueError,
        match=r"1 patients are in two splits, the first is p10000032\. Use the official file",
    ):
        load(tmp_path)


@pytest.mark.parametrize(
    ("table", "column"), [("split", "split"), ("metadata", "ViewPosition"), ("chexpert", "Edema")]
)
def test_a_missing_column_is_named(tmp_path, table, column):
    path = trees.mimic(tmp_path, 4, suffix=".csv") / f"mimic-cxr-2.0.0-{table}.csv"
    path.write_text(path.read_text().replace(column, "other", 1))
    with pytest.raises(ValueError, match=rf"{path.name}: lacks the column '{column}'"):
        load(tmp_path)


def test_a_missing_a_doubled_and_a_damaged_table_are_named(tmp_path):
    path = trees.mimic(tmp_path, 4) / "mimic-cxr-2.0.0-split.csv.gz"
    data = path.read_bytes()
    (tmp_path / "mimic-cxr-2.1.0-split.csv").write_bytes(gzip.decompress(data))
    with pytest.raises(
        ValueError,
        match=r"several files for one: mimic-cxr-2\.0\.0-split\.csv\.gz, mimic-cxr-2\.1\.0-split\.csv",
    ):
        load(tmp_path)
    (tmp_path / "mimic-cxr-2.1.0-split.csv").unlink()
    path.write_bytes(data[:40])
    with pytest.raises(ValueError, match=r"split\.csv\.gz: is truncated or damaged"):
        load(tmp_path)
    path.unlink()
    with pytest.raises(
        FileNotFoundError, match=r"has no mimic-cxr-2\.0\.0-split\.csv or \.csv\.gz"
    ):
        load(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"has no folder files/"):
        load(tmp_path / "nowhere")


def test_beyond_a_share_of_bad_studies_the_load_stops(tmp_path):
    for path in list(trees.mimic(tmp_path).rglob("s*.txt"))[:3]:
        path.unlink()
    with pytest.raises(ValueError, match=r"3 files or rows of 40 studies .* At most 5%"):
        load(tmp_path)


def test_phantoms_are_refused_and_the_text_may_be_normalised(tmp_path):
    with pytest.raises(ValueError, match="no index terms to draw from"):
        load(trees.mimic(tmp_path, 4), images="phantom")
    assert (
        load(tmp_path, text="r2gen")[0].findings
        == "heart size is normal . lungs are clear . no pleural effusion ."
    )


@pytest.mark.parametrize("as_written", ["{}.0", "0{}", "s{}", "s{}.0"])
def test_a_study_id_is_the_same_number_however_a_spreadsheet_writes_it(tmp_path, as_written):
    expected = [(s.study_id, s.split, s.published_labels) for s in load(trees.mimic(tmp_path))]
    split, metadata, labels = trees.mimic_rows()
    label_columns = ("subject_id", "study_id", *trees.CSV_LABELS)
    for name, columns, rows in (
        ("split", trees.SPLIT_COLUMNS, split),
        ("metadata", trees.METADATA_COLUMNS, metadata),
        ("chexpert", label_columns, labels),
    ):
        rows = [row | {"study_id": as_written.format(row["study_id"])} for row in rows]
        trees.write_csv(tmp_path / f"mimic-cxr-2.0.0-{name}.csv.gz", columns, rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [(s.study_id, s.split, s.published_labels) for s in load(tmp_path)]
    assert found == expected


def test_lines_about_lost_studies_count_them_and_name_no_id(tmp_path):
    path = trees.mimic(tmp_path) / FOLDER / f"{STUDY}.txt"
    path.write_text(" IMPRESSION:  Normal.\n")
    _, metadata, labels = trees.mimic_rows()
    trees.write_csv(
        tmp_path / "mimic-cxr-2.0.0-metadata.csv.gz", trees.METADATA_COLUMNS, metadata[4:]
    )
    trees.write_csv(
        tmp_path / "mimic-cxr-2.0.0-chexpert.csv.gz",
        ("subject_id", "study_id", *trees.CSV_LABELS),
        labels[1:],
    )
    with pytest.warns(UserWarning) as said:
        corpus = load(tmp_path)
    lines = " ".join(str(warning.message).replace(str(tmp_path), "") for warning in said)
    assert "2 of 40 studies" in lines and "no image: 2" in lines
    assert "1 studies have no row in mimic-cxr-2.0.0-chexpert.csv.gz" in lines
    assert "50414" not in lines and list(corpus.left_out) == ["s50414267", STUDY]


def test_reports_without_findings_beyond_the_published_share_stop_the_load(tmp_path):
    reports = sorted(trees.mimic(tmp_path).rglob("s*.txt"))
    for path in reports[:15]:
        path.write_text(" IMPRESSION:  Normal.\n")
    with pytest.warns(UserWarning, match="15 of 40 studies .* have no FINDINGS"):
        assert load(tmp_path).splits.count("") == 15
    for path in reports[15:20]:
        path.write_text(" IMPRESSION:  Normal.\n")
    with pytest.raises(ValueError, match=r"20 of 40 studies .* Expected at most 39% without"):
        load(tmp_path)


def test_the_rule_that_found_each_findings_is_kept_and_counted(tmp_path):
    paths = sorted(trees.mimic(tmp_path).rglob("s*.txt"))
    paths[0].write_text(" CHEST, TWO VIEWS:  Clear.\n")
    paths[1].write_text(" COMPARISON:  ___.\n \n Clear lungs.\n \n Normal heart.\n")
    paths[2].write_text(" IMPRESSION:  Normal.\n")
    with pytest.warns(UserWarning, match="1 of 40 studies"):
        corpus = load(tmp_path)
    table = findings_rules(corpus).set_index("rule")
    assert table["studies"].to_dict() == {
        "none": 1, "heading": 37, "view name": 1, "paragraphs without a heading": 1
    }  # fmt: skip
    assert table.loc["heading", "share"] == 37 / 40
    assert corpus.findings_rules[1] == "paragraphs without a heading"
    assert corpus[1].findings == "Clear lungs. Normal heart."


def test_a_corpus_is_indexed_in_numbers_not_in_texts(tmp_path):
    corpus = load(trees.mimic(tmp_path))
    held = sum(array.nbytes for array in (corpus.rows, corpus.dicoms, corpus.rules, corpus.labels))
    assert held / len(corpus) < 100  # bytes a study
    assert np.array_equal(corpus.rows, np.sort(corpus.rows))
