"""The campaign's own parts: what once failed does not fail again, and a kill is where it should be."""

import csv
import json
import signal
import subprocess
import sys

import pytest

from mrg_r1_lib.storage.paths import REPOSITORY

CAMPAIGN = REPOSITORY / "tests" / "campaign"
sys.path.append(str(CAMPAIGN))
import fuzz  # noqa: E402
import kills  # noqa: E402

WRITES = """
import sys
from pathlib import Path
sys.path.append(sys.argv[1])
from writes import watch
folder = Path(sys.argv[2])
seen = watch(folder, int(sys.argv[3]))
(folder.parent / "outside").write_text("not counted")
(folder / "a").write_text("whole")
(folder / "a").read_text()
(folder / "a").rename(folder / "b")
(folder / "b").unlink()
print(len(seen))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the fuzzers measure memory as Linux shows it")
def test_no_case_that_failed_once_fails_again():
    command = [sys.executable, CAMPAIGN / "fuzz.py", "--regressions"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_regression_names_a_target_a_seed_and_what_was_found():
    with fuzz.REGRESSIONS.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert all(
        row["target"] in fuzz.CASES and row["seed"].isdecimal() and row["found"] for row in rows
    )
    assert len({(row["target"], row["seed"]) for row in rows}) == len(rows) > 10


@pytest.mark.parametrize(
    ("number", "left"), [(1, {"a": b"half"}), (2, {"a": b"whole"}), (3, {"b": b"whole"})]
)
def test_a_kill_at_a_write_leaves_half_of_it_or_what_was_there_before(tmp_path, number, left):
    folder = tmp_path / "results"
    folder.mkdir()
    words = [sys.executable, "-c", WRITES, str(CAMPAIGN), str(folder), str(number)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == left


def test_a_manifest_differs_by_all_but_its_seconds(tmp_path):
    made = {}
    for name, seconds, steps in (("one", 1.0, 5), ("other", 2.0, 5), ("third", 1.0, 6)):
        (tmp_path / name / "seed0").mkdir(parents=True)
        manifest = {"seed": 0, "srl": {"seconds": seconds, "steps": steps}}
        (tmp_path / name / "seed0" / "manifest.json").write_text(json.dumps(manifest))
        made[name] = kills.contents(tmp_path / name)
    assert not kills.differences(made["one"], made["other"])
    assert kills.differences(made["one"], made["third"]) == ["seed0/manifest.json"]


def test_a_file_too_many_too_few_or_changed_is_a_difference(tmp_path):
    (tmp_path / "a.PID.partial").write_text("left")
    left = kills.contents(tmp_path)
    assert kills.differences({}, left) == kills.differences(left, {}) == ["a.PID.partial"]
    (tmp_path / "a.PID.partial").write_text("else")
    assert kills.differences(left, kills.contents(tmp_path)) == ["a.PID.partial"]
