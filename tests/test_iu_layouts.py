"""IU X-Ray's three layouts, each read back with files that are not as they should be."""

import json
import re
import warnings

import numpy as np
import pytest
import trees

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.data_card import filter_counts

BUILD = {"open_i": trees.open_i, "r2gen": trees.r2gen, "kaggle": trees.kaggle}


def load(root, **settings):
    return load_corpus("iu_xray", root=root, images="files", **settings)


def first_image(root):
    """An image file of the first study, the one that is shown first."""
    found = sorted(
        path
        for path in root.rglob("*.png")
        if re.match(r"(CXR)?1_", path.name) or path.parent.name.startswith("CXR1_")
    )
    return (
        found[1] if (root / "indiana_reports.csv").exists() else found[0]
    )  # kaggle lists the lateral view first


@pytest.mark.parametrize("layout", BUILD)
@pytest.mark.parametrize("views", [1, 2])
def test_a_layout_is_detected_and_read_whole(tmp_path, layout, views):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        corpus = load(BUILD[layout](tmp_path), views=views, image_size=32)
    assert (corpus.layout, len(corpus), dict(corpus.left_out)) == (layout, 40, {})
    study = corpus[0]
    assert (
        study.study_id.startswith("CXR1")
        and study.patient_id == "CXR1"
        and study.findings == trees.FINDINGS
    )
    assert [image().size for image in study.images] == [(32, 32)] * views
    assert {name: corpus.splits.count(name) for name in ("train", "validate", "test")} == {
        "train": 28,
        "validate": 4,
        "test": 8,
    }


def test_the_same_study_has_the_same_split_and_pixels_in_open_is_and_kaggles_layout(tmp_path):
    one, other = load(trees.open_i(tmp_path / "a")), load(trees.kaggle(tmp_path / "b"))
    assert [(s.study_id, s.split, s.findings) for s in one] == [
        (s.study_id, s.split, s.findings) for s in other
    ]
    np.testing.assert_array_equal(np.asarray(one[0].images[0]()), np.asarray(other[0].images[0]()))


def test_phantoms_and_files_have_one_split(tmp_path):
    trees.open_i(tmp_path)
    phantoms = {s.study_id: s.split for s in load_corpus("iu_xray", root=tmp_path)}
    (tmp_path / "NLMCXR_png" / "CXR3_1_IM-0003-1001.png").unlink()
    (tmp_path / "NLMCXR_png" / "CXR3_1_IM-0003-2001.png").write_bytes(b"")
    with pytest.warns(UserWarning, match="CXR3"):
        files = {s.study_id: s.split for s in load(tmp_path)}
    assert files == {name: split for name, split in phantoms.items() if name != "CXR3"}


@pytest.mark.parametrize("folder", ["NLMCXR_png", "images", ".", "ecgen-radiology"])
def test_open_is_images_are_found_where_people_unpack_them(tmp_path, folder):
    assert len(load(trees.open_i(tmp_path, 4, folder=folder))) == 4


@pytest.mark.parametrize("folder", ["images/images_normalized", "images_normalized", "images", "."])
def test_kaggles_images_are_found_where_people_unpack_them(tmp_path, folder):
    assert len(load(trees.kaggle(tmp_path, 4, folder=folder))) == 4


@pytest.mark.parametrize("joint", ["_", "-"])
def test_r2gens_images_may_have_flat_names(tmp_path, joint):
    assert len(load(trees.r2gen(tmp_path, 4, flat=joint))) == 4


def test_r2gens_split_is_taken_and_a_patient_in_two_splits_stops(tmp_path):
    path = trees.r2gen(tmp_path, 10) / "annotation.json"
    entries = json.loads(path.read_text())
    entries["val"].append(entries["test"].pop())
    path.write_text(json.dumps(entries))
    assert load(tmp_path).splits == ["train"] * 7 + ["validate", "test", "validate"]
    entries["test"].append(entries["train"][0] | {"id": "CXR1_IM-0001-9"})
    path.write_text(json.dumps(entries))
    with pytest.raises(
        ValueError, match="patient CXR1 is in train and, with study CXR1_IM-0001-9, in test"
    ):
        load(tmp_path)


def test_kaggle_shows_the_frontal_view_first_and_reads_its_index_terms(tmp_path):
    corpus = load(trees.kaggle(tmp_path, 4), views=2)
    assert [call.args[0].name for call in corpus[0].images] == [
        "1_IM-0001-2001.dcm.png",
        "1_IM-0001-1001.dcm.png",
    ]
    assert [term.term for term in corpus[0].index_terms] == [
        "Cardiomegaly/mild",
        "Spine/degenerative",
    ]


def test_several_layouts_in_one_folder_are_listed_and_one_may_be_chosen(tmp_path):
    trees.kaggle(trees.open_i(tmp_path, 4), 4)
    with pytest.raises(
        ValueError, match=r"several layouts.*open_i \(.*\.xml\); kaggle \(.*indiana_reports\.csv\)"
    ):
        load(tmp_path)
    assert load(tmp_path, layout="kaggle").layout == "kaggle"
    with pytest.raises(
        ValueError, match="unknown layout 'openi'; known layouts: open_i, r2gen, kaggle, wheel"
    ):
        load(tmp_path, layout="openi")


def test_a_folder_of_ones_own_in_the_data_root_comes_before_the_wheel(tmp_path, monkeypatch):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    trees.r2gen(tmp_path / "iu_xray", 4)
    assert load_corpus("iu_xray", images="files").layout == "r2gen"
    trees.open_i(tmp_path, 4)
    with pytest.raises(ValueError, match=r"several layouts were found: r2gen .*; open_i"):
        load_corpus("iu_xray", images="files")


def test_phantoms_need_index_terms_and_files_need_images(tmp_path):
    with pytest.raises(
        ValueError, match=r"no index terms to draw phantoms from\. Choose images='files'"
    ):
        load_corpus("iu_xray", root=trees.r2gen(tmp_path / "a", 4))
    (tmp_path / "torchxrayvision-1.5.7-py3-none-any.whl").touch()
    with pytest.raises(FileNotFoundError, match="reports without images"):
        load(tmp_path)


BAD_IMAGES = {
    "missing": (None, "no such file"),
    "zero bytes": (b"", "empty file"),
    "text": (b"<html>404</html>", "neither PNG nor JPEG"),
    "truncated": ("half", "truncated PNG"),
    "head only": (b"\x89PNG\r\n\x1a\n", "neither PNG nor JPEG|damaged"),
}


@pytest.mark.parametrize("layout", BUILD)
@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_a_bad_image_is_named_and_no_other_study_is_lost(tmp_path, layout, bad):
    content, reason = BAD_IMAGES[bad]
    path = first_image(BUILD[layout](tmp_path))
    data = path.read_bytes()
    path.unlink() if content is None else path.write_bytes(
        data[: len(data) // 2] if content == "half" else content
    )
    with pytest.warns(
        UserWarning, match=rf"1 files or rows of 40 studies .*{re.escape(path.name)} \(({reason})"
    ):
        corpus = load(tmp_path)
    assert len(corpus) == 40  # its other view is good
    next(other for other in sorted(path.parent.glob(f"{path.name.split('_')[0]}_*")) or [path] if other != path) \
        .unlink() if layout != "r2gen" else (path.parent / "1.png").unlink()  # fmt: skip
    with pytest.warns(UserWarning, match="2 files or rows"):
        corpus = load(tmp_path)
    cause = "image file missing" if content is None else "image unreadable"
    assert len(corpus) == 39 and list(corpus.left_out.values()) == [cause]
    assert filter_counts(corpus)["remaining"].tolist()[:2] == [40, 39]


@pytest.mark.parametrize("layout", BUILD)
def test_without_any_image_the_load_stops(tmp_path, layout):
    for path in BUILD[layout](tmp_path).rglob("*.png"):
        path.unlink()
    with pytest.raises(
        ValueError,
        match=r"80 files or rows of 40 studies.* and 70 more\. At most 5% may be left out",
    ):
        load(tmp_path)


def test_a_report_without_an_image_is_no_fault_but_counted(tmp_path):
    trees.open_i(tmp_path)
    (tmp_path / "ecgen-radiology" / "99.xml").write_text(trees.xml_report(99, images=0))
    with pytest.warns(UserWarning, match=r"1 of 41 studies .* no image: 1 \(CXR99\)"):
        corpus = load(tmp_path)
    assert len(corpus) == 40 and dict(corpus.left_out) == {"CXR99": "no image"}


@pytest.mark.parametrize("layout", BUILD)
def test_a_study_without_images_is_named_by_its_id(tmp_path, layout):
    for path in list(BUILD[layout](tmp_path).rglob("*.png")):
        if re.match(r"(CXR)?3_", path.name) or path.parent.name.startswith("CXR3_"):
            path.unlink()
    with pytest.warns(UserWarning, match="1 of 40 studies"):
        assert [name.split("_")[0] for name in load(tmp_path).left_out] == ["CXR3"]


def test_an_image_that_is_named_twice_is_one_view(tmp_path):
    trees.open_i(tmp_path, 4)
    xml = trees.xml_report(3).replace("CXR3_1_IM-0003-2001", "CXR3_1_IM-0003-1001")
    (tmp_path / "ecgen-radiology" / "3.xml").write_text(xml)
    assert [len(study.images) for study in load(tmp_path, views=2)] == [2, 2, 1, 2]


@pytest.mark.parametrize("mode", ["I;16", "P", "CMYK", "RGBA", "LA", "1", "RGB"])
def test_every_mode_becomes_eight_grey_bits(tmp_path, mode):
    from mrg_r1_lib.corpora.image_files import check_image, read_image

    path = trees.write_image(
        tmp_path / ("x.jpg" if mode == "CMYK" else "x.png"), trees.picture(mode)
    )
    image = read_image(path, 48)
    assert (check_image(path), image.mode, image.size) == ("", "L", (48, 48))
    grey = np.asarray(image)[:, 6:42]  # 60 x 80 leaves 6 black columns on either side
    assert 90 < grey.mean() < 165 and grey.max() - grey.min() > 100
    assert not np.asarray(image)[:, :5].any()


def test_sixteen_bits_keep_their_order_and_use_the_whole_range(tmp_path):
    from PIL import Image

    from mrg_r1_lib.corpora.image_files import read_image

    ramp = np.repeat(np.linspace(100, 4000, 64).astype(np.uint16)[:, None], 64, axis=1)
    Image.fromarray(ramp).save(tmp_path / "x.png")
    column = np.asarray(read_image(tmp_path / "x.png", 64))[:, 32].astype(int)
    assert (np.diff(column) >= 0).all() and column[0] == 0 and column[-1] == 255


def test_damage_in_the_middle_is_named_when_the_image_is_looked_at(tmp_path):
    corpus = load(trees.open_i(tmp_path, 4))
    path = first_image(tmp_path)
    data = bytearray(path.read_bytes())
    data[100:200] = bytes(100)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=rf"{path.name}: cannot be decoded"):
        load(tmp_path)[0].images[0]()
    assert corpus[1].images[0]().size == (96, 96)


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
@pytest.mark.parametrize("more", [b"\0" * 64, b"\0" * 100, b"text after it" * 5000])
def test_bytes_after_a_whole_image_are_no_damage(tmp_path, name, more):
    from mrg_r1_lib.corpora.image_files import check_image, read_image

    path = trees.write_image(tmp_path / name)
    path.write_bytes(path.read_bytes() + more)
    assert check_image(path) == "" and read_image(path, 48).size == (48, 48)


@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.98])
def test_a_cut_image_is_truncated_even_if_a_preview_in_it_ends(tmp_path, name, share):
    from mrg_r1_lib.corpora.image_files import check_image

    path = trees.write_image(tmp_path / name, trees.picture(size=(300, 400)))
    data = path.read_bytes()
    if name == "x.jpg":
        preview = b"Exif\0\0" + b"\xff\xd8 a small picture \xff\xd9"
        size = (len(preview) + 2).to_bytes(2, "big")
        data = data[:2] + b"\xff\xe1" + size + preview + data[2:]
    path.write_bytes(data)
    assert check_image(path) == ""
    path.write_bytes(data[: int(len(data) * share)])
    assert check_image(path).startswith("truncated")


CLIMBING = {
    "../../secret": "the path .* climbs out",
    "/etc/passwd": "the path .* climbs out",
    "a\\..\\b": "the path .* expected / between folders",
    "C:x": "the path .* expected / between folders",
}


@pytest.mark.parametrize("name", CLIMBING)
def test_an_image_path_that_climbs_out_is_refused_in_every_layout(tmp_path, name):
    trees.open_i(tmp_path / "a")
    xml = trees.xml_report(3).replace("CXR3_1_IM-0003-1001", name)
    (tmp_path / "a" / "ecgen-radiology" / "3.xml").write_text(xml)
    path = trees.r2gen(tmp_path / "b") / "annotation.json"
    entries = json.loads(path.read_text())
    entries["train"][2]["image_path"][0] = name
    path.write_text(json.dumps(entries))
    _, projections = trees.kaggle_rows()
    trees.kaggle(tmp_path / "c")
    projections[4]["filename"] = name
    trees.write_csv(
        tmp_path / "c" / "indiana_projections.csv", trees.PROJECTION_COLUMNS, projections
    )
    for folder, left in (("a", 39), ("b", 39), ("c", 40)):  # Kaggle's study 3 keeps its other row
        with pytest.warns(
            UserWarning,
            match=rf"(3\.xml|train\[2\]|projections\.csv row 5) \({CLIMBING[name]}",
        ):
            assert len(load(tmp_path / folder)) == left


BOMB = '<!DOCTYPE r [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'
OUTSIDE = '<!DOCTYPE r [<!ENTITY b SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize(
    ("xml", "reason"),
    [
        (trees.xml_report(3, "&b;", head=BOMB).encode(), "DTDForbidden"),
        (trees.xml_report(3, "&b;", head=OUTSIDE).encode(), "DTDForbidden"),
        (trees.xml_report(3, "caf\xe9").encode("latin-1"), "not well-formed"),
        (b"", "no element found"),
        (trees.xml_report(2).encode(), "has the id CXR2 of 2.xml"),
    ],
    ids=["entity bomb", "external entity", "not UTF-8", "empty", "duplicate id"],
)
def test_a_bad_xml_is_named_and_no_other_study_is_lost(tmp_path, xml, reason):
    (trees.open_i(tmp_path) / "ecgen-radiology" / "3.xml").write_bytes(xml)
    with pytest.warns(UserWarning, match=rf"3\.xml \(.*{reason}"):
        corpus = load(tmp_path)
    assert len(corpus) == 39 and list(corpus.left_out) == ["3.xml"]


def test_byte_order_mark_and_crlf_change_nothing(tmp_path):
    trees.open_i(tmp_path / "a", 4)
    for path in (tmp_path / "a" / "ecgen-radiology").glob("*.xml"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b". ", b".\r\n"))
    reports, projections = trees.kaggle_rows(4)
    trees.kaggle(tmp_path / "c", 4)
    for name, columns, rows in (
        ("indiana_reports", trees.REPORT_COLUMNS[::-1], reports),
        ("indiana_projections", trees.PROJECTION_COLUMNS[::-1], projections),
    ):
        trees.write_csv(
            tmp_path / "c" / f"{name}.csv", columns, rows, encoding="utf-8-sig", newline="\r\n"
        )
    path = trees.r2gen(tmp_path / "b", 4) / "annotation.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b", ", b",\r\n"))
    for folder in "abc":
        assert [study.findings for study in load(tmp_path / folder)] == [trees.FINDINGS] * 4


@pytest.mark.parametrize(
    ("table", "column"), [("reports", "findings"), ("projections", "filename")]
)
def test_a_missing_column_is_named_with_those_that_are_there(tmp_path, table, column):
    path = trees.kaggle(tmp_path, 4) / f"indiana_{table}.csv"
    path.write_text(path.read_text().replace(column, "other", 1))
    with pytest.raises(
        ValueError,
        match=rf"{path.name}: lacks the column '{column}'; its first line has uid, .*other",
    ):
        load(tmp_path)


def test_a_missing_table_is_named(tmp_path):
    (trees.kaggle(tmp_path, 4) / "indiana_projections.csv").unlink()
    with pytest.raises(FileNotFoundError, match=r"indiana_projections\.csv"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"\n3,", b"\nthree,", "expected a number as uid, got 'three'"),
        (b"\n3,", b"\n2,", "has the id CXR2 of indiana_reports.csv row 2"),
        (b"\n3,", b"\n3\n3,", "1 columns, expected 8"),
        (b"\n3,Cardio", b"\n3,Card\xe9", "not UTF-8"),
    ],
    ids=["no number", "duplicate id", "short row", "not UTF-8"],
)
def test_a_bad_row_is_named_and_no_other_study_is_lost(tmp_path, old, new, reason):
    path = trees.kaggle(tmp_path) / "indiana_reports.csv"
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    with pytest.warns(UserWarning, match=rf"indiana_reports\.csv row 3 \({reason}"):
        corpus = load(tmp_path)
    assert len(corpus) == (40 if "columns" in reason else 39)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"report": None}, "expected a text as report"),
        ({"image_path": "x"}, "a list as image_path"),
        ({"id": "../1"}, "expected an id such as CXR1_IM-0001"),
        ({"id": "CXR2_IM-0002"}, "has the id CXR2_IM-0002 of annotation.json train"),
        ({"report": "caf\udce9"}, "not UTF-8"),
    ],
)
def test_a_bad_entry_of_the_annotation_is_named_and_no_other_study_is_lost(
    tmp_path, change, reason
):
    path = trees.r2gen(tmp_path) / "annotation.json"
    entries = json.loads(path.read_text())
    entries["train"][2] |= change
    path.write_bytes(json.dumps(entries, ensure_ascii=False).encode(errors="surrogateescape"))
    with pytest.warns(UserWarning, match=rf"annotation\.json train\[2\] \(.*{reason}"):
        assert len(load(tmp_path)) == 39


@pytest.mark.parametrize("text", ["", "[]", '{"train": []}', "{"])
def test_a_file_that_is_no_annotation_is_named(tmp_path, text):
    (trees.r2gen(tmp_path, 4) / "annotation.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"annotation\.json: is no annotation with train, val, test"
    ):
        load(tmp_path)


def test_a_part_of_the_annotation_that_is_not_read_is_counted_as_lost(tmp_path):
    path = trees.r2gen(tmp_path) / "annotation.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps(entries | {"extra": [entries["train"].pop()], "version": "1"}))
    with pytest.warns(UserWarning, match=r"1 of 40 .* in a part that is not read: 1 \(annotation"):
        assert dict(load(tmp_path).left_out) == {
            "annotation.json extra[0]": "in a part that is not read"
        }


@pytest.mark.parametrize("flat", ["", "_", "-"])
def test_images_without_an_entry_are_said(tmp_path, flat):
    path = trees.r2gen(tmp_path, flat=flat) / "annotation.json"
    entries = json.loads(path.read_text())
    entries["train"].pop()
    path.write_text(json.dumps(entries))
    with pytest.warns(UserWarning, match=r"1 studies with images have no entry \(CXR28_IM-0028\)"):
        assert len(load(tmp_path)) == 39


def test_more_than_one_bad_study_in_twenty_stops_the_load(tmp_path):
    for number in (1, 2, 3):
        (tmp_path / "ecgen-radiology" / f"{number}.xml").write_text(
            ""
        ) if number > 1 else trees.open_i(tmp_path)
    with pytest.warns(UserWarning, match="2 files or rows of 40"):
        assert len(load(tmp_path)) == 38
    (tmp_path / "ecgen-radiology" / "1.xml").write_text("")
    with pytest.raises(
        ValueError, match=r"3 files or rows of 40 studies .*1\.xml .*2\.xml .*At most 5%"
    ):
        load(tmp_path)


def test_reports_in_kaggles_table_may_have_line_breaks_and_quotes(tmp_path):
    path = trees.kaggle(tmp_path) / "indiana_reports.csv"
    reports, _ = trees.kaggle_rows()
    text = (
        'Heart,\nlungs, pleura: "clear", no effusion, mass, nodule, line, tube, fracture.\nStable.'
    )
    reports[2]["findings"] = text
    trees.write_csv(path, trees.REPORT_COLUMNS, reports)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(tmp_path)[2].findings == " ".join(text.split())


@pytest.mark.parametrize("images", ["phantom", "files"])
@pytest.mark.parametrize("layout", ["open_i", "kaggle"])
@pytest.mark.parametrize("text", ["nan", "None.", "Please"])
def test_an_empty_answer_is_no_findings_and_is_said(tmp_path, layout, images, text):
    BUILD[layout](tmp_path)
    pattern = "3.xml" if layout == "open_i" else "indiana_reports.csv"
    (path,) = tmp_path.rglob(pattern)
    lines = path.read_text().split("\n")
    row = 0 if layout == "open_i" else 3
    lines[row] = lines[row].replace(trees.FINDINGS, text)
    path.write_text("\n".join(lines))
    with pytest.warns(UserWarning, match=r"1 of 40 studies .* have no FINDINGS .*\(CXR3\)"):
        corpus = load_corpus("iu_xray", root=tmp_path, images=images)
    assert (corpus[2].findings, corpus[2].split) == ("", "")


def test_the_one_published_fragment_stays_with_phantoms_and_moves_no_other_split(tmp_path):
    trees.open_i(tmp_path)
    (tmp_path / "ecgen-radiology" / "3.xml").unlink()
    xml = trees.xml_report(3558, "Please")
    (tmp_path / "ecgen-radiology" / "3558.xml").write_text(xml)
    for view in (1, 2):
        old = tmp_path / "NLMCXR_png" / f"CXR3_1_IM-0003-{view}001.png"
        old.rename(old.with_name(f"CXR3558_1_IM-3558-{view}001.png"))
    phantoms = {s.study_id: (s.findings, s.split) for s in load_corpus("iu_xray", root=tmp_path)}
    with pytest.warns(UserWarning, match="have no FINDINGS"):
        files = {s.study_id: (s.findings, s.split) for s in load(tmp_path)}
    assert phantoms.pop("CXR3558")[0] == "Please" and files.pop("CXR3558") == ("", "")
    assert files == phantoms


def test_a_report_that_a_second_study_of_its_patient_repeats_is_said(tmp_path):
    path = trees.r2gen(tmp_path) / "annotation.json"
    entries = json.loads(path.read_text())
    for entry in entries["train"][:3]:
        copy = entry | {"id": f"{entry['id']}-b", "image_path": entry["image_path"][1:]}
        entries["train"].append(copy)
    path.write_text(json.dumps(entries))
    with pytest.warns(
        UserWarning, match=r"3 studies repeat the report of another .*CXR1_IM-0001-b"
    ):
        assert len(load(tmp_path)) == 43
