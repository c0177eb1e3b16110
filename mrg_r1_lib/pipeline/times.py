"""How long a study takes: what it will, from the last execution of every step, and what it took, step by step.

The steps of a stage run side by side on some workers; the stages run one after another. Times differ between two runs, so
they are printed and kept in `<results>/runs/<scale>/times.csv`, which git ignores.
"""

import heapq
import json
from collections.abc import Sequence

import pandas as pd

from mrg_r1_lib.pipeline.steps import Step, marker


def wall_seconds(seconds: Sequence[float], workers: int) -> float:
    """Seconds of a stage whose steps start in their order on `workers`, each on the first that is free.

    >>> wall_seconds([60.0, 60.0, 60.0], workers=2)
    120.0
    """
    busy_until = [0.0] * workers
    for step in seconds:
        heapq.heapreplace(busy_until, busy_until[0] + step)
    return max(busy_until)


def step_seconds(step: Step) -> float:
    """Seconds of the step's last execution; of one that never ran, the scale's own estimate."""
    path = marker(step)
    if path.exists():
        return json.loads(path.read_text(encoding="utf-8"))["seconds"]
    guesses, notebook = step.run.settings.seconds, step.notebook[:2]
    return guesses.get(f"{notebook} {step.run.arm}", guesses[notebook])


def estimate(waiting: Sequence[Sequence[Step]], workers: Sequence[int]) -> list[float]:
    """Expected seconds of each stage, from the steps of it that are still to run."""
    return [
        wall_seconds([step_seconds(step) for step in steps], beside)
        for steps, beside in zip(waiting, workers, strict=True)
    ]


def estimate_text(seconds: Sequence[float]) -> str:
    """One line: the minutes to expect, in all and of each stage.

    >>> estimate_text([0, 90, 120])
    'about 3.5 minutes: stage 1 finished, stage 2 1.5, stage 3 2.0'
    """
    stages = (f"{value / 60:.1f}" if value else "finished" for value in seconds)
    listed = ", ".join(f"stage {number} {text}" for number, text in enumerate(stages, start=1))
    return f"about {sum(seconds) / 60:.1f} minutes: {listed}"


def times_table(
    stages: Sequence[Sequence[Step]],
    workers: Sequence[int],
    waiting: Sequence[Sequence[Step]],
    walls: Sequence[float],
) -> pd.DataFrame:
    """What a study took, a row a step: stage, notebook, experiment, seed, minutes, finished (now or before), stage_minutes.

    `walls` holds the measured seconds of each stage. A stage of which a step had finished before is not known by its wall
    time: its minutes are those that its steps take side by side.
    """
    rows = []
    for number, (stage, beside, ran, wall) in enumerate(
        zip(stages, workers, waiting, walls, strict=True), start=1
    ):
        seconds = [step_seconds(step) for step in stage]
        whole = wall if len(ran) == len(stage) else wall_seconds(seconds, beside)
        for step, value in zip(stage, seconds, strict=True):
            row = {
                "stage": number,
                "notebook": step.notebook,
                "experiment": step.run.experiment,
                "seed": step.run.seed,
            }
            row |= {
                "minutes": value / 60,
                "finished": "now" if step in ran else "before",
                "stage_minutes": whole / 60,
            }
            rows.append(row)
    return pd.DataFrame(rows)


def times_text(table: pd.DataFrame) -> str:
    """The table as lines to print: every step, every stage, the total, and which stage dominates."""
    lines = []
    stages = table.groupby("stage").first()["stage_minutes"]
    for stage, steps in table.groupby("stage"):
        lines.append(f"stage {stage}{stages[stage]:>60.1f} min")
        for row in steps.itertuples():
            before = ", finished before" if row.finished == "before" else ""
            lines.append(
                f"  {f'{row.notebook} {row.experiment} seed {row.seed}':<58}{row.minutes:>7.1f} min{before}"
            )
    longest = stages.idxmax()
    names = dict.fromkeys(
        name[3:].replace("_", " ") for name in table.loc[table["stage"] == longest, "notebook"]
    )
    share = stages[longest] / max(stages.sum(), 1e-9)
    return "\n".join(
        [
            *lines,
            f"total{stages.sum():>62.1f} min",
            f"Longest: {' and '.join(names)}, {share:.0%} of the time.",
        ]
    )
