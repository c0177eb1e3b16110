"""Kills of a tiny study: does every stage end as if nothing had happened?

    python tests/campaign/kills.py --kills 100 --seed 0 [--stage srl ...] [--work FOLDER]

The stages run one after the other. Each first runs unbroken. A kill then starts it again from what
the stages before it left, ends it with SIGKILL, starts it once more, and compares all files byte by
byte, of manifests all but times. Every second kill falls at one of the stage's writes: a file is
about to be replaced or deleted, or half of it is written. The others fall at random moments.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ONE_STAGE = Path(__file__).with_name("one_stage.py")
STAGES = ("pretrain", "sft", "srl", "srl_given", "scores", "final", "tables")
ENDED = "it had ended"
WAIT = 1800  # seconds after which a stage hangs


def start(stage: str, results: Path, last: int = 0) -> subprocess.Popen:
    """A stage in a process of its own that has loaded its libraries."""
    command = [sys.executable, str(ONE_STAGE), stage, str(results), str(last)]
    with results.with_name("errors.txt").open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    process.stdout.readline()
    return process


def output(process: subprocess.Popen) -> str:
    """What the process says until its end; subprocess.TimeoutExpired, and its kill, if it hangs."""
    try:
        process.wait(WAIT)
    finally:
        process.kill()
    return process.stdout.read()


def finish(stage: str, results: Path) -> tuple[float, int]:
    """Run a stage to its end; returns its seconds and the number of its writes."""
    begun, process = time.monotonic(), start(stage, results)
    loaded = time.monotonic()
    said = output(process)
    if process.returncode:
        errors = results.with_name("errors.txt").read_text()
        raise RuntimeError(f"{stage} failed after {loaded - begun:.0f} s:\n{errors[-2000:]}")
    return time.monotonic() - loaded, int(said.split()[-1])


def killed_at(stage: str, results: Path, moment: float) -> str:
    """Kill a stage after so many seconds (float) or at a write (int); returns where that was."""
    of_write = isinstance(moment, int)
    process = start(stage, results, moment if of_write else 0)
    if not of_write:
        time.sleep(moment)
        process.kill()
    said = output(process)
    if process.returncode != -signal.SIGKILL:
        return ENDED
    return said.splitlines()[-1] if of_write else f"{moment:.1f} s"


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


def campaign(kills: dict[str, int], seed: int, work: Path) -> Counter:
    """Run the stages with so many kills each; returns the counts by stage and outcome."""
    results, before, after = (work / name for name in ("results", "before", "after"))
    results.mkdir(parents=True)
    counts = Counter()
    for stage in STAGES:
        draw = random.Random(f"{stage} {seed}")
        replace(before, results)
        seconds, writes = finish(stage, results)
        replace(after, results)
        whole = contents(results)
        for number in range(kills.get(stage, 0)):
            at_write = (number + STAGES.index(stage)) % 2 == 0
            moment = draw.randint(1, writes) if at_write else draw.uniform(0, seconds)
            replace(results, before)
            where = killed_at(stage, results, moment)
            try:
                finish(stage, results)
                apart = differences(whole, contents(results))
            except (RuntimeError, subprocess.TimeoutExpired) as error:
                apart = [str(error)]
            outcome = "ended" if where == ENDED else "write" if at_write else "moment"
            counts[stage, outcome] += 1
            counts[stage, "differ"] += bool(apart)
            sys.stdout.write(f"{stage}, {where}: {', '.join(apart) or 'equal'}\n")
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
    chosen = [stage for stage in STAGES if stage in (named.stage or STAGES)]
    kills = Counter(chosen[number % len(chosen)] for number in range(named.kills))
    with tempfile.TemporaryDirectory(prefix="kills") as folder:
        counts = campaign(kills, named.seed, (named.work or Path(folder)).resolve())
    for stage in kills:
        parts = (f"{counts[stage, kind]} {kind}" for kind in ("moment", "write", "ended", "differ"))
        sys.stdout.write(f"{stage}: {', '.join(parts)}\n")
    return int(any(kind == "differ" and count for (_, kind), count in counts.items()))


if __name__ == "__main__":
    sys.exit(main())
