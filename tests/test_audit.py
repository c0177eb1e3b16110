"""The audit finds a changed digit wherever it is: in a score, a label, a table or the README; and it needs no torch."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
from mrg_r1_lib.reporting.rebuild import ELSEWHERE, FIGURES, TABLES, rebuild_tables, study

from mrg_r1_lib.experiments import SCALES
from mrg_r1_lib.pipeline import audit, verify
from mrg_r1_lib.pipeline.audit import DIFFERS, EXACT, ROUNDED, compare_files
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

ARMS = ("constant_normal", "sft", "sft_continued", "srl_mccs")
pytestmark = pytest.mark.skipif(
    not (results_root() / "laptop").is_dir(), reason="results/laptop is not there"
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study of five systems at seed 0, copied from the committed one, with its own tables of few resamples."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SCALES, "laptop", replace(SCALES["laptop"], resamples=50))
        yield copied(tmp_path_factory)


def copied(tmp_path_factory):
    root = tmp_path_factory.mktemp("results")
    for arm in ("reference", *ARMS):
        folder = f"laptop/iu_xray/{arm}/seed0"
        shutil.copytree(results_root() / folder, root / folder)
    (root / "laptop" / "tables").mkdir()
    shutil.copy(results_root() / "laptop" / "tables" / "held_out.csv", root / "laptop" / "tables")
    rebuild_tables(study("laptop", results=root), root / "laptop")
    return root


@pytest.fixture
def results(small, tmp_path, monkeypatch):
    """A copy of it that a test may change; its README is not asked."""
    monkeypatch.setattr(audit, "problems", lambda readme, results: [])
    return shutil.copytree(small, tmp_path / "results")


def audited(results):
    table = audit.audit(study("laptop", results=results), results / "runs" / "rebuilt" / "laptop")
    return table.set_index("name")


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_what_was_not_touched_is_exact_and_what_needs_the_corpus_is_named(results):
    table = audited(results)
    assert set(table["verdict"]) == {EXACT, "not built"}
    assert table.loc["tables/asked.csv", "first difference"].endswith("notebook 04")
    assert {f"tables/{name}.csv" for name in TABLES} < set(table.index)


def test_a_changed_digit_of_a_score_is_found_in_the_run_and_in_the_tables(results):
    path = results / "laptop/iu_xray/sft/seed0/metrics.json"
    metrics = json.loads(path.read_text())
    row = next(
        row
        for row in metrics["clinical_efficacy"]
        if row["classes"] == 13 and row["average"] == "micro"
    )
    row["f1"] += 0.001
    path.write_text(json.dumps(metrics))
    table = audited(results)
    assert table.loc["scores of labels", "verdict"] == DIFFERS
    assert (
        "1 of 5 runs; sft, seed 0: f1 (micro, 13, positive) saved"
        in table.loc["scores of labels", "first difference"]
    )
    assert table.loc["tables/main.csv", "verdict"] == DIFFERS
    assert "(SFT), value: saved 0." in table.loc["tables/main.csv", "first difference"]
    assert table.loc["tables/planned.csv", "verdict"] == EXACT  # that is of the labels


def test_a_changed_label_is_found_in_the_run_and_in_what_is_made_of_labels(results):
    path = results / "laptop/iu_xray/srl_mccs/seed0/labels_per_study.csv"
    labels = pd.read_csv(path, dtype=str)
    labels.loc[0, "Edema"] = "1" if labels.loc[0, "Edema"] != "1" else "0"
    labels.to_csv(path, index=False, lineterminator="\n")
    table = audited(results)
    assert "srl_mccs, seed 0" in table.loc["scores of labels", "first difference"]
    assert table.loc["tables/planned.csv", "verdict"] == DIFFERS


def test_a_number_typed_into_a_table_and_a_table_that_is_gone_are_found(results):
    path = results / "laptop/tables/planned.csv"
    value = str(pd.read_csv(path)["difference"][0])
    change(path, value, value[:-1] + ("1" if value[-1] != "1" else "2"))
    (results / "laptop/tables/printed/cost.md").unlink()
    table = audited(results)
    assert table.loc["tables/planned.csv", "first difference"].startswith(
        "row 1 (SRL, MCCS), difference: saved"
    )
    assert table.loc["tables/printed/cost.md", "first difference"].startswith("not saved")
    assert table.loc["tables/seeds.csv", "verdict"] == EXACT


def test_the_command_names_the_table_and_its_exit_status_tells(results, monkeypatch, capsys):
    monkeypatch.setattr(verify, "results_root", lambda: results)
    monkeypatch.setattr("sys.argv", ["verify", "--tables-only"])
    value = str(pd.read_csv(results / "laptop/tables/seeds.csv")["f1"][0])
    for status in (0, 1):
        with pytest.raises(SystemExit) as ended:
            verify.main()
        assert ended.value.code == status
        lines = capsys.readouterr().out.splitlines()
        assert [line.split()[0] for line in lines if f" {DIFFERS} " in line] == [
            "tables/seeds.csv"
        ] * status
        if status == 0:
            change(results / "laptop/tables/seeds.csv", value, "0.5")


def test_a_readme_with_a_typed_number_fails_the_audit(results, monkeypatch):
    monkeypatch.setattr(audit, "problems", lambda readme, results: ["README.md: line 1: 0.5"])
    assert audited(results).loc["README.md"].tolist() == [DIFFERS, "README.md: line 1: 0.5"]


def test_on_another_system_the_last_digit_may_differ_and_a_count_may_not(tmp_path):
    def verdict(one, other, same=False, name="t.csv"):
        for folder, text in (("a", one), ("b", other)):
            (tmp_path / folder / "printed").mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_text(f"system,value\n{text}\n")
        return compare_files(tmp_path / "a" / name, tmp_path / "b" / name, same)[0]

    assert verdict("SFT,0.307922", "SFT,0.307923") == ROUNDED
    assert verdict("SFT,0.307922", "SFT,0.307923", same=True) == DIFFERS
    assert verdict("SFT,0.307922", "SFT,0.307942") == DIFFERS
    assert verdict("SFT,1.2e-10", "SFT,-1.3e-10") == ROUNDED
    assert (
        verdict("SFT,300000", "SFT,300001") == DIFFERS and verdict("SFT,0.5", "SRL,0.5") == DIFFERS
    )
    assert (
        verdict("SFT,0.566 [0.502; 0.634]", "SFT,0.567 [0.502; 0.634]", name="printed/t.csv")
        == ROUNDED
    )
    assert (
        verdict("SFT,0.566 [0.502; 0.634]", "SFT,0.568 [0.502; 0.634]", name="printed/t.csv")
        == DIFFERS
    )


def test_the_system_that_made_the_results_is_told_from_another(results, monkeypatch):
    run = study("laptop", results=results)
    path = results / "laptop/iu_xray/reference/seed0/manifest.json"
    manifest = json.loads(path.read_text())
    entry = manifest["evaluate"]
    entry["hardware"] |= {"machine": audit.platform.machine(), "system": audit.platform.system()}
    entry["versions"]["numpy"] = audit.np.__version__
    path.write_text(json.dumps(manifest))
    assert audit.same_system(run)
    monkeypatch.setattr(audit.platform, "machine", lambda: "abacus")
    assert not audit.same_system(run)


def test_rebuilding_loads_no_torch(results):
    code = "import sys; from pathlib import Path; from mrg_r1_lib.reporting import rebuild; results = Path(sys.argv[1]); "
    code += "rebuild.rebuild_tables(rebuild.study('laptop', results=results), results / 'runs'); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code, str(results)], check=True)
    assert (results / "runs" / "tables" / "main.csv").exists()


@pytest.mark.parametrize(("kind", "built"), [("tables", TABLES), ("figures", FIGURES)])
def test_everything_that_a_notebook_saves_is_rebuilt_or_said_to_need_more(kind, built):
    saved = set()
    for path in (REPOSITORY / "notebooks").glob("*.ipynb"):
        source = path.read_text(encoding="utf-8")
        saved |= set(re.findall(rf'/ \\"{kind}\\" / f?\\"(\w+)(?:\.csv)?\\"', source))
    saved -= {"printed", "validation_"}
    elsewhere = {name.partition("/")[2] for name in ELSEWHERE if name.startswith(kind)}
    assert saved - elsewhere == {
        name for name in built if name not in elsewhere and not name.startswith("validation_")
    }
