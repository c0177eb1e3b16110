"""The notebooks as they lie in the repository: sources without outputs that only call the library."""

import re

import nbformat
import papermill
import pytest

from mrg_r1_lib.paths import REPOSITORY

SOURCES = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))


@pytest.fixture(params=SOURCES, ids=lambda path: path.stem)
def cells(request):
    return nbformat.read(request.param, as_version=4).cells


def code(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def test_there_are_six_notebooks():
    assert [path.stem[:2] for path in SOURCES] == ["00", "01", "02", "03", "04", "05"]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_notebook_has_the_same_four_parameters(path):
    assert list(papermill.inspect_notebook(path)) == ["EXPERIMENT", "SCALE", "SEED", "RESULTS"]
    defaults = {name: value["default"] for name, value in papermill.inspect_notebook(path).items()}
    assert defaults == {"EXPERIMENT": '"iu_xray/srl_mccs"', "SCALE": '"smoke"', "SEED": "0", "RESULTS": '"../results"'}


def test_sources_carry_no_outputs(cells):
    assert not [cell for cell in code(cells) if cell.outputs or cell.execution_count]


def test_cells_are_short_and_only_call_the_library(cells):
    assert len(cells) <= 40
    for cell in code(cells):
        assert len(cell.source.splitlines()) <= 15
        assert not re.search(r"^\s*(def|class) |\bprint\(", cell.source, re.MULTILINE)


def test_a_notebook_opens_with_question_inputs_outputs_and_cost_and_ends_with_what_comes_next(cells):
    for word in ("**Question.**", "**Inputs.**", "**Outputs.**", "**Cost.**"):
        assert word in cells[0].source
    assert "**Written" in cells[-1].source and ("**Next" in cells[-1].source or "last notebook" in cells[-1].source)


def test_links_between_notebooks_resolve(cells):
    for cell in cells:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", cell.source):
            assert (REPOSITORY / "notebooks" / target).exists(), target
