"""Are the committed numbers those of the committed scores and labels? Nothing is trained and no torch is needed.

labels_per_study.csv -> clinical efficacy, held against each metrics.json; scores, labels and logs -> every table, built anew,
held against the saved one; tables -> README. On the system that made the results all of it comes out to the last digit.
Elsewhere a sum of fractions may round its last digit the other way, and no more: counts are whole numbers, draws depend on a
seed alone. BLEU, ROUGE-L, words and the format rate need the completions, which are not committed: they are taken as saved.
"""

import json
import math
import platform
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import DEFAULT_CORPUS
from mrg_r1_lib.metrics.clinical_efficacy import MEASURES, clinical_efficacy
from mrg_r1_lib.reporting.readme import SCALE as README_SCALE
from mrg_r1_lib.reporting.readme import problems
from mrg_r1_lib.reporting.rebuild import ELSEWHERE, rebuild_tables
from mrg_r1_lib.reporting.tables import aligned_labels, reference_labels, run_folders
from mrg_r1_lib.rewards.counts import COUNTS
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import REPOSITORY

EXACT, ROUNDED, DIFFERS, NOT_BUILT = "exact", "but for the last digit", "differs", "not built"
SAVED_DIGIT = 1e-5  # relative: one in the last of six digits
PRINTED_DIGIT = 1.1e-3  # one in the last of three digits behind the point
COMPUTED = 1e-9  # relative: sums of fewer than a million fractions of double precision
DEFINITIONS = 18
FRACTION = re.compile(
    r"[-+]?\d*\.\d+(?:e[-+]?\d+)?|[-+]?\d+e[-+]?\d+"
)  # a whole number is a count: no tolerance


def audit(run: Run, into: Path) -> pd.DataFrame:
    """Rebuild the tables of the study that `run` names into the folder `into` and compare: name, verdict, first difference.

    ValueError or FileNotFoundError where scores are missing or do not fit each other.
    """
    same = same_system(run)
    rebuild_tables(run, into)
    rows = [("scores of labels", *rescored(run, same))]
    for path in sorted((into / "tables").rglob("*.*")):
        name = path.relative_to(into).as_posix()
        rows.append((name, *compare_files(run.summary / name, path, same)))
    rows += [
        (f"{name}.csv", NOT_BUILT, why)
        for name, why in ELSEWHERE.items()
        if name.startswith("tables/")
    ]
    if run.summary == run.results / README_SCALE and run.corpus == DEFAULT_CORPUS:
        wrong = problems((REPOSITORY / "README.md").read_text(encoding="utf-8"), run.results)
        rows.append(("README.md", DIFFERS if wrong else EXACT, " ".join(wrong)))
    return pd.DataFrame(rows, columns=["name", "verdict", "first difference"])


def audit_text(table: pd.DataFrame) -> str:
    """The result of `audit`, a line a table: its name, verdict and first difference, or why it is not built."""
    wide = [table[column].str.len().max() + 2 for column in ("name", "verdict")]
    rows = zip(
        table["name"].str.ljust(wide[0]),
        table["verdict"].str.ljust(wide[1]),
        table["first difference"],
        strict=True,
    )
    return "\n".join("".join(row).rstrip() for row in rows)


def same_system(run: Run) -> bool:
    """Whether the reference's labels were counted on such a system with this numpy: then every digit must come out."""
    manifest = Run(f"{run.corpus}/reference", run.scale, 0, run.results).read_manifest()
    made = manifest.get("evaluate")
    if made is None:
        return True
    hardware = {"machine": platform.machine(), "system": platform.system()}
    return (
        made["versions"]["numpy"] == np.__version__ and hardware.items() <= made["hardware"].items()
    )


def rescored(run: Run, same: bool) -> tuple[str, str]:
    """Verdict on the saved scores of every run, counted anew from its labels and the reference's; the first that differs."""
    reference = reference_labels(run.results, run.scale, run.corpus)
    wrong = []
    folders = run_folders(run.results, run.scale, run.corpus)
    for (arm, seed), folder in folders.items():
        found = next(_rescored(folder, reference, 0.0 if same else COMPUTED), None)
        wrong += [f"{arm}, seed {seed}: {found}"] if found else []
    if wrong:
        return DIFFERS, f"{len(wrong)} of {len(folders)} runs; {wrong[0]}"
    return EXACT, ""


def _rescored(folder: Path, reference: pd.DataFrame, tolerance: float) -> Iterator[str]:
    """What metrics.json says otherwise than the labels beside it."""
    truth, labels = reference.to_numpy(), aligned_labels(folder, reference)
    saved = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    if len(saved["clinical_efficacy"]) != DEFINITIONS:
        yield f"{len(saved['clinical_efficacy'])} definitions saved, {DEFINITIONS} expected"
    for row in saved["clinical_efficacy"]:
        definition = {name: value for name, value in row.items() if name not in MEASURES}
        again = clinical_efficacy(truth, labels, **definition)
        for name in MEASURES:
            if not math.isclose(row[name], again[name], rel_tol=tolerance):
                of = ", ".join(map(str, definition.values()))
                yield f"{name} ({of}) saved {row[name]!r}, of the labels {again[name]!r}"
    for name in ("positives", "negatives"):
        value = float(COUNTS[name](labels, truth).mean())
        if not math.isclose(saved["style"][name], value, rel_tol=max(tolerance, COMPUTED)):
            yield f"{name} saved {saved['style'][name]!r}, of the labels {value!r}"


def compare_files(saved: Path, built: Path, same: bool) -> tuple[str, str]:
    """Verdict on a saved table against the one built anew, and where they part first.

    EXACT: the same text. ROUNDED, on another system only: each number within one in its last digit. All else DIFFERS.
    """
    if not saved.exists():
        return DIFFERS, "not saved: run notebooks 04 and 05 again"
    one, other = saved.read_text(encoding="utf-8"), built.read_text(encoding="utf-8")
    if one == other:
        return EXACT, ""
    cells, again = (list(_cells(text, saved.suffix)) for text in (one, other))
    if [where for where, _ in cells] != [where for where, _ in again]:
        return (
            DIFFERS,
            f"other rows or columns: {len(cells)} {_unit(saved)} saved, {len(again)} built anew",
        )
    last = PRINTED_DIGIT if saved.parent.name == "printed" else 0.0
    for (where, cell), (_, value) in zip(cells, again, strict=True):
        if cell != value and (same or not _close(cell, value, last)):
            told = (
                f": saved {cell or 'nothing'}, built anew {value or 'nothing'}"
                if saved.suffix == ".csv"
                else ""
            )
            return DIFFERS, where + told
    return (DIFFERS, "written in another way") if same else (ROUNDED, "")


def _unit(path: Path) -> str:
    return "cells" if path.suffix == ".csv" else "lines"


def _cells(text: str, suffix: str) -> Iterator[tuple[str, str]]:
    """Where and what: the cells of a CSV, with row and column; the lines of any other text."""
    if suffix != ".csv":
        yield from (
            (f"line {number}", line) for number, line in enumerate(text.splitlines(), start=1)
        )
        return
    table = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)
    for number, row in enumerate(table.to_numpy(), start=1):
        yield from (
            (f"row {number} ({row[0]}), {column}", cell)
            for column, cell in zip(table, row, strict=True)
        )


def _close(cell: str, value: str, last: float) -> bool:
    """Whether two texts differ in fractions only, each by at most `last` or one in the last of six digits."""
    pairs = zip(FRACTION.findall(cell), FRACTION.findall(value), strict=False)
    near = all(
        math.isclose(float(a), float(b), rel_tol=SAVED_DIGIT, abs_tol=max(last, COMPUTED))
        for a, b in pairs
    )
    return near and FRACTION.sub("#", cell) == FRACTION.sub("#", value)
