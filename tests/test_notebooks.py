"""The notebooks in the repository: sources without outputs that only call the library."""

import ast
import re

import nbformat
import numpy as np
import pandas as pd
import papermill
import pytest
from scipy.stats import binomtest

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics import clinical_efficacy, holm
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.reporting.needed import Missing
from mrg_r1_lib.reporting.reward_scores import LABEL_REWARDS
from mrg_r1_lib.reporting.sampled import best_expected
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
def test_every_notebook_has_one_cell_of_parameters_with_the_same_four_literals(path):
    """Those that train nothing open the committed study."""
    tagged = [
        cell
        for cell in nbformat.read(path, as_version=4).cells
        if "parameters" in cell.metadata.get("tags", [])
    ]
    assert len(tagged) == 1
    parameters = papermill.inspect_notebook(path)
    assert {name: value["default"] for name, value in parameters.items()} == {
        "EXPERIMENT": '"iu_xray/srl_mccs"',
        "SCALE": '"laptop"' if path.stem[:2] in ("04", "05") else '"smoke"',
        "SEED": "0",
        "RESULTS": '"../results"',
    }


def test_sources_carry_no_outputs(cells):
    assert not [cell for cell in code(cells) if cell.outputs or cell.execution_count]


def test_cells_are_short_and_only_call_the_library(cells):
    assert len(cells) <= 40
    for cell in code(cells):
        lines = cell.source.splitlines()
        assert len(lines) <= 15 and max(map(len, lines)) <= 100
        assert not re.search(r"^\s*(def|class) |\bprint\(", cell.source, re.MULTILINE)


def test_every_cell_of_code_but_the_parameters_and_the_set_up_stands_below_text(cells):
    places = [place for place, cell in enumerate(cells) if cell.cell_type == "code"]
    bare = [place for place in places if cells[place - 1].cell_type == "code"]
    assert set(bare) <= {places[1]}


def test_a_cell_of_text_has_at_most_sixty_words_beside_answers_formulas_and_the_glossary(cells):
    for cell in [cell for cell in cells if cell.cell_type == "markdown"]:
        text = re.sub(r"<details>.*?</details>|\$\$.*?\$\$|\$[^$]+\$", "", cell.source, flags=re.S)
        text = re.sub(r"\]\([^)]*\)", "]", text)
        words = re.findall(r"[^\W\d_][\w'’./-]*", text)
        assert len(words) <= 60 or "## Glossary" in text, text


def test_every_word_in_bold_stands_in_the_glossary(cells):
    glossary = nbformat.read(SOURCES[0], as_version=4).cells[-1].source
    known = re.findall(r"^\| ([^|]+) \|", glossary, re.MULTILINE)
    known = {word.strip().lower() for entry in known for word in entry.split(",")}
    for cell in [cell for cell in cells if cell.cell_type == "markdown"]:
        for word in re.findall(r"\*\*([^*]+)\*\*", cell.source):
            heading = word.endswith((".", ":"))
            assert heading or {word.lower(), word.lower().removesuffix("s")} & known, word


def test_a_third_of_the_exercises_change_code():
    """They begin with an order in italics, such as *Change the margin.*"""
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES)
    assert len(re.findall(r"Exercise \d\.\*\* \*\w", text)) >= text.count("**Exercise ") / 3


def test_no_code_names_an_arm_by_its_printed_label(cells):
    labels = {arm.label for arm in ARMS.values()}
    for cell in code(cells):
        tree = ast.parse(cell.source.replace("%matplotlib inline", ""))
        literals = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
        assert not labels & literals


def test_links_between_notebooks_resolve(cells):
    for cell in cells:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", cell.source):
            assert (REPOSITORY / "notebooks" / target).exists(), target


def test_every_answer_is_folded_between_empty_lines(cells):
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    exercises = len(re.findall(r"^\*\*Exercise \d\.\*\*", text, re.MULTILINE))
    opened = re.findall(r"^<details><summary>Answer</summary>\n\n", text, re.MULTILINE)
    closed = re.findall(r"\n\n</details>(\n\n|$)", text)  # else it would show its markup
    assert exercises == len(opened) == len(closed) >= 2


EFFUSION, FRACTURE, CLEAR = "Left pleural effusion.", "Left rib fracture.", "The lungs are clear."
REFERENCE = (
    "The heart is enlarged. Small left pleural effusion. No pneumothorax. No focal consolidation."
)
DENIED = np.where(np.arange(14) < 4, Label.NEGATIVE, Label.BLANK)
ASSERTING = np.where(np.arange(14) == 9, Label.POSITIVE, DENIED)


def worked_00() -> dict[str, float]:
    labeler = load_labeler("rules")
    reference = labeler([REFERENCE])
    flipped = labeler([REFERENCE.replace("is enlarged", "is not enlarged")])
    denying = np.where(reference == Label.BLANK, Label.NEGATIVE, reference)
    said, unsaid = labeler([EFFUSION]), labeler([CLEAR])
    mixed = combine_rewards([[(np.sqrt(0.75) - 0.3) / 0.7, 1.0]], [0.75, 0.25])
    return {
        "c = 2 / (\\sqrt{4}\\sqrt{4}) = 0.5": margin_cosine(flipped, reference, 0.0)[0],
        "(0.5 - 0.3) / 0.7 = 0.286": margin_cosine(flipped, reference, 0.3)[0],
        "c = 4 / (\\sqrt{13}\\sqrt{4}) = 0.555": margin_cosine(denying, reference, 0.0)[0],
        "\\mathrm{MCCS} = 0.364": margin_cosine(denying, reference, 0.3)[0],
        "0.75 \\cdot 0.8086 + 0.25 \\cdot 1 = 0.856": mixed[0],
        "positive advantage here, 0.616": group_advantage([[1.0, 0.85646, 0.46429, 0.0]])[0, 1],
        "1.1614": group_advantage([[1.8, 1.6, 1.4, 1.2]])[0, 0],
        "1 - 1/13 = 0.923": net_benefit(unsaid, said)[0],
        "1 - (3/7)/13 = 0.967": net_benefit(said, unsaid)[0],
        "The gain is 0.077": 1 - net_benefit(unsaid, said)[0],
        "it is there and -0.033": net_benefit(said, unsaid)[0] - 1,
    }


def worked_01() -> dict[str, float]:
    labeler = load_labeler("rules")
    truth = labeler([EFFUSION, f"{EFFUSION} {FRACTURE}", CLEAR])
    said, mended = labeler([EFFUSION] * 3), labeler([EFFUSION, EFFUSION, CLEAR])
    wilson = binomtest(4, 5).proportion_ci(0.95, method="wilson")
    return {
        "4/6 = 0.667": clinical_efficacy(truth, said, "micro")["f1"],
        "0.8/13 = 0.062": clinical_efficacy(truth, said, "macro")["f1"],
        "example $F_1 = 0.556": clinical_efficacy(truth, said, "example")["f1"],
        "4/5 = 0.8": clinical_efficacy(truth, mended, "micro")["f1"],
        "1/13 = 0.077": clinical_efficacy(truth, mended, "macro")["f1"],
        "stays at 0.556": clinical_efficacy(truth, mended, "example")["f1"],
        "rises to 0.889": clinical_efficacy(truth, mended, "example", classes=14)["f1"],
        "it lies from 0.38": wilson.low,
        "from 0.38 to 0.96": wilson.high,
    }


def worked_05() -> dict[str, float]:
    labeler = load_labeler("rules")
    truth = labeler(["The heart is enlarged.", CLEAR])
    clear, enlarged = labeler(["Clear lungs."] * 2), labeler(["The heart is enlarged."] * 2)
    options = {"average": "example", "classes": 14}
    return {
        "0.03 and 0.01 the smallest is multiplied by 2, $0.02": holm([0.03, 0.01])[1],
        "both would become 0.06": holm([0.04, 0.03])[0],
        "for the first, 0, so 0.5": clinical_efficacy(truth, clear, **options)["f1"],
        "so 0.5": clinical_efficacy(truth, enlarged, **options)["f1"],
    }


def worked_03() -> dict[str, float]:
    ratio = np.array([0.25, 0.75]) / 0.5
    return {
        "0.5 + 0.693 - 1 = 0.193": ratio[0] - np.log(ratio[0]) - 1,
        "0.097 + 0.047 = 0.144": (ratio - np.log(ratio) - 1).mean(),
        "0.347 - 0.203 = 0.144": -np.log(ratio).mean(),
        "(3/8)^2 + (5/8)^2 = 0.531": (3 / 8) ** 2 + (5 / 8) ** 2,
        "(3/8)^8 + (5/8)^8 = 0.024": (3 / 8) ** 8 + (5 / 8) ** 8,
    }


WORKED = {  # notebook -> each number that it works by hand or answers, as it stands -> its value
    "00": worked_00,
    "01": worked_01,
    "02": lambda: {
        "= 1.073": -np.log([0.5, 0.8, 0.1]).mean(),
        "e^{-L} = 0.342": np.prod([0.5, 0.8, 0.1]) ** (1 / 3),
        "\\log 2 / 3 = 0.231": np.log(2) / 3,
        "0.223 / 3 = 0.074": -np.log(0.8) / 3,
    },
    "03": worked_03,
    "04": lambda: {
        "4 / (\\sqrt{4}\\sqrt{5}) = 0.894": margin_cosine(ASSERTING[None], DENIED[None], 0.0)[0],
        "6/16 = 0.375": 6 / 16,
        "1 - 0.95^{20} = 0.642": 1 - 0.95**20,
    },
    "05": worked_05,
}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_a_number_worked_by_hand_or_answered_is_what_the_library_computes(path):
    text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
    for shown, value in WORKED[path.stem[:2]]().items():
        number = re.findall(r"-?\d+\.\d+", shown)[-1]
        digits = len(number.partition(".")[2])
        assert shown in text, shown
        assert float(number) == pytest.approx(value, abs=0.6 * 10**-digits), shown


def test_of_sixteen_reports_with_six_effusions_net_benefit_chooses_one_and_mccs_none():
    samples = np.array([[ASSERTING] * 6 + [DENIED] * 10])
    chosen = best_expected(samples, np.array([ASSERTING]), LABEL_REWARDS)
    assert chosen.loc["net_benefit", "recall"] == 1 and chosen.loc["mccs", "recall"] == 0


STUDY, SFT = r"`\./run_all\.sh smoke --results", r"`\./run_all\.sh notebook 02_supervised_finetun"


@pytest.mark.parametrize(
    ("name", "there", "command"),
    [
        ("03_semantic_reinforcement_learning", (), SFT),
        ("04_reward_ablations", (), STUDY),
        ("04_reward_ablations", ("reference",), STUDY),
        ("04_reward_ablations", ("reference", "sft"), STUDY),
        ("05_tables_and_figures", (), STUDY),
        ("05_tables_and_figures", ("reference", "sft"), STUDY),
    ],
)
def test_a_notebook_run_by_hand_too_early_says_in_one_line_which_command_comes_first(
    tmp_path, name, there, command
):
    for arm in there:
        folder = tmp_path / "smoke" / "iu_xray" / arm / "seed0"
        folder.mkdir(parents=True)
        labels = pd.DataFrame(columns=["study_id", *OBSERVATIONS])
        labels.to_csv(folder / "labels_per_study_validate.csv", index=False)
        (folder / "metrics_validate.json").write_text('{"judge": "rules", "split": "validate"}')
    parameters, set_up, *cells = code(nbformat.read(SOURCES[int(name[:2])], as_version=4).cells)
    needing = [cell.source for cell in cells if "require_policy" in cell.source]
    source = set_up.source.replace("%matplotlib inline", "")
    source = f"{parameters.source}\nSCALE = 'smoke'\nRESULTS = {str(tmp_path)!r}\n{source}"
    with pytest.raises(Missing, match=rf"{command}.* in about \d minutes; then run this") as caught:
        exec("\n".join([source, *needing]), {})
    assert "\n" not in str(caught.value)
