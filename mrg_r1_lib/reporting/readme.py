"""The numbers of the README: blocks between `<!-- generated: NAME -->` and `<!-- end: NAME -->`, written from saved tables.

`python -m mrg_r1_lib.reporting.readme` rewrites them from `results/laptop/tables/`; with `--check` it only says whether they are
what it would write, and whether a number that looks like a result stands outside these blocks.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from mrg_r1_lib.reporting.documents import summaries
from mrg_r1_lib.reporting.documents.printed import read_table
from mrg_r1_lib.reporting.documents.typeset import markdown
from mrg_r1_lib.reporting.tables import main_study
from mrg_r1_lib.storage.files import write_text
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

SCALE = "laptop"


def main_table(main: pd.DataFrame) -> str:
    """The systems as a markdown table: `summaries.main`."""
    return markdown(summaries.main(main, SCALE))


def status(main: pd.DataFrame) -> str:
    """One sentence: scale and number of seeds, and that one seed is preliminary."""
    seeds = main_study(main, SCALE).groupby("system", sort=False)["seed"].nunique()
    if seeds.max() == 1:
        return f"**Preliminary: one seed.** Scale `{SCALE}`, {len(seeds)} systems."
    several = seeds[
        (seeds > 1) & ~seeds.index.str.endswith("images shuffled")
    ]  # a twin has its writer's seeds
    counts = [
        f"{count} seeds of {'; '.join(names)}"
        for count, names in several.groupby(several, sort=False).groups.items()
    ]
    rest = ["one seed of the others"] if seeds.min() == 1 else []
    return f"Scale `{SCALE}`, {len(seeds)} systems: {', '.join([*counts, *rest])}."


def planned(comparisons: pd.DataFrame) -> str:
    """The planned comparisons as a markdown table, a row a pair: `summaries.planned`."""
    return markdown(summaries.planned(comparisons))


def ablations(table: pd.DataFrame) -> str:
    """The ablation as a markdown table: a row an arm that ran, and below it the names of those that did not."""
    ran = summaries.ablations(table[table["seeds"] > 0]).rename(columns={"section": ""})
    missing = table.loc[table["seeds"] == 0, "system"]
    return markdown(ran, names=2) + (f"\n\nNot run: {'; '.join(missing)}." if len(missing) else "")


BLOCKS: dict[
    str, tuple[str, Callable[[pd.DataFrame], str]]
] = {  # name -> the table it is written from, and how
    "status": ("main", status),
    "planned": ("planned", planned),
    "own_reward": ("own_reward", planned),
    "own_reward_all_studies": ("own_reward_all_studies", planned),
    "ablations": ("ablations", ablations),
    "main_table": ("main", main_table),
}


STATED = {  # the decimal fractions that may stand outside the blocks, and why
    "0.75": "weight of the clinical reward in the paper's mix",
    "0.25": "weight of the format reward in the paper's mix",
    "0.951": "agreement of two public runs of CheXbert, published labels: no policy's",
    "0.945": "what the tests ask of the rules labeler against CheXbert, micro F1",
    "0.86": "what the tests ask of the rules labeler: macro F1 against CheXbert, micro F1 against marks by hand",
    "+0.03": "the target that was set for a reward of this study's own",
}
NO_RESULT = re.compile(  # versions, licences and addresses
    r"\d+(?:\.\d+){2,}|[Pp]ython ?3\.\d+|Apache-2\.0|CC BY[-A-Z]* \d\.\d|Qwen2\.5|(?:arXiv:|arxiv\.org/abs/)\d{4}\.\d{5}"
)
DECIMAL = re.compile(r"[-+−]?\d*\.\d+")


def typed_numbers(readme: str) -> list[str]:
    """The decimal fractions outside the generated blocks that STATED does not have, each with its line.

    >>> typed_numbers("SFT has .53, Python 3.11 and weights of 0.75 and 0.25.")
    ['line 1: .53']
    """
    prose = re.sub(
        r"<!-- generated: (\w+) -->.*?<!-- end: \1 -->",
        lambda block: "\n" * block[0].count("\n"),
        readme,
        flags=re.S,
    )
    found = []
    for number, line in enumerate(prose.splitlines(), start=1):
        found += [
            f"line {number}: {match}"
            for match in DECIMAL.findall(NO_RESULT.sub("", line))
            if match not in STATED
        ]
    return found


def problems(readme: str, results: Path) -> list[str]:
    """What is wrong with the README's numbers: stale blocks, and numbers that nothing writes; errors as in `render`."""
    found = []
    if render(readme, results) != readme:
        found.append(
            "README.md: its numbers are not those of results/. Write them anew: ./run_all.sh readme"
        )
    typed = typed_numbers(readme)
    if typed:
        found.append(
            f"README.md: numbers outside the generated blocks, {'; '.join(typed)}. Let a block write them, or say in words; "
            f"a constant that is no result goes into STATED of mrg_r1_lib/reporting/readme.py with its reason."
        )
    return found


def render(readme: str, results: Path) -> str:
    """The README's text with every block of BLOCKS written anew from the tables below `results`.

    ValueError names a marker that is missing, doubled, unknown or without its other half; FileNotFoundError a missing table.
    """
    _check_markers(readme)
    folder = Path(results) / SCALE / "tables"
    for name, (table, write) in BLOCKS.items():
        start, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
        before, _, rest = readme.partition(start)
        after = rest.partition(end)[2]
        readme = f"{before}{start}\n{write(read_table(folder, table))}\n{end}{after}"
    return readme


def _check_markers(readme: str) -> None:
    """ValueError unless each block has one start and then one end, and no block lies in another."""
    found = re.findall(r"<!-- (generated|end): (\w+) -->", readme)
    for name in dict.fromkeys([*BLOCKS, *(name for _, name in found)]):
        halves = [half for half, other in found if other == name]
        if name not in BLOCKS:
            raise ValueError(
                f"README.md: nothing writes the block {name!r}; expected one of {', '.join(BLOCKS)}."
            )
        if halves != ["generated", "end"]:
            raise ValueError(
                f"README.md: the block {name!r} has the markers {halves or 'none'}; expected one "
                f"<!-- generated: {name} --> and below it one <!-- end: {name} -->."
            )
    if [half for half, _ in found] != ["generated", "end"] * len(BLOCKS):
        raise ValueError(
            "README.md: one block lies in another; expected each end before the next block begins."
        )


def main() -> None:
    """Rewrite the README's blocks; with --check change nothing. The exit status is 1 if a number is stale or typed by hand."""
    parser = argparse.ArgumentParser(
        prog="python -m mrg_r1_lib.reporting.readme", description=main.__doc__
    )
    parser.add_argument(
        "--check", action="store_true", help="only say whether the blocks are up to date"
    )
    named = parser.parse_args()
    path = REPOSITORY / "README.md"
    text = path.read_text(encoding="utf-8")
    try:
        if not named.check:
            text = render(text, results_root())
            write_text(path, text)
        found = problems(text, results_root())
    except (ValueError, FileNotFoundError) as error:
        parser.exit(1, f"{error}\n")
    if found:
        parser.exit(1, "\n".join(found) + "\n")
    sys.stdout.write("README.md: its numbers are those of results/.\n")


if __name__ == "__main__":
    main()
