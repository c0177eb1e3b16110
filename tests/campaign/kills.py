"""Kills of a tiny study: does every stage end as if nothing had happened?

    python tests/campaign/kills.py --kills 100 --seed 0 [--stage srl ...] [--work FOLDER]

The stages run one after the other. Each first runs unbroken. Then it starts again from what the
stages before it left, is ended by SIGKILL, starts once more, is ended again, and so on, at most
`IN_A_ROW` times. At last it runs to its end, and all files are compared byte by byte, of manifests
all but times. Every second kill falls at one of the stage's writes: a file is about to be replaced
or deleted, or half of it is written. The others fall at random moments.
"""

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

STAGES = ("pretrain", "sft", "srl", "srl_given", "scores", "final", "tables")
IN_A_ROW = 5  # kills before a stage may end
SAID = ("output.txt", "errors.txt")
WAIT = 1800  # seconds after which a stage hangs
# a process that has loaded the libraries, once, makes those that are killed
SERVER = multiprocessing.get_context("forkserver")


def stage_process(stage: str, results: Path, last: int) -> None:
    """The work of a process: one stage; what it says goes to files beside `results`."""
    sys.stdout, sys.stderr = (results.with_name(name).open("w", buffering=1) for name in SAID)
    import one_stage

    one_stage.main(stage, results, last)


def run(stage: str, results: Path, moment: float = 0) -> tuple[bool, list[str]]:
    """Run a stage, with a kill after so many seconds (float) or at a write (int), 0: none.

    Returns whether it was killed, and the lines it said. RuntimeError for a stage that fails.
    """
    at_write = isinstance(moment, int)
    process = SERVER.Process(target=stage_process, args=(stage, results, moment * at_write))
    process.start()
    process.join(WAIT if at_write else moment)
    hangs = process.is_alive() and at_write
    process.kill()
    process.join()
    if hangs or process.exitcode not in (0, -signal.SIGKILL):
        errors = results.with_name(SAID[1]).read_text()
        raise RuntimeError(f"{stage} {'hangs' if hangs else 'failed'}:\n{errors[-2000:]}")
    said = results.with_name(SAID[0])
    return process.exitcode != 0, said.read_text().splitlines() if at_write else []


def contents(folder: Path) -> dict[str, str]:
    """Each file below a folder, and the digest of its bytes; of manifests without times."""
    found = {}
    for path in sorted(each for each in folder.rglob("*") if each.name != ".lock"):
        data = path.read_bytes() if path.is_file() else b""
        if path.name == "manifest.json":
            stages = json.loads(data)
            for entries in stages.values():
                if isinstance(entries, dict):
                    entries.pop("seconds", None)
            data = json.dumps(stages).encode()
        found[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return found


def differences(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """The files that one of two contents lacks or has otherwise."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def replace(folder: Path, source: Path) -> None:
    """Make a folder a copy of another one."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, symlinks=True)


def killed(stage: str, results: Path, moments: list[float]) -> tuple[list[str], str]:
    """Kill a stage at these moments, start after start, and let it end; returns where it was
    killed, and what went wrong then."""
    places = []
    try:
        for moment in moments:
            dead, said = run(stage, results, moment)
            if not dead:
                return places, ""
            places.append(said[-1] if isinstance(moment, int) else f"{moment:.1f} s")
        run(stage, results)
    except RuntimeError as error:
        return places, str(error)
    return places, ""


def campaign(kills: dict[str, int], seed: int, work: Path) -> Counter:
    """Run the stages with so many kills each; returns the counts by stage and outcome."""
    results, before, after = (work / name for name in ("results", "before", "after"))
    results.mkdir(parents=True)
    counts = Counter()
    for stage in STAGES:
        draw = random.Random(f"{stage} {seed}")
        replace(before, results)
        begun = time.monotonic()
        _, said = run(stage, results)
        seconds, writes = time.monotonic() - begun, int(said[-1])
        replace(after, results)
        whole = contents(results)
        while (left := kills.get(stage, 0) - counts[stage, "moment"] - counts[stage, "write"]) > 0:
            moments = [
                draw.randint(1, writes) if draw.random() < 0.5 else draw.uniform(0, seconds)
                for _ in range(min(left, IN_A_ROW))
            ]
            replace(results, before)
            places, wrong = killed(stage, results, moments)
            apart = wrong or ", ".join(differences(whole, contents(results)))
            for moment, _ in zip(moments, places, strict=False):
                counts[stage, "write" if isinstance(moment, int) else "moment"] += 1
            counts[stage, "ends"] += 1
            counts[stage, "differ"] += bool(apart)
            sys.stdout.write(f"{stage}, {'; '.join(places)}: {apart or 'equal'}\n")
            sys.stdout.flush()
        replace(results, after)
        if not any(kills.get(later) for later in STAGES[STAGES.index(stage) + 1 :]):
            break
    return counts


def main() -> int:
    """Kill, compare, print a line per kill and a summary; the status is 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100, help="of all stages together")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", choices=STAGES, action="append")
    parser.add_argument("--work", type=Path, help="a new folder that is kept")
    named = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    os.environ["OMP_WAIT_POLICY"] = "passive"  # threads that spin on a busy machine take minutes
    SERVER.set_forkserver_preload(["one_stage"])
    chosen = [stage for stage in STAGES if stage in (named.stage or STAGES)]
    kills = Counter(chosen[number % len(chosen)] for number in range(named.kills))
    with tempfile.TemporaryDirectory(prefix="kills") as folder:
        counts = campaign(kills, named.seed, (named.work or Path(folder)).resolve())
    for stage in kills:
        parts = (f"{counts[stage, kind]} {kind}" for kind in ("moment", "write", "ends", "differ"))
        sys.stdout.write(f"{stage}: {', '.join(parts)}\n")
    return int(any(kind == "differ" and count for (_, kind), count in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
