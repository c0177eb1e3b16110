"""Reports of systems that are no policy: templates that say what they should, and what each may
know."""

import numpy as np
import pytest

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation.baseline_reports import (
    baseline_reports,
    best_threshold,
    template_reports,
)
from mrg_r1_lib.evaluation.baselines import template_report
from mrg_r1_lib.experiments import ARMS, Arm
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import ABNORMALITIES, NO_FINDING
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import index_labels

LABELER = load_labeler("rules")


@pytest.mark.parametrize("name", ABNORMALITIES)
def test_a_template_asserts_the_abnormality_that_it_is_asked_for_and_no_other(name):
    said = positives(LABELER([template_report({name})]))[0]
    assert [other for other, is_there in zip(ABNORMALITIES, said, strict=True) if is_there] == [
        name
    ]


def test_any_set_of_abnormalities_is_read_back_as_it_was():
    present = np.random.default_rng(0).random((200, 13)) < 0.3
    np.testing.assert_array_equal(positives(LABELER(template_reports(present))), present)


def test_a_template_without_abnormality_is_normal():
    labels = LABELER([template_report(())])
    assert labels[0, NO_FINDING] == 1 and not positives(labels).any()


def test_the_threshold_is_the_one_of_highest_f1():
    wanted, probabilities = (
        [[1, 0, 1, 0]],
        [[0.9, 0.8, 0.7, 0.1]],
    )  # F1 at .9, .8, .7, .1: 2/3, 1/2, 4/5, 2/3
    assert best_threshold(wanted, probabilities) == 0.7


def test_every_baseline_writes_one_report_a_study(minute_scale, indiana, tmp_path):
    baselines = [arm for arm, experiment in ARMS.items() if experiment.stage == "baseline"]
    assert len(baselines) == 6
    for arm in baselines:
        run = Run(f"iu_xray/{arm}", "smoke", 0, tmp_path)
        studies = load_split("iu_xray", "test", run.settings)
        reports = baseline_reports(run, studies, LABELER)
        assert len(reports) == len(studies) and all(
            isinstance(report, str) and report for report in reports
        ), arm


def test_the_drawn_template_says_what_the_index_terms_assert(indiana, tmp_path):
    run = Run("iu_xray/drawn_template", "smoke", 0, tmp_path)
    studies = load_split("iu_xray", "test", run.settings)
    said = positives(LABELER(baseline_reports(run, studies, LABELER)))
    np.testing.assert_array_equal(said, positives(index_labels(studies)))


def test_an_unknown_baseline_is_refused(indiana, tmp_path, monkeypatch):
    monkeypatch.setitem(ARMS, "oracle", Arm("baseline", "an oracle"))
    run = Run("iu_xray/oracle", "smoke", 0, tmp_path)
    with pytest.raises(ValueError, match="baseline 'oracle' is not built"):
        baseline_reports(run, load_split("iu_xray", "test", run.settings), LABELER)
