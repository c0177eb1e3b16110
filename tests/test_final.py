"""The sealed sets, the test split and the confirmation set, are scored once, on purpose."""

import errno
import json
import math
import sys

import pytest
from tqdm import tqdm

from mrg_r1_lib.corpora import splits
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation import evaluate as evaluation
from mrg_r1_lib.evaluation import final as command
from mrg_r1_lib.evaluation.evaluate import evaluate
from mrg_r1_lib.evaluation.final import final
from mrg_r1_lib.runs.run import Run, scores_path
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.study import Study


@pytest.fixture
def scored(minute_scale, indiana, tmp_path):
    run = Run("iu_xray/constant_normal", "smoke", 0, tmp_path)
    evaluate(run)
    return run


def test_an_evaluation_leaves_the_sealed_sets_alone(scored):
    written = {path.name for path in scored.folder.glob("[!.]*")}
    assert written == {"metrics_validate.json", "labels_per_study_validate.csv", "manifest.json"}


def test_the_final_evaluation_scores_the_sealed_sets_of_every_run_once(scored):
    assert final(scored.results, "smoke") == [scored]
    paths = {split: scores_path(scored.folder, split) for split in ("test", "impressions")}
    assert {json.loads(path.read_text())["split"] for path in paths.values()} == {*paths}
    written = [path.stat().st_mtime_ns for path in paths.values()]
    final(scored.results, "smoke")
    assert [path.stat().st_mtime_ns for path in paths.values()] == written


def test_a_corpus_without_a_confirmation_set_is_scored_on_test_alone(scored, monkeypatch):
    monkeypatch.setattr(command, "places_of", lambda studies, split: [])
    final(scored.results, "smoke")
    assert scored.finished("test") and not scored.finished("impressions")


def test_the_confirmation_set_has_impressions_and_no_findings_and_is_in_no_split(indiana):
    scale = SCALES["laptop"]
    confirming = load_split("iu_xray", "impressions", scale)
    assert all(each.impression == each.reference and not each.split for each in confirming)
    assert all(each.findings == each.reference for each in load_split("iu_xray", "test", scale))


def test_the_confirmation_set_has_no_study_of_a_patient_who_teaches_or_validates():
    def study(name, patient, split="", findings=""):
        return Study(name, patient, (), findings, impression="Edema.", split=split)

    split_of = {"a": "train", "b": "validate", "c": "test"}
    studies = [
        study(f"1{patient}", patient, split, "Edema.") for patient, split in split_of.items()
    ]
    studies += [study(f"2{patient}", patient) for patient in "abcd"]
    confirming = [studies[place].study_id for place in splits.places_of(studies, "impressions")]
    assert confirming == ["2c", "2d"]


def test_a_reference_that_states_nothing_does_not_stop_an_evaluation(scored, monkeypatch):
    findings = ("Edema.", "No change.", "Clear lungs.")
    studies = [Study(f"CXR{n}", str(n), (), text) for n, text in enumerate(findings)]
    monkeypatch.setattr(evaluation, "load_split", lambda *_: studies)
    assert evaluate(scored.of_arm("reference"), "test")["graded"] == 1.0  # of those that state any
    monkeypatch.setattr(evaluation, "load_split", lambda *_: studies[1:2])
    assert math.isnan(evaluate(scored.of_arm("constant_normal"), "test")["graded"])


@pytest.mark.parametrize("scale", ["laptop_files", "workstation", "full"])
def test_a_scale_of_image_files_takes_no_more_for_confirmation_than_iu_xray_has(scale, monkeypatch):
    monkeypatch.setattr(splits, "load_studies", lambda corpus, scale: [])
    monkeypatch.setattr(splits, "places_of", lambda studies, split: list(range(78_000)))
    assert len(load_split("mimic_cxr", "impressions", SCALES[scale])) == 502
    assert len(load_split("mimic_cxr", "test", SCALES[scale])) == 78_000


def test_what_only_the_reports_can_tell_is_kept_with_the_scores(scored):
    metrics = json.loads((scored.folder / "metrics_validate.json").read_text())
    assert metrics["degeneration"]["distinct reports"] == 1 and 0 < metrics["graded"] < 1


def test_without_a_scored_run_the_final_evaluation_names_the_command(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"Run \./run_all\.sh smoke first"):
        final(tmp_path, "smoke")


def test_metrics_name_the_judge_that_read_the_reports(scored):
    metrics = json.loads((scored.folder / "metrics_validate.json").read_text())
    assert metrics["judge"] == scored.settings.judge == "rules"


def test_a_log_of_the_final_command_has_lines_and_no_bars(tmp_path, monkeypatch, capsys):
    def long_work(*_):
        for _ in tqdm(range(1000), desc="writing", mininterval=0, file=sys.stderr):
            pass
        return []

    monkeypatch.setattr(command, "final", long_work)
    monkeypatch.setattr(sys, "argv", ["final", "smoke", "--results", str(tmp_path)])
    command.main()
    log = capsys.readouterr().err
    assert log.count("\n") == 11 and "\r" not in log


def test_a_disk_that_fills_in_the_final_evaluation_is_one_line(tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "metrics.json"))

    monkeypatch.setattr(command, "final", full)
    monkeypatch.setattr(sys, "argv", ["final", "smoke", "--results", str(tmp_path)])
    with pytest.raises(SystemExit, match="1"):
        command.main()
    said = capsys.readouterr().err
    assert "No space left on device" in said and "metrics.json" in said and said.count("\n") == 1
