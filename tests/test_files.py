import errno
import os
import subprocess
import sys
from collections import namedtuple

import pytest

from mrg_r1_lib.storage.files import (
    locked,
    read_json,
    read_marker,
    require_room,
    sweep,
    write_aside,
    write_text,
)

KILLED = """
import os, shutil, signal, sys
from pathlib import Path
from mrg_r1_lib.storage import files
calls = []
def killed(work):
    def call(*arguments, **named):
        calls.append(work)
        if len(calls) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return work(*arguments, **named)
    return call
Path.rename, files.shutil.rmtree = killed(Path.rename), killed(shutil.rmtree)
with files.write_aside(Path(sys.argv[1])) as aside:
    aside.mkdir()
    (aside / "a").write_text("new")
    killed(print)(end="")
    (aside / "b").write_text("new")
"""


def write_folder(path, text):
    with write_aside(path) as aside:
        aside.mkdir()
        for name in ("a", "b"):
            (aside / name).write_text(text)


def contents(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "scores.json"
    write_text(path, "old")
    with pytest.raises(ZeroDivisionError), write_aside(path) as aside:
        aside.write_text("half")
        1 / 0  # noqa: B018
    assert contents(tmp_path) == {"scores.json": "old"}


@pytest.mark.parametrize("step", [1, 2, 3, 4])  # in the middle, before each rename, before cleaning
def test_a_process_killed_while_it_replaces_a_folder_leaves_the_old_or_the_new(tmp_path, step):
    path = tmp_path / "policy"
    write_folder(path, "old")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), str(step)], check=False)
    assert killed.returncode == -9
    with pytest.raises(ZeroDivisionError), write_aside(path):  # the next write, cut off, too
        1 / 0  # noqa: B018
    assert contents(path) == dict.fromkeys("ab", "new" if step == 4 else "old")
    write_folder(path, "third")
    assert contents(path) == dict.fromkeys("ab", "third")
    assert [entry.name for entry in tmp_path.iterdir()] == ["policy"]  # nothing is left over


def test_what_a_living_process_writes_is_not_swept(tmp_path):
    beside = tmp_path / f"log.csv.{os.getppid()}.partial"
    beside.touch()
    (tmp_path / "log.csv.999999999.partial").touch()
    (tmp_path / "log.csv.notes.partial").touch()
    write_text(tmp_path / "log.csv", "")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"log.csv", beside.name, "log.csv.notes.partial"}


def test_a_second_run_on_a_locked_folder_is_told_who_holds_it(tmp_path):
    code = "import sys, pathlib; from mrg_r1_lib.storage.files import locked\n"
    code += "with locked(pathlib.Path(sys.argv[1])): pass"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with locked(tmp_path):
        second = subprocess.run(command, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert str(tmp_path) in second.stderr and "in use by process" in second.stderr
    assert subprocess.run(command, check=False).returncode == 0


def test_a_disk_without_locks_is_named_with_what_to_do(tmp_path, monkeypatch):
    def no_lock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", no_lock)
    expected = rf"{tmp_path} cannot be locked \(No locks available\): .*another results"
    with pytest.raises(RuntimeError, match=expected), locked(tmp_path):
        pytest.fail("worked without a lock")


def test_too_little_space_says_how_much_there_is_and_how_much_it_takes(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")(2**40, 2**40, 3 * 2**29)
    monkeypatch.setattr("mrg_r1_lib.storage.files.shutil.disk_usage", lambda folder: usage)
    require_room(tmp_path / "new" / "results", 1.5, tmp_path / "none")
    assert not list((tmp_path / "new" / "results").iterdir())
    with pytest.raises(RuntimeError, match=r"1\.5 GiB free, 2\.0 GiB are needed.*--results"):
        require_room(tmp_path, 2.0, tmp_path / "none")
    (tmp_path / "made").mkdir()
    with (tmp_path / "made" / "weights").open("wb") as weights:
        weights.truncate(2**29)  # of what is needed, half a GiB is there
    require_room(tmp_path, 2.0, tmp_path / "made")


def test_what_killed_processes_left_anywhere_below_a_folder_is_swept(tmp_path):
    inside = tmp_path / "runs" / "smoke"
    (inside / "policy.999999999.partial").mkdir(parents=True)
    (inside / "policy.999999999.partial" / "weights").write_text("half")
    (inside / "start.999999998.old").mkdir()
    (inside / "start.999999998.old" / "weights").write_text("whole")
    alive = inside / f"log.csv.{os.getppid()}.partial"
    kept = [alive, inside / "notes.2024.partially", inside / "plan.v2.old", inside / "a.1x.partial"]
    for path in (*kept, tmp_path / "scores.json.999999997.partial"):
        path.touch()
    sweep(tmp_path)
    assert {path.name for path in inside.iterdir()} == {"start", *(path.name for path in kept)}
    assert contents(inside / "start") == {"weights": "whole"}
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_process_that_later_got_the_number_of_a_killed_one_keeps_nothing(tmp_path):
    left = tmp_path / f"scores.json.{os.getppid()}.partial"
    left.touch()
    os.utime(left, (1, 1))  # before that process began
    mine = tmp_path / f"policy.{os.getpid()}.partial"  # as in a container, where numbers are equal
    mine.mkdir()
    os.utime(mine, (1, 1))
    write_folder(tmp_path / "policy", "new")
    sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/scores.json'"):  # noqa: SIM117
        with write_aside(tmp_path / "scores.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # a write's error has no name


@pytest.mark.parametrize("content", [b"", b'{"a": 1', b"\xff", b"[1]", b"1", b"null"])
def test_a_damaged_file_is_named_and_a_damaged_marker_counts_as_none(tmp_path, content):
    path = tmp_path / "train.done"
    path.write_bytes(content)
    assert read_marker(path) == {} == read_marker(tmp_path / "nothing")
    if content not in (b"[1]", b"1", b"null"):
        with pytest.raises(ValueError, match=rf"{path} is damaged: .*git checkout.*--fresh"):
            read_json(path)
