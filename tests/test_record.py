"""Model card and assumption register: written from code and results, and the committed ones are what the code would write."""

import json
import re

import pandas as pd
import pytest

from mrg_r1_lib.reporting.ablations import PAPER, SECTIONS, settings_table
from mrg_r1_lib.reporting.documents import assumptions, model_card
from mrg_r1_lib.reporting.documents.assumptions import DEFINITIONS, REGISTER, choice
from mrg_r1_lib.reporting.documents.quoted import file_of, quoted
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

LAPTOP = results_root() / "laptop"
UNKNOWN = "paper value " + "unknown"
committed_results = pytest.mark.skipif(
    not (LAPTOP / "tables" / "ablations.csv").exists(),
    reason="results/laptop is not there: the study has not been run here",
)


def test_a_choice_is_quoted_from_the_source_it_stands_in():
    assert quoted("rewards.mccs.MARGIN") == "0.3"
    assert quoted("experiments.SRL.start") == '"sft"'  # inside a call
    assert quoted("policies.lora.r") == "16"
    assert quoted("rewards.mccs.cosine") == ""  # a function: words say what it does
    assert choice("experiments.Scale.image_size") == "laptop 96, full 512"


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("srl.config.heat", r"srl\.py has no config\.heat"),
        ("stars.config", "no module of mrg_r1_lib"),
    ],
)
def test_a_place_that_is_gone_is_named(place, message):
    with pytest.raises(ValueError, match=message):
        quoted(place)


@pytest.mark.parametrize("row", REGISTER, ids=lambda row: row.unknown)
def test_every_assumption_stands_in_the_code_and_names_arms_that_are_there(row):
    assert row.places and all(file_of(place)[0].is_file() for place in row.places)
    assert row.words or any(choice(place) for place in row.places), (
        "neither a value nor words say what was chosen"
    )
    assert set(row.arms) <= {arm for arms in SECTIONS.values() for arm in arms} | {DEFINITIONS}


def test_every_value_that_the_code_calls_unknown_stands_in_the_register():
    named = {place.rpartition(".")[2].lower() for row in REGISTER for place in row.places}
    missing = []
    for path in sorted((REPOSITORY / "mrg_r1_lib").rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        for number, line in enumerate(lines):
            if "# " in line and UNKNOWN in line.partition("#")[2]:
                code = (
                    line.partition("#")[0].strip() or lines[number + 1]
                )  # a comment of its own stands above its line
                if not named & set(re.findall(r"\w+", code.lower())):
                    missing.append(f"{path.name}: {code}")
    assert missing == []


def test_every_arm_that_changes_a_setting_of_the_paper_s_stands_in_the_register():
    one_change = settings_table()["changes"]
    rewards_and_controls = {*SECTIONS["the reward"], *SECTIONS["without a reward"]} - {"srl_cosine"}
    own = {arm for arm in one_change.index if arm.startswith(("srl_net_benefit", "srl_label_f1"))}
    named = {arm for row in REGISTER for arm in row.arms}
    assert sorted(set(one_change.index) - rewards_and_controls - own - named - {PAPER}) == []


def tables(folder, pairs=2):
    """The two tables that the register reads: every arm has one difference, and MCCS is above SFT in one of two definitions."""
    folder.mkdir(parents=True)
    arms = settings_table().reset_index()
    arms.assign(pairs=pairs, difference=0.0456, low=-0.01, high=0.1).to_csv(
        folder / "ablations.csv", index=False
    )
    main = "system,seed,metric,average,classes,uncertain,value,low,high\n"
    for system, micro, macro in (('"SRL, MCCS"', 0.5, 0.2), ("SFT", 0.4, 0.25)):
        main += f"{system},0,ce_f1,micro,13,positive,{micro},,\n{system},0,ce_f1,macro,13,positive,{macro},,\n"
    (folder / "main.csv").write_text(main)


def test_the_register_shows_differences_seeds_and_what_was_not_run(tmp_path):
    tables(tmp_path / "laptop" / "tables")
    text = assumptions.register(tmp_path)
    assert "margin 0.1: +0.046 [-0.010, +0.100], 2 seeds" in text
    assert (
        "MCCS minus SFT: above 0 in 1 of 2 definitions, -0.050 (macro-13, uncertain positive) to +0.100 (micro-13"
        in text
    )
    tables(tmp_path / "other" / "laptop" / "tables", pairs=0)
    assert "groups of 4: not run" in assumptions.register(tmp_path / "other")


def test_a_register_without_its_markers_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected one <!-- generated: register -->"):
        assumptions.render("no marker", tmp_path)


@committed_results
def test_the_committed_register_is_what_code_and_results_say():
    text = (results_root() / "assumptions.md").read_text(encoding="utf-8")
    assert assumptions.render(text, results_root()) == text, (
        "stale: python -m mrg_r1_lib.reporting.documents.assumptions"
    )


@committed_results
def test_the_committed_model_card_is_what_manifests_and_tables_say():
    text = (LAPTOP / "model_card.md").read_text(encoding="utf-8")
    assert model_card.model_card(results_root(), "laptop") == text, f"stale: {model_card.AGAIN}"


@committed_results
def test_the_card_s_numbers_are_those_of_the_tables_and_the_manifest():
    card = model_card.model_card(results_root(), "laptop")
    main = pd.read_csv(LAPTOP / "tables" / "main.csv")
    primary = main.query(
        "system == 'SRL, MCCS' and metric == 'ce_f1' and average == 'micro' and classes == 13"
    )
    primary = primary[primary["uncertain"] == "positive"]
    line = f"| SRL, MCCS | {primary['value'].mean():.3f} [{primary['low'].min():.3f}, {primary['high'].max():.3f}] |"
    assert line in card
    manifest = json.loads((LAPTOP / "iu_xray" / "srl_mccs" / "seed0" / "manifest.json").read_text())
    assert f"{manifest['mrg_r1_lib.training.srl']['parameters']:,} parameters" in card
    assert (
        "Not for clinical use" in card
        and "Weights are not published" in card
        and "drawn radiographs only" in card
    )


def test_without_a_study_the_card_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no manifest.*\./run_all\.sh smoke"):
        model_card.model_card(tmp_path, "smoke")


@pytest.mark.parametrize("module", [assumptions, model_card], ids=lambda module: module.__name__)
def test_check_says_that_a_document_is_stale_and_changes_nothing(
    module, tmp_path, monkeypatch, capsys
):
    if not (LAPTOP / "tables" / "ablations.csv").exists():
        pytest.skip("results/laptop is not there")
    name = "model_card.md" if module is model_card else "assumptions.md"
    folder = tmp_path / "laptop" if module is model_card else tmp_path
    (tmp_path / "laptop").symlink_to(LAPTOP) if module is assumptions else (
        tmp_path / "laptop"
    ).mkdir()
    if module is model_card:
        for part in ("tables", "iu_xray"):
            (folder / part).symlink_to(LAPTOP / part)
    old = f"{assumptions.START}\nold\n{assumptions.END}\n"
    (folder / name).write_text(old)
    monkeypatch.setattr(module, "results_root", lambda: tmp_path)
    monkeypatch.setattr("sys.argv", ["it", "--check"])
    with pytest.raises(SystemExit) as stopped:
        module.main()
    assert stopped.value.code == 1 and "anew" in capsys.readouterr().err
    assert (folder / name).read_text() == old
    monkeypatch.setattr("sys.argv", ["it"])
    module.main()
    monkeypatch.setattr("sys.argv", ["it", "--check"])
    module.main()
    assert "+0." in (folder / name).read_text()
