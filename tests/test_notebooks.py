"""The notebooks as they lie in the repository: sources without outputs that only call the library."""

import re

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest

from mrg_r1_lib.evaluation.beliefs import best_expected
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics import holm
from mrg_r1_lib.metrics.clinical_efficacy import clinical_efficacy
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.reporting.ablations import LABEL_REWARDS
from mrg_r1_lib.rewards.advantage import combine_rewards, group_advantage
from mrg_r1_lib.rewards.mccs import margin_cosine
from mrg_r1_lib.rewards.net_benefit import net_benefit
from mrg_r1_lib.storage.paths import REPOSITORY

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
    assert defaults == {
        "EXPERIMENT": '"iu_xray/srl_mccs"',
        "SCALE": '"smoke"',
        "SEED": "0",
        "RESULTS": '"../results"',
    }


def test_sources_carry_no_outputs(cells):
    assert not [cell for cell in code(cells) if cell.outputs or cell.execution_count]


def test_cells_are_short_and_only_call_the_library(cells):
    assert len(cells) <= 40
    for cell in code(cells):
        assert len(cell.source.splitlines()) <= 15
        assert not re.search(r"^\s*(def|class) |\bprint\(", cell.source, re.MULTILINE)


def test_a_notebook_opens_with_question_inputs_outputs_and_cost_and_ends_with_what_comes_next(
    cells,
):
    for word in ("**Question.**", "**Inputs.**", "**Outputs.**", "**Cost.**"):
        assert word in cells[0].source
    assert "**Written" in cells[-1].source and (
        "**Next" in cells[-1].source or "last notebook" in cells[-1].source
    )


def test_links_between_notebooks_resolve(cells):
    for cell in cells:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", cell.source):
            assert (REPOSITORY / "notebooks" / target).exists(), target


def test_the_first_cell_links_to_the_glossary_and_to_the_code(cells):
    assert "[glossary](" in cells[0].source and "](../mrg_r1_lib/" in cells[0].source


def test_every_notebook_has_exercises_in_order_whose_answers_are_folded(cells):
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    numbers = [
        int(number) for number in re.findall(r"^\*\*Exercise (\d)\.\*\*", text, re.MULTILINE)
    ]
    assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) >= 2
    assert len(re.findall(r"^<details><summary>Answer</summary>\n\n", text, re.MULTILINE)) == len(
        numbers
    )
    assert len(re.findall(r"\n\n</details>(\n\n|$)", text)) == len(
        numbers
    )  # without the empty lines it would show its markup


EFFUSION, FRACTURE, NO_EFFUSION = (
    "Left pleural effusion.",
    "Left rib fracture.",
    "The lungs are clear.",
)
REFERENCE = (
    "The heart is enlarged. Small left pleural effusion. No pneumothorax. No focal consolidation."
)


def worked() -> dict[str, dict[str, float]]:
    """The numbers that the notebooks work by hand or give as answers, computed: notebook -> text as it stands -> value."""
    labeler = load_labeler("rules")
    reference = labeler([REFERENCE])
    flipped = labeler([REFERENCE.replace("is enlarged", "is not enlarged")])
    denying = np.where(reference == Label.BLANK, Label.NEGATIVE, reference)
    effusion, both, clear = (
        labeler([text])[0] for text in (EFFUSION, f"{EFFUSION} {FRACTURE}", NO_EFFUSION)
    )
    truth, said = [effusion, both, clear], [effusion, effusion, effusion]
    mended = [effusion, effusion, clear]
    denied = np.where(np.arange(14) < 4, Label.NEGATIVE, Label.BLANK)
    silent, asserting = denied[None], np.where(np.arange(14) == 9, Label.POSITIVE, denied)[None]
    ratio = np.array([0.25, 0.75]) / 0.5
    return {
        "00": {
            "c = 2 / (\\sqrt{4}\\sqrt{4}) = 0.5": margin_cosine(flipped, reference, 0.0)[0],
            "(0.5 - 0.3) / 0.7 = 0.286": margin_cosine(flipped, reference, 0.3)[0],
            "c = 4 / (\\sqrt{13}\\sqrt{4}) = 0.555": margin_cosine(denying, reference, 0.0)[0],
            "\\mathrm{MCCS} = 0.364": margin_cosine(denying, reference, 0.3)[0],
            "0.75 \\cdot 0.809 + 0.25 \\cdot 1 = 0.856": combine_rewards(
                [[(np.sqrt(0.75) - 0.3) / 0.7, 1.0]], [0.75, 0.25]
            )[0],
            "pushed up here, 0.616": group_advantage([[1.0, 0.85646, 0.46429, 0.0]])[0, 1],
            "1.1614": group_advantage([[1.8, 1.6, 1.4, 1.2]])[0, 0],
            "1 - 1/13 = 0.923": net_benefit(clear[None], effusion[None])[0],
            "1 - (3/7)/13 = 0.967": net_benefit(effusion[None], clear[None])[0],
        },
        "01": {
            "4/6 = 0.667": clinical_efficacy(truth, said, "micro")["f1"],
            "0.8/13 = 0.062": clinical_efficacy(truth, said, "macro")["f1"],
            "example $F_1 = 0.556": clinical_efficacy(truth, said, "example")["f1"],
            "4/5 = 0.8": clinical_efficacy(truth, mended, "micro")["f1"],
            "1/13 = 0.077": clinical_efficacy(truth, mended, "macro")["f1"],
            "stays at 0.556": clinical_efficacy(truth, mended, "example")["f1"],
            "rises to 0.889": clinical_efficacy(truth, mended, "example", classes=14)["f1"],
        },
        "02": {
            "= 1.073": -np.log([0.5, 0.8, 0.1]).mean(),
            "e^{-L} = 0.342": np.prod([0.5, 0.8, 0.1]) ** (1 / 3),
        },
        "03": {
            "0.5 + 0.693 - 1 = 0.193": ratio[0] - np.log(ratio[0]) - 1,
            "0.097 + 0.047 = 0.144": (ratio - np.log(ratio) - 1).mean(),
            "0.347 - 0.203 = 0.144": -np.log(ratio).mean(),
        },
        "04": {
            "4 / (\\sqrt{4}\\sqrt{5}) = 0.894": margin_cosine(asserting, silent, 0.0)[0],
            "6/16 = 0.375": 6 / 16,
        },
        "05": {
            "0.03 and 0.01 the smallest is multiplied by 2, $0.02": holm([0.03, 0.01])[1],
            "become 0.06": holm([0.04, 0.03])[0],
        },
    }


def test_what_is_worked_by_hand_and_answered_is_right():
    for name, numbers in worked().items():
        (path,) = (path for path in SOURCES if path.stem.startswith(name))
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        for shown, value in numbers.items():
            number = re.findall(r"\d+\.\d+", shown)[-1]
            assert shown in text, f"{name}: {shown}"
            assert float(number) == pytest.approx(
                value, abs=0.6 * 10 ** -len(number.partition(".")[2])
            ), f"{name}: {shown}"


def test_of_sixteen_reports_with_six_effusions_net_benefit_chooses_one_and_mccs_none():
    denied = np.where(np.arange(14) < 4, Label.NEGATIVE, Label.BLANK)
    asserting = np.where(np.arange(14) == 9, Label.POSITIVE, denied)
    chosen = best_expected(
        np.array([[asserting] * 6 + [denied] * 10]), np.array([asserting]), LABEL_REWARDS
    )
    assert chosen.loc["net_benefit", "recall"] == 1 and chosen.loc["mccs", "recall"] == 0


@pytest.mark.parametrize(
    ("name", "there", "first"),
    [
        ("02_supervised_finetuning", (), "01_data_preparation"),
        ("03_semantic_reinforcement_learning", (), "01_data_preparation"),
        ("03_semantic_reinforcement_learning", ("reference",), "02_supervised_finetuning"),
        ("04_reward_ablations", (), "01_data_preparation"),
        ("04_reward_ablations", ("reference",), "02_supervised_finetuning"),
        ("04_reward_ablations", ("reference", "sft"), "03_semantic_reinforcement_learning"),
        ("05_tables_and_figures", (), "01_data_preparation"),
        ("05_tables_and_figures", ("reference", "sft"), "03_semantic_reinforcement_learning"),
    ],
)
def test_a_notebook_run_by_hand_too_early_stops_at_its_second_cell_and_names_the_one_to_run_first(
    tmp_path, name, there, first
):
    for arm in there:
        folder = tmp_path / "smoke" / "iu_xray" / arm / "seed0"
        folder.mkdir(parents=True)
        pd.DataFrame(columns=["study_id", *OBSERVATIONS]).to_csv(
            folder / "labels_per_study.csv", index=False
        )
        (folder / "metrics.json").write_text("{}")
    parameters, set_up = code(
        nbformat.read(REPOSITORY / "notebooks" / f"{name}.ipynb", as_version=4).cells
    )[:2]
    source = f"{parameters.source}\nRESULTS = {str(tmp_path)!r}\n{set_up.source.replace('%matplotlib inline', '')}"
    with pytest.raises(
        FileNotFoundError, match=rf"Run notebooks/{first}\.ipynb with the same .* first\.$"
    ):
        exec(source, {})
