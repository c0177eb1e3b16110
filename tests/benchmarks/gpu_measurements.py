"""Seconds and peak memory of policies of real size with random weights; nothing is downloaded.

`./run_all.sh benchmark srl --policy NAME` shows a step of SRL part by part, on a GPU or CPU.
`gpu_measurements.py measure --out OUT --group GROUP` measures the items of groups of `GROUPS`. Each
item adds a line to OUT/measurements.jsonl at once, so a run that is stopped loses only one item.
`gpu_measurements.py table --out OUT` writes results/benchmarks/gpu_<device>.csv from these lines.
With `--rehearse` policies, images and steps are tiny: the same code in minutes on a CPU.

Peaks are what torch allocates. The `planned` columns of the committed table were written by a model
of the memory that the library no longer has. Its rows with an empty `tower` were measured before
the library stopped the gradients of the vision tower under LoRA.
"""

import argparse
import gc
import importlib.metadata
import json
import platform
import re
import sys
import tempfile
import time
import traceback
from dataclasses import replace
from pathlib import Path

import cpu_torchvision  # noqa: F401 (before transformers)
import pandas as pd
import torch
from gpu_items import GROUPS, KEEP, WINDOWS, Item, rehearsal, small
from gpu_stages import measure_generation, measure_sft, windows_in_one_call
from srl_step import measure_bare, measure_srl, scale_of, timed_run

from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.files import table_text, write_text
from mrg_r1_lib.storage.paths import results_root

GIB = 2**30
SETTINGS = ["stage", "policy", "micro_batch", "activation_checkpointing", "tower", "generation"]
SETTINGS += ["adapters", "studies", "tokens", "completions", "steps"]
PARTS = ("step", "generation", "update", "reference", "tower", "reward", "other")
FIRST = [*SETTINGS, *(f"seconds_{part}" for part in PARTS)]  # columns of the table
FIRST += ["peak_gib", "peak_generation_gib", "peak_update_gib"]


def measured(item: Item, length: int, steps: int, folder: Path) -> dict[str, float]:
    """Seconds and peaks of one item."""
    arm = "sft" if item.stage == "sft" else "srl_mccs"
    run = timed_run(item.policy, folder, item.studies, steps, length, arm)
    change = windows_in_one_call if item.tower == WINDOWS else None
    if item.stage == "sft":
        return measure_sft(run, change)
    if item.stage == "generate":
        return measure_generation(run, item.adapters)
    return measure_srl(run, item.generation == "replaced", change)


def device_name() -> str:
    """The GPU's name, or the kind of CPU and the threads that torch uses of it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU {platform.machine()} {torch.get_num_threads()} threads"


def measure(item: Item, length: int | None = None, steps: int | None = None) -> dict:
    """The item's row: settings, seconds, peaks, versions. A policy that does not fit has one, too.

    ValueError for an unknown policy; RuntimeError if its processor needs torchvision.
    """
    started, row = time.perf_counter(), item.described
    length = length or SCALES[scale_of(item.policy)].max_completion_length
    steps = steps or (4 if item.generation == "measured" else 3)
    row |= {"tokens": length} if item.stage != "sft" else {}
    whole = POLICIES[item.policy]
    POLICIES[item.policy] = replace(whole, **item.changes)
    try:
        with tempfile.TemporaryDirectory() as folder:
            row |= measured(item, length, steps, Path(folder))
    except torch.OutOfMemoryError as error:
        row["failed"] = str(error).partition(". ")[0]
    finally:
        POLICIES[item.policy] = whole
    peaks = [row[name] for name in ("peak_update_gib", "peak_generation_gib") if name in row]
    row |= {"peak_gib": max(peaks)} if peaks else {}
    if torch.cuda.is_available():  # held: with torch's cache and the CUDA context
        free, card = torch.cuda.mem_get_info()
        row |= {"held_gib": (card - free) / GIB, "card_gib": card / GIB}
    packages = ("transformers", "trl", "peft", "accelerate")
    row |= {"seconds_item": time.perf_counter() - started, "device": device_name()}
    row |= {name: importlib.metadata.version(name) for name in packages}
    return row | {"torch": torch.__version__}  # with its CUDA


def beside_bare(item: Item, length: int | None = None, steps: int | None = None) -> str:
    """A step of SRL beside a bare loop of TRL with the same settings, as text."""
    length = length or SCALES[scale_of(item.policy)].max_completion_length
    with tempfile.TemporaryDirectory() as folder:
        run = timed_run(item.policy, Path(folder), item.studies, steps or 5, length)
        found = measure_bare(run)
    return "".join(f"  {key:<20}{value:9.3f}\n" for key, value in found.items())


def measure_group(name: str, out: Path, rehearse: bool) -> int:
    """Measure the items of a group; returns how many failed. Finished ones are left out."""
    path, failed = out / "measurements.jsonl", 0
    done = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    for item in map(small, GROUPS[name]) if rehearse else GROUPS[name]:
        wanted = item.described | {"device": device_name()}
        if any(wanted.items() <= row.items() for row in done):
            continue
        try:
            row = measure(item, 8, 2) if rehearse else measure(item)
        except Exception:  # shown and counted; the other items are measured all the same
            sys.stdout.write(f"{item}\n{traceback.format_exc()}")
            failed += 1
        else:
            with path.open("a") as file:
                file.write(json.dumps(row) + "\n")
            sys.stdout.write(shown(row))
        sys.stdout.flush()
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
    return failed


def shown(row: dict) -> str:
    """A row as text: its settings in one line, then a line for each number."""
    settings = [f"{key} {row[key]}" for key in ["device", *SETTINGS] if key in row]
    numbers = {key: row[key] for key in FIRST if key in row and key not in SETTINGS}
    lines = [f"  {key:<20}{value:9.3f}" for key, value in numbers.items()]
    return "\n".join([", ".join(settings), *lines, row.get("failed", "")]) + "\n"


def save(out: Path, results: Path) -> Path:
    """The lines as one table, named by the device of the first; returns its path."""
    lines = (out / "measurements.jsonl").read_text().splitlines()
    table = pd.DataFrame([json.loads(line) for line in lines])
    # elsewhere the scale says it
    table["adapters"] = table["adapters"].where(table["stage"] == "generate")
    table = table.reindex(columns=[*FIRST, *[name for name in table if name not in FIRST]])
    name = re.sub(r"[^a-z0-9]+", "-", table["device"][0].lower()).strip("-")
    path = results / "benchmarks" / f"gpu_{name}.csv"
    write_text(path, table_text(table))
    return path


def parser() -> argparse.ArgumentParser:
    """The command line."""
    how = argparse.RawDescriptionHelpFormatter
    whole = argparse.ArgumentParser(description=__doc__, formatter_class=how)
    commands = whole.add_subparsers(dest="command", required=True)
    srl = commands.add_parser("srl", help="show a step of SRL part by part")
    srl.add_argument("--policy", default="tiny_llava", help=f"one of {', '.join(POLICIES)}")
    srl.add_argument("--studies", type=int, default=4, help="per step; 8 completions each")
    srl.add_argument("--steps", type=int, help="the first warms up and is left out")
    srl.add_argument("--completion-length", type=int, help="tokens; default: the scale's")
    srl.add_argument("--micro-batch", type=int, help="completions in a forward and backward pass")
    srl.add_argument("--bare", action="store_true", help="a bare loop of TRL beside ours instead")
    srl.add_argument("--keep-activations", action="store_true", help="no activation checkpointing")
    group = commands.add_parser("measure", help="measure the items of groups")
    group.add_argument("--group", nargs="+", default=list(GROUPS), choices=list(GROUPS))
    group.add_argument("--rehearse", action="store_true", help="with tiny policies, on a CPU")
    table = commands.add_parser("table", help="write the table of what was measured")
    table.add_argument("--results", type=Path, default=results_root())
    for command in (group, table):
        command.add_argument("--out", type=Path, required=True)
    return whole


def main() -> None:
    """Run one command."""
    named = parser().parse_args()
    if named.command == "srl":
        changes = {"micro_batch": named.micro_batch} if named.micro_batch else {}
        changes |= KEEP if named.keep_activations else {}
        item = Item(named.policy, changes=changes, studies=named.studies)
        try:
            if named.bare:
                sys.stdout.write(beside_bare(item, named.completion_length, named.steps))
            else:
                sys.stdout.write(shown(measure(item, named.completion_length, named.steps)))
        except (ValueError, RuntimeError) as error:
            sys.exit(str(error))
    elif named.command == "table":
        sys.stdout.write(f"Saved: {save(named.out, named.results)}\n")
    else:
        named.out.mkdir(parents=True, exist_ok=True)
        if named.rehearse:
            rehearsal()
        failed = [measure_group(name, named.out, named.rehearse) for name in named.group]
        sys.exit(min(sum(failed), 1))


if __name__ == "__main__":
    main()
