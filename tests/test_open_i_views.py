"""The frontal view of Open-i's files by the collection's acquisition tables, made up here."""

import hashlib
import zipfile

import pytest
import trees

from mrg_r1_lib.corpora import iu_xray, load_corpus, open_i_views, splits
from mrg_r1_lib.corpora.account import Account
from mrg_r1_lib.scales import load_scale
from mrg_r1_lib.storage.paths import data_root

METADATA, CONTENT = open_i_views.TABLES
FIRST, SECOND, THIRD = (f"CXR1_1_IM-0001-{view}001" for view in (1, 2, 3))


def shown(root, views=1):
    """The image files that the first study shows."""
    study = load_corpus("iu_xray", root=root, images="files", views=views)[0]
    return [call.args[0].stem for call in study.images]


def tree(root, positions=None, contents=None, images=3):
    trees.open_i(root, 4, images=images)
    trees.open_i_views(root, METADATA, "View Position", positions or {"CXR9_IM-1": "PA"})
    trees.open_i_views(root, CONTENT, "tsne-view", contents or {"CXR9_IM-1": "L"})
    return root


@pytest.mark.parametrize(
    ("positions", "contents", "expected"),
    [
        ({FIRST: "LL", SECOND: "PA"}, {}, SECOND),
        ({FIRST: "LATERAL", SECOND: "AP", THIRD: "PA"}, {}, THIRD),
        ({FIRST: "LL", SECOND: "RL", THIRD: ""}, {}, THIRD),  # unknown comes before lateral
        ({FIRST: "PA", SECOND: "PA"}, {}, FIRST),
        ({FIRST: "PA", SECOND: "AP"}, {FIRST: "L"}, SECOND),  # the content decides
        ({FIRST: "LL", SECOND: ""}, {SECOND: "PA"}, SECOND),
        ({FIRST: "AP", SECOND: ""}, {FIRST: "PA", SECOND: "PA"}, SECOND),
        ({}, {SECOND: "PA"}, SECOND),
        ({}, {FIRST: "L"}, SECOND),
        ({}, {}, FIRST),
    ],
)
def test_the_first_view_is_the_frontal_one_of_the_tables(tmp_path, positions, contents, expected):
    assert shown(tree(tmp_path, positions, contents))[0] == expected


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ({FIRST: "LL", SECOND: "LATERAL", THIRD: "PA"}, [THIRD, FIRST]),
        ({FIRST: "PA", SECOND: "PA", THIRD: "LATERAL"}, [FIRST, THIRD]),  # no second frontal one
        ({FIRST: "LL", SECOND: "", THIRD: "AP"}, [THIRD, FIRST]),
        ({FIRST: "PA", SECOND: "AP", THIRD: ""}, [FIRST, SECOND]),  # no lateral one: the next best
        ({FIRST: "LL", SECOND: "LL", THIRD: "LL"}, [FIRST, SECOND]),
    ],
)
def test_two_views_are_the_frontal_and_a_lateral_one(tmp_path, positions, expected):
    assert shown(tree(tmp_path, positions), views=2) == expected


def test_a_study_of_one_image_shows_it_once_whatever_is_asked(tmp_path):
    assert shown(tree(tmp_path, {FIRST: "LL"}, images=1), views=2) == [FIRST]


def test_the_preparation_of_two_views_asks_for_both(tmp_path, monkeypatch):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    tree(tmp_path / "iu_xray", {FIRST: "LL", SECOND: "PA"})
    splits._studies.cache_clear()
    study = splits.load_studies("iu_xray_two_views", load_scale("smoke"))[0]
    splits._studies.cache_clear()
    assert [call.args[0].stem for call in study.images] == [SECOND, FIRST]


def test_the_tables_spell_the_first_study_without_its_part(tmp_path):
    assert shown(tree(tmp_path, {"CXR1_IM-0001-2001": "PA", FIRST: "LL"})) == [SECOND]


def test_a_frontal_file_that_cannot_be_read_leaves_the_next_one(tmp_path):
    trees.open_i(tmp_path, images=2)
    trees.open_i_views(tmp_path, METADATA, "View Position", {FIRST: "LL", SECOND: "PA"})
    (tmp_path / "NLMCXR_png" / f"{SECOND}.png").write_bytes(b"")
    with pytest.warns(UserWarning, match=rf"{SECOND}\.png \(empty file"):
        assert shown(tmp_path) == [FIRST]


def test_the_wheel_has_the_tables_and_its_copies_are_checked(tmp_path, monkeypatch):
    tables = tree(tmp_path / "tables", {FIRST: "LL", SECOND: "PA"})
    wheel = tmp_path / iu_xray.WHEEL
    digests = {}
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, (column, _) in open_i_views.TABLES.items():
            data = (tables / name).read_bytes()
            archive.writestr(f"{open_i_views.WHEEL_FOLDER}/{name}", data)
            digests[name] = (column, hashlib.sha256(data).hexdigest())
    empty = tmp_path / "empty"
    with pytest.raises(ValueError, match=rf"member .*{METADATA}: its SHA-256 is"):
        open_i_views.Views(empty, wheel, Account("iu_xray", ""))
    monkeypatch.setattr(open_i_views, "TABLES", digests)
    views = open_i_views.Views(empty, wheel, Account("iu_xray", ""))
    assert [views.rank(tmp_path / f"{name}.png") for name in (FIRST, SECOND, THIRD)] == [4, 0, 2]


def test_without_a_table_the_files_keep_their_order_and_a_line_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path / "nothing"))
    root = tree(tmp_path / "corpus")
    (root / METADATA).unlink(), (root / CONTENT).unlink()
    with pytest.warns(UserWarning, match=r"no acquisition table .* its first file"):
        assert shown(root) == [FIRST]


def test_the_real_tables_name_a_frontal_view_of_nearly_every_study(indiana):
    wheel = data_root() / iu_xray.WHEEL
    if not wheel.exists():
        pytest.skip("no wheel")
    account = Account("iu_xray", "")
    views = open_i_views.Views(data_root() / "nowhere", wheel, account)
    reports = list(iu_xray._read_wheel(data_root(), account))
    best = [min(map(views.rank, report.images)) for report in reports if report.images]
    first = [views.rank(report.images[0]) for report in reports if report.images]
    assert not account.faults
    assert sum(rank <= 1 for rank in best) > 0.9 * len(best)
    assert sum(rank == 4 for rank in first) > 2 * sum(rank == 4 for rank in best)
