"""All tables and figures that are functions of saved scores, labels, logs and manifests, built anew into a folder.

`python -m mrg_r1_lib.reporting.rebuild` needs neither torch nor a corpus and takes under a minute. Each line calls what notebooks 04 and
05 call. What needs a policy or the corpus's reports stands in ELSEWHERE with its reason.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from mrg_r1_lib.experiments import DEFAULT_CORPUS, PREPARATIONS
from mrg_r1_lib.reporting import ablations, comparisons, tables
from mrg_r1_lib.reporting.documents.printed import save_printed, where
from mrg_r1_lib.reporting.redraw import FIGURES, redraw
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import save_table
from mrg_r1_lib.storage.paths import results_root


def _held_out(run: Run) -> pd.DataFrame:
    return comparisons.read_held_out(run.summary)


TABLES: dict[str, Callable[[Run], pd.DataFrame]] = {  # name -> the saved table
    "main": lambda run: tables.main_table(*where(run)),
    "planned": lambda run: comparisons.planned_comparisons(*where(run)),
    "seeds": lambda run: comparisons.seed_differences(*where(run)),
    "checks": lambda run: comparisons.checked_differences(
        run.results, run.scale, _held_out(run), run.corpus
    ),
    "checked_scores": lambda run: comparisons.checked_scores(
        run.results,
        run.scale,
        _held_out(run),
        (*comparisons.CHECKED, *run.settings.arms),
        run.corpus,
    ),
    "observations": lambda run: tables.observation_table(
        run.results, run.scale, ("sft", run.settings.arms[0]), run.corpus
    ),
    "observation_intervals": lambda run: comparisons.observation_scores(
        run.results, run.scale, (run.settings.arms[0], "sft"), run.corpus
    ),
    "movement": lambda run: tables.movement_table(*where(run)).drop(columns="seconds"),
    "ablations": lambda run: ablations.ablation_table(*where(run)).reset_index(),
    "earned": lambda run: ablations.earned(*where(run)).reset_index(),
    "own_reward": lambda run: comparisons.planned_comparisons(*where(run), comparisons.OWN),
    "own_reward_checks": lambda run: comparisons.checked_differences(
        run.results, run.scale, _held_out(run), run.corpus, comparisons.OWN
    ),
    "own_reward_all_studies": lambda run: comparisons.planned_comparisons(
        *where(run), comparisons.OWN_ALL_STUDIES
    ),
}

CORPUS = "of the corpus's reports: notebook 01"
ELSEWHERE = {  # what notebooks save and this does not build -> why
    "tables/held_out": CORPUS,
    "tables/prevalence": CORPUS,
    "tables/agreement": CORPUS,
    "tables/asked": "of the corpus's reports and code beside the sampling, which needs torch: notebook 04",
    "figures/data_flow": CORPUS,
    "figures/agreement": CORPUS,
    "figures/contact_sheet": CORPUS,
    "figures/margin_curve": "of the corpus's reports: notebook 00",
    "figures/reward_gallery": "of made-up reports, by the labeler: notebook 00",
}


def rebuild_tables(run: Run, into: Path) -> dict[str, pd.DataFrame]:
    """Save every table of TABLES and its printed form below `into/tables/`, and return the tables by name.

    `run` names the study: its results folder, scale and corpus. FileNotFoundError names what a notebook has not made yet.
    """
    made = {}
    for name, make in TABLES.items():
        made[name] = make(run)
        save_table(made[name], into / "tables" / f"{name}.csv")
    save_printed(run, into / "tables")
    return made


def study(scale: str, corpus: str = DEFAULT_CORPUS, results: Path | None = None) -> Run:
    """The run that names a study: seed 0 of the scale's main arm below `results` (the checkout's)."""
    return Run(f"{corpus}/srl_mccs", scale, 0, results or results_root())


def main() -> None:
    """Build the tables and figures of a study anew; the committed ones stay as they are unless `--into` names their folder."""
    parser = argparse.ArgumentParser(
        prog="python -m mrg_r1_lib.reporting.rebuild", description=main.__doc__
    )
    parser.add_argument("--scale", default="laptop")
    parser.add_argument("--corpus", choices=PREPARATIONS, default=DEFAULT_CORPUS)
    parser.add_argument("--into", type=Path, help="folder, default: results/runs/rebuilt/<scale>")
    named = parser.parse_args()
    try:
        run = study(named.scale, named.corpus)
        into = named.into or run.results / "runs" / "rebuilt" / run.summary.relative_to(run.results)
        redraw(run, rebuild_tables(run, into), into)
    except (ValueError, FileNotFoundError) as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(f"{len(TABLES)} tables, {len(FIGURES)} figures: {into}\n")


if __name__ == "__main__":
    main()
