"""The registry of tables and figures: one place builds them, for notebooks, `verify --tables-only`
and documents.

`python -m mrg_r1_lib.reporting.build` makes anew all that needs neither a policy nor a corpus. A
table is checked against its columns before it is saved. A figure is drawn from saved tables and
logs.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from mrg_r1_lib.experiments import PREPARATIONS
from mrg_r1_lib.reporting import (
    ablations,
    by_observation,
    checks,
    comparisons,
    confirmation,
    corpus_tables,
    drawings,
    gains,
    hypotheses,
    logs,
    reward_scores,
    sampled,
    secondary,
    tables,
)
from mrg_r1_lib.reporting.figures.captions import CAPTIONS, Captioned
from mrg_r1_lib.reporting.needed import Missing, missing
from mrg_r1_lib.reporting.schema import Columns, described, names, validated
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import SCALES, load_scale
from mrg_r1_lib.storage.files import save_figure, table_text, write_text
from mrg_r1_lib.storage.paths import full_path, results_root

CORPUS, ABLATION = "01_data_preparation", "04_reward_ablations"
RESULTS = "05_tables_and_figures"
HELD = ("held_out",)


class Table(NamedTuple):
    """How a table is made, from which saved tables, its columns, and the notebook that saves it."""

    make: Callable[..., pd.DataFrame]
    columns: Columns
    notebook: str = RESULTS
    reads: tuple[str, ...] = ()
    corpus: bool = False  # whether it needs the corpus's reports


class Drawing(NamedTuple):
    """How a figure is drawn, and from which saved tables."""

    draw: Callable[..., Figure]
    reads: tuple[str, ...] = ()
    elsewhere: bool = False  # whether it needs the corpus, or what a notebook has made


TABLES: dict[str, Table] = {
    "main": Table(tables.main_table, tables.MAIN),
    "scores": Table(tables.score_table, tables.SCORES),
    "comparisons": Table(comparisons.comparison_table, comparisons.COMPARISONS),
    "comparisons_by_seed": Table(comparisons.seed_table, comparisons.COMPARISONS_BY_SEED),
    "checked_comparisons": Table(checks.compared, checks.COMPARED, reads=HELD),
    "checked_scores": Table(checks.scored, checks.SCORED, reads=HELD),
    "confirmed_scores": Table(confirmation.scored, confirmation.SCORED, reads=HELD),
    "confirmed_comparisons": Table(confirmation.compared, confirmation.COMPARED, reads=HELD),
    "observations": Table(by_observation.observation_table, by_observation.OBSERVATIONS_BY_SEED),
    "observation_intervals": Table(by_observation.intervals, by_observation.INTERVALS),
    "hypotheses": Table(hypotheses.hypothesis_table, hypotheses.HYPOTHESES, reads=HELD),
    "gains": Table(gains.gain_table, gains.GAINS),
    "against_sft": Table(gains.sft_table, gains.AGAINST_SFT, reads=HELD),
    "secondary": Table(secondary.secondary_table, secondary.SECONDARY, reads=HELD),
    "training": Table(logs.training_table, logs.TRAINING),
    "ablations": Table(ablations.ablation_table, ablations.ABLATIONS, ABLATION),
    "reward_scores": Table(reward_scores.reward_score_table, reward_scores.REWARD_SCORES, ABLATION),
    "reward_choices": Table(sampled.reward_choices, sampled.REWARD_CHOICES, ABLATION, corpus=True),
    "held_out": Table(corpus_tables.held_out_table, checks.HELD_OUT, CORPUS, corpus=True),
    "prevalence": Table(corpus_tables.prevalence, corpus_tables.PREVALENCE, CORPUS, corpus=True),
    "agreement": Table(corpus_tables.agreement_table, corpus_tables.AGREEMENT, CORPUS, corpus=True),
    "attribute_agreement": Table(
        corpus_tables.attribute_agreement, corpus_tables.ATTRIBUTE_AGREEMENT, CORPUS, corpus=True
    ),
}
OF_SCORES = [name for name, entry in TABLES.items() if not entry.corpus]
FIGURES: dict[str, Drawing] = {
    "method_overview": Drawing(drawings.method_overview),
    "reward_gallery": Drawing(drawings.reward_gallery, elsewhere=True),
    "margin_curve": Drawing(drawings.margin_curve, elsewhere=True),
    "data_flow": Drawing(drawings.data_flow, elsewhere=True),
    "prevalence_by_split": Drawing(drawings.prevalence_by_split, ("prevalence",)),
    "contact_sheet": Drawing(drawings.contact_sheet, elsewhere=True),
    "impression_agreement": Drawing(drawings.impression_agreement, elsewhere=True),
    "validation_sft": Drawing(drawings.validation("sft")),
    "validation_sft_continued": Drawing(drawings.validation("sft_continued")),
    "seed_curves": Drawing(drawings.seed_curves),
    "srl_curves": Drawing(drawings.srl_curves),
    "validation_curves": Drawing(drawings.validation_curves),
    "main_scores": Drawing(drawings.main_scores, ("scores",)),
    "precision_recall": Drawing(drawings.precision_recall, ("scores",)),
    "observation_f1": Drawing(drawings.observation_f1, ("observation_intervals",)),
    "ablation_forest": Drawing(drawings.ablation_forest, ("ablations",)),
    "reward_heatmap": Drawing(drawings.reward_heatmap, ("reward_scores",)),
    "reward_hacking": Drawing(drawings.reward_hacking),
    "two_definitions": Drawing(drawings.two_definitions),
}


def table(name: str, run: Run, **made: object) -> pd.DataFrame:
    """Build a table of the study that `run` names; ValueError for an unknown name lists the known
    ones.

    FileNotFoundError names the notebook whose scores, logs or tables are missing.
    """
    entry = _known(name, TABLES, "table")
    read_before = [read(each, run) for each in entry.reads]
    return validated(entry.make(run, *read_before, **made), entry.columns, name)


def figure(name: str, run: Run, **made: object) -> Figure:
    """Draw a figure from saved tables and logs; errors as in `table`."""
    entry = _known(name, FIGURES, "figure")
    return entry.draw(run, *(read(each, run) for each in entry.reads), **made)


def show(name: str, run: Run, **made: object) -> pd.DataFrame | Captioned:
    """Build a table or figure, save it below the study's summary, and return it, a figure with its
    caption.

    Of another seed than 0 it is saved below the run's private folder, so that seed 0's stays.
    """
    _known(name, TABLES | FIGURES, "table or figure")
    folder = (run.private if run.seed else run.summary).absolute()
    if name in FIGURES:
        drawn = figure(name, run, **made)
        save_figure(drawn, folder / "figures" / name)
        return Captioned(drawn, CAPTIONS[name])
    built = table(name, run, **made)
    run.save_table(folder / "tables" / f"{name}.csv", built, names(TABLES[name].columns))
    return built


def read(name: str, run: Run) -> pd.DataFrame:
    """A saved table of the study; FileNotFoundError names the notebook that saves it.

    Of another seed than 0 its own is read, where there is one, as `show` saves it.
    """
    entry = _known(name, TABLES, "table")
    own, path = (each / "tables" / f"{name}.csv" for each in (run.private, run.summary))
    path = own if run.seed and own.exists() else path
    if not path.exists():
        raise missing(run, f"{path} is not there; notebook {entry.notebook} saves it")
    return validated(pd.read_csv(path), entry.columns, name)


def build_all(run: Run, into: Path) -> None:
    """Build every table that needs neither policy nor corpus, as `into/<name>.csv`."""
    for name in OF_SCORES:
        write_text(into / f"{name}.csv", table_text(table(name, run)))


def columns() -> pd.DataFrame:
    """The data dictionary of all tables: table, column, type, description."""
    frames = [described(entry.columns).assign(table=name) for name, entry in TABLES.items()]
    return pd.concat(frames, ignore_index=True)[["table", "column", "type", "description"]]


def _known(name: str, registry: dict, what: str):
    if name not in registry:
        raise ValueError(f"Unknown {what} {name!r}; known: {', '.join(registry)}.")
    return registry[name]


def main() -> None:
    """Make the tables and figures of a study anew that need neither a policy nor its corpus."""
    parser = argparse.ArgumentParser("python -m mrg_r1_lib.reporting.build", description=__doc__)
    parser.add_argument("--scale", default="laptop", help=" or ".join(SCALES))
    parser.add_argument("--corpus", choices=PREPARATIONS, help="default: the scale's")
    parser.add_argument("--results", type=full_path, default=results_root())
    named = parser.parse_args()
    made = [*OF_SCORES, *(name for name, entry in FIGURES.items() if not entry.elsewhere)]
    left = []
    try:
        corpus = named.corpus or load_scale(named.scale).corpus
        run = Run(f"{corpus}/srl_mccs", named.scale, 0, named.results)
        for name in made:
            try:
                show(name, run)
            except Missing as error:
                if name in TABLES:  # figures stand alone
                    raise
                left.append(f"Left out, {name}: {error}")
    except (ValueError, FileNotFoundError) as error:
        parser.exit(1, f"{error}\n")
    done = f"{len(made) - len(left)} tables and figures below {run.summary}"
    sys.stdout.write("\n".join([*left, done, ""]))


if __name__ == "__main__":
    main()
