"""Python imports this at its start: with this folder in PYTHONPATH, scale `full` is small in every
process of a study. A torchvision in PYTHONPATH is used, too (`benchmarks/cpu_torchvision.py`)."""

import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

from mrg_r1_lib.experiments import SCALES

if find_spec("torchvision"):
    sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))
    import cpu_torchvision  # noqa: F401 (before transformers)

FULL = SCALES["full"]
SHORT = {"epochs": 4, "evaluations": 2, "batch_size": 4, "learning_rate": 3e-3, "threads": 1}
SCALES["full"] = replace(
    FULL,
    studies={"train": 12, "validate": 4, "test": 5},
    max_completion_length=48,
    pretrain=replace(FULL.pretrain, phantoms=64, threads=1),  # phantoms: of notebook 01
    sft=replace(FULL.sft, **SHORT),
    sft_continued=replace(FULL.sft_continued, **SHORT | {"epochs": 2}),
    srl=replace(FULL.srl, steps=6, evaluations=3, studies_per_step=2, group_size=4, threads=1),
    resamples=50,
    disk_gib=0.1,
    gpu_gib=0.0,
)
