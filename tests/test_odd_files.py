"""What stands where a file should: no one thing stops or hangs a load, or fills the memory."""

import gzip
import io
import json
import os
import tracemalloc

import numpy as np
import pytest
import trees
from PIL import Image

from mrg_r1_lib.corpora import iu_r2gen, load_corpus
from mrg_r1_lib.corpora.account import Account
from mrg_r1_lib.corpora.archive import fetch_wheel, read_zip_member
from mrg_r1_lib.corpora.image_files import _grey, check_image, read_image
from mrg_r1_lib.corpora.iu_find import WHEEL
from mrg_r1_lib.corpora.rows import parse_rows, read_rows

ENDLESS = 3 << 30  # bytes of a file that holds only zeros and takes no room


def put(path, kind):
    """A folder, link, pipe or endless file at a path."""
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        with path.open("wb") as file:
            file.truncate(ENDLESS)
    return path


@pytest.mark.parametrize("kind", ["folder", "pipe", "device"])
def test_what_is_no_file_in_the_place_of_the_wheel_is_named(tmp_path, kind):
    wheel = put(tmp_path / WHEEL, kind)
    for read in (
        lambda: load_corpus("iu_xray", root=tmp_path),
        lambda: read_zip_member(wheel, "a", "0"),
        lambda: fetch_wheel("torchxrayvision==1.5.7", wheel, "0"),
    ):
        with pytest.raises(ValueError, match=f"{WHEEL}: is no file"):
            read()


@pytest.mark.parametrize("layout", ["kaggle", "mimic"])
def test_a_table_that_is_one_line_without_end_is_not_read_whole(tmp_path, layout):
    name = {"kaggle": "indiana_reports.csv", "mimic": "mimic-cxr-2.0.0-split.csv"}[layout]
    trees.kaggle(tmp_path, 2) if layout == "kaggle" else trees.mimic(tmp_path, 2, suffix=".csv")
    (tmp_path / name).unlink()
    put(tmp_path / name, "endless")
    with pytest.raises(ValueError, match=f"{name} line 1: .*a line of over"):
        load_corpus("iu_xray" if layout == "kaggle" else "mimic_cxr", root=tmp_path, images="files")


def test_an_endless_view_table_is_not_read_whole(tmp_path):
    root = trees.open_i(tmp_path, 2)
    table = root / "nlmcxr_dicom_metadata.csv.gz"
    table.write_bytes(gzip.compress(b"imageid,View Position\n" + b"x" * (3 << 20)))
    with pytest.raises(ValueError, match=r"nlmcxr_dicom_metadata.csv.gz line 2: .*a line of over"):
        load_corpus("iu_xray", root=root, images="files")


def test_a_table_of_rows_without_end_is_read_up_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr("mrg_r1_lib.corpora.rows.LARGEST", 6000)
    table = tmp_path / "t.csv.gz"
    for rows in (b"1,2\n" * 2000, b'"\n",' * 2000):  # and one row, of quotes
        table.write_bytes(gzip.compress(b"uid,x\n" + rows))
        with pytest.raises(ValueError, match=r"t\.csv\.gz: is a table of over 6000 letters"):
            list(read_rows(table, ["uid"], Account("iu_xray", "here")))
    table.write_bytes(gzip.compress(b"uid,x\n" + b"1,2\n" * 1000))
    assert len(list(read_rows(table, ["uid"], Account("iu_xray", "here")))) == 1000


def test_a_header_field_of_any_length_is_named(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text(f"uid,{'x' * 140_000}\n1,2\n")
    with pytest.raises(ValueError, match=r"t\.csv line 1"):
        list(read_rows(table, ["uid"], Account("iu_xray", "here")))


@pytest.mark.parametrize(
    ("text", "encoding", "reason"),
    [
        ("uid;x\n1;2\n", "utf-8", r"has uid;x\. It is separated by ';' instead of commas\."),
        ("uid\tx\n1\t2\n", "utf-8", r"has uid\\tx\. It is separated by '\\t' instead of commas\."),
        ("uid,x\n1,2\n", "utf-16", r"It is not in UTF-8\."),
        ("x,\xe9\n1,2\n", "latin-1", r"has x, \\udce9\. It is not in UTF-8\."),
        ("UID,x\n1,2\n", "utf-8", r"has UID, x\. Use the file as it was published\."),
    ],
)
def test_a_header_that_is_not_the_published_one_is_shown_with_its_cause(
    tmp_path, text, encoding, reason
):
    table = tmp_path / "t.csv"
    table.write_bytes(text.encode(encoding))
    with pytest.raises(ValueError, match=rf"t\.csv: lacks the column 'uid'; .*{reason}") as error:
        list(read_rows(table, ["uid"], Account("iu_xray", "here")))
    assert str(error.value).encode()  # can be printed


def test_a_name_that_is_not_utf_8_can_be_printed(tmp_path):
    folder = trees.open_i(tmp_path, 40) / "ecgen-radiology"
    (folder / os.fsdecode(b"caf\xe9.xml")).write_text("")
    with pytest.warns(UserWarning, match=r"caf\\udce9\.xml \(no element found"):
        assert len(load_corpus("iu_xray", root=tmp_path, images="files")) == 40


@pytest.mark.parametrize("there", ["Indiana_Reports.csv", "indiana_reports.csv.gz"])
def test_a_missing_table_is_named_with_what_is_there(tmp_path, there):
    path = trees.kaggle(tmp_path, 2) / "indiana_reports.csv"
    path.rename(tmp_path / there)
    with pytest.raises(FileNotFoundError, match=rf"reports\.csv: is no file\. .* holds .*{there}"):
        load_corpus("iu_xray", root=tmp_path, images="files")


def test_an_annotation_above_the_limit_is_not_read(tmp_path):
    root = trees.r2gen(tmp_path, 2)
    (root / "annotation.json").unlink()
    put(root / "annotation.json", "endless")
    tracemalloc.start()
    with pytest.raises(ValueError, match=f"annotation.json: .*larger than {iu_r2gen.LIMIT} bytes"):
        load_corpus("iu_xray", root=root, images="files")
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("old", "new", "lost", "reason"),
    [
        ('"CXR3_IM-0003/0.png"', f'"{"x" * 5000}/0.png"', 0, "File name too long"),
        ('"CXR3_IM-0003"', "1" * 5000, 1, "expected an id"),
        ('"CXR3_IM-0003"', f'"CXR{"1" * 5000}"', 1, "expected an id"),
    ],
    ids=["a path", "a number as id", "an id"],
)
def test_one_entry_of_five_thousand_letters_loses_no_other(tmp_path, old, new, lost, reason):
    root = trees.r2gen(tmp_path, 40)
    path = root / "annotation.json"
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.warns(UserWarning, match=reason) as said:
        assert len(load_corpus("iu_xray", root=root, images="files", views=2)) == 40 - lost
    assert max(len(str(warning.message)) for warning in said) < 1000


@pytest.mark.parametrize("name", ["train", "report"])
def test_an_annotation_that_says_one_thing_twice_is_none(tmp_path, name):
    root = trees.r2gen(tmp_path, 4)
    path = root / "annotation.json"
    twice = {"train": '"train": [], "val":', "report": '"report": "x", "report":'}[name]
    path.write_text(path.read_text().replace(twice.rpartition(" ")[2], twice, 1))
    assert isinstance(json.loads(path.read_text()), dict)
    with pytest.raises(ValueError, match=f"annotation.json: .*names '{name}' twice"):
        load_corpus("iu_xray", root=root, images="files")


@pytest.mark.parametrize(
    "text",
    [
        'uid,view,"note\n1,PA,\n2,PA,"\n3,PA,\n',  # the header takes two rows
        'uid,view\n1,"PA\n2,AP"\n3,PA\n',  # of two columns
        'uid,view\n"1,PA\n2",AP\n3,PA\n',
    ],
    ids=["header", "second of two", "first of two"],
)
def test_a_quote_that_takes_rows_into_the_header_or_a_narrow_table_stops_the_load(text):
    with pytest.raises(ValueError, match=r"t\.csv line [12]: a quote there joins it with later"):
        list(parse_rows(io.BytesIO(text.encode()), "t.csv", ("uid", "view"), Account("a", "b")))


@pytest.mark.parametrize("size", [(40, 1000), (1000, 40)])
def test_a_strip_is_no_radiograph(tmp_path, size):
    path = trees.write_image(tmp_path / "strip.png", trees.picture(size=size))
    assert check_image(path) == f"{size[0]} x {size[1]} pixels, no radiograph's shape"
    assert not check_image(trees.write_image(path, trees.picture(size=(60, 300))))
    icon = trees.write_image(path, trees.picture(size=(1, 1)))
    assert check_image(icon) == "1 x 1 pixels, no radiograph's shape"


def test_what_opens_no_image_is_said(tmp_path):
    assert check_image(tmp_path / ("x" * 300)) == "damaged (File name too long)"
    assert check_image(put(tmp_path / "a.png", "loop")).startswith("damaged (Too many levels")
    assert check_image(put(tmp_path / "b.png", "folder")) == "damaged (Is a directory)"


def test_several_jpegs_in_one_file_are_read_as_the_first_or_named_as_truncated(tmp_path):
    path, (first, second) = tmp_path / "two.jpg", (Image.new("L", (40, 50), v) for v in (90, 200))
    first.save(path, format="MPO", save_all=True, append_images=[second])
    assert not check_image(path)
    assert abs(int(np.asarray(read_image(path, 32))[16, 16]) - 90) < 3
    path.write_bytes(path.read_bytes()[:300])
    assert check_image(path).startswith(("truncated", "damaged"))


@pytest.mark.parametrize("kind", [np.uint16, np.int32])
def test_sixteen_bits_are_stretched_in_little_memory(kind):
    values = np.random.default_rng(0).integers(70, 4000, (1500, 2000)).astype(kind)
    image = Image.fromarray(values)
    tracemalloc.start()
    grey = np.asarray(_grey(image))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    exact = (values.astype(float) - values.min()) * (255 / float(values.max() - values.min()))
    np.testing.assert_array_equal(grey, np.rint(exact).astype(np.uint8))
    assert peak < 12 * values.size  # bytes; the whole as floats takes 24
