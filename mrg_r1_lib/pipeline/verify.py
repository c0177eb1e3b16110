"""Does the study come out again? A re-run of seed 0 is compared with the committed results.

`--tables-only` trains nothing: it counts the committed labels and builds the tables again. On the
system that made the results every file comes out to the last byte. Elsewhere sums are added in
another order: a fraction in a table may differ in the last of its six digits, and a re-run's score
must lie within the 95 % interval of the committed one over studies.
"""

import argparse
import math
import platform
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.metrics.bootstrap import Efficacy, interval
from mrg_r1_lib.metrics.clinical_efficacy import PRIMARY
from mrg_r1_lib.reporting import build
from mrg_r1_lib.reporting.consistency import miscounted, require_whole
from mrg_r1_lib.reporting.scores import read_scores
from mrg_r1_lib.runs.code import changed_since
from mrg_r1_lib.runs.run import Run, scores_path
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.files import read_json
from mrg_r1_lib.storage.paths import full_path, results_root

LAST_DIGIT = 1e-5  # relative: one in the last of six digits
ROUNDING = 1e-9  # relative: of a sum of fewer than a million fractions


def compare(main: Run, reproduced: Path) -> pd.DataFrame:
    """One row per run of seed 0 that was made again: arm, f1, low, high, verdict.

    `f1` is the re-run's, `low` and `high` are the committed run's interval over studies. The
    verdict is "exact", "within its interval", or what differs.
    ValueError if there is no such run.
    """
    scores = read_scores(main)
    rows = []
    for (arm, seed), folder in scores.folders.items():
        again = reproduced / folder.relative_to(main.results)
        if seed or not again.exists():  # another seed, or an arm beside the default study
            continue
        names = sorted(path.name for path in folder.iterdir() if path.suffix in (".csv", ".json"))
        gone = [name for name in names if not (again / name).exists()]
        apart = [name for name in names if not gone and _bytes(folder, name) != _bytes(again, name)]
        f1, codes = _primary_f1(scores_path(again, scores.split)), scores.codes(arm, [seed])
        _, low, high = interval(scores.truth, codes, Efficacy(**PRIMARY))
        verdict = "within its interval" if low <= f1 <= high else f"differs: {', '.join(apart)}"
        verdict = f"lacks {', '.join(gone)}" if gone else verdict if apart else "exact"
        rows.append({"arm": arm, "f1": f1, "low": low, "high": high, "verdict": verdict})
    if not rows:
        raise ValueError(f"{reproduced} has no run of {main.results / main.scale}.")
    return pd.DataFrame(rows)


def _bytes(folder: Path, name: str) -> bytes:
    return b"" if name == "manifest.json" else (folder / name).read_bytes()  # it holds times


def _primary_f1(scores: Path) -> float:
    if not scores.exists():
        return math.nan
    rows = read_json(scores)["clinical_efficacy"]
    return next(row["f1"] for row in rows if PRIMARY.items() <= row.items())


def check_tables(main: Run, into: Path) -> list[str]:
    """What the committed labels and logs contradict: scores, and tables, built anew in `into`."""
    exact = _same_system(main)
    shutil.rmtree(into, ignore_errors=True)
    build.build_all(main, into)
    wrong = list(miscounted(main, 0.0 if exact else ROUNDING))
    for built in sorted(into.rglob("*.csv")):
        saved = main.summary / "tables" / built.name
        if reason := difference(saved, built, exact):
            wrong.append(f"tables/{built.name}: {reason}")
    return wrong


def _same_system(main: Run) -> bool:
    """Whether such a system with this numpy scored the reference: then every digit must agree."""
    manifest = main.of_arm("reference").read_manifest()
    made = manifest["evaluate" if "evaluate" in manifest else "evaluate_validate"]
    here = {"machine": platform.machine(), "system": platform.system()}
    return made["versions"]["numpy"] == np.__version__ and here.items() <= made["hardware"].items()


def difference(saved: Path, built: Path, exact: bool) -> str:
    """Where a saved table differs from the one built anew, "" if nowhere.

    Without `exact` two fractions may differ in their last digit; a whole number may not.
    """
    if not saved.exists():
        return "not saved: run notebooks 04 and 05 again"
    how = {"dtype": str, "keep_default_na": False} if exact else {}
    try:
        one, other = (pd.read_csv(path, **how) for path in (saved, built))
        counts = (table.select_dtypes("integer") for table in (one, other))
        pd.testing.assert_frame_equal(*counts, obj="its counts")
        pd.testing.assert_frame_equal(one, other, rtol=LAST_DIGIT, atol=ROUNDING, obj="it")
    except AssertionError as error:
        return " ".join(str(error).split())
    return ""


def main() -> None:
    """Re-run or rebuild, compare, print; the exit status is 1 if a run or a table differs."""
    parser = argparse.ArgumentParser(prog="run_all.sh verify", description=__doc__)
    parser.add_argument("--scale", default="laptop", choices=SCALES)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--tables-only", action="store_true", help="train nothing")
    how.add_argument("--into", type=full_path, help="folder of the re-run (default: runs/verify)")
    named = parser.parse_args()
    main = Run(f"{SCALES[named.scale].corpus}/srl_mccs", named.scale, 0, results_root())
    again = named.into or main.results / "runs" / "verify"
    try:
        require_whole(main)
        read_scores(main)  # says what is missing before any work
        if named.tables_only:
            wrong = check_tables(main, main.results / "runs" / "rebuilt" / named.scale)
            said = "\n".join([*wrong, f"{len(wrong)} runs or tables differ."])
        else:
            # torch: only who trains waits for it
            from mrg_r1_lib.pipeline.pipeline import Grid, finished_at, run_study

            grid = Grid(named.scale, again, seeds=[0], final=True)
            commits = {finished_at(step) for stage in grid.stages() for step in stage} - {None}
            run_study(grid, fresh=any(map(changed_since, commits)))  # the re-run is of this code
            table = compare(main, again)
            wrong = set(table["verdict"]) - {"exact", "within its interval"}
            said = table.round(4).to_string(index=False)
    except (ValueError, RuntimeError, OSError) as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(f"{said}\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
