import numpy as np
import pytest

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.policies.prompts import order_by_length, sft_rows, srl_rows
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.study import SPLITS

SMOKE = SCALES["smoke"]


@pytest.fixture(scope="module")
def studies(indiana):
    return load_split("iu_xray", "train", SMOKE)


def test_a_scale_takes_the_first_studies_with_findings_of_each_split(indiana):
    ids = set()
    for split in SPLITS:
        chosen = load_split("iu_xray", split, SMOKE)
        assert len(chosen) == SMOKE.studies[split] and all(
            study.findings and study.split == split for study in chosen
        )
        ids |= {study.study_id for study in chosen}
    assert len(ids) == sum(SMOKE.studies[split] for split in SPLITS)
    with pytest.raises(
        ValueError, match="Unknown split 'dev'; known splits: train, validate, test"
    ):
        load_split("iu_xray", "dev", SMOKE)


def test_an_sft_target_thinks_the_positive_observations_and_reports_the_findings(studies):
    labels = np.zeros((len(studies), 14), dtype=np.int8)
    labels[0, [1, 9]] = 1, 3
    row = sft_rows(studies, labels)[0]
    parsed = parse_completion(row["completion"])
    assert (parsed.think, parsed.report) == ("Cardiomegaly, Pleural Effusion", studies[0].findings)
    assert row["prompt"][0]["role"] == "user" and studies[0].findings not in str(row["prompt"])
    assert row["images"][0].size == (96, 96) and row["images"][0].mode == "RGB"


def test_rows_of_a_batch_are_about_equally_long_and_none_is_lost():
    texts = ["x" * length for length in np.random.default_rng(0).integers(1, 300, 803)]
    order = order_by_length(texts, 8, seed=1)
    assert sorted(order) == list(range(803)) and order != order_by_length(texts, 8, seed=2)
    batches = [[len(texts[place]) for place in order[i : i + 8]] for i in range(0, 800, 8)]
    padding = 1 - np.mean([np.mean(batch) / max(batch) for batch in batches])
    assert padding < 0.1  # in random batches 45 % is padding
    assert abs(np.corrcoef(range(100), [max(batch) for batch in batches])[0, 1]) < 0.3


def test_srl_rows_carry_the_reference_and_its_labels_beside_its_own_image(studies):
    labels = load_labeler("rules")([study.findings for study in studies])
    rows = srl_rows(studies, labels)
    assert (
        rows[3]["reference"] == studies[3].findings
        and rows[3]["reference_labels"] == labels[3].tolist()
    )
    np.testing.assert_array_equal(
        np.asarray(rows[3]["images"][0]), np.asarray(studies[3].images[0]().convert("RGB"))
    )
    assert "completion" not in rows[3]
