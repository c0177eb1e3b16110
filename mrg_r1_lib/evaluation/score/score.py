"""Score anybody's reports: `./run_all.sh score reports.csv [other.csv]`, or `score` from Python.

Files -> label codes -> clinical efficacy in every published definition with 95 % intervals, what
one report for all studies scores, text metrics, signs of degeneration; with a second file the
paired difference and the studies where the two part most. Nothing leaves the machine. Words of
reports and study ids are shown, and written by `--out`, only with `--quote`.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mrg_r1_lib.evaluation.baselines import constant_normal
from mrg_r1_lib.evaluation.score.inputs import System, read_systems
from mrg_r1_lib.evaluation.score.output import FORMATS, as_text, write
from mrg_r1_lib.evaluation.score.tables import (
    NOTES,
    Labelled,
    attribute_table,
    degeneration_table,
    difference_table,
    efficacy_table,
    observation_table,
    parting_table,
    text_table,
)
from mrg_r1_lib.labelers import LABELERS, Labeler, load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import PRIMARY
from mrg_r1_lib.metrics.resampling import DEFINITIONS, Scores, percentiles, scored
from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS, Label
from mrg_r1_lib.storage.paths import full_path

RESAMPLES = 20_000
FILE = "a row per study: reference, generated; also study_id and patient_id; more in SETUP.md"
FEW = 30  # studies or patients below which an interval says little


@dataclass(frozen=True)
class Results:
    """What was scored and how, in notes, and the tables, each with a note, by title."""

    notes: tuple[str, ...]
    tables: dict[str, tuple[pd.DataFrame, str]]

    def __getitem__(self, title: str) -> pd.DataFrame:
        return self.tables[title][0]


def score(
    paths: Sequence[str | Path],
    labeler: str = "rules",
    resamples: int = RESAMPLES,
    seed: int = 0,
    quote: bool = False,
    allow_empty: bool = False,
) -> Results:
    """Score one file of reports, or two of the same studies against each other.

    `labeler` reads texts and is not used where the files bring label codes. InputError names
    the file, the row and what to do.
    """
    read = read_systems([Path(path) for path in paths], allow_empty)
    coded = bool(read[0].codes)
    if coded:
        normal = np.zeros(len(OBSERVATIONS), dtype=np.int8)
        normal[NO_FINDING] = Label.POSITIVE
        systems = [Labelled(each, "", **each.codes) for each in read]
    else:
        judge = load_labeler(labeler)
        normal = judge(constant_normal(1))[0]
        systems = _labelled(read, judge)
    paths = [each.table.path for each in read]
    names = zip(systems, _names(paths), strict=True)
    systems = [each._replace(name=name) for each, name in names]
    first = systems[0]
    patients = read[0].patients
    values = scored(first.reference, [s.generated for s in systems], patients, resamples, seed)
    frames = {}
    for each, (value, drawn) in zip(systems, values, strict=True):
        of = f", {each.name}" if len(systems) > 1 else ""
        frames[f"clinical efficacy{of}"] = efficacy_table(each, value, drawn, normal)
        frames[f"by observation{of}"] = observation_table(each, value, drawn)
    if len(systems) == 2:
        explained = labeler == "rules" and not coded
        frames["difference"] = difference_table([each.name for each in systems], values)
        parted = parting_table(systems, explained, quote)
        if len(parted):
            frames["where they part most"] = parted
    if all(len(each.texts) == 2 for each in read):
        frames["text"] = text_table(systems)
        frames["attributes"] = attribute_table(systems)
    frames["degeneration"] = degeneration_table(systems)
    notes = [note for each in read for note in each.notes]
    notes.append("Labels: as in the files." if coded else f"Labels: the {labeler} labeler.")
    notes += _about(systems, resamples, seed, values)
    tables = {title: (frame, NOTES[title.partition(", ")[0]]) for title, frame in frames.items()}
    return Results(tuple(notes), tables)


def _names(paths: Sequence[Path]) -> list[str]:
    """A short name per file, no two alike unless it is the same file.

    >>> _names([Path("runs/a/reports.csv"), Path("runs/b/reports.csv")])
    ['a/reports.csv', 'b/reports.csv']
    """
    short = [path.name for path in paths]
    longer = [f"{path.parent.name}/{path.name}" for path in paths]
    return next(
        (names for names in (short, longer) if len(set(names)) == len(names)), list(map(str, paths))
    )


def _labelled(systems: Sequence[System], judge: Labeler) -> list[Labelled]:
    """Each distinct text is labelled once."""
    places: dict[str, int] = {}
    rows = [
        {
            side: np.array([places.setdefault(text, len(places)) for text in texts])
            for side, texts in each.texts.items()
        }
        for each in systems
    ]
    codes = judge(list(places))
    return [
        Labelled(each, "", codes[row["reference"]], codes[row["generated"]])
        for each, row in zip(systems, rows, strict=True)
    ]


def _about(
    systems: Sequence[Labelled], resamples: int, seed: int, values: Sequence[tuple[Scores, Scores]]
) -> list[str]:
    """What was resampled, and the primary measure of each system."""
    patients = systems[0].system.patients
    count = len(set(patients)) if patients else len(systems[0].reference)
    units = f"{count:,} " + ("patients, each with all studies" if patients else "studies")
    notes = [
        f"Intervals: bootstrap, 95 %, {resamples:,} resamples of {units}, seed {seed}. They speak "
        "of other studies, not of another training run."
    ]
    if count < FEW:
        notes.append(f"Intervals over fewer than {FEW} studies say little: score more studies.")
    place = DEFINITIONS.index(tuple(PRIMARY.values()))
    for each, (value, drawn) in zip(systems, values, strict=True):
        low, high = percentiles(drawn.definitions[:, place, 2])
        notes.append(
            f"{each.name}: CE F1 {value.definitions[place, 2]:.3f} [{low:.3f}, {high:.3f}] (micro, "
            "13 classes, uncertain as positive)."
        )
    return notes


def main() -> None:
    """`python -m mrg_r1_lib.evaluation.score FILE [FILE] [options]`."""
    parser = argparse.ArgumentParser(prog="run_all.sh score", description=__doc__)
    usual = "default: %(default)s"
    parser.add_argument("files", nargs="+", type=os.path.expanduser, metavar="FILE", help=FILE)
    parser.add_argument("--labeler", choices=LABELERS, default="rules", help=usual)
    parser.add_argument(
        "--out", type=full_path, help=f"also write the tables: {', '.join(FORMATS)}"
    )
    parser.add_argument("--resamples", type=int, default=RESAMPLES, help=usual)
    parser.add_argument("--seed", type=int, default=0, help=f"of the resamples ({usual})")
    parser.add_argument("--quote", action="store_true", help="show sentences and study ids")
    parser.add_argument("--allow-empty", action="store_true", help="score empty generated reports")
    named = parser.parse_args()
    if named.resamples < 1:
        parser.error(f"--resamples {named.resamples}: expected at least 1.")
    if named.seed < 0:
        parser.error(f"--seed {named.seed}: expected 0 or more.")
    if named.out and named.out.suffix.lower() not in FORMATS:
        parser.error(f"--out {named.out}: end it in one of {', '.join(FORMATS)}.")
    places = [os.path.realpath(path) for path in named.files]  # also of a link to itself
    if named.out and os.path.realpath(named.out) in places:
        parser.error(f"--out {named.out} is a file to score; name another one.")
    if len(set(places)) < len(places):
        parser.error("the same file stands twice; name another one to compare it with.")
    try:
        results = score(
            named.files,
            named.labeler,
            named.resamples,
            named.seed,
            named.quote,
            named.allow_empty,
        )
        if named.out:
            write(named.out, results.notes, results.tables)
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(as_text(results.notes, results.tables))
