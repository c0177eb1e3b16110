"""The committed results: of a clean commit, by one judge, small, without text or traces of a machine."""

import json
import re
import subprocess
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

FOLDER = results_root() / "laptop"
LIMIT = 30e6  # bytes
KINDS = (".json", ".csv", ".png", ".pdf", ".ipynb", ".md")
JSON = re.compile(r"manifest\.json|metrics(_validate|_impressions)?\.json")
LONGEST_CELL = 80  # characters of a table's cell; a report is longer
STAGES = {"pretrain", "sft", "srl", "completions", "beliefs"}
STAGES |= {"evaluate", "evaluate_validate", "evaluate_impressions"}
SETTINGS = {"experiment", "preparation", "scale", "seed"}
MACHINE = re.compile(
    rf"{re.escape(str(REPOSITORY))}|(?<![\w.])(/home/|/root/|/tmp/|/Users/|/var/folders/)|[A-Z]:\\Users"
)

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="results/laptop is not there")


def committed(pattern="*"):
    """The files below results/laptop that git would take: no locks, no drafts."""
    left = (".lock", ".lock.holder")
    files = (path for path in sorted(FOLDER.rglob(pattern)) if path.is_file())
    return [
        path
        for path in files
        if path.name not in left and not path.name.endswith((".partial", ".draft.ipynb"))
    ]


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_result_is_of_a_clean_commit_of_known_stages():
    manifests = {path: read(path) for path in committed("manifest.json")}
    assert manifests
    for path, manifest in manifests.items():
        made = {name: entry for name, entry in manifest.items() if name not in SETTINGS}
        assert made and set(made) <= STAGES and set(manifest) >= SETTINGS, path
        for stage, entry in made.items():
            assert not entry["commit"].endswith("-dirty"), f"{path}: {stage}: run it again, clean"
            assert entry["versions"]["python"] and entry["hardware"]["machine"]
        run = Run(manifest["experiment"]["name"], "laptop", manifest["seed"], FOLDER.parent)
        assert run.folder == path.parent


def test_every_score_is_by_one_judge_and_of_the_split_that_its_name_says():
    scores = {path: read(path) for path in committed("metrics*.json")}
    assert len({each["judge"] for each in scores.values()}) == 1
    for path, each in scores.items():
        assert each["split"] == (path.stem.removeprefix("metrics").strip("_") or "test"), path
        assert (path.parent / "manifest.json").exists()


def test_no_file_holds_report_text():
    for path in committed():
        assert path.suffix in KINDS and "completions" not in path.name, path
        assert path.suffix != ".json" or JSON.fullmatch(path.name), path
    for path in committed("*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        longest = max(map(len, [*table.columns, *table.to_numpy().ravel()]), default=0)
        assert longest <= LONGEST_CELL, f"{path} has a cell of {longest} characters"


def test_label_files_hold_study_ids_and_codes_only():
    codes = {str(int(label)) for label in Label}
    for path in committed("labels_per_study*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        assert list(table) == ["study_id", *OBSERVATIONS], path
        assert table["study_id"].str.fullmatch(r"[\w-]+").all(), path
        assert set(table[list(OBSERVATIONS)].to_numpy().ravel()) <= codes, path


def test_every_notebook_has_an_executed_copy_without_errors_warnings_or_paths_of_a_machine():
    sources = {path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    assert {path.name for path in committed("*.ipynb")} == sources
    for path in committed("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        assert outputs and not [out for out in outputs if out.output_type in ("error", "stream")], (
            path
        )
        for output in outputs:  # a picture's code may hold anything
            for kind in [kind for kind in output.get("data", {}) if kind.startswith("image/")]:
                del output["data"][kind]
        assert not MACHINE.search(json.dumps(cells)), path


def test_git_takes_the_results_which_are_small_and_leaves_the_rest():
    def ignored(path):
        command = ["git", "check-ignore", "-q", path]
        return not subprocess.run(command, cwd=REPOSITORY, check=False).returncode

    assert sum(path.stat().st_size for path in committed()) < LIMIT
    command = ["git", "rev-parse"]
    if subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False).returncode:
        pytest.skip("not a git checkout")
    assert not [path for path in committed() if ignored(path)]
    left = ("runs/laptop/sft.done", "smoke/tables/main.csv", "laptop/.lock")
    left += ("laptop/notebooks/00.draft.ipynb", "laptop/a.1.partial")
    assert all(ignored(results_root() / path) for path in left)
