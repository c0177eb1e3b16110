"""The proof, end to end: a made-up MIMIC-CXR of marker words goes through a whole study."""

import re
import shutil

import nbformat
import pytest
import trees

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.pipeline import pipeline, steps
from mrg_r1_lib.storage.paths import REPOSITORY

MARKER = "quokkafish"
LOUD = """
import logging

import datasets
import transformers

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.training import srl as stage

logging.basicConfig(level=logging.DEBUG)
transformers.utils.logging.set_verbosity_debug()
datasets.logging.set_verbosity_debug()
quiet = stage.config
stage.config = lambda *of: (made := quiet(*of), setattr(made, "log_completions", True))[0]
here = Run(EXPERIMENT, SCALE, SEED, RESULTS)
private = load_split(here.corpus, "train", here.settings)[0]
logging.warning(private.findings)
print(private)
"""


@pytest.mark.slow
def test_no_marker_of_a_guarded_corpus_is_in_anything_that_git_would_add(tmp_path, monkeypatch):
    data, results = tmp_path / "data", tmp_path / "repository" / "out"
    phantoms = load_corpus("phantom", studies=400)
    marked = "{} The {}{} is {}."
    trees.mimic(
        data / "mimic_cxr",
        400,
        findings=lambda n: marked.format(phantoms[n].findings, MARKER, n, MARKER),
    )
    notebooks = shutil.copytree(REPOSITORY / "notebooks", tmp_path / "notebooks")
    (tmp_path / "tests").symlink_to(REPOSITORY / "tests")
    path = notebooks / f"{steps.SRL}.ipynb"
    book = nbformat.read(path, as_version=4)
    book.cells.insert(2, nbformat.v4.new_code_cell(LOUD, id="loud"))
    nbformat.write(book, path)
    monkeypatch.setenv("MRG_R1_DATA", str(data))
    for library in ("TRANSFORMERS", "DATASETS"):
        monkeypatch.setenv(f"{library}_VERBOSITY", "debug")
    for library in ("ACCELERATE", "TRL"):
        monkeypatch.setenv(f"{library}_LOG_LEVEL", "debug")
    monkeypatch.setattr(steps, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(pipeline, "NOTEBOOKS", notebooks)
    monkeypatch.setattr(steps, "REPOSITORY", tmp_path)

    pipeline.run_study(pipeline.Grid("smoke", results, "mimic_cxr", arms=["srl_mccs"]))

    private = (results / "runs").rglob("*.json")
    assert any(MARKER in file.read_text(encoding="utf-8") for file in private)  # it can be found
    added = trees.git_adds(tmp_path / "repository")
    kinds = [name.rpartition(".")[2] for name in added]
    assert {"ipynb", "csv", "json", "png", "pdf"} <= set(kinds)
    assert kinds.count("ipynb") == 5  # without 00: the wheel of IU X-Ray is not here
    ids = (
        rb"(?<![\w.])[ps]?(1000\d{4}|5041\d{4})(?![\w.])|" + trees.dicom(50414267, 0)[:17].encode()
    )
    for name, content in added.items():
        assert MARKER not in name and "/runs/" not in name and MARKER.encode() not in content, name
        assert name.endswith((".png", ".pdf")) or not re.search(ids, content, re.I), name
