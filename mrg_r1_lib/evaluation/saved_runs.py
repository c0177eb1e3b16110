"""Which runs of a study have left anything: its folders -> runs."""

import re
from dataclasses import replace

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.runs.run import Run


def saved_runs(run: Run) -> list[Run]:
    """Every run with a folder, of the scale and corpus that `run` names, in the order of `ARMS`.

    A folder that is no `seed<number>`, such as a copy beside it, is none.
    """
    folders = [folder for arm in ARMS for folder in sorted(run.of_arm(arm).folder.parent.glob("*"))]
    return [
        replace(run.of_arm(folder.parent.name), seed=int(folder.name.removeprefix("seed")))
        for folder in folders
        if re.fullmatch("seed[0-9]+", folder.name)
    ]
