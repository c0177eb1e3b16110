"""The printed tables: strings that can be worked by hand, in three formats, and what the paper does not say named as such."""

import json

import numpy as np
import pandas as pd
import pytest

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.metrics.clinical_efficacy import CE_DEFINITIONS
from mrg_r1_lib.reporting.documents import definitions, summaries
from mrg_r1_lib.reporting.documents.printed import PRINTED, cost, save_printed
from mrg_r1_lib.reporting.documents.typeset import latex, markdown
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import results_root

TABLES = results_root() / "laptop" / "tables"
LAPTOP = Run("iu_xray/srl_mccs", "laptop", 0, results_root())


def test_markdown_and_latex_escape_what_would_break_a_table():
    table = pd.DataFrame({"": ["a|b"], "95 %": ["−0.1 & < 2_3"]})
    assert markdown(table) == "| | 95 % |\n|---|---:|\n| a\\|b | −0.1 & < 2_3 |"
    row = latex(table).splitlines()
    assert row[0] == r"\begin{tabular}{lr}" and row[2] == r" & 95 \% \\"
    assert row[4] == r"a$|$b & $-$0.1 \& $<$ 2\_3 \\"


def test_observations_stand_in_a_row_each_with_their_difference_signed():
    values = {"SFT": (0.25, 0.1, 0.4), "SRL": (0.5, 0.3, 0.7), "difference": (0.25, -0.1, 0.5)}
    rows = [("Edema", 6, system, *numbers) for system, numbers in values.items()]
    table = summaries.observations(
        pd.DataFrame(rows, columns=["observation", "support", "system", "value", "low", "high"])
    )
    assert table.to_dict("records") == [
        {
            "observation": "Edema",
            "support": "6",
            "F1, SFT [95 %]": "0.250 [0.100, 0.400]",
            "F1, SRL [95 %]": "0.500 [0.300, 0.700]",
            "difference [95 %]": "+0.250 [-0.100, +0.500]",
        }
    ]


def test_an_arm_of_the_ablation_that_has_not_run_is_a_row_of_dashes():
    scores = (
        "f1",
        "precision",
        "recall",
        "macro_f1",
        "example_f1_14",
        "negatives",
        "difference",
        "low",
        "high",
    )
    arm = {"section": "the KL term", "system": "KL 0", "seeds": 0} | dict.fromkeys(scores, np.nan)
    (row,) = summaries.ablations(pd.DataFrame([arm])).to_numpy().tolist()
    assert row == ["the KL term", "KL 0", *["–"] * 7, "0"]


def test_every_published_code_stands_beside_the_definition_that_it_computes():
    named = {
        user
        for average in ("micro", "macro", "example")
        for classes in (14, 13, 5)
        for uncertain in ("positive", "negative")
        for user in definitions.users(average, classes, uncertain)
    }
    assert named == set(definitions.CODE.values())
    assert {name.partition("_")[0] for name in CE_DEFINITIONS} == set(definitions.CODE)
    assert (
        definitions.users("micro", 14, "negative") == ["R2Gen"]
        and definitions.users("micro", 13, "positive") == []
    )


def test_the_papers_numbers_stand_alone_and_what_is_not_known_of_them_is_called_unknown():
    table = definitions.paper().set_index("measure")
    assert table["paper"].tolist() == ["51.88", "40.39", "unknown"]
    assert (table[["average", "classes", "uncertain", "split"]] == "unknown").all(axis=None)
    assert set(table["here"]) == {"not comparable"}


def test_the_cost_is_read_from_manifests_and_logs(tmp_path):
    for seed, seconds in enumerate((60.0, 90.0)):
        folder = tmp_path / "smoke" / "iu_xray" / "srl_mccs" / f"seed{seed}"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text("{}")
        entry = {"seconds": seconds, "steps": 10, "trained_parameters": 1200, "commit": "0"}
        (folder / "manifest.json").write_text(json.dumps({"srl": entry}))
        pd.DataFrame({"step": [1, 2], "num_tokens": [700.0, 1500.0 + seed]}).to_csv(
            folder / "train_log.csv"
        )
    (row,) = cost(Run("iu_xray/srl_mccs", "smoke", 0, tmp_path)).to_dict("records")
    assert (
        row["system"] == ARMS["srl_mccs"].label
        and row["seeds"] == "2"
        and row["minutes a seed"] == "1.0 to 1.5"
    )
    # 10 steps of 4 studies, groups of 4 at this scale
    assert (
        row["completions a seed"] == "160"
        and row["tokens, first seed"] == "1,500"
        and row["peak memory"] == "not recorded"
    )


@pytest.mark.skipif(not (TABLES / "main.csv").exists(), reason="results/laptop is not there")
def test_every_printed_table_is_written_in_three_formats_with_the_same_cells(tmp_path):
    for path in TABLES.glob("*.csv"):
        (tmp_path / path.name).symlink_to(path)
    save_printed(LAPTOP, tmp_path)
    for name, printed in PRINTED.items():
        table = pd.read_csv(tmp_path / "printed" / f"{name}.csv", dtype=str, keep_default_na=False)
        text = (tmp_path / "printed" / f"{name}.md").read_text(encoding="utf-8")
        assert text.startswith(markdown(table, printed.names) + "\n") and printed.says in text
        assert (
            (tmp_path / "printed" / f"{name}.tex")
            .read_text(encoding="utf-8")
            .endswith(latex(table, printed.names) + "\n")
        )
        assert ("drawn radiographs" in text) == (name != "paper")


@pytest.mark.skipif(not (TABLES / "main.csv").exists(), reason="results/laptop is not there")
def test_the_definitions_table_has_all_eighteen_and_the_papers_unknown_one():
    table = definitions.definitions(
        pd.read_csv(TABLES / "main.csv", dtype={"classes": "Int64"}), "laptop"
    )
    assert (
        len(table) == 19
        and table["used by"].iloc[-1] == "MRG-R1"
        and set(table["SFT"].iloc[-1:]) == {"–"}
    )
    assert not table[["average", "classes", "uncertain"]].duplicated().any()
    trap = table.set_index(["average", "classes", "uncertain"])["constant normal report"]
    assert (
        float(trap["micro", "14", "positive"]) > 0.3 and trap["micro", "13", "positive"] == "0.000"
    )
