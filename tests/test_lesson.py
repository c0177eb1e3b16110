"""The corpus and the scale of the lesson: made-up, small, and said to be so."""

from dataclasses import replace

import numpy as np
import pytest

from mrg_r1_lib import experiments
from mrg_r1_lib.corpora import lesson, load_corpus
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.pipeline import pipeline
from mrg_r1_lib.pipeline.pipeline import Grid
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.study import SPLITS, check_studies, index_labels

OTHERS = [OBSERVATIONS.index(name) for name in OBSERVATIONS[:13] if name not in lesson.KINDS]


@pytest.fixture(scope="module")
def studies():
    return load_corpus("lesson")


@pytest.fixture
def run(tmp_path):
    return Run("lesson/srl_mccs", "lesson", 0, tmp_path)


# the corpus


def test_index_and_reports_name_and_deny_the_four_kinds_only(studies):
    index, read = index_labels(studies), load_labeler("rules")([s.findings for s in studies])
    assert not positives(index)[:, OTHERS].any()
    assert (read[:, OTHERS] == Label.BLANK).all()
    kinds = [OBSERVATIONS.index(name) for name in lesson.KINDS]
    assert (positives(index)[:, kinds].sum(axis=0) > 100).all()
    np.testing.assert_array_equal(positives(read)[:, kinds], positives(index)[:, kinds])
    assert (read[:, kinds] == Label.NEGATIVE).any(axis=0).all()


def test_two_of_three_studies_are_normal_and_reports_are_short(studies):
    normal = [study.index_terms[0].term == "normal" for study in studies]
    assert np.mean(normal) == pytest.approx(lesson.NORMAL, abs=0.03)
    words = [len(study.findings.split()) for study in studies]
    assert np.mean(words) < 25 and max(words) < 50


def test_the_splits_share_no_study_with_each_other_or_with_pretraining(studies):
    check_studies(studies)
    ids = {split: {s.study_id for s in studies if s.split == split} for split in SPLITS}
    assert {split: len(some) for split, some in ids.items()} == lesson.STUDIES
    assert not set.union(*ids.values()) & {s.study_id for s in load_corpus("phantom", studies=99)}
    assert len({s.images[0]().tobytes() for s in [*studies[:40], *studies[1200:1240]]}) == 80


def test_the_corpus_is_the_same_every_time(studies):
    again = load_corpus("lesson")
    told = [[(s.study_id, s.findings, s.index_terms, s.split) for s in c] for c in (studies, again)]
    assert told[0] == told[1]
    assert studies[7].images[0]().tobytes() == again[7].images[0]().tobytes()


@pytest.mark.parametrize("setting", [{"images": "files"}, {"root": "/data"}])
def test_the_corpus_reads_no_files(setting):
    with pytest.raises(ValueError, match="the corpus reads no files"):
        load_corpus("lesson", **setting)


# the scale


def test_the_scale_is_of_its_own_corpus_and_another_one_lies_apart(tmp_path, run):
    assert Grid("lesson", tmp_path).main == run and run.summary == tmp_path / "lesson"
    assert Run("iu_xray/sft", "lesson", 0, tmp_path).summary == tmp_path / "lesson" / "iu_xray"
    assert Run("lesson/sft", "laptop", 0, tmp_path).summary == tmp_path / "laptop" / "lesson"
    assert Grid("laptop", tmp_path).main.corpus == "iu_xray"
    assert Grid("lesson", tmp_path, "iu_xray").main.corpus == "iu_xray"


def test_a_notebook_alone_takes_the_corpus_of_its_scale(tmp_path, monkeypatch):
    executed = []
    monkeypatch.setattr(pipeline, "execute", lambda step, given: executed.append(step.run.corpus))
    monkeypatch.setattr(pipeline.iu_xray, "main", lambda: "")
    for scale in ("lesson", "smoke"):
        pipeline.run_notebook("05_tables_and_figures", [f"SCALE={scale}"], tmp_path)
    assert executed == ["lesson", "iu_xray"]


def test_every_study_of_the_corpus_is_used(run):
    used = {split: len(load_split(run.corpus, split, run.settings)) for split in SPLITS}
    assert used == lesson.STUDIES and SCALES["lesson"].images == "phantom"


def test_figures_say_that_nothing_is_real_and_that_changes_no_setting(run, monkeypatch):
    assert run.note == "made-up reports, drawn radiographs"
    before, preparation = run.described(), experiments.PREPARATIONS["lesson"]
    monkeypatch.setitem(experiments.PREPARATIONS, "lesson", replace(preparation, note="x"))
    assert run.note == "x" and run.described() == before
    monkeypatch.setitem(experiments.PREPARATIONS, "lesson", replace(preparation, text="r2gen"))
    assert run.described() != before
