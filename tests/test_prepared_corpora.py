"""Real image files take the path of drawn ones: a corpus in each preparation trains and is
scored."""

import pandas as pd
import pytest
import trees

from mrg_r1_lib.corpora import load_corpus, splits
from mrg_r1_lib.evaluation.evaluate import evaluate
from mrg_r1_lib.experiments import PREPARATIONS, baselines, parse_experiment
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import load_scale
from mrg_r1_lib.training.pretrain import pretrain
from mrg_r1_lib.training.sft import sft
from mrg_r1_lib.training.srl import srl

pytestmark = pytest.mark.usefixtures("minute_scale")


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path / "data"))
    splits._studies.cache_clear()
    yield tmp_path / "data"
    splits._studies.cache_clear()


@pytest.mark.slow
def test_two_views_in_r2gens_layout_and_words_train_and_are_scored(data, tmp_path):
    phantoms = load_corpus("phantom", studies=61)
    trees.r2gen(data / "iu_xray", 60, findings=lambda number: phantoms[number].findings)
    run = Run("iu_xray_r2gen/srl_mccs", "smoke", 0, tmp_path / "results")
    (first, *_) = splits.load_split(run.corpus, "train", run.settings)
    assert len(first.images) == 2 and first.findings == first.findings.lower()
    pretrain(run), sft(run), srl(run)
    assert evaluate(run)["studies"] == 4
    assert run.read_manifest()["preparation"] == {
        "name": "iu_xray_r2gen", "corpus": "iu_xray", "public": True, "images": "files", "views": 2, "text": "r2gen",
        "note": "real reports, drawn radiographs",
    }  # fmt: skip
    table = pd.read_csv(run.folder / "labels_per_study_validate.csv")
    assert table["study_id"].str.fullmatch(r"CXR\d+_IM-\d+").all()


def test_scores_of_a_credentialed_corpus_stand_under_row_numbers(data, tmp_path):
    trees.mimic(data / "mimic_cxr", 60)
    run = Run("mimic_cxr/nearest_neighbour", "smoke", 0, tmp_path / "results")
    evaluate(run)
    assert pd.read_csv(run.folder / "labels_per_study_validate.csv")["study_id"].tolist() == list(
        range(4)
    )


def test_a_preparation_is_part_of_a_run(tmp_path):
    one, other = (
        Run(f"{name}/sft", "smoke", 0, tmp_path) for name in ("mimic_cxr", "mimic_cxr_r2gen")
    )
    assert one.described() != other.described() and one.folder != other.folder


def test_only_phantoms_have_a_template_of_what_was_drawn():
    scale = load_scale("smoke")
    for name, preparation in PREPARATIONS.items():
        drawn = (preparation.images or scale.images) == "phantom"
        assert ("drawn_template" in baselines(name, scale)) == drawn


def test_an_unknown_preparation_lists_the_known_ones():
    with pytest.raises(
        ValueError,
        match=f"known corpora: {', '.join(PREPARATIONS)}",
    ):
        parse_experiment("chexpert/sft")
