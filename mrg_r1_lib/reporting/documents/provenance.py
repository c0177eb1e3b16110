"""Where results come from, read out of the manifests: what was trained for how long, with which versions and settings.

Only named entries are shown: a manifest may come to hold more, and a page that is handed on should not.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from mrg_r1_lib.experiments import ARMS, load_scale
from mrg_r1_lib.reporting.tables import run_folders
from mrg_r1_lib.runs.run import Run

HARDWARE = ("system", "machine", "cores", "device", "devices", "gpu")
BESIDE = ("seconds", "arms", "seeds", "name")  # estimates, and what the tables show by themselves


def main_runs(results: Path, scale: str, corpus: str) -> list[Run]:
    """The trained runs of the default study that are there, in the order of the ladder: pretraining, SFT, its control, SRL."""
    arms = ("pretrained", "sft", "sft_continued", *load_scale(scale).arms)
    there = [key for key in run_folders(results, scale, corpus) if key[0] in arms]
    return [Run(f"{corpus}/{arm}", scale, seed, results) for arm, seed in there]


def training_table(runs: Iterable[Run]) -> pd.DataFrame:
    """A row a system, strings to print: system, seeds, steps, trained parameters, minutes a seed, commits."""
    rows: dict[str, list[dict]] = {}
    for run in runs:
        entry = run.read_manifest().get(f"{run.recipe.stage}")
        if entry:
            rows.setdefault(run.arm, []).append(entry)
    table = [
        {
            "system": ARMS[arm].label,
            "seeds": str(len(entries)),
            "steps": _each(f"{entry.get('steps', 0):,}" for entry in entries),
            "trained parameters": _each(
                f"{entry.get('trained_parameters', 0):,}" for entry in entries
            ),
            "minutes a seed": _span([entry["seconds"] / 60 for entry in entries]),
            "commit": _each(entry["commit"] for entry in entries),
        }
        for arm, entries in rows.items()
    ]
    return pd.DataFrame(
        table,
        columns=["system", "seeds", "steps", "trained parameters", "minutes a seed", "commit"],
    )


def made_with(runs: Iterable[Run]) -> pd.DataFrame:
    """Packages and hardware of the runs, strings to print: what, value; several values where the runs differ."""
    found: dict[str, list[str]] = {}
    for run in runs:
        for entry in (
            part for name, part in run.read_manifest().items() if name.startswith("mrg_r1_lib.")
        ):
            hardware = ", ".join(
                f"{name} {entry['hardware'][name]}"
                for name in HARDWARE
                if name in entry["hardware"]
            )
            for name, value in {"hardware": hardware, **entry["versions"]}.items():
                found.setdefault(name, []).append(value)
    return pd.DataFrame(
        [{"what": name, "value": _each(values)} for name, values in found.items()],
        columns=["what", "value"],
    )


def parameters(runs: Iterable[Run]) -> int | None:
    """The policy's number of parameters; None where no manifest says so."""
    entries = (run.read_manifest().get(f"{run.recipe.stage}", {}) for run in runs)
    return next((entry["parameters"] for entry in entries if "parameters" in entry), None)


def settings_table(run: Run) -> pd.DataFrame:
    """The settings that a run was made with, strings to print: setting, of, value."""
    manifest = run.read_manifest()
    rows = [
        {"setting": name, "of": of, "value": _words(value)}
        for of in ("experiment", "preparation", "scale")
        for name, value in manifest.get(of, {}).items()
        if name not in BESIDE
    ]
    return pd.DataFrame(rows, columns=["setting", "of", "value"])


def _each(values: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(values))


def _span(values: list[float]) -> str:
    low, high = f"{min(values):.1f}", f"{max(values):.1f}"
    return low if low == high else f"{low} to {high}"


def _words(value: object) -> str:
    """A setting in words.

    >>> _words({"mccs": 0.75, "report_tags": 0.25}), _words(None), _words(True)
    ('mccs 0.75, report_tags 0.25', 'not set', 'yes')
    """
    if isinstance(value, dict):
        return ", ".join(f"{name} {_words(part)}" for name, part in value.items()) or "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "not set" if value in (None, "") else str(value)
