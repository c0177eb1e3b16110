"""Ways to damage each layout of a corpus of files: no study is lost without a line.

A load either stops with an error that names a file, or gives every study as it was, or warns.
"""

import json
import os
import re
import shutil
import warnings

import pytest
import trees

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.iu_find import WHEEL

BUILD = {
    "open_i": ("iu_xray", trees.open_i),
    "r2gen": ("iu_xray", trees.r2gen),
    "kaggle": ("iu_xray", trees.kaggle),
    "mimic_cxr": ("mimic_cxr", lambda root: trees.mimic(root, suffix=".csv")),
}
SPLIT, METADATA, LABELS = (f"mimic-cxr-2.0.0-{name}.csv" for name in ("split", "metadata", "chexpert"))  # fmt: skip
REPORTS, PROJECTIONS = "indiana_reports.csv", "indiana_projections.csv"


def edit(pattern, old, new, count=1):
    """Replace text in the first `count` files of a pattern (0: all of them)."""

    def damage(root):
        paths = sorted(root.rglob(pattern))
        assert paths, pattern
        for path in paths[: count or None]:
            data = path.read_bytes()
            changed = re.sub(old.encode(), new.encode(), data, flags=re.DOTALL)
            assert changed != data, (pattern, old)
            path.write_bytes(changed)

    return damage


def lines(pattern, change):
    """Change the list of lines of one file."""

    def damage(root):
        (path,) = root.rglob(pattern)
        path.write_text("".join(change(path.read_text().splitlines(keepends=True))))

    return damage


def cut(pattern, bytes_kept=0.5, count=1):
    """Cut the first `count` files of a pattern (0: all) to a share of their bytes."""

    def damage(root):
        for path in sorted(root.rglob(pattern))[: count or None]:
            data = path.read_bytes()
            path.write_bytes(data[: int(len(data) * bytes_kept)])

    return damage


def remove(pattern, count=1, replace=None):
    """Delete files of a pattern (0: all), or put a folder, link or pipe in their place."""

    def damage(root):
        for path in sorted(root.rglob(pattern))[: count or None]:
            path.unlink()
            if replace == "folder":
                path.mkdir()
            elif replace == "link":
                path.symlink_to("nowhere")
            elif replace == "loop":
                path.symlink_to(path.name)
            elif replace == "pipe":
                os.mkfifo(path)
            elif replace:
                path.write_bytes(replace)

    return damage


def annotation(change):
    """Change R2Gen's entries as parsed."""

    def damage(root):
        path = root / "annotation.json"
        entries = json.loads(path.read_text())
        change(entries)
        path.write_text(json.dumps(entries))

    return damage


def table_ways(name, middle):
    """Ways to damage a table: `middle` is a number that stands in its third row."""
    return {
        f"{name}: cut after half of its lines": lines(name, lambda ls: ls[: len(ls) // 2]),
        f"{name}: cut inside a row": cut(name, 0.5),
        f"{name}: header only": lines(name, lambda ls: ls[:1]),
        f"{name}: empty": cut(name, 0),
        f"{name}: gone": remove(name),
        f"{name}: a folder": remove(name, replace="folder"),
        f"{name}: a link to nothing": remove(name, replace="link"),
        f"{name}: a stray quote": lines(name, lambda ls: [*ls[:9], re.sub(",", ',"', ls[9], count=1), *ls[10:]]),
        f"{name}: a quote that closes 20 rows later": lines(name, lambda ls: [*ls[:9], re.sub(",", ',"', ls[9], count=1), *ls[10:29], re.sub("(,[^,]*)$", r'"\1', ls[29]), *ls[30:]]),
        f"{name}: a quote that closes in the next row": lines(name, lambda ls: [*ls[:9], re.sub(",", ',"', ls[9], count=1), re.sub("(,[^,]*)$", r'"\1', ls[10]), *ls[11:]]),
        f"{name}: a row with one comma more": lines(name, lambda ls: [*ls[:5], ls[5].replace(",", ",,", 1), *ls[6:]]),
        f"{name}: a row joined with the next": lines(name, lambda ls: [*ls[:5], ls[5].rstrip() + ls[6], *ls[7:]]),
        f"{name}: semicolons": edit(name, ",", ";"),
        f"{name}: not UTF-8 in one row": remove_utf8(name, middle),
        f"{name}: another id": edit(name, rf"\b{middle}\b", "x"),
        f"{name}: ids as 1.0": edit(name, r"(?<![\w.-])(\d+)(?=,)", r"\1.0"),
        f"{name}: ids as 01": edit(name, r"(?<![\w.-])(\d+)(?=,)", r"0\1"),
        f"{name}: a field without end": lines(name, lambda ls: [*ls[:5], ls[5].replace(",", f",{'x' * 200_000}", 1), *ls[6:]]),
    }  # fmt: skip


def remove_utf8(name, middle):
    def damage(root):
        path = root / name
        data = path.read_bytes()
        path.write_bytes(re.sub(rb"\b" + str(middle).encode() + rb"\b", b"\xe9", data))

    return damage


IMAGES = {
    "images: one study's gone": remove("*0003-?001*.png", 2),
    "images: all gone": remove("*.png", 0),
    "images: all empty": remove("*.png", 0, replace=b" "),
    "images: one study's cut": cut("*0003-?001*.png", 0.5, 2),
    "images: one study's webp": remove("*0003-?001*.png", 2, replace=b"RIFF0000WEBPVP8 "),
    "images: one study's folders": remove("*0003-?001*.png", 2, replace="folder"),
    "images: one study's links": remove("*0003-?001*.png", 2, replace="link"),
    "images: one study's pipes": remove("*0003-?001*.png", 2, replace="pipe"),
}
EMPTY_TEXTS = {"nan": "nan", "None.": "None.", "a request": "Please see the note.", "nothing": ""}

WAYS = {
    "open_i": {
        **IMAGES,
        **{f"FINDINGS: {n}": edit("3.xml", trees.FINDINGS, t) for n, t in EMPTY_TEXTS.items()},
        "FINDINGS: another label everywhere": edit("*.xml", "FINDINGS", "FINDING", 0),
        "images: not named in one report": edit("3.xml", "parentImage", "parentFile"),
        "images: not named in any report": edit("*.xml", "parentImage", "parentFile", 0),
        "report: gone": remove("3.xml"),
        "report: a folder": remove("3.xml", replace="folder"),
        "report: a link to nothing": remove("3.xml", replace="link"),
        "report: a loop of links": remove("3.xml", replace="loop"),
        "report: a pipe": remove("3.xml", replace="pipe"),
        "report: cut": cut("3.xml"),
        "report: empty": cut("3.xml", 0),
        "report: a second one's id": edit("3.xml", 'uId id="CXR3"', 'uId id="CXR2"'),
        "report: an id of 5,000 digits": edit("3.xml", 'uId id="CXR3"', f'uId id="CXR{"3" * 5000}"'),
        "report: longer than the limit": edit("3.xml", "Normal", "x" * 2_000_000),
        "reports: half gone": remove("[12]*.xml", 0),
        "report: another encoding": remove("3.xml", replace=b"\xff\xfe<\x00"),
    },
    "r2gen": {
        "entry: gone": annotation(lambda e: e["train"].pop(2)),
        "entries: half gone": annotation(lambda e: e.update(train=e["train"][:14])),
        "entry: twice": annotation(lambda e: e["train"].append(e["train"][2])),
        "entry: a copy with one view": annotation(lambda e: e["train"].append(e["train"][2] | {"id": "CXR3_IM-9", "image_path": e["train"][2]["image_path"][:1]})),
        "entry: no images": annotation(lambda e: e["train"][2].update(image_path=[])),
        "entry: images elsewhere": annotation(lambda e: e["train"][2].update(image_path=["a.png"])),
        "entry: images as text": annotation(lambda e: e["train"][2].update(image_path="a.png")),
        "entry: images climb out": annotation(lambda e: e["train"][2].update(image_path=["../a"])),
        "entry: report is null": annotation(lambda e: e["train"][2].update(report=None)),
        "entry: id is a list": annotation(lambda e: e["train"][2].update(id=["CXR3"])),
        "entry: id of 5,000 digits": annotation(lambda e: e["train"][2].update(id="CXR" + "3" * 5000)),
        "entry: is a text": annotation(lambda e: e["train"].__setitem__(2, "CXR3")),
        "split: renamed": annotation(lambda e: e.update(valid=e.pop("val"))),
        "split: empty": annotation(lambda e: e.update(val=[])),
        "split: a patient in two": annotation(lambda e: e["test"].append(e["train"][2] | {"id": "CXR3_IM-9"})),
        "file: cut": cut("annotation.json"),
        "file: a folder": remove("annotation.json", replace="folder"),
        "file: gone": remove("annotation.json"),
        "images: one study's gone": remove("CXR3_IM-0003/*.png", 2),
        "images: one study's cut": cut("CXR3_IM-0003/*.png", 0.5, 2),
        "images: one study's pipes": remove("CXR3_IM-0003/*.png", 2, replace="pipe"),
        "images: all gone": remove("*.png", 0),
        **{f"report: {n}": annotation(lambda e, t=t: e["train"][2].update(report=t)) for n, t in EMPTY_TEXTS.items()},
    },
    "kaggle": {
        **IMAGES,
        **table_ways(REPORTS, 3),
        **table_ways(PROJECTIONS, 3),
        **{f"FINDINGS: {n}": lines(REPORTS, lambda ls, t=t: [*ls[:3], ls[3].replace(trees.FINDINGS, t), *ls[4:]]) for n, t in EMPTY_TEXTS.items()},
        "reports: a quote inside a quoted text": lines(REPORTS, lambda ls: [*ls[:3], ls[3].replace(trees.FINDINGS, '"Heart, "large. Clear."'), *ls[4:]]),
        "projections: another row's file": edit(PROJECTIONS, "\n3,3_", "\n3,4_"),
    },
    "mimic_cxr": {
        **table_ways(SPLIT, 50414293),
        **table_ways(METADATA, 50414293),
        **{n: way for n, way in table_ways(LABELS, 50414293).items() if "gone" not in n},  # optional
        "report: gone": remove("s50414293.txt"),
        "report: a folder": remove("s50414293.txt", replace="folder"),
        "report: a loop of links": remove("s50414293.txt", replace="loop"),
        "report: a pipe": remove("s50414293.txt", replace="pipe"),
        "report: empty": cut("s50414293.txt", 0),
        "report: cut before FINDINGS": cut("s50414293.txt", 0.3),
        "report: not UTF-8": remove("s50414293.txt", replace=b"FINDINGS: \xe9"),
        **{f"FINDINGS: {n}": edit("s50414293.txt", trees.FINDINGS, t) for n, t in EMPTY_TEXTS.items()},
        "reports: another heading": edit("s*.txt", "FINDINGS: ", "WET READ: ", 0),
        "images: one study's gone": remove("s50414293/*.jpg", 2),
        "images: one study's cut": cut("s50414293/*.jpg", 0.3, 2),
        "images: all gone": remove("*.jpg", 0),
        "tables: split and metadata cut": lambda root: [lines(n, lambda ls: ls[:41])(root) for n in (SPLIT, METADATA)],
    },
}  # fmt: skip
PLACES = {  # layout -> way -> the end of the error: what is where an image was expected
    "open_i": {
        "capitals": "/NLMCXR_png holds CXR1_1_IM-0001-1001.PNG, CXR10_1_IM",
        "too deep": "/NLMCXR_png holds NLMCXR_png.",
        "other case": " holds nlmcxr_PNG, ecgen-radiology, nlmcxr_dicom_metadata.csv.gz.",
        "gone": " holds ecgen-radiology, nlmcxr_dicom_metadata.csv.gz.",
    },
    "r2gen": {
        "capitals": "/CXR1_IM-0001 holds 0.PNG, 1.PNG.",
        "too deep": "/images holds images.",
        "other case": " holds IMAGES, annotation.json.",
        "gone": " holds annotation.json.",
    },
    "mimic_cxr": {
        "capitals": "/s50414267 holds ",
        "too deep": "/files holds files.",
        "other case": " holds FILES, mimic-cxr-2.0.0-chexpert.csv, ",
        "gone": f" holds {LABELS}, {METADATA}, {SPLIT}.",
    },
}
FOLDER = {"open_i": "NLMCXR_png", "r2gen": "images", "mimic_cxr": "files"}


def misplace(folder, way):
    if way == "capitals":
        for path in [*folder.rglob("*.png"), *folder.rglob("*.jpg")]:
            path.rename(path.with_suffix(path.suffix.upper()))
    elif way == "other case":
        folder.rename(folder.with_name(folder.name.swapcase()))
    else:
        aside = folder.rename(folder.with_name("aside"))
        if way == "too deep":
            folder.mkdir()
            aside.rename(folder / folder.name)
        else:
            shutil.rmtree(aside)


CASES = [(layout, way) for layout, ways in WAYS.items() for way in ways]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Each layout, undamaged, with what it gives."""
    made = {}
    for layout, (name, build) in BUILD.items():
        root = build(tmp_path_factory.mktemp(layout))
        made[layout] = root, given(name, root)
    return made


def given(name, root):
    studies = load_corpus(name, root=root, images="files")
    return {
        (s.study_id, s.split, s.findings, len(s.images), s.published_labels, s.index_terms)
        for s in studies
    }


@pytest.mark.parametrize(("layout", "way"), CASES, ids=[f"{a}-{b}" for a, b in CASES])
def test_no_study_is_lost_without_a_line(tmp_path, whole, layout, way):
    source, expected = whole[layout]
    root = shutil.copytree(source, tmp_path / "corpus")
    WAYS[layout][way](root)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            kept = given(BUILD[layout][0], root)
        except (ValueError, FileNotFoundError) as error:
            assert re.search(r"/\S+|\.(?:csv|xml|json|txt|png|jpg)|patient \w+", str(error))
            return
    lines = [str(warning.message) for warning in said if warning.category is UserWarning]
    lost = expected - kept
    assert not lost or lines, f"{len(lost)} studies are lost or changed, and nothing is said"


def test_each_layout_is_damaged_in_twenty_ways():
    assert all(len(ways) >= 20 for ways in WAYS.values())


@pytest.mark.parametrize("way", [way for way in WAYS["kaggle"] if "ids as" in way])
def test_ids_of_a_spreadsheet_are_the_same_numbers_in_kaggles_tables(tmp_path, whole, way):
    source, expected = whole["kaggle"]
    root = shutil.copytree(source, tmp_path / "corpus")
    WAYS["kaggle"][way](root)
    assert given("iu_xray", root) == expected


@pytest.mark.parametrize(
    ("layout", "way", "message"),
    [
        ("kaggle", f"{REPORTS}: a stray quote", rf"{REPORTS} line 10: a quote there"),
        ("kaggle", f"{PROJECTIONS}: a quote that closes 20 rows later", rf"{PROJECTIONS} line 10: a quote there"),
        ("mimic_cxr", f"{LABELS}: a stray quote", rf"{LABELS} line 10: a quote there"),
        ("mimic_cxr", f"{SPLIT}: a quote that closes in the next row", rf"{SPLIT} line 10: a quote there"),
        ("mimic_cxr", f"{SPLIT}: cut after half of its lines", "not in the split file: 20"),
        ("mimic_cxr", "tables: split and metadata cut", "not in the split file: 20"),
        ("kaggle", f"{REPORTS}: cut after half of its lines", "no report: 21"),
        ("open_i", "reports: half gone", "no report: 22"),
    ],
)  # fmt: skip
def test_the_error_names_the_cause_and_the_line(tmp_path, whole, layout, way, message):
    root = shutil.copytree(whole[layout][0], tmp_path / "corpus")
    WAYS[layout][way](root)
    with pytest.raises(ValueError, match=message):
        given(BUILD[layout][0], root)


@pytest.mark.parametrize(("layout", "way"), [(a, b) for a, ways in PLACES.items() for b in ways])
def test_the_error_says_what_is_where_files_were_expected(tmp_path, whole, layout, way):
    root = shutil.copytree(whole[layout][0], tmp_path / "corpus")
    misplace(root / FOLDER[layout], way)
    with pytest.raises((ValueError, FileNotFoundError), match=re.escape(PLACES[layout][way])):
        given(BUILD[layout][0], root)


@pytest.mark.parametrize("way", ["a level too deep", "another name", "an archive", "empty", "gone"])
def test_an_own_folder_that_holds_no_layout_is_described(tmp_path, monkeypatch, way):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    (tmp_path / WHEEL).touch()
    own, holds = tmp_path / "iu_xray", f"{tmp_path / 'iu_xray'} holds "
    if way == "a level too deep":
        trees.r2gen(own / "iu_xray", 1)
        expected = holds + "iu_xray."
    elif way == "another name":
        trees.r2gen(own, 1)
        (own / "annotation.json").rename(own / "Annotation.json")
        expected = holds + "Annotation.json, images."
    elif way == "an archive":
        trees.write_image(own / "iu_xray.zip", b"PK")
        expected = holds + "iu_xray.zip."
    elif way == "empty":
        own.mkdir()
        expected = f"{own} is empty."
    else:
        expected = f"{tmp_path} holds {WHEEL}."
    with pytest.raises(FileNotFoundError, match=re.escape(f"None was found: {expected}")):
        load_corpus("iu_xray", images="files")
