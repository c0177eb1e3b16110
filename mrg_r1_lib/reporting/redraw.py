"""The figures that are functions of saved scores, labels, logs and settings, drawn anew by the calls of the notebooks."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.reporting import ablations, figures, tables
from mrg_r1_lib.reporting.documents.printed import read_table, where
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import save_figure

Tables = Mapping[str, pd.DataFrame]  # name -> table, as `rebuild` makes them


def _precision_recall(shown: pd.DataFrame, note: str) -> Figure:
    points = tables.precision_recall_table(shown).merge(
        tables.score_table(shown)[["system", "kind"]]
    )
    return figures.precision_recall(points, note=note)


def _rewards(run: Run) -> tuple[list[str], list[str]]:
    """The arms of the section "the reward" that ran, and their names."""
    trained = ablations.trained_rewards(*where(run))
    return trained, [ARMS[arm].label for arm in trained]


def _srl_curves(run: Run) -> Figure:
    trained, systems = _rewards(run)
    log = tables.training_logs(run.results, run.scale, trained, run.corpus)
    return figures.by_system(
        log, "step", ablations.CURVES, systems, ["SRL, MCCS"], note=run.note, window=15
    )


def _along_training(run: Run) -> Figure:
    trained, systems = _rewards(run)
    looks = tables.validation_logs(run.results, run.scale, ("sft_continued", *trained), run.corpus)
    note = f"{run.note}; validation split"
    return figures.by_system(
        looks, "share", ablations.LOOKS, systems, ["SFT continued", "SRL, MCCS"], note=note
    )


def _over_seeds(run: Run) -> Figure:
    arm = run.settings.arms[0]
    sft, srl = (
        tables.validation_logs(run.results, run.scale, (each,), run.corpus) for each in ("sft", arm)
    )
    log = tables.training_logs(run.results, run.scale, (arm,), run.corpus)
    panels = {
        "SFT: validation loss": (sft, "epoch", "loss"),
        "SFT: validation F1": (sft, "epoch", "f1"),
        "SRL: weighted reward": (log, "step", "reward"),
        "SRL: validation F1": (srl, "step", "f1"),
    }
    return figures.over_seeds(panels, note=run.note, window=15)


def _validation(run: Run, arm: str) -> Figure:
    looks = Run(f"{run.corpus}/{arm}", run.scale, 0, run.results).folder / "validation.csv"
    return figures.validation_curve(pd.read_csv(looks), note=run.note)


FIGURES: dict[
    str, Callable[[Run, Tables], Figure]
] = {  # name -> the figure, from a run and the tables above
    "method_overview": lambda run, _: figures.method_overview(
        run.recipe.rewards, run.group_size, run.recipe.beta, note=run.note
    ),
    "main_scores": lambda run, made: figures.main_scores(
        tables.score_table(tables.main_study(made["main"], run.scale)),
        note=f"{run.note}; {run.scale} scale",
    ),
    "precision_recall": lambda run, made: _precision_recall(
        tables.main_study(made["main"], run.scale), run.note
    ),
    "observations": lambda run, made: figures.observation_f1(
        made["observation_intervals"], note=run.note
    ),
    "over_seeds": lambda run, _: _over_seeds(run),
    "ablations": lambda run, made: figures.forest(
        ablations.forest_table(made["ablations"]),
        f"CE micro-F1 (13), difference to MCCS, 95 % interval ({run.scale})",
        note=run.note,
    ),
    "srl_curves": lambda run, _: _srl_curves(run),
    "along_training": lambda run, _: _along_training(run),
    "hacking": lambda run, _: figures.hacking(
        ablations.gap_closed(*where(run), window=min(25, run.settings.srl.steps // 2)),
        note=f"{run.note}; sampled training reports",
    ),
    "earned": lambda run, made: figures.heatmap(
        made["earned"].set_index("system"),
        "held-out reports: what each policy earns under each reward",
        note=run.note,
        digits=3,
    ),
    "prevalence": lambda run, _: figures.prevalence(
        read_table(run.summary / "tables", "prevalence"), note=run.note
    ),
    "validation_sft": lambda run, _: _validation(run, "sft"),
    "validation_sft_continued": lambda run, _: _validation(run, "sft_continued"),
}


def redraw(run: Run, made: Tables, into: Path) -> None:
    """Draw every figure of FIGURES from the tables `made`, and save it below `into/figures/`."""
    for name, draw in FIGURES.items():
        save_figure(draw(run, made), into / "figures" / name)
