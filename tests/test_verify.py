"""Holding a re-run against the committed results: the same files, a score within its interval, and one that is off."""

import json
import shutil

import pytest

from mrg_r1_lib.pipeline import verify
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import results_root

RUNS = ("sft", "srl_mccs")
pytestmark = pytest.mark.skipif(
    not (results_root() / "laptop").is_dir(), reason="results/laptop is not there"
)


@pytest.fixture
def folders(tmp_path):
    """Two results folders with the reference's and two policies' committed scores."""
    for name in ("committed", "reproduced"):
        for arm in ("reference", *RUNS):
            folder = Run(f"iu_xray/{arm}", "laptop", 0, results_root()).folder
            shutil.copytree(folder, tmp_path / name / folder.relative_to(results_root()))
    return tmp_path / "committed", tmp_path / "reproduced"


def rescore(results, arm, change):
    """Move every F1 of a run by `change`."""
    path = Run(f"iu_xray/{arm}", "laptop", 0, results).folder / "metrics.json"
    metrics = json.loads(path.read_text())
    for row in metrics["clinical_efficacy"]:
        row["f1"] += change
    path.write_text(json.dumps(metrics, indent=1) + "\n")


def test_the_same_files_are_exact_one_digit_is_within_the_interval_and_a_third_differs(folders):
    committed, reproduced = folders
    assert set(verify.compare(*folders, "laptop")["verdict"]) == {"exact"}
    rescore(reproduced, "sft", 0.001)
    rescore(reproduced, "srl_mccs", -0.3)
    table = verify.compare(committed, reproduced, "laptop").set_index("experiment")
    assert table["verdict"].to_dict() == {
        "iu_xray/reference": "exact",
        "iu_xray/sft": "within its interval",
        "iu_xray/srl_mccs": "differs",
    }
    assert list(table["files"]) == [0, 1, 1]
    assert list(table)[1:] == ["committed", "reproduced", "tolerance", "reason", "files", "verdict"]
    assert table.loc["iu_xray/reference", ["tolerance", "reason"]].tolist() == [
        "none",
        "the same files",
    ]
    low, high = map(float, table.loc["iu_xray/sft", "tolerance"].split(" to "))
    assert low < table.loc["iu_xray/sft", "committed"] < high
    assert (
        table.loc["iu_xray/sft", "reason"]
        == "packages and system are named the same: 95 % interval over studies"
    )


def test_other_packages_are_named_as_the_reason_of_a_tolerance(folders):
    committed, reproduced = folders
    rescore(reproduced, "sft", 0.001)
    path = Run("iu_xray/sft", "laptop", 0, reproduced).folder / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["evaluate"]["versions"]["torch"] = "0"
    path.write_text(json.dumps(manifest))
    table = verify.compare(committed, reproduced, "laptop").set_index("experiment")
    assert table.loc["iu_xray/sft", "reason"] == "other packages: 95 % interval over studies"


def test_only_an_exact_re_run_makes_changed_sources_equal(folders, monkeypatch):
    committed, reproduced = folders
    monkeypatch.setattr(verify, "_require_frozen", lambda commit: None)
    monkeypatch.setattr(
        "mrg_r1_lib.runs.run.source_digest", lambda module, rewards, published: f"present {module}"
    )
    with pytest.raises(ValueError, match="was repeated with the present sources"):
        verify.equal_sources(committed, reproduced, "laptop", "HEAD")
    for path in reproduced.rglob("manifest.json"):
        manifest = json.loads(path.read_text())
        for module in (name for name in manifest if name.startswith("mrg_r1_lib.")):
            manifest[module]["source_digest"] = f"present {module}"
        path.write_text(json.dumps(manifest))
    table = verify.equal_sources(committed, reproduced, "laptop", "HEAD")
    assert {
        ("iu_xray/srl_mccs", "srl"),
        ("iu_xray/sft", "evaluate"),
    } <= set(zip(table["experiment"], table["module"], strict=True))
    assert (table["equal"] == "present " + table["module"]).all() and not (
        table["made"] == table["equal"]
    ).any()
    rescore(reproduced, "sft", 1e-9)
    with pytest.raises(ValueError, match="1 of 3 runs are not exactly the same"):
        verify.equal_sources(committed, reproduced, "laptop", "HEAD")


def test_a_changed_reward_is_never_accepted_on_another_arms_word():
    with pytest.raises(ValueError, match="is not as it was at 0000000"):
        verify._require_frozen("0000000")


def test_a_folder_without_a_common_run_is_named(tmp_path):
    with pytest.raises(ValueError, match="has no scored run that"):
        verify.compare(results_root(), tmp_path, "laptop")


def test_the_command_prints_verdicts_and_its_exit_status_tells(folders, monkeypatch, capsys):
    committed, reproduced = folders
    monkeypatch.setattr(verify, "results_root", lambda: committed)
    monkeypatch.setattr(verify, "repeat_study", lambda scale, into: None)
    monkeypatch.setattr(verify, "_require_frozen", lambda commit: None)
    monkeypatch.setattr(
        Run, "source_digest", lambda run, module: run.read_manifest()[module]["source_digest"]
    )
    monkeypatch.setattr("sys.argv", ["verify", "--into", str(reproduced), "--accept", "HEAD"])
    with pytest.raises(SystemExit) as ended:
        verify.main()
    assert ended.value.code == 0 and capsys.readouterr().out.count(" exact") == 3
    assert (
        committed / "laptop" / verify.EQUAL
    ).read_text() == "experiment,seed,module,made,equal\n"
    rescore(reproduced, "sft", -0.3)
    monkeypatch.setattr("sys.argv", ["verify", "--into", str(reproduced)])
    with pytest.raises(SystemExit) as ended:
        verify.main()
    assert ended.value.code == 1 and "differs" in capsys.readouterr().out
