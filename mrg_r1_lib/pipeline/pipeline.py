"""The whole study as a grid of steps in stages: what run_all.sh calls after the set-up.

The steps of one stage are independent of each other. A finished step is skipped; a step is repeated
when one of an earlier stage was.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import chdir
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path

import psutil
import torch

from mrg_r1_lib.corpora import iu_find, iu_xray
from mrg_r1_lib.experiments import ARMS, PREPARATIONS, require_engine
from mrg_r1_lib.pipeline import steps
from mrg_r1_lib.pipeline.steps import NOTEBOOKS, Step, execute, finished_at, require_notebook
from mrg_r1_lib.policies.registry import require_known
from mrg_r1_lib.reporting import build
from mrg_r1_lib.rewards import check_rewards
from mrg_r1_lib.runs.code import changed_since
from mrg_r1_lib.runs.run import Run, scores_path
from mrg_r1_lib.scales import load_scale, scale_with
from mrg_r1_lib.storage.files import locked, require_room, sweep
from mrg_r1_lib.storage.paths import data_root, full_path, results_root
from mrg_r1_lib.training.memory import needs, plan_text, require_device

CONTROL = "sft_continued"  # runs beside the reinforced arms and takes as long
# KL to the start at SRL's first step, on a GPU or not: 0 but for rounding. bf16, in which a GPU
# trains, keeps 8 bits, so two passes may differ by .08 in a logit of 20, and the KL term is about
# half the square of that
KL_TOLERANCE = {True: 1e-2, False: 1e-6}


@dataclass(frozen=True)
class Grid:
    """What is run: corpus, `seeds` and `arms` (of the last trained stage) are the scale's where
    empty.

    ValueError for an unknown scale or policy, and an arm that is neither SRL nor the control or
    whose engine is not installed.
    """

    scale: str
    results: Path
    corpus: str | None = None
    seeds: Sequence[int] = ()
    arms: Sequence[str] = ()
    final: bool = False  # whether the test split is scored

    def __post_init__(self) -> None:
        scale = load_scale(self.scale)
        require_known(scale.policy)
        usual = {"corpus": scale.corpus, "seeds": scale.seeds, "final": scale.final}
        for name, value in (usual | {"arms": (*scale.arms, CONTROL)}).items():
            object.__setattr__(self, name, getattr(self, name) or value)
        for name in ("seeds", "arms"):
            object.__setattr__(self, name, tuple(dict.fromkeys(getattr(self, name))))
        known = [CONTROL, *(arm for arm, each in ARMS.items() if each.stage == "srl")]
        for arm in self.arms:
            if arm not in known:
                raise ValueError(f"arm {arm!r}: expected one of {', '.join(known)}.")
            require_engine(arm)
            check_rewards(arm, ARMS[arm].rewards, ARMS[arm].options)

    @property
    def main(self) -> Run:
        """Seed 0 of the scale's main arm."""
        return self.run(load_scale(self.scale).arms[0])

    def run(self, arm: str, seed: int = 0) -> Run:
        """One run of the study."""
        return Run(f"{self.corpus}/{arm}", self.scale, seed, self.results)

    def stages(self) -> list[list[Step]]:
        """The steps in stages; those of one stage may run in any order or side by side.

        The notebooks that compare go by seed 0 and read all scores that are there.
        """
        of = {arm: steps.SRL if ARMS[arm].stage == "srl" else steps.SFT for arm in self.arms}
        scored = [Step(steps.FINAL, self.run(self.arms[0], self.seeds[0]))]
        return [
            [Step(steps.METHOD, self.main), Step(steps.DATA, self.main)],
            [Step(steps.SFT, self.run(self.main.arm, seed)) for seed in self.seeds],
            [Step(of[arm], self.run(arm, seed)) for seed in self.seeds for arm in self.arms],
            *([scored] if self.final else []),
            [Step(steps.ABLATIONS, self.main)],
            [Step(steps.TABLES, self.main)],
        ]


def run_study(grid: Grid, fresh: bool = False) -> None:
    """Run every step that has not finished (`fresh`: every one), and check that training moved.

    Steps of one stage run side by side where their threads leave cores free. A step that fails
    lets its neighbours finish, then stops the study with its RuntimeError; so does, before any
    work, a folder without room or a missing GPU.
    """
    require_device(grid.scale)
    require_room(grid.results, needs(grid.scale).disk_gib, grid.results / "runs" / grid.scale)
    with locked(grid.results / grid.scale):
        sweep(grid.results, f"**/{grid.scale}/**/*.")
        _stay_offline(grid.scale)
        grid.main.make_private()  # once, before steps that run side by side
        stages = _possible(grid)
        for arm, seed in product(ARMS, grid.seeds if fresh else ()):
            grid.run(arm, seed).forget()
        waiting = unfinished(stages)
        for step in chain.from_iterable(waiting):  # due until it ends, also if one before it stops
            step.marker.unlink(missing_ok=True)
        for number, (stage, ahead) in enumerate(zip(stages, waiting, strict=True), start=1):
            if ahead:
                _say(f"stage {number} of {len(stages)}")
                _run_stage(ahead, _workers(stage))
        check_movement(grid.main)
    _say(f"Start reading in {os.path.relpath(grid.main.summary / 'notebooks')}.")


def _possible(grid: Grid) -> list[list[Step]]:
    """The stages without the notebooks whose inputs are not to be had; a line says which."""
    stages, main = grid.stages(), grid.main
    if main.preparation.corpus == "iu_xray":
        _say(iu_xray.main())
    if not (data_root() / iu_find.WHEEL).exists():
        _say(f"Left out: notebook 00 shows reports of IU X-Ray. To have them: {iu_find.FETCH}")
        stages[0] = stages[0][1:]
    scores = [scores_path(main.folder, split) for split in ("validate", "test")]
    trained = 0 in grid.seeds and main.arm in grid.arms
    if not trained and not any(path.exists() for path in scores):
        _say(f"Left out: notebooks 04 and 05 need seed 0 of {main.arm}, not in {main.results}.")
        stages = stages[:-2]
    return stages


def _stay_offline(scale: str) -> None:
    """No library asks a hub, but for a published policy; kernels inherit this."""
    if not require_known(load_scale(scale).policy).published:
        os.environ["HF_HUB_OFFLINE"] = "1"


def unfinished(stages: list[list[Step]]) -> list[list[Step]]:
    """The steps of each stage that must run: unfinished ones, and all after a stage with one.

    A line names each other step, and one more whether the code has changed since they finished.
    """
    waiting, commits = [], set()
    for stage in stages:
        made = {step: None if any(waiting) else finished_at(step) for step in stage}
        waiting.append([step for step in stage if made[step] is None])
        for step in stage:
            if made[step] is not None:
                commits.add(made[step])
                _say(f"{step}: finished before, skipped")
    changed = ", ".join(sorted(made for made in commits if changed_since(made)))
    if changed:
        _say(f"The code has changed since finished steps ({changed}). To repeat them: --fresh")
    return waiting


def _run_stage(ahead: list[Step], workers: int) -> None:
    with chdir(NOTEBOOKS), ThreadPoolExecutor(workers) as pool:
        running = {pool.submit(execute, step): step for step in ahead}
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


def _workers(stage: list[Step]) -> int:
    """How many steps of a stage run side by side: as many as the cores hold with their threads."""
    settings = stage[0].run.settings
    srl = any(step.notebook == steps.SRL for step in stage)
    threads = settings.srl.threads if srl else max(settings.pretrain.threads, settings.sft.threads)
    # a job may have fewer cores than its machine; macOS does not say
    cores = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    return max(1, len(cores) // threads) if threads else 1


def check_movement(main: Run) -> None:
    """Say what training did; RuntimeError if a loss did not fall or SRL began off its start."""
    table = build.table("training", main)
    _say(table.to_string(index=False, float_format="{:.3g}".format, na_rep=""))
    # the control starts where SFT ended: its loss need not fall further
    supervised = table[table["reward_first"].isna() & (table["arm"] != CONTROL)]
    flat = supervised[supervised["loss_last"] >= supervised["loss_first"]]
    apart = table[table["kl_first"].abs() > KL_TOLERANCE[torch.cuda.is_available()]]
    if len(flat) or len(apart):
        raise RuntimeError(
            f"Training did not do what it should: loss did not fall in {list(flat['arm'])}, "
            f"KL to the start is not 0 at the first step in {list(apart['arm'])}."
        )


def _say(line: str) -> None:
    sys.stderr.flush()
    print(f"\r{line:<100}", flush=True)  # over what is left of a progress bar


def run_notebook(name: str, pairs: list[str], results: Path) -> None:
    """Execute one notebook with parameters given as KEY=VALUE; ValueError names a wrong pair."""
    if wrong := [pair for pair in pairs if "=" not in pair]:
        raise ValueError(f"{wrong[0]!r} is no parameter; expected KEY=VALUE, such as SCALE=smoke.")
    given = dict(pair.split("=", 1) for pair in pairs)
    scale, seed = given.pop("SCALE", "smoke"), given.pop("SEED", "0")
    experiment = given.pop("EXPERIMENT", f"{load_scale(scale).corpus}/srl_mccs")
    if not seed.isdecimal():
        raise ValueError(f"SEED={seed}: expected a whole number.")
    results = full_path(given.pop("RESULTS", results))
    step = Step(name, Run(experiment, scale, int(seed), results))
    require_notebook(name, step.parameters | given)
    require_room(results, needs(scale).disk_gib, results / "runs" / scale)
    _stay_offline(scale)
    if step.run.preparation.corpus == "iu_xray":
        iu_xray.main()
    with chdir(NOTEBOOKS):
        execute(step, given)
    _say(f"Executed copy: {os.path.relpath(step.output)}")


def list_steps(grid: Grid) -> str:
    """The steps as commands, a line each, in stages for any job runner."""
    lines = ["# A stage begins after the one before; its lines are independent of each other."]
    for number, stage in enumerate(grid.stages(), start=1):
        lines += [f"# stage {number}", *(step.command() for step in stage)]
    return "\n".join([*lines, ""])


def main() -> None:
    """The command line behind run_all.sh."""
    parser = argparse.ArgumentParser(prog="run_all.sh", description="Run the study or parts of it.")
    commands = parser.add_subparsers(dest="command", required=True)
    usual, shown = "default: the scale's", "default: %(default)s"
    for command, words in {"run": "SCALE", "list": "list [SCALE]"}.items():
        several = commands.add_parser(command, usage=f"run_all.sh {words} [OPTION ...]")
        several.add_argument("scale", nargs="?", default="laptop", help=shown)
        several.add_argument("--policy", metavar="NAME", help=usual)
        several.add_argument("--corpus", choices=PREPARATIONS, help=usual)
        several.add_argument("--seeds", type=int, nargs="+", metavar="K", default=(), help=usual)
        several.add_argument("--arms", nargs="+", metavar="ARM", default=(), help=usual)
        several.add_argument("--final", action="store_true", help="score the test split, too")
        several.add_argument("--fresh", action="store_true", help="repeat finished steps")
        several.add_argument("--plan", action="store_true", help="only say what the scale needs")
    one = commands.add_parser("notebook", usage="run_all.sh notebook NAME [KEY=VALUE ...]")
    one.add_argument("name", help="of a file in notebooks/, without .ipynb")
    one.add_argument("parameters", nargs="*", default=[], help="KEY=VALUE; SCALE is else smoke")
    for command in commands.choices.values():
        command.add_argument("--results", type=full_path, default=results_root(), help=shown)
    named = parser.parse_args()
    try:
        if named.command == "notebook":
            run_notebook(named.name, named.parameters, named.results)
        else:
            scale = scale_with(named.scale, named.policy)
            grid = Grid(scale, named.results, named.corpus, named.seeds, named.arms, named.final)
            listed = list_steps(grid)
            if named.command == "run" and not named.plan:
                run_study(grid, named.fresh)
            else:
                sys.stdout.write(plan_text(scale) if named.plan else listed)
    except KeyboardInterrupt:
        parser.exit(130, "\nStopped. The same command, without --fresh, goes on from there.\n")
    except (ValueError, RuntimeError, OSError) as error:
        parser.exit(1, f"{error}\n")


if __name__ == "__main__":
    main()
