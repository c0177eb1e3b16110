"""The data dictionary names every column of every saved table, and no other, and its ranges hold."""

import ast
import json
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache

import pandas as pd
import pytest

from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.pipeline.steps import Step
from mrg_r1_lib.pipeline.times import times_table
from mrg_r1_lib.reporting.documents.quoted import quoted
from mrg_r1_lib.rewards import REWARDS
from mrg_r1_lib.rewards.counts import COUNTS
from mrg_r1_lib.runs.run import PACKAGES, Run
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

SCALE = results_root() / "laptop"
TEXT = (results_root() / "data_dictionary.md").read_text(encoding="utf-8")
NAMES = {  # placeholder -> what may stand in its place
    "<observation>": "|".join(OBSERVATIONS),
    "<reward>": "|".join([*REWARDS, *COUNTS]),
    "<package>": "|".join([*PACKAGES, "python"]),
    "<module>": r"mrg_r1_lib\.\w+",
    "<step>": r"\d\d(?: \w+)?",
}
TICKED = re.compile(r"`([^`]+)`")
BOUNDS = re.compile(r"(-?\d+) to (-?\d+)")
OUTSIDE = ("times.csv", "benchmarks/*.csv")  # never committed: compared with what writes them

committed_results = pytest.mark.skipif(
    not SCALE.is_dir(), reason="results/laptop is not there: the study has not been run here"
)


@dataclass(frozen=True)
class Entry:
    """One row of the dictionary: how it names a column, its type and its range."""

    name: str
    kind: str
    bounds: tuple[float, float] | None

    def fits(self, column: str) -> bool:
        pattern = re.escape(self.name)
        for placeholder, names in NAMES.items():
            pattern = pattern.replace(re.escape(placeholder), f"(?:{names})")
        return re.fullmatch(pattern, column) is not None


def sections() -> dict[tuple[str, ...], list[Entry]]:
    """Files of each heading -> entries of its table."""
    found = {}
    for part in TEXT.split("\n## ")[1:]:
        heading, _, body = part.partition("\n")
        entries = []
        for line in body.splitlines():
            if line.startswith("| `"):
                names, kind, unit = (cell.strip() for cell in line.strip("|").split("|")[:3])
                bounds = BOUNDS.fullmatch(unit)
                entries += [
                    Entry(name, kind, bounds and tuple(map(float, bounds.groups())))
                    for name in TICKED.findall(names)
                ]
        found[tuple(TICKED.findall(heading))] = entries
    return found


SECTIONS = sections()
SAVED = [files for files in SECTIONS if not set(files) & set(OUTSIDE)]


def saved(files):
    """The committed files of a heading: tables by their place in a scale, products of runs by their name."""
    found = [
        path
        for name in files
        for path in (sorted(SCALE.rglob(name)) if "/" not in name else [SCALE / name])
    ]
    return [path for path in found if path.exists()]


def fields(value, name=""):
    """(field, value) of a JSON file, lists of objects as "list[].field"."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from fields(inner, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for inner in value:
            yield from fields(inner, f"{name}[]")
    else:
        yield name, value


@cache
def columns(files) -> dict[str, list]:
    """Column or field -> its values in all files, without those that are not there."""
    values = defaultdict(list)
    for path in saved(files):
        if path.suffix == ".json":
            for name, value in fields(json.loads(path.read_text(encoding="utf-8"))):
                values[name] += [] if value is None else [value]
        else:
            for name, column in pd.read_csv(path).items():
                values[name] += column.dropna().tolist()
    return values


def differences(entries, names):
    """Columns without an entry, and entries without a column."""
    return (
        [name for name in names if not any(entry.fits(name) for entry in entries)],
        [entry.name for entry in entries if not any(entry.fits(name) for name in names)],
    )


@committed_results
@pytest.mark.parametrize("files", SAVED, ids=" ".join)
def test_every_column_has_an_entry_and_every_entry_a_column_whose_values_lie_in_its_range(files):
    if not saved(files):
        sources = (REPOSITORY / "notebooks").glob("*.ipynb")
        assert any(
            files[0].rpartition("/")[2] in path.read_text(encoding="utf-8") for path in sources
        ), "nothing writes it"
        pytest.skip(f"{files[0]} is not there yet: the study has not been run since it is saved")
    values = columns(files)
    assert differences(SECTIONS[files], values) == ([], [])
    for name, column in values.items():
        (entry,) = [entry for entry in SECTIONS[files] if entry.fits(name)]
        if entry.bounds:
            low, high = entry.bounds
            assert low <= min(column, default=low) and max(column, default=high) <= high + 1e-9, (
                name
            )
        if entry.kind in ("integer", "number"):
            assert all(
                value == int(value) if entry.kind == "integer" else float(value) == value
                for value in column
            ), name


@committed_results
def test_every_committed_table_stands_in_the_dictionary():
    known = {path for files in SAVED for path in saved(files)}
    tables = {
        path
        for kind in ("*.csv", "*.json")
        for path in SCALE.rglob(kind)
        if "printed" not in path.parts
    }
    assert (
        sorted(
            path.relative_to(SCALE).as_posix()
            for path in tables - known
            if not path.name.startswith(".")
        )
        == []
    )


@committed_results
def test_every_column_of_codes_names_all_14_observations():
    for files, entries in SECTIONS.items():
        if any(entry.name == "<observation>" for entry in entries):
            assert not saved(files) or set(OBSERVATIONS) <= set(columns(files)), files


def test_the_times_of_a_study_have_the_columns_of_the_dictionary(tmp_path):
    step = Step("00_method_on_one_study", Run("iu_xray/srl_mccs", "smoke", 0, tmp_path))
    table = times_table([[step]], [1], [[step]], [1.0])
    assert differences(SECTIONS[("times.csv",)], table.columns) == ([], [])


def keys(place):
    """The keys of the dict that the code gives to the name at a place."""
    return [key.value for key in ast.parse(quoted(place), mode="eval").body.keys if key]


def test_the_columns_of_the_benchmark_are_those_that_its_source_names():
    written = (
        keys("benchmark.benchmark_srl.described")
        + keys("clock.Clock.on_step_end.row")
        + keys("clock.Clock.on_step_end.parts")
    )
    assert differences(SECTIONS[("benchmarks/*.csv",)], [*written, "other", "peak_gib"]) == ([], [])
