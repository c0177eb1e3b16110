"""The library's structure: a module imports only lower levels, and what must stay light does."""

import re
import subprocess
import sys

import pytest

from mrg_r1_lib.pipeline.sources import direct_imports
from mrg_r1_lib.storage.paths import REPOSITORY

LEVELS = [
    ["observations", "report_format", "paths", "privacy", "advantage", "base_models", "clock"],
    ["files", "sources"],
    ["study", "body", "metrics", "labelers", "image_classifier"],
    ["vision_tower"],
    ["tiny_llava"],
    ["anatomy", "placement", "bootstrap", "baselines", "data_card", "agreement", "policies"],
    ["devices", "bends"],
    ["signs"],
    ["radiograph"],
    ["corpora", "rewards"],
    ["experiments"],
    ["prompts", "runs"],
    ["processes", "published", "baseline_reports"],
    ["checkpoints", "plan"],
    ["training", "random_policies"],
    ["pretrain", "generate"],
    ["validation"],
    ["sft", "srl"],
    ["evaluate", "beliefs", "benchmark"],
    ["tables", "figures", "steps"],
    ["comparisons", "ablations", "times"],
    ["documents"],
    ["readme", "redraw"],
    ["rebuild"],
    ["audit", "pipeline"],
    ["verify"],
]
LEVEL_OF = {name: level for level, names in enumerate(LEVELS) for name in names}
MODULES = sorted(
    ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
    for path in (REPOSITORY / "mrg_r1_lib").rglob("*.py")
    if path.name != "__init__.py"
)


def room(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_lower_levels_and_its_own_package(module):
    for imported in direct_imports(module):
        assert (
            room(imported) == room(module) or LEVEL_OF[room(imported)] < LEVEL_OF[room(module)]
        ), imported


def test_only_paths_reads_environment_variables():
    readers = [
        path.name
        for path in (REPOSITORY / "mrg_r1_lib").rglob("*.py")
        if re.search(r"os\.environ|getenv", path.read_text(encoding="utf-8"))
    ]
    assert readers == ["paths.py"]


@pytest.mark.parametrize(
    "module",
    [
        "tables",
        "figures",
        "metrics",
        "bootstrap",
        "baselines",
        "advantage",
        "corpora",
        "rewards",
        "data_card",
        "verify",
        "documents.assumptions",
        "documents.model_card",
        "documents.report",
    ],
)
def test_what_reads_saved_scores_does_not_import_torch(module):
    code = f"import sys, mrg_r1_lib.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
