"""A re-run and rebuilt tables against committed results: exact, within an interval, or different."""

import json
import shutil
from dataclasses import replace

import pandas as pd
import pytest

from mrg_r1_lib.pipeline import verify
from mrg_r1_lib.reporting import build
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.paths import results_root

ARMS = ("reference", "constant_normal", "pretrained", "sft", "sft_continued", "srl_mccs")
pytestmark = pytest.mark.skipif(
    not (results_root() / "laptop").is_dir(), reason="results/laptop is not there"
)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study of a few arms at seed 0, copied from the committed one, with tables of its own."""
    root = tmp_path_factory.mktemp("results")
    for arm in ARMS:
        folder = f"laptop/iu_xray/{arm}/seed0"
        shutil.copytree(results_root() / folder, root / folder)
    tables = root / "laptop" / "tables"
    tables.mkdir()
    shutil.copy(results_root() / "laptop" / "tables" / "held_out.csv", tables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SCALES, "laptop", replace(SCALES["laptop"], resamples=50))
        build.build_all(Run("iu_xray/srl_mccs", "laptop", 0, root), tables)
        yield root


@pytest.fixture
def study(small, tmp_path):
    """A copy of it that a test may change."""
    root = shutil.copytree(small, tmp_path / "committed")
    return Run("iu_xray/srl_mccs", "laptop", 0, root)


@pytest.fixture
def again(study, tmp_path):
    """Another copy: what a re-run made."""
    return shutil.copytree(study.results, tmp_path / "again")


def rescore(results, arm, change, name="metrics.json"):
    """Move every F1 of a run by `change`."""
    path = Run(f"iu_xray/{arm}", "laptop", 0, results).folder / name
    metrics = json.loads(path.read_text())
    for row in metrics["clinical_efficacy"]:
        row["f1"] += change
    path.write_text(json.dumps(metrics, indent=1) + "\n")


def test_a_re_run_is_exact_within_its_interval_or_differs_in_files_that_are_named(study, again):
    assert set(verify.compare(study, again)["verdict"]) == {"exact"}
    rescore(again, "sft", 0.001)
    rescore(again, "srl_mccs", -0.3)
    (again / "laptop/iu_xray/sft_continued/seed0/metrics.json").unlink()
    shutil.rmtree(again / "laptop/iu_xray/pretrained")  # an arm that was not run again
    (again / "laptop/iu_xray/reference/seed0/manifest.json").write_text('{"seconds": 1}')
    table = verify.compare(study, again).set_index("arm")
    assert table["verdict"].to_dict() == {
        "reference": "exact",
        "constant_normal": "exact",
        "sft": "within its interval",
        "sft_continued": "lacks metrics.json",
        "srl_mccs": "differs: metrics.json",
    }
    assert table.loc["sft", "low"] < table.loc["sft", "f1"] < table.loc["sft", "high"]


def test_a_folder_without_a_common_run_is_named(study, tmp_path):
    with pytest.raises(ValueError, match="nothing has no run of"):
        verify.compare(study, tmp_path / "nothing")


def change_table(study):
    path = study.summary / "tables" / "training.csv"
    table = pd.read_csv(path)
    table.loc[0, "loss_last"] *= 1.01
    table.to_csv(path, index=False)


def change_label(study):
    path = study.folder / "labels_per_study.csv"
    labels = pd.read_csv(path)
    labels["Edema"] = 1 - labels["Edema"].clip(0, 1)
    labels.to_csv(path, index=False)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda study: None, ""),
        (lambda study: rescore(study.results, "sft", 1e-6), "sft, seed 0, test: saved {'average'"),
        (
            lambda study: rescore(study.results, "sft", 1e-6, "metrics_impressions.json"),
            "sft, seed 0, impressions: saved {'average'",
        ),
        (change_label, "srl_mccs, seed 0, test: saved {"),
        (change_table, "tables/training.csv: "),
        (lambda study: (study.summary / "tables/scores.csv").unlink(), "tables/scores.csv: not"),
    ],
    ids=[
        "nothing",
        "a digit of a score",
        "one of another split",
        "labels",
        "a number typed into a table",
        "a lost table",
    ],
)
def test_what_the_labels_and_logs_contradict_is_found(study, change, found):
    change(study)
    wrong = verify.check_tables(study, study.results / "runs" / "rebuilt")
    assert any(line.startswith(found) for line in wrong) if found else not wrong


def test_on_another_system_the_last_digit_may_differ_and_a_count_may_not(tmp_path):
    def differ(one, other, exact):
        for name, value in (("a", one), ("b", other)):
            (tmp_path / name).write_text(f"arm,value\nsft,{value}\n")
        return bool(verify.difference(tmp_path / "a", tmp_path / "b", exact))

    assert not differ("0.307922", "0.307923", exact=False)
    assert differ("0.307922", "0.307923", exact=True) and not differ("0.5", "0.5", exact=True)
    assert differ("0.307922", "0.307942", exact=False)
    assert differ("300000", "300001", exact=False) and differ("x", "y", exact=False)
    assert not differ("1.2e-10", "-1.3e-10", exact=False)


def test_the_commands_exit_status_tells(study, again, monkeypatch, capsys):
    monkeypatch.setattr(verify, "results_root", lambda: study.results)
    started = []

    def run_study(grid, fresh):
        started.append((grid, fresh))

    monkeypatch.setattr("mrg_r1_lib.pipeline.pipeline.run_study", run_study)

    def status(*words):
        monkeypatch.setattr("sys.argv", ["verify", *words])
        with pytest.raises(SystemExit) as ended:
            verify.main()
        return ended.value.code, capsys.readouterr().out

    assert status("--tables-only") == (0, "0 runs or tables differ.\n") and not started
    code, said = status("--into", str(again))
    assert code == 0 and said.count(" exact") == len(ARMS)
    grid, fresh = started.pop()
    assert grid.final and grid.seeds == (0,) and grid.results == again and not fresh
    monkeypatch.setattr("mrg_r1_lib.pipeline.pipeline.finished_at", lambda step: "c0ffee")
    for changed in (False, True):  # a re-run by older code proves nothing of this code
        monkeypatch.setattr(verify, "changed_since", {"c0ffee": changed}.get)
        assert status("--into", str(again))[0] == 0 and started.pop()[1] == changed
    rescore(again, "sft", -0.3)
    change_table(study)
    assert status("--into", str(again))[0] == 1 and status("--tables-only")[0] == 1
    assert status("--into", str(again), "--tables-only")[0] == 2


@pytest.mark.parametrize("how", [(), ("--tables-only",)])
def test_a_scale_that_was_not_run_is_said_before_any_work(tmp_path, monkeypatch, capsys, how):
    monkeypatch.setattr(verify, "results_root", lambda: tmp_path)
    monkeypatch.setattr("mrg_r1_lib.pipeline.pipeline.run_study", lambda *_: pytest.fail("work"))
    monkeypatch.setattr("sys.argv", ["verify", "--scale", "lesson", *how])
    with pytest.raises(SystemExit) as ended:
        verify.main()
    assert ended.value.code == 1 and "Nothing was scored" in capsys.readouterr().err


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", [cut, lambda path: path.unlink()], ids=["cut", "gone"])
@pytest.mark.parametrize("how", [["--tables-only"], []], ids=["tables", "again"])
@pytest.mark.parametrize(
    "name",
    [
        "sft/seed0/metrics.json",
        "sft/seed0/manifest.json",
        "srl_mccs/seed0/labels_per_study.csv",
        "reference/seed0/labels_per_study.csv",
        "srl_mccs/seed0/train_log.csv",
        "srl_mccs/seed0/validation.csv",
        "pretrained/seed0/tower_log.csv",
    ],
)
def test_a_damaged_or_missing_file_is_named(study, monkeypatch, capsys, name, damage, how):
    if damage is not cut and "manifest" in name:
        pytest.skip("a manifest that is gone costs the figures their times, and no number")
    monkeypatch.setattr(verify, "results_root", lambda: study.results)
    monkeypatch.setattr("mrg_r1_lib.pipeline.pipeline.run_study", lambda _: pytest.fail("trained"))
    damage(study.results / "laptop" / "iu_xray" / name)
    monkeypatch.setattr("sys.argv", ["verify", *how])
    with pytest.raises(SystemExit) as ended:
        verify.main()
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.count("\n") == 1
    assert f"laptop/iu_xray/{name} is " in said and "git checkout" in said
