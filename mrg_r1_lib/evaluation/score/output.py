"""The tables of a score as text for a terminal, CSV, Markdown, LaTeX, or one HTML page."""

import html
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tabulate import tabulate

from mrg_r1_lib.storage.files import table_text, write_text

FORMATS = {".csv": None, ".md": "pipe", ".tex": "latex_booktabs", ".html": "html"}
WIDTH = 100  # letters of a line of notes on a terminal, twice as many as in a cell
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Score</title><style>
body {{ font: 15px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em }}
table {{ border-collapse: collapse; font-size: 13px }}
th, td {{ text-align: left; padding: .2em .7em; border-bottom: 1px solid #ccc }}
</style></head><body>
{body}
</body></html>
"""


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """A table as cells of text: three digits, an interval beside its value.

    Intervals of precision and recall are left to the CSV, which has every number.

    >>> printed(pd.DataFrame({"f1": [0.5], "f1 low": [0.41], "f1 high": [0.6]})).iloc[0, 0]
    '0.500 [0.410, 0.600]'
    """
    cells = {}
    for name in table.columns:
        if name.endswith((" low", " high")):
            continue
        cells[name] = [_cell(value, name) for value in table[name]]
        if f"{name} low" in table and name not in ("precision", "recall"):
            ends = zip(table[f"{name} low"], table[f"{name} high"], strict=True)
            ranges = [f" [{_cell(low)}, {_cell(high)}]" for low, high in ends]
            cells[name] = [one + two for one, two in zip(cells[name], ranges, strict=True)]
    return pd.DataFrame(cells)


def _cell(value: object, name: str = "") -> str:
    if not isinstance(value, float | np.floating):
        return str(value)
    if name == "p":
        return "< 0.001" if value < 0.001 else f"{value:.3f}"
    return f"{value:.3f}"


def as_text(notes: Sequence[str], tables: dict[str, tuple[pd.DataFrame, str]]) -> str:
    """For a terminal: notes, then each table under its title."""
    parts = ["\n".join(map(_wrapped, notes))]
    for title, (table, note) in tables.items():
        parts.append(f"{_capital(title)}\n{_wrapped(note)}\n\n{_set(table, 'simple')}")
    return "\n\n".join(parts) + "\n"


def _capital(title: str) -> str:
    return title[0].upper() + title[1:]


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH)


def write(path: Path, notes: Sequence[str], tables: dict[str, tuple[pd.DataFrame, str]]) -> None:
    """Write a score in the format of `path`'s ending (`FORMATS`)."""
    suffix = path.suffix.lower()
    if suffix == ".csv":
        frames = [table.assign(table=title) for title, (table, _) in tables.items()]
        frames.append(pd.DataFrame({"note": notes, "table": "notes"}))
        whole = pd.concat(frames, ignore_index=True)
        write_text(path, table_text(whole[["table", *whole.columns.drop("table")]]))
        return
    style = FORMATS[suffix]
    heads = {
        ".md": lambda title, note: f"## {_capital(title)}\n\n{note}\n\n",
        ".tex": lambda title, note: f"% {_capital(title)}\n% {note}\n",
        ".html": lambda title, note: f"<h2>{html.escape(_capital(title))}</h2>\n<p>{note}</p>\n",
    }
    opening = {
        ".md": "".join(f"- {note}\n" for note in notes),
        ".tex": "".join(f"% {note}\n" for note in notes),
        ".html": "".join(f"<p>{html.escape(note)}</p>\n" for note in notes),
    }
    body = "\n\n".join(
        [opening[suffix]]
        + [
            heads[suffix](title, note) + _set(table, style)
            for title, (table, note) in tables.items()
        ]
    )
    write_text(path, PAGE.format(body=body) if suffix == ".html" else body + "\n")


def _set(table: pd.DataFrame, style: str) -> str:
    cells = printed(table)
    if style == "pipe":
        cells = cells.map(lambda cell: cell.replace("|", "\\|"))
    widths = [WIDTH // 2] * len(cells.columns) if style == "simple" and len(cells) else None
    return tabulate(
        cells,
        headers="keys",
        tablefmt=style,
        showindex=False,
        disable_numparse=True,
        maxcolwidths=widths,
    )
