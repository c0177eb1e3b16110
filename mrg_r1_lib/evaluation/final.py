"""The final evaluation: every run that was scored on validation is scored on the sealed sets, once.

They are the test split and, where the corpus has one, the confirmation set. Nothing else in the
library scores them. A run whose scores are there is skipped.
"""

import argparse
import sys
from contextlib import redirect_stderr
from itertools import product
from pathlib import Path

from mrg_r1_lib.corpora.splits import load_studies, places_of
from mrg_r1_lib.evaluation.evaluate import evaluate
from mrg_r1_lib.evaluation.saved_runs import saved_runs
from mrg_r1_lib.experiments import PREPARATIONS
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import SCALES, load_scale
from mrg_r1_lib.storage.paths import full_path, results_root
from mrg_r1_lib.study import CONFIRMATION
from mrg_r1_lib.training.progress import standard_error


def final(results: Path, scale: str, corpus: str | None = None) -> list[Run]:
    """Score all runs of a scale and corpus (the scale's) on the sealed sets; returns them.

    ValueError for an unknown scale; FileNotFoundError if no run has been scored on validation.
    """
    corpus = corpus or load_scale(scale).corpus
    study = saved_runs(Run(f"{corpus}/reference", scale, 0, results))
    runs = [run for run in study if run.finished("validate")]
    if not runs:
        raise FileNotFoundError(
            f"No run of {corpus} at scale {scale} was made below {results}. "
            f"Run ./run_all.sh {scale} first."
        )
    studies = load_studies(corpus, load_scale(scale))
    sealed = ["test", *([CONFIRMATION] if places_of(studies, CONFIRMATION) else [])]
    for run, split in product(runs, sealed):
        evaluate(run, split)
    return runs


def main() -> None:
    """`python -m mrg_r1_lib.evaluation.final SCALE [--corpus NAME] [--results FOLDER]`."""
    parser = argparse.ArgumentParser(prog="run_all.sh final", description=__doc__)
    parser.add_argument("scale", nargs="?", default="laptop", help=" or ".join(SCALES))
    parser.add_argument("--corpus", choices=PREPARATIONS, help="default: the scale's")
    parser.add_argument("--results", type=full_path, default=results_root())
    named = parser.parse_args()
    try:
        with redirect_stderr(standard_error()):
            runs = final(named.results, named.scale, named.corpus)
    except (ValueError, OSError, RuntimeError) as error:
        parser.exit(1, f"{error}\n")
    sys.stdout.write(f"{len(runs)} runs have their final scores.\n")


if __name__ == "__main__":
    main()
