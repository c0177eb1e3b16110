"""One self-contained page of a study, `results/<scale>/report.html`: figures, printed tables, where they come from, checklists.

A function of what lies below `results/`: no date, no script, nothing that a browser fetches, so that the same results give the
same bytes. What has not been made is listed as not here. Notebook 05 writes the page; `./run_all.sh report` writes it anew.
"""

import argparse
import os
import sys
from pathlib import Path

import pandas as pd

from mrg_r1_lib.experiments import DEFAULT_CORPUS, PREPARATIONS, SCALES, load_scale
from mrg_r1_lib.reporting.documents.captions import FIGURES, OTHERS, PARTS, Caption
from mrg_r1_lib.reporting.documents.contents import NOTEBOOKS, PRINTED_TITLES, TABLES
from mrg_r1_lib.reporting.documents.markdown import render
from mrg_r1_lib.reporting.documents.page import embedded, fill
from mrg_r1_lib.reporting.documents.printed import PRINTED
from mrg_r1_lib.reporting.documents.provenance import (
    made_with,
    main_runs,
    parameters,
    settings_table,
    training_table,
)
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import write_text
from mrg_r1_lib.storage.paths import results_root

WRITER = "05_tables_and_figures"  # its executed copy takes its place after it has written the page
DOCUMENTS = (
    "model_card.md",
    "../data_statement.md",
    "../data_dictionary.md",
    "../assumptions.md",
    "../checklists.md",
)


def report(results: Path, scale: str, corpus: str = DEFAULT_CORPUS) -> str:
    """The page of one study as HTML; FileNotFoundError names the command where there is no table or figure at all."""
    run = Run(f"{corpus}/{load_scale(scale).arms[0]}", scale, 0, Path(results))
    folder = run.summary
    if not any(folder.glob("tables/*.csv")) and not any(folder.glob("figures/*.png")):
        raise FileNotFoundError(
            f"{folder} has neither tables nor figures. They are made by the study: ./run_all.sh {scale}"
        )
    runs = main_runs(run.results, scale, corpus)
    figures = {path.stem: _figure(path) for path in sorted(folder.glob("figures/*.png"))}
    order = [name for name in FIGURES if name in figures] + [
        name for name in figures if name not in FIGURES
    ]
    parts = {
        part: [figures[name] for name in order if figures[name]["part"] == part] for part in PARTS
    }
    content = {
        "run": run,
        "drawn": (run.preparation.images or run.settings.images) == "phantom",
        "parameters": parameters(runs),
        "planned": _planned(folder / "tables" / "planned.csv"),
        "parts": {part: each for part, each in parts.items() if each},
        "printed": _printed(folder),
        "tidy": _tidy(folder),
        "notebooks": {
            name: text
            for name, text in NOTEBOOKS.items()
            if _notebook(folder, name).exists() or name == WRITER
        },
        "training": training_table(runs),
        "made_with": made_with(runs),
        "settings": settings_table(run),
        "documents": _documents(run),
        "missing": _missing(folder, run),
    }
    return fill(content)


def _figure(path: Path) -> dict:
    """A figure with its words, ready for the page; the caption says so where nobody has written one."""
    name = path.stem.replace("_", " ")
    caption = FIGURES.get(path.stem) or Caption(
        OTHERS, name, f"Figure: {name}.", "Its notebook says how to read it."
    )
    data, size = embedded(path)
    return {
        "name": path.stem,
        "part": caption.part,
        "caption": caption,
        "data": data,
        "size": size,
        "pdf": path.with_suffix(".pdf").exists(),
    }


def _planned(path: Path) -> list[dict]:
    """Each planned comparison in the words and digits of a sentence."""
    if not path.exists():
        return []
    lines = []
    for (system, against), rows in pd.read_csv(path).groupby(["system", "against"], sort=False):
        parts = rows.set_index("measure")
        f1 = parts.loc["f1"]
        verdict = (
            "lies above zero"
            if f1["low"] > 0
            else "lies below zero"
            if f1["high"] < 0
            else "covers zero"
        )
        p = "p < 0.001" if f1["p_holm"] < 0.001 else f"p = {f1['p_holm']:.3f}"
        line = {
            "system": system,
            "against": against,
            "verdict": verdict,
            "p": p,
            "seeds": int(f1["seeds"]),
        }
        others = {
            name.replace("_f1", " F1"): _change(parts.loc[name])
            for name in parts.index
            if name != "f1"
        }
        lines.append(line | {"f1": _change(f1), "others": others})
    return lines


def _change(row: pd.Series) -> str:
    return f"{row['difference']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]".replace("-", "−")


def _printed(folder: Path) -> list[dict]:
    """The printed tables that are there: name, title, cells (strings), how many columns name a row, words, files."""
    where = folder / "tables" / "printed"
    return [
        {
            "name": name,
            "title": PRINTED_TITLES.get(name, name.replace("_", " ")),
            "cells": pd.read_csv(where / f"{name}.csv", dtype=str, keep_default_na=False),
            "names": printed.names,
            "says": printed.says,
            "files": [path.name for path in sorted(where.glob(f"{name}.*"))],
        }
        for name, printed in PRINTED.items()
        if (where / f"{name}.csv").exists()
    ]


def _tidy(folder: Path) -> list[dict]:
    """The saved tables: file, number of rows, what they hold."""
    lines = {
        path: path.read_text(encoding="utf-8").count("\n")
        for path in sorted(folder.glob("tables/*.csv"))
    }
    return [
        {"file": path.name, "rows": count - 1, "text": TABLES.get(path.stem, "")}
        for path, count in lines.items()
    ]


def _notebook(folder: Path, name: str) -> Path:
    return folder / "notebooks" / f"{name}.ipynb"


def _document_paths(run: Run) -> list[Path]:
    """Where cards and checklists lie: of this study beside the page, of the project in `results/`."""
    return [
        run.results / name[3:] if name.startswith("../") else run.summary / name
        for name in DOCUMENTS
    ]


def _documents(run: Run) -> list[dict]:
    """Title and body of each document that is there, as HTML that `markdown` has made harmless."""
    parts = [render(path, run.summary) for path in _document_paths(run) if path.exists()]
    return [{"title": title, "html": html} for title, html in parts]


def _missing(folder: Path, run: Run) -> list[str]:
    """What the page would show but does not find, as paths below the results folder."""
    wanted = [
        *(folder / "figures" / f"{name}.png" for name in FIGURES),
        *(folder / "tables" / "printed" / f"{name}.csv" for name in PRINTED),
        *(folder / "tables" / f"{name}.csv" for name in TABLES),
        *(_notebook(folder, name) for name in NOTEBOOKS if name != WRITER),
        *_document_paths(run),
    ]
    return [path.relative_to(run.results).as_posix() for path in wanted if not path.exists()]


def main() -> None:
    """Write the page of a finished study anew from what lies in the results folder."""
    parser = argparse.ArgumentParser(prog="run_all.sh report", description=main.__doc__)
    parser.add_argument(
        "scale", nargs="?", default="laptop", choices=SCALES, help="default: %(default)s"
    )
    parser.add_argument(
        "--corpus", choices=PREPARATIONS, default=DEFAULT_CORPUS, help="default: %(default)s"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=results_root(),
        help="results folder (default: the checkout's)",
    )
    named = parser.parse_args()
    results = named.results.resolve()
    path = Run(f"{named.corpus}/reference", named.scale, 0, results).summary / "report.html"
    try:
        write_text(path, report(results, named.scale, named.corpus))
    except (FileNotFoundError, PermissionError) as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(f"Written: {os.path.relpath(path)}\n")


if __name__ == "__main__":
    main()
