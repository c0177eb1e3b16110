"""Are saved runs whole, and are their scores those of their labels? Tables are made of both."""

import math
from collections.abc import Iterator
from dataclasses import replace

from mrg_r1_lib.metrics.clinical_efficacy import PRIMARY, clinical_efficacy
from mrg_r1_lib.reporting.scores import is_scored, read_scores, run_folders
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import RESTORE, read_json
from mrg_r1_lib.study import CONFIRMATION


def require_whole(main: Run) -> None:
    """ValueError names the first damaged or missing file of the committed runs."""
    for (arm, seed), folder in run_folders(main).items():
        for path in sorted(folder.glob("*.*")):
            if path.suffix == ".json":
                read_json(path)
            elif path.suffix == ".csv" and not path.read_bytes().endswith(b"\n"):
                raise ValueError(f"{path} is damaged: its end is missing. {RESTORE}")
        run = replace(main, experiment=f"{main.corpus}/{arm}", seed=seed)
        for step in ("train", "validate", "test", CONFIRMATION):
            left = {path: path.exists() for path in run.outputs(step) if path != run.policy}
            if 0 < sum(left.values()) < len(left):
                raise ValueError(f"{min(left, key=left.get)} is missing. {RESTORE}")


def miscounted(main: Run, tolerance: float) -> Iterator[str]:
    """The runs whose saved scores are not those of their labels, with the first such score of a
    split.
    """
    splits = [each for each in ("validate", "test", CONFIRMATION) if is_scored(main, each)]
    for scores in (read_scores(main, split) for split in splits):
        for (arm, seed), saved in scores.metrics.items():
            codes = scores.codes(arm, [seed])[0]
            for row in saved["clinical_efficacy"]:
                definition = {name: row[name] for name in PRIMARY}
                again = clinical_efficacy(scores.truth, codes, **definition)
                if any(not math.isclose(row[n], again[n], rel_tol=tolerance) for n in again):
                    where = f"{arm}, seed {seed}, {scores.split}"
                    yield f"{where}: saved {row}, of the labels {again}"
                    break
