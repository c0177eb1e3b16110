"""The printed tables: saved tables -> frames of strings -> `tables/printed/` as CSV, Markdown and LaTeX.

Only `cost` looks at the runs themselves, at manifests and logs; the others read `tables/*.csv`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mrg_r1_lib.reporting.documents import definitions, summaries
from mrg_r1_lib.reporting.documents.provenance import training_table
from mrg_r1_lib.reporting.documents.summaries import NONE
from mrg_r1_lib.reporting.documents.typeset import latex, markdown
from mrg_r1_lib.reporting.tables import run_folders
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import write_text


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """A saved table, such as "main", of a folder of tables; FileNotFoundError names the notebooks that save them."""
    path = Path(folder) / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{path} is not there. Notebooks 04 and 05 save it, at the end of a study: ./run_all.sh"
        )
    return pd.read_csv(path, dtype={"classes": "Int64"} if name == "main" else None)


def where(run: Run) -> tuple[Path, str, str]:
    """The study that a run is of: results folder, scale, corpus."""
    return run.results, run.scale, run.corpus


def cost(run: Run) -> pd.DataFrame:
    """What each trained system took, a row a system: seeds, steps, parameters, minutes, completions, tokens of the first seed.

    Minutes are of training with its looks at the validation split. Peak memory is in no manifest. Two equal
    studies differ in this table alone.
    """
    runs = [
        Run(f"{run.corpus}/{arm}", run.scale, seed, run.results)
        for arm, seed in run_folders(*where(run))
    ]
    runs = [each for each in runs if f"{each.recipe.stage}" in each.read_manifest()]
    table = training_table(runs).drop(columns="commit")
    first = {each.recipe.label: each for each in reversed(runs)}
    table["completions a seed"] = [_completions(first[system]) for system in table["system"]]
    table["tokens, first seed"] = [_tokens(first[system]) for system in table["system"]]
    return table.assign(**{"peak memory": "not recorded"})


def _completions(run: Run) -> str:
    if run.recipe.stage != "srl":
        return NONE
    steps = run.read_manifest()["srl"]["steps"]
    return f"{steps * run.settings.srl.studies_per_step * run.group_size:,}"


def _tokens(run: Run) -> str:
    log = run.folder / "train_log.csv"
    seen = pd.read_csv(log).get("num_tokens") if log.exists() else None
    return NONE if seen is None or seen.isna().all() else f"{seen.max():,.0f}"


@dataclass(frozen=True)
class Printed:
    """How one table is made, from a run that names study and corpus and a folder of saved tables, and read."""

    make: Callable[[Run, Path], pd.DataFrame]
    names: int  # columns that name a row
    says: str
    own: bool = True  # of this study, not the paper's


PRINTED = {
    "main": Printed(
        lambda run, folder: summaries.main(read_table(folder, "main"), run.scale),
        1,
        "Means over seeds; the interval runs from the lowest end of a seed's interval to the highest.",
    ),
    "ablations": Printed(
        lambda run, folder: summaries.ablations(read_table(folder, "ablations")),
        2,
        "Differences to MCCS over the seeds that both have; 0 seeds: not run.",
    ),
    "observations": Printed(
        lambda run, folder: summaries.observations(read_table(folder, "observation_intervals")),
        1,
        "All seeds of both systems pooled; 95 % intervals over seeds and studies together.",
    ),
    "definitions": Printed(
        lambda run, folder: definitions.definitions(read_table(folder, "main"), run.scale),
        4,
        "One set of reports, every definition of CE F1; means over seeds.",
    ),
    "cost": Printed(
        lambda run, folder: cost(run),
        1,
        "Minutes of training on the machine of the run's manifest; tokens of prompts and completions.",
    ),
    "paper": Printed(
        lambda run, folder: definitions.paper(),
        1,
        "Reported by the paper. Definition and split are not known.",
        own=False,
    ),
}


def save_printed(run: Run, tables: Path) -> None:
    """Write every table of PRINTED, made from those saved in the folder `tables`, in three formats into `tables/printed/`."""
    for name, printed in PRINTED.items():
        frame = printed.make(run, tables)
        path = tables / "printed" / name
        note = printed.says + (f" Scale {run.scale}: {run.note}." if printed.own else "")
        write_text(path.with_suffix(".csv"), frame.to_csv(index=False, lineterminator="\n"))
        write_text(path.with_suffix(".md"), f"{markdown(frame, printed.names)}\n\n{note}\n")
        write_text(
            path.with_suffix(".tex"),
            f"% \\usepackage{{booktabs}}; {note}\n{latex(frame, printed.names)}\n",
        )
