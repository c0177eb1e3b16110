"""Does the study come out again? A re-run of seed 0's main runs in a fresh folder, held against the committed results.

`--tables-only` trains nothing: it asks whether scores, tables and README are those of the committed labels and logs (`audit`).
On the same machine with the same packages every file comes out to the last byte. Elsewhere sums are added in another order,
sampled words part, and a score is held against its committed interval over studies instead. A re-run that is the same to
the last byte also says that a change of the code changed nothing: `--accept` records that the committed results are of the
present sources, too (`equal_sources.csv`, which the tests read).
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from mrg_r1_lib.experiments import load_scale
from mrg_r1_lib.metrics.bootstrap import Efficacy, interval
from mrg_r1_lib.pipeline.audit import DIFFERS, EXACT, audit, audit_text
from mrg_r1_lib.reporting.rebuild import study
from mrg_r1_lib.reporting.tables import PRIMARY, aligned_labels, reference_labels
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import save_table, write_text
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

COMPARED = (
    "metrics.json",
    "labels_per_study.csv",
    "train_log.csv",
    "tower_log.csv",
    "validation.csv",
    "beliefs.csv",
)
WITHIN = "within its interval"
SAME = "the same files"
INTERVAL = "95 % interval over studies"
FROZEN = (
    "mrg_r1_lib/rewards",
    "mrg_r1_lib/labelers",
)  # what a re-run of some arms says nothing about for the others
EQUAL = "equal_sources.csv"


def compare(committed: Path, reproduced: Path, scale: str) -> pd.DataFrame:
    """Each run that both folders have: experiment, seed, committed and reproduced F1 (CE micro-13), tolerance, reason, files,
    verdict.

    files counts those that are not the same to the last byte; without any, no tolerance is needed. ValueError if there is no
    run to compare.
    """
    rows = []
    for run, again in _pairs(committed, reproduced, scale):
        apart = [
            name for name in COMPARED if _bytes(run.folder / name) != _bytes(again.folder / name)
        ]
        row = {
            "experiment": run.experiment,
            "seed": run.seed,
            "committed": _f1(run),
            "reproduced": _f1(again),
        }
        reference = reference_labels(committed, scale, run.corpus)
        labels = aligned_labels(run.folder, reference)
        _, low, high = interval(
            reference.to_numpy(), labels, Efficacy(**PRIMARY), resamples=load_scale(scale).resamples
        )
        row |= {
            "tolerance": f"{low:.4f} to {high:.4f}" if apart else "none",
            "reason": _reason(run, again) if apart else SAME,
        }
        close = low <= row["reproduced"] <= high
        rows.append(
            row
            | {"files": len(apart), "verdict": (WITHIN if close else DIFFERS) if apart else EXACT}
        )
    if not rows:
        raise ValueError(
            f"{reproduced} has no scored run that {committed / scale} has, too: run ./run_all.sh verify."
        )
    return pd.DataFrame(rows)


def equal_sources(committed: Path, reproduced: Path, scale: str, since: str) -> pd.DataFrame:
    """Committed runs whose sources have changed and whose stage came out exactly again: experiment, seed, module, both digests.

    `since` is a commit whose sources the committed results are of. ValueError if a run did not come out exactly, or if what a
    re-run of some arms cannot speak for, rewards and labelers, has changed since then.
    """
    _require_frozen(since)
    table = compare(committed, reproduced, scale)
    if (table["verdict"] != EXACT).any():
        raise ValueError(
            f"Not accepted: {(table['verdict'] != EXACT).sum()} of {len(table)} runs are not exactly the same."
        )
    proven = set()
    for _, again in _pairs(committed, reproduced, scale):
        manifest = again.read_manifest()
        proven |= {
            name
            for name in _modules(manifest)
            if manifest[name]["source_digest"] == again.source_digest(name)
        }
    rows = []
    for run in _runs(committed, scale):
        manifest = run.read_manifest()
        for module in _modules(manifest):
            made, present = manifest[module]["source_digest"], run.source_digest(module)
            if made == present:
                continue
            if module not in proven:
                raise ValueError(
                    f"Not accepted: no run of {module} was repeated with the present sources."
                )
            rows.append(
                {
                    "experiment": run.experiment,
                    "seed": run.seed,
                    "module": module,
                    "made": made,
                    "equal": present,
                }
            )
    return pd.DataFrame(rows, columns=["experiment", "seed", "module", "made", "equal"])


def _require_frozen(commit: str) -> None:
    command = ["git", "diff", "--quiet", commit, "--", *FROZEN]
    if subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False).returncode:
        raise ValueError(
            f"Not accepted: {' or '.join(FROZEN)} is not as it was at {commit}. Train those arms again."
        )


def _reason(run: Run, again: Run) -> str:
    """Why a re-run may differ: what its manifest says otherwise of packages and system, or that it says the same."""
    one, other = (each.read_manifest().get("evaluate", {}) for each in (run, again))
    apart = [name for name in ("versions", "hardware") if one.get(name) != other.get(name)]
    named = " and ".join({"versions": "packages", "hardware": "hardware"}[name] for name in apart)
    return (
        f"other {named}: {INTERVAL}"
        if apart
        else f"packages and system are named the same: {INTERVAL}"
    )


def _runs(results: Path, scale: str) -> Iterator[Run]:
    for path in sorted((results / scale).rglob("manifest.json")):
        manifest = json.loads(path.read_text(encoding="utf-8"))
        yield Run(manifest["experiment"]["name"], scale, manifest["seed"], results)


def _pairs(committed: Path, reproduced: Path, scale: str) -> Iterator[tuple[Run, Run]]:
    for run in _runs(committed, scale):
        again = Run(run.experiment, scale, run.seed, reproduced)
        if (run.folder / "metrics.json").exists() and (again.folder / "metrics.json").exists():
            yield run, again


def _modules(manifest: dict) -> list[str]:
    return sorted(name for name in manifest if name.startswith("mrg_r1_lib."))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def _f1(run: Run) -> float:
    rows = json.loads((run.folder / "metrics.json").read_text(encoding="utf-8"))[
        "clinical_efficacy"
    ]
    return next(
        row["f1"] for row in rows if all(row[name] == value for name, value in PRIMARY.items())
    )


def repeat_study(scale: str, into: Path) -> None:
    """Run the default study of a scale into a folder."""
    from mrg_r1_lib.pipeline.pipeline import run_study  # torch: only who trains waits for it

    run_study(scale, into)


def verify_tables(scale: str, committed: Path) -> int:
    """Rebuild every table into a fresh folder below `runs/` and print how it compares; 1 if one differs, 0 else."""
    into = committed / "runs" / "rebuilt" / scale
    shutil.rmtree(into, ignore_errors=True)
    table = audit(study(scale, results=committed), into)
    sys.stdout.write(audit_text(table) + "\n")
    return int((table["verdict"] == DIFFERS).any())


def main() -> None:
    """Re-run or rebuild, compare, print; the exit status is 1 if a run or table differs."""
    parser = argparse.ArgumentParser(prog="run_all.sh verify", description=__doc__)
    parser.add_argument("--scale", default="laptop")
    parser.add_argument(
        "--tables-only",
        action="store_true",
        help="train nothing: are tables and README those of the labels?",
    )
    parser.add_argument(
        "--into",
        type=Path,
        help="folder of the re-run, new or to be continued (default: results/runs/verify)",
    )
    parser.add_argument(
        "--accept",
        metavar="COMMIT",
        help="record that results of that commit are of the present sources, too",
    )
    named = parser.parse_args()
    committed = results_root()
    reproduced = (named.into or committed / "runs" / "verify").resolve()
    if named.tables_only and (named.into or named.accept):
        parser.error(
            "--tables-only takes neither --into nor --accept: it builds below results/runs/ and accepts nothing"
        )
    try:
        if named.tables_only:
            sys.exit(verify_tables(named.scale, committed))
        repeat_study(named.scale, reproduced)
        table = compare(committed, reproduced, named.scale)
        write_text(reproduced / "verified.csv", table.to_csv(index=False))
        sys.stdout.write(table.round(4).to_string(index=False) + "\n")
        if named.accept:
            save_table(
                equal_sources(committed, reproduced, named.scale, named.accept),
                committed / named.scale / EQUAL,
            )
    except (ValueError, RuntimeError, FileNotFoundError) as error:
        parser.exit(1, f"{error}\n")
    sys.exit(bool((table["verdict"] == DIFFERS).any()))


if __name__ == "__main__":
    main()
