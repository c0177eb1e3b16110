import errno
import subprocess
import sys
from collections import namedtuple

import pytest

from mrg_r1_lib.storage.files import file_digest, locked, require_room, write_aside, write_text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "scores.json"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), write_aside(path) as aside:
        aside.write_text("half")
        1 / 0  # noqa: B018
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["scores.json"]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "policy"
    for name in ("first", "second"):
        with write_aside(path) as aside:
            aside.mkdir()
            (aside / name).touch()
    assert [entry.name for entry in path.iterdir()] == ["second"]


def test_a_second_run_on_a_locked_folder_is_told_who_holds_it(tmp_path):
    code = f"from pathlib import Path; from mrg_r1_lib.storage.files import locked\nwith locked(Path({str(tmp_path)!r})): pass"
    with locked(tmp_path):
        second = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert str(tmp_path) in second.stderr and "in use by process" in second.stderr
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_digest_is_sha256(tmp_path):
    (tmp_path / "empty").touch()
    assert (
        file_digest(tmp_path / "empty")
        == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )


def test_room_is_made_and_left_empty(tmp_path):
    require_room(tmp_path / "new" / "results", 0.001)
    assert not list((tmp_path / "new" / "results").iterdir())


def test_a_folder_that_cannot_be_made_is_named_with_the_reason_and_what_to_do(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(
        RuntimeError,
        match=r"file/results cannot be written in: Not a directory\..*another folder: --results",
    ):
        require_room(tmp_path / "file" / "results", 0.001)


def test_a_folder_that_may_not_be_written_in_is_found_by_writing(tmp_path, monkeypatch):
    def refuse(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("mrg_r1_lib.storage.files.tempfile.NamedTemporaryFile", refuse)
    with pytest.raises(RuntimeError, match="cannot be written in: Permission denied"):
        require_room(tmp_path, 0.001)


def test_too_little_space_says_how_much_there_is_and_how_much_it_takes(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(
        "mrg_r1_lib.storage.files.shutil.disk_usage", lambda folder: usage(2**40, 2**40, 3 * 2**29)
    )
    require_room(tmp_path, 1.5)
    with pytest.raises(
        RuntimeError, match=r"has 1\.5 GiB free, 2\.0 GiB are needed.*another disk: --results"
    ):
        require_room(tmp_path, 2.0)
