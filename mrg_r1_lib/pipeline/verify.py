"""Does the study come out again? A re-run of seed 0 is compared with the committed results.

`--tables-only` trains nothing: it counts the committed labels and builds the tables again. On the
system that made the results every file comes out to the last byte. Elsewhere sums are added in
another order: a fraction in a table may differ in the last of its six digits, and a re-run's score
must lie within the committed interval over studies and seeds.
"""

import argparse
import json
import math
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.experiments import DEFAULT_CORPUS, SCALES
from mrg_r1_lib.metrics.clinical_efficacy import PRIMARY, clinical_efficacy
from mrg_r1_lib.reporting import build
from mrg_r1_lib.reporting.scores import scored_split
from mrg_r1_lib.runs.run import Run, labels_path, scores_path
from mrg_r1_lib.storage.paths import results_root

LAST_DIGIT = 1e-5  # relative: one in the last of six digits
ROUNDING = 1e-9  # relative: of a sum of fewer than a million fractions


def compare(study: Run, reproduced: Path) -> pd.DataFrame:
    """One row per run of seed 0 that was made again: arm, f1, low, high, verdict.

    `f1` is the re-run's. The verdict is "exact", "within its interval", or what differs.
    ValueError if there is no such run.
    """
    split = scored_split(study)
    intervals = build.read("scores", study).set_index("arm")[["low", "high"]]
    rows = []
    for folder in sorted((study.results / study.scale / study.corpus).glob("*/seed0")):
        again = reproduced / folder.relative_to(study.results)
        if not again.exists():  # an arm beside the default study
            continue
        names = {path.name for path in folder.iterdir() if path.suffix in (".csv", ".json")}
        gone = sorted(name for name in names if not (again / name).exists())
        apart = [] if gone else sorted(n for n in names if _bytes(folder / n) != _bytes(again / n))
        scores = scores_path(again, split)
        row = {"arm": folder.parent.name} | intervals.loc[folder.parent.name].to_dict()
        row["f1"] = _primary_f1(scores) if scores.exists() else math.nan
        within = not gone and row["low"] <= row["f1"] <= row["high"]
        reason = f"lacks {', '.join(gone)}" if gone else f"differs: {', '.join(apart)}"
        row["verdict"] = "within its interval" if within else reason
        rows.append(row if gone or apart else row | {"verdict": "exact"})
    if not rows:
        raise ValueError(f"{reproduced} has no run of {study.results / study.scale}.")
    return pd.DataFrame(rows)


def _bytes(path: Path) -> bytes:
    return b"" if path.name == "manifest.json" else path.read_bytes()  # it holds times


def _primary_f1(scores: Path) -> float:
    rows = json.loads(scores.read_text(encoding="utf-8"))["clinical_efficacy"]
    return next(row["f1"] for row in rows if PRIMARY.items() <= row.items())


def check_tables(study: Run, into: Path) -> list[str]:
    """What the committed labels and logs contradict: scores, and tables, built anew in `into`."""
    exact = _same_system(study)
    shutil.rmtree(into, ignore_errors=True)
    build.build_all(study, into)
    wrong = list(_miscounted(study, 0.0 if exact else ROUNDING))
    for built in sorted(into.rglob("*.csv")):
        saved = study.summary / "tables" / built.name
        if reason := difference(saved, built, exact):
            wrong.append(f"tables/{built.name}: {reason}")
    return wrong


def _same_system(study: Run) -> bool:
    """Whether such a system with this numpy scored the reference: then every digit must agree."""
    manifest = study.of_arm("reference").read_manifest()
    made = manifest.get("evaluate") or manifest.get("evaluate_validate")
    here = {"machine": platform.machine(), "system": platform.system()}
    return made["versions"]["numpy"] == np.__version__ and here.items() <= made["hardware"].items()


def _miscounted(study: Run, tolerance: float) -> Iterator[str]:
    """The runs whose saved scores are not those of their labels, with the first such score."""
    split = scored_split(study)
    truth = pd.read_csv(labels_path(study.of_arm("reference").folder, split), index_col=0)
    for folder in sorted((study.results / study.scale / study.corpus).glob("*/*")):
        if not scores_path(folder, split).exists():
            continue
        labels = pd.read_csv(labels_path(folder, split), index_col=0).loc[truth.index]
        codes = truth.to_numpy(np.int8), labels.to_numpy(np.int8)
        for row in json.loads(scores_path(folder, split).read_text())["clinical_efficacy"]:
            again = clinical_efficacy(*codes, **{name: row[name] for name in PRIMARY})
            for name, value in again.items():
                if not math.isclose(row[name], value, rel_tol=tolerance):
                    yield f"{folder}: {name} saved {row[name]!r}, of the labels {value!r}: {row}"
                    break


def difference(saved: Path, built: Path, exact: bool) -> str:
    """Where a saved table differs from the one built anew, "" if nowhere.

    Without `exact` two fractions may differ in their last digit; a whole number may not.
    """
    if not saved.exists():
        return "not saved: run notebooks 04 and 05 again"
    how = {"dtype": str, "keep_default_na": False} if exact else {}
    try:
        one, other = (pd.read_csv(path, **how) for path in (saved, built))
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
    how.add_argument("--into", type=Path, help="folder of the re-run (default: runs/verify)")
    named = parser.parse_args()
    study = Run(f"{DEFAULT_CORPUS}/srl_mccs", named.scale, 0, results_root())
    again = (named.into or study.results / "runs" / "verify").resolve()
    try:
        if named.tables_only:
            wrong = check_tables(study, study.results / "runs" / "rebuilt" / named.scale)
            said = "\n".join([*wrong, f"{len(wrong)} runs or tables differ."])
        else:
            # torch: only who trains waits for it
            from mrg_r1_lib.pipeline.pipeline import Study, run_study

            run_study(Study(named.scale, again, seeds=[0], final=True))
            table = compare(study, again)
            wrong = [
                verdict
                for verdict in table["verdict"]
                if "differs" in verdict or "lacks" in verdict
            ]
            said = table.round(4).to_string(index=False)
    except (ValueError, RuntimeError, FileNotFoundError) as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(f"{said}\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
