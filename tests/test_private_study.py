"""The proof, end to end: a made-up MIMIC-CXR of marker words goes through all notebooks, as loud as can be, and leaves none."""

import re
import shutil
import subprocess

import nbformat
import pytest
import trees

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.iu_xray import WHEEL
from mrg_r1_lib.pipeline import pipeline, steps
from mrg_r1_lib.storage.paths import REPOSITORY, data_root

MARKER = "quokkafish"
LOUD = """
import logging

import datasets
import transformers

from mrg_r1_lib.training import srl as stage
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.runs.run import Run

logging.basicConfig(level=logging.DEBUG)
transformers.utils.logging.set_verbosity_debug()
datasets.logging.set_verbosity_debug()
quiet = stage.config
stage.config = lambda run: (made := quiet(run), setattr(made, "log_completions", True))[0]
private = load_split(EXPERIMENT.partition("/")[0], "train", Run(EXPERIMENT, SCALE, SEED, RESULTS).size)[0]
logging.warning(private.findings)
print(private)
"""


@pytest.mark.slow
def test_no_marker_of_a_credentialed_corpus_is_in_anything_that_git_would_add(
    tmp_path, monkeypatch, indiana
):
    data, results = tmp_path / "data", tmp_path / "repository" / "out"
    phantoms = load_corpus("phantom", studies=400)
    trees.mimic(
        data / "mimic_cxr",
        400,
        findings=lambda n: f"{phantoms[n].findings} The {MARKER}{n} is {MARKER}.",
    )
    if not (data_root() / WHEEL).exists():
        pytest.skip("notebook 00 needs the wheel with the open reports")
    (data / WHEEL).symlink_to(data_root() / WHEEL)
    notebooks = shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    (tmp_path / "tests").symlink_to(REPOSITORY / "tests")
    path = notebooks / "03_semantic_reinforcement_learning.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells.insert(2, nbformat.v4.new_code_cell(LOUD, id="loud"))
    nbformat.write(book, path)
    monkeypatch.setenv("MRG_R1_DATA", str(data))
    for switch in (
        "TRANSFORMERS_VERBOSITY",
        "DATASETS_VERBOSITY",
        "ACCELERATE_LOG_LEVEL",
        "TRL_LOG_LEVEL",
    ):
        monkeypatch.setenv(switch, "debug")
    monkeypatch.setattr(steps, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(pipeline, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(steps, "REPOSITORY", tmp_path)

    pipeline.run_study("smoke", results, corpus="mimic_cxr")

    private = [
        file
        for file in (results / "runs").rglob("*.json")
        if MARKER in file.read_text(encoding="utf-8")
    ]
    assert private  # the search finds what is there: the tokenizer, completions
    repository = tmp_path / "repository"
    shutil.copy(REPOSITORY / ".gitignore", repository)
    git = ["git", "-C", str(repository)]
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(git + command, check=True, capture_output=True)
    names = subprocess.run(
        [*git, "ls-files"], check=True, capture_output=True, text=True
    ).stdout.splitlines()
    added = {name: (repository / name).read_bytes() for name in names}
    kinds = {name.rpartition(".")[2] for name in added}
    assert {"ipynb", "csv", "json", "png", "pdf"} <= kinds and sum(
        name.endswith(".ipynb") for name in added
    ) == 6
    assert not [name for name in added if "/runs/" in name or "completions" in name]
    marker = re.compile(
        rf"{MARKER}|(?<![\w.])[ps]?(1000\d{{4}}|5041\d{{4}})(?![\w.])|{trees.dicom(50414267, 0)[:17]}".encode(),
        re.I,
    )
    for name, content in added.items():
        found = (
            marker.search(content)
            if not name.endswith((".png", ".pdf"))
            else re.search(MARKER.encode(), content)
        )
        assert not found, f"{name} holds {found}"
        assert MARKER not in name
