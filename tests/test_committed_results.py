"""The committed results: made by these sources with these settings, small, without report text and without traces of a machine.

Every test is skipped where `results/laptop` is absent: the laptop study has not been run to its end in this checkout.
"""

import json
import re
import subprocess
from dataclasses import asdict, fields
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from mrg_r1_lib.reporting.documents.printed import PRINTED

from mrg_r1_lib.experiments import ARMS, Experiment, Scale, load_scale, parse_experiment
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.pipeline.verify import EQUAL
from mrg_r1_lib.reporting.tables import main_table
from mrg_r1_lib.runs.run import BESIDE_THE_RUN, OF_SRL, STAGE_OF, YOUNGER, Run
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

SCALE = "laptop"
FOLDER = results_root() / SCALE
LIMIT = 30e6  # bytes
KINDS, PRINTED_KINDS = (".json", ".csv", ".png", ".pdf", ".ipynb"), (".md", ".tex")
PAGES = (
    FOLDER / "report.html",
    FOLDER / "model_card.md",
)  # of figures, tables and literal words of the library
LONGEST_CELL = 80  # characters of a table's cell; a report is longer
MACHINE = re.compile(
    rf"{re.escape(str(REPOSITORY))}|(?<![\w.])(/home/|/root/|/tmp/|/Users/|/var/folders/)|[A-Z]:\\Users"
)
KNOWN = {each.name for settings in (Experiment, Scale) for each in fields(settings)}
AGAIN = "run ./run_all.sh again"

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="results/laptop is not there: the laptop study has not been run to its end here",
)


def committed(pattern="*"):
    """The files below results/laptop that git would take: no locks, no drafts."""
    files = (path for path in sorted(FOLDER.rglob(pattern)) if path.is_file())
    return [
        path
        for path in files
        if not path.name.startswith(".lock")
        and not path.name.endswith((".partial", ".draft.ipynb"))
    ]


def shown(path: Path) -> str:
    return path.relative_to(FOLDER.parent.parent).as_posix()


def settings(entries: dict, arm: str) -> dict:
    """Settings that change a run of `arm`, as JSON writes them; one that is gone was read by other sources."""
    read_by = (ARMS[arm].stage, arm)
    beside = BESIDE_THE_RUN | {name for name, other in STAGE_OF.items() if other not in read_by}
    beside |= OF_SRL if "srl" not in read_by else set()
    entries = YOUNGER | entries if "rewards" in entries else entries
    return json.loads(
        json.dumps({name: value for name, value in entries.items() if name in KNOWN - beside})
    )


def manifests():
    return {
        shown(path.parent): json.loads(path.read_text(encoding="utf-8"))
        for path in committed("manifest.json")
    }


def test_every_result_was_made_by_the_present_sources_or_by_others_that_a_re_run_showed_to_be_equal():
    stale = []
    equal = FOLDER / EQUAL
    shown_equal = (
        set(map(tuple, pd.read_csv(equal)[["made", "equal"]].to_numpy()))
        if equal.exists()
        else set()
    )
    for folder, manifest in manifests().items():
        run = Run(manifest["experiment"]["name"], SCALE, manifest["seed"], FOLDER.parent)
        for module in sorted(name for name in manifest if name.startswith("mrg_r1_lib.")):
            made, present = manifest[module]["source_digest"], run.source_digest(module)
            if made != present and (made, present) not in shown_equal:
                stale.append(f"{folder} was made by other sources of {module}: {AGAIN}")
    assert not stale, "\n" + "\n".join(stale)


def test_every_result_was_made_with_the_present_settings():
    assert manifests(), f"no manifest below {FOLDER}"
    for run, manifest in manifests().items():
        _, arm = parse_experiment(manifest["experiment"]["name"])
        message = f"{run} was made with other settings: {AGAIN}"
        assert settings(manifest["experiment"], arm) == settings(asdict(ARMS[arm]), arm), message
        assert settings(manifest["scale"], arm) == settings(asdict(load_scale(SCALE)), arm), message


def test_every_run_with_scores_has_a_manifest():
    folders = {
        path.parent for path in [*committed("metrics*.json"), *committed("labels_per_study*.csv")]
    }
    assert folders == {path.parent for path in committed("manifest.json")}


def test_the_results_are_small():
    assert sum(path.stat().st_size for path in committed()) < LIMIT


def cells_of(path: Path) -> list[str]:
    """The cells of a table, titles included; in Markdown and LaTeX without the library's own line that says how to read it."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".csv":
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        return [*table.columns, *table.to_numpy().ravel()]
    for printed in PRINTED.values():
        text = text.replace(printed.says, "")
    return re.split(r"\s*[|&]\s*|\n", text)


def test_no_file_holds_report_text():
    strange = [
        shown(path)
        for path in committed()
        if path.name.startswith("completions")
        or (
            path.suffix == ".json"
            and path.name != "manifest.json"
            and not re.fullmatch(r"metrics\w*\.json", path.name)
        )
        or not (
            path.suffix in KINDS
            or (path.suffix in PRINTED_KINDS and path.parent.name == "printed")
            or path in PAGES
        )
    ]
    assert not strange
    for path in [*committed("*.csv"), *committed("tables/printed/*")]:
        longest = max(map(len, cells_of(path)), default=0)
        assert longest <= LONGEST_CELL, f"{shown(path)} has a cell of {longest} characters"


def test_label_files_hold_study_ids_and_codes_only():
    codes = {str(int(label)) for label in Label}
    for path in committed("labels_per_study*.csv"):
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        assert list(table) == ["study_id", *OBSERVATIONS], shown(path)
        assert table["study_id"].str.fullmatch(r"[\w-]+").all(), shown(path)
        assert set(table[list(OBSERVATIONS)].to_numpy().ravel()) <= codes, shown(path)


def test_there_is_an_executed_copy_of_every_notebook():
    sources = {path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb")}
    assert {path.name for path in committed("*.ipynb")} == sources


def texts_of(cell):
    """What a reader sees of a cell as text: its source, and its outputs but for pictures."""
    yield cell.source
    for output in cell.get("outputs", []):
        yield output.get("text", "")
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield data if isinstance(data, str) else json.dumps(data)


def test_executed_notebooks_have_outputs_and_neither_errors_nor_warnings_nor_paths_of_a_machine():
    for path in committed("*.ipynb"):
        cells = nbformat.read(path, as_version=4).cells
        outputs = [output for cell in cells for output in cell.get("outputs", [])]
        assert outputs, f"{shown(path)} has no outputs"
        assert not [output for output in outputs if output.output_type == "error"], (
            f"{shown(path)} holds an error"
        )
        assert not [output for output in outputs if output.get("name") == "stderr"], (
            f"{shown(path)} holds warnings"
        )
        found = [
            match[0] for cell in cells for text in texts_of(cell) if (match := MACHINE.search(text))
        ]
        assert not found, f"{shown(path)} names a path of the machine that ran it: {found[0]}"


def test_the_main_table_is_made_of_the_saved_scores():
    path = FOLDER / "tables" / "main.csv"
    if not path.exists():
        pytest.skip(
            "results/laptop/tables/main.csv is not there: the laptop study has not been run to its end here"
        )
    saved = pd.read_csv(path, dtype={"classes": "Int64"})
    now = main_table(FOLDER.parent, SCALE)
    pd.testing.assert_frame_equal(saved, now, check_dtype=False, rtol=1e-4, atol=1e-6)


def test_git_takes_the_laptop_results_and_leaves_the_rest():
    def ignored(path):
        return (
            subprocess.run(
                ["git", "check-ignore", "-q", path], cwd=REPOSITORY, check=False
            ).returncode
            == 0
        )

    if subprocess.run(
        ["git", "rev-parse"], cwd=REPOSITORY, capture_output=True, check=False
    ).returncode:
        pytest.skip("not a git checkout")
    assert not [shown(path) for path in committed() if ignored(path)]
    left = (
        "runs/laptop/times.csv",
        "smoke/tables/main.csv",
        "laptop/.lock",
        "laptop/notebooks/00.draft.ipynb",
        "laptop/a.1.partial",
    )
    assert all(ignored(results_root() / path) for path in left)
