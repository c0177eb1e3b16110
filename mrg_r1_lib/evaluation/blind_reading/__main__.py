"""The command line of a blind reading.

python -m mrg_r1_lib.evaluation.blind_reading make sft srl_mccs --scale laptop --studies 20
python -m mrg_r1_lib.evaluation.blind_reading compare KEY ANSWERS ANSWERS
"""

import argparse
import sys
from pathlib import Path

from mrg_r1_lib.evaluation.blind_reading import compare, write_page
from mrg_r1_lib.experiments import PREPARATIONS
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import load_scale
from mrg_r1_lib.storage.paths import results_root


def main() -> None:
    """`make ARM ARM` writes a page and its key; `compare KEY ANSWERS ANSWERS` prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    make = commands.add_parser("make")
    make.add_argument("arms", nargs=2, metavar="ARM")
    make.add_argument("--corpus", choices=PREPARATIONS, help="default: the scale's")
    make.add_argument("--scale", default="laptop")
    make.add_argument("--run-seed", type=int, default=0, help="the seed of both runs")
    make.add_argument("--results", type=Path, default=results_root())
    make.add_argument("--split", choices=("validate", "test"), default="validate")
    make.add_argument("--studies", type=int, default=20)
    make.add_argument("--seed", type=int, default=0, help="of studies and order")
    make.add_argument("--allow-guarded", action="store_true", help="every reader may see reports")
    both = commands.add_parser("compare")
    for name in ("key", "one", "other"):
        both.add_argument(name, type=Path)
    named = parser.parse_args()
    try:
        if named.command == "compare":
            said = compare(named.key, named.one, named.other).round(3).to_string(index=False)
        else:
            where = named.scale, named.run_seed, named.results
            corpus = named.corpus or load_scale(named.scale).corpus
            runs = [Run(f"{corpus}/{arm}", *where) for arm in named.arms]
            how = named.split, named.studies, named.seed, named.allow_guarded
            said = f"{write_page(runs, *how)}\nReaders get this page, and not the key beside it."
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(f"{said}\n")


if __name__ == "__main__":
    main()
