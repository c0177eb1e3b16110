"""The numbers of the README: blocks between `<!-- generated: NAME -->` and `<!-- end: NAME -->`, written from saved tables.

`python -m mrg_r1_lib.readme` rewrites them from `results/laptop/tables/`; with `--check` it only says whether they are
what it would write. No number of a result stands in the README outside these blocks.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from mrg_r1_lib.files import write_text
from mrg_r1_lib.paths import REPOSITORY, results_root
from mrg_r1_lib.tables import PRIMARY, main_study, summary

SCALE = "laptop"
COLUMNS = {  # of tables.summary -> as the README prints them
    "F1 micro-13": "CE F1 micro-13 [95 %]",
    "precision micro-13": "precision",
    "recall micro-13": "recall",
    "F1 macro-13": "F1 macro-13",
    "F1 example-14": "F1 example-14",
    "F1 micro-14": "F1 micro-14",
    "F1 micro-5": "F1 micro-5",
    "bleu_4": "BLEU-4",
    "rouge_l": "ROUGE-L",
    "format_rate": "format rate",
}


def read_table(results: Path, name: str) -> pd.DataFrame:
    """A saved table of the laptop study, such as "main"; FileNotFoundError names the command that makes it."""
    path = Path(results) / SCALE / "tables" / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there. It is made by the study: ./run_all.sh {SCALE}")
    return pd.read_csv(path, dtype={"classes": "Int64"} if name == "main" else None)


def main_table(main: pd.DataFrame) -> str:
    """The systems as a markdown table, three digits a number, a dash for what a system does not have.

    Numbers are means over a system's seeds; its interval runs from the lowest end of a seed's interval to the highest.
    """
    main = main_study(main, SCALE)
    table = summary(main)
    primary = main[(main["metric"] == "ce_f1") & (main[list(PRIMARY)] == pd.Series(PRIMARY)).all(axis="columns")]
    ends = primary.groupby("system").agg(low=("low", "min"), high=("high", "max"))
    lines = ["| system | " + " | ".join(COLUMNS.values()) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for system, row in table.iterrows():
        cells = [_digits(row[column]) for column in COLUMNS]
        if ends.loc[system].notna().all():
            cells[0] += f" [{_digits(ends.loc[system, 'low'])}, {_digits(ends.loc[system, 'high'])}]"
        lines.append(f"| {system} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _digits(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"


def status(main: pd.DataFrame) -> str:
    """One sentence: scale and number of seeds, and that one seed is preliminary."""
    seeds = main_study(main, SCALE).groupby("system", sort=False)["seed"].nunique()
    if seeds.max() == 1:
        return f"**Preliminary: one seed.** Scale `{SCALE}`, {len(seeds)} systems."
    several = seeds[(seeds > 1) & ~seeds.index.str.endswith("images shuffled")]  # a twin has its writer's seeds
    counts = [f"{count} seeds of {'; '.join(names)}" for count, names in several.groupby(several, sort=False).groups.items()]
    rest = ["one seed of the others"] if seeds.min() == 1 else []
    return f"Scale `{SCALE}`, {len(seeds)} systems: {', '.join([*counts, *rest])}."


def planned(comparisons: pd.DataFrame) -> str:
    """The planned comparisons as a markdown table: a row a pair, its differences in F1, precision and recall."""
    lines = ["| difference | CE F1 micro-13 [95 %] | p (Holm) | precision | recall | seeds |", "|---|---:|---:|---:|---:|---:|"]
    for (system, against), rows in comparisons.groupby(["system", "against"], sort=False):
        parts = rows.set_index("measure")
        f1 = parts.loc["f1"]
        cells = [
            f"{f1['difference']:+.3f} [{f1['low']:+.3f}, {f1['high']:+.3f}]",
            _digits(f1["p_holm"]) if f1["p_holm"] >= 0.001 else "< 0.001",
            *(f"{parts.loc[name, 'difference']:+.3f}" for name in ("precision", "recall")),
            f"{f1['seeds']:.0f}",
        ]
        lines.append(f"| {system} − {against} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ablations(table: pd.DataFrame) -> str:
    """The ablation as a markdown table: a row an arm that ran, and below it the names of those that did not."""
    lines = ["| | arm | − MCCS, CE F1 micro-13 [95 %] | F1 | precision | recall | macro-13 | example-14 | denials | seeds |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    ran = table[table["seeds"] > 0]
    for row in ran.itertuples():
        against = "–" if pd.isna(row.difference) else f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]"
        scores = (row.f1, row.precision, row.recall, row.macro_f1, row.example_f1_14)
        cells = [row.section, row.system, against, *map(_digits, scores)]
        lines.append("| " + " | ".join([*cells, f"{row.negatives:.1f}", str(row.seeds)]) + " |")
    missing = table.loc[table["seeds"] == 0, "system"]
    return "\n".join([*lines, "", f"Not run: {'; '.join(missing)}."] if len(missing) else lines)


BLOCKS: dict[str, tuple[str, Callable[[pd.DataFrame], str]]] = {  # name -> the table it is written from, and how
    "status": ("main", status),
    "planned": ("planned", planned),
    "own_reward": ("own_reward", planned),
    "own_reward_all_studies": ("own_reward_all_studies", planned),
    "ablations": ("ablations", ablations),
    "main_table": ("main", main_table),
}


def render(readme: str, results: Path) -> str:
    """The README's text with every block of BLOCKS written anew from the tables below `results`.

    ValueError names a marker that is missing, doubled, unknown or without its other half; FileNotFoundError a missing table.
    """
    _check_markers(readme)
    for name, (table, write) in BLOCKS.items():
        start, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = readme.partition(start)
        after = rest.partition(end)[2]
        readme = f"{before}{start}\n{write(read_table(results, table))}\n{end}{after}"
    return readme


def _check_markers(readme: str) -> None:
    """ValueError unless each block has one start and then one end, and no block lies in another."""
    found = re.findall(r"<!-- (generated|end): (\w+) -->", readme)
    for name in dict.fromkeys([*BLOCKS, *(name for _, name in found)]):
        halves = [half for half, other in found if other == name]
        if name not in BLOCKS:
            raise ValueError(f"README.md: nothing writes the block {name!r}; expected one of {', '.join(BLOCKS)}.")
        if halves != ["generated", "end"]:
            raise ValueError(
                f"README.md: the block {name!r} has the markers {halves or 'none'}; expected one "
                f"<!-- generated: {name} --> and below it one <!-- end: {name} -->."
            )
    if [half for half, _ in found] != ["generated", "end"] * len(BLOCKS):
        raise ValueError("README.md: one block lies in another; expected each end before the next block begins.")


def main() -> None:
    """Rewrite the README's blocks; with --check change nothing and exit with 1 if they are stale."""
    parser = argparse.ArgumentParser(prog="python -m mrg_r1_lib.readme", description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the blocks are up to date")
    named = parser.parse_args()
    path = REPOSITORY / "README.md"
    text = path.read_text(encoding="utf-8")
    try:
        rendered = render(text, results_root())
    except (ValueError, FileNotFoundError) as error:
        parser.exit(1, f"{error}\n")
    if named.check and rendered != text:
        parser.exit(1, "README.md: its numbers are not those of results/. Write them anew: ./run_all.sh readme\n")
    if not named.check:
        write_text(path, rendered)
    sys.stdout.write("README.md: its numbers are those of results/.\n")


if __name__ == "__main__":
    main()
