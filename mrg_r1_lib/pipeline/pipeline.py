"""The whole study as a grid of steps in stages: what run_all.sh calls after the set-up.

The steps of one stage are independent of each other. A finished step is skipped, and a step is repeated when one of an earlier
stage was.
"""

import argparse
import os
import resource
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import chdir
from pathlib import Path

import psutil

from mrg_r1_lib.experiments import ARMS, DEFAULT_CORPUS, PREPARATIONS, SCALES, load_scale
from mrg_r1_lib.pipeline.steps import NOTEBOOKS, Step, execute, finished
from mrg_r1_lib.pipeline.times import estimate, estimate_text, times_table, times_text
from mrg_r1_lib.reporting.tables import movement_table
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked, require_room, save_table
from mrg_r1_lib.storage.paths import results_root
from mrg_r1_lib.training.memory import plan_text, require_device

METHOD, DATA = "00_method_on_one_study", "01_data_preparation"
SFT, SRL = "02_supervised_finetuning", "03_semantic_reinforcement_learning"
ABLATIONS, TABLES = "04_reward_ablations", "05_tables_and_figures"


CONTROL = "sft_continued"  # runs beside the reinforced arms and takes as long


def grid(
    scale: str,
    results: Path,
    corpus: str = DEFAULT_CORPUS,
    seeds: Sequence[int] | None = None,
    arms: Sequence[str] | None = None,
) -> list[list[Step]]:
    """The steps of a scale in stages; the steps of one stage may run in any order or side by side.

    `seeds` and `arms` (of the last trained stage) are the scale's where None; the notebooks that compare go by seed 0 and read
    all scores that are there. ValueError for an arm that is neither SRL nor the control.
    """
    size = load_scale(scale)
    seeds, arms = seeds or size.seeds, arms or (*size.arms, CONTROL)
    known = [CONTROL, *(arm for arm, each in ARMS.items() if each.stage == "srl")]
    wrong = [arm for arm in arms if arm not in known]
    if wrong:
        raise ValueError(
            f"arm {wrong[0]!r}: expected one of the last trained stage, of {', '.join(known)}."
        )

    def step(notebook: str, arm: str, seed: int = 0) -> Step:
        return Step(notebook, Run(f"{corpus}/{arm}", scale, seed, results))

    main = size.arms[0]
    trained = {arm: SRL if ARMS[arm].stage == "srl" else SFT for arm in arms}
    return [
        [step(METHOD, main), step(DATA, main)],
        [step(SFT, main, seed) for seed in seeds],
        [step(notebook, arm, seed) for seed in seeds for arm, notebook in trained.items()],
        [step(ABLATIONS, main)],
        [step(TABLES, main)],
    ]


def run_study(
    scale: str,
    results: Path,
    corpus: str = DEFAULT_CORPUS,
    seeds: Sequence[int] | None = None,
    arms: Sequence[str] | None = None,
) -> None:
    """Run every step of the `grid` that has not finished, say how long it will take and took, and check that training moved.

    Steps of one stage run side by side where the scale's thread counts leave cores free. A step that fails lets its
    neighbours finish, then stops the study with its RuntimeError; so does, before any work, a folder without room.
    """
    size = load_scale(scale)
    require_device(scale)
    require_room(results, size.disk_gib)
    stages = grid(scale, results, corpus, seeds, arms)
    first = stages[0][0].run
    summary = first.summary
    if 0 not in (seeds or size.seeds) and not (first.folder / "metrics.json").exists():
        stages = stages[:-2]
        _say(
            f"Notebooks 04 and 05 compare with seed 0, which is not in {os.path.relpath(results)}: left out."
        )
    workers = [_workers(stage, scale) for stage in stages]
    with locked(results / scale):
        waiting = unfinished(stages)
        expected = estimate(waiting, workers)
        _say(f"The study at scale {scale}, {estimate_text(expected)}")
        walls = []
        for number, (stage, ahead, beside) in enumerate(zip(stages, waiting, workers, strict=True)):
            for step in stage:
                if step not in ahead:
                    _say(f"{step}: finished before, skipped")
            started = time.monotonic()
            if ahead:
                _say(
                    f"stage {number + 1} of {len(stages)}, about {sum(expected[number:]) / 60:.1f} minutes left"
                )
                _run_stage(ahead, beside)
            walls.append(time.monotonic() - started)
        taken = times_table(stages, workers, waiting, walls)
        save_table(taken, results / "runs" / summary.relative_to(results) / "times.csv")
        check_movement(results, scale, corpus)
    _say(times_text(taken))
    unit = 2**30 if sys.platform == "darwin" else 2**20  # bytes there, KiB on Linux
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / unit
    _say(
        f"Largest process {peak:.2f} GiB. Start reading in {os.path.relpath(summary / 'notebooks')}."
    )


def unfinished(stages: list[list[Step]]) -> list[list[Step]]:
    """The steps of each stage that must run: those that have not finished, and all that come after a stage with one."""
    waiting: list[list[Step]] = []
    for stage in stages:
        repeat = any(waiting)
        waiting.append([step for step in stage if repeat or not finished(step)])
    return waiting


def _run_stage(steps: list[Step], workers: int) -> None:
    with chdir(NOTEBOOKS), ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(execute, step): step for step in steps}
        try:
            for future in as_completed(running):
                if future.exception() is None:
                    _say(f"{running[future]}: {future.result():.0f} s")
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for kernel in psutil.Process().children(recursive=True):
                kernel.kill()  # a kernel has a session of its own: Ctrl-C does not reach it
            raise
    for future in running:  # all have ended: the first error stops the study
        future.result()


def _workers(stage: list[Step], scale: str) -> int:
    """How many steps of a stage run side by side: as many as the cores hold with the threads that its training uses."""
    threads = load_scale(scale).threads.get(
        "srl" if any(step.notebook == SRL for step in stage) else "sft", 0
    )
    return max(1, (os.cpu_count() or 1) // threads) if threads else 1


def check_movement(results: Path, scale: str, corpus: str = DEFAULT_CORPUS) -> None:
    """Say what training did; RuntimeError if a new policy's loss did not fall or SRL did not start at its reference policy."""
    movement = movement_table(results, scale, corpus)
    for row in movement.itertuples():
        line = f"{row.system}, seed {row.seed}: loss {row.loss_first:.3f} -> {row.loss_last:.3f}"
        if row.reward_first == row.reward_first:  # not NaN: an SRL run
            rose = "rose" if row.reward_last > row.reward_first else "did not rise"
            line = f"{row.system}, seed {row.seed}: reward {row.reward_first:.3f} -> {row.reward_last:.3f} ({rose})"
            if row.kl_first == row.kl_first:  # TRL logs no KL where its weight is 0
                line += f", KL at the first step {row.kl_first:.1e}"
        _say(f"{line}; {row.changed_tensors} of {row.trained_tensors} trained tensors changed")
    supervised = movement[movement["reward_first"].isna()]
    flat = supervised[supervised["loss_last"] >= supervised["loss_first"]]
    flat = flat[
        flat["system"] != ARMS[CONTROL].label
    ]  # where SFT ended, a loss need not fall further
    apart = movement[movement["kl_first"].abs() > 1e-6]
    if len(flat) or len(apart):
        raise RuntimeError(
            f"Training did not do what it should: loss did not fall in {list(flat['system'])}, "
            f"KL to the start is not 0 at the first step in {list(apart['system'])}."
        )


def _say(line: str) -> None:
    sys.stderr.flush()
    sys.stdout.write(f"\r{line:<100}\n")  # over what is left of a progress bar
    sys.stdout.flush()


def run_notebook(name: str, pairs: list[str], results: Path) -> None:
    """Execute one notebook with parameters given as KEY=VALUE; ValueError names a pair that is none, RuntimeError no room."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no parameter; expected KEY=VALUE, such as SCALE=smoke.")
    values = dict(pair.split("=", 1) for pair in pairs)
    seed = values.pop("SEED", "0")
    if not seed.isdecimal():
        raise ValueError(f"SEED={seed}: expected a whole number.")
    folder = Path(values.pop("RESULTS", results)).resolve()
    run = Run(
        values.pop("EXPERIMENT", "iu_xray/srl_mccs"),
        values.pop("SCALE", "smoke"),
        int(seed),
        folder,
    )
    step = Step(name, run)
    require_room(folder, run.settings.disk_gib)
    with chdir(NOTEBOOKS):
        execute(step, values)
    _say(f"Executed copy: {os.path.relpath(step.output)}")


def main() -> None:
    """`run SCALE`, `list SCALE` or `notebook NAME KEY=VALUE …`: the command line behind run_all.sh."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--results",
        type=Path,
        default=results_root(),
        help="results folder (default: the checkout's)",
    )
    parser = argparse.ArgumentParser(prog="run_all.sh", description="Run the study or parts of it.")
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("run", "list"):
        several = commands.add_parser(command, parents=[shared])
        several.add_argument("scale", nargs="?", default="laptop", help=" or ".join(SCALES))
        several.add_argument(
            "--corpus", choices=PREPARATIONS, default=DEFAULT_CORPUS, help="default: %(default)s"
        )
        several.add_argument("--seeds", type=int, nargs="+", metavar="K", help="default: 0")
        several.add_argument(
            "--arms", nargs="+", metavar="ARM", help="arms trained from SFT; default: the scale's"
        )
        several.add_argument("--plan", action="store_true", help="only say what the scale needs")
    one = commands.add_parser("notebook", parents=[shared])
    one.add_argument("name")
    one.add_argument("parameters", nargs="*", help="KEY=VALUE")
    named = parser.parse_args()
    results = named.results.resolve()
    try:
        if named.command == "run" and named.plan:
            sys.stdout.write(plan_text(named.scale, results))
        elif named.command == "run":
            run_study(named.scale, results, named.corpus, named.seeds, named.arms)
        elif named.command == "list":
            for number, stage in enumerate(
                grid(named.scale, results, named.corpus, named.seeds, named.arms), 1
            ):
                sys.stdout.write(
                    f"# stage {number}: after all of the stage before; its lines are independent of each other\n"
                )
                sys.stdout.write("".join(f"{step.command()}\n" for step in stage))
        else:
            run_notebook(named.name, named.parameters, results)
    except KeyboardInterrupt:
        parser.exit(
            130,
            "\nStopped. The same command goes on with the step that was cut off; finished ones are skipped.\n",
        )
    except (ValueError, RuntimeError, FileNotFoundError, PermissionError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
