"""Tests of the CheXbert labeler with a small random checkpoint in the published layout, against a forward pass of its own."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import BertConfig, BertModel

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation.evaluate import evaluate
from mrg_r1_lib.labelers import LABELERS
from mrg_r1_lib.labelers.chexbert import CHECKPOINT, FOLDER, WORDS, fetch, load_chexbert
from mrg_r1_lib.observations import NO_FINDING
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.files import file_digest

VOCABULARY = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "no",
    "edema",
    "small",
    "effusion",
    "the",
    "heart",
    "##s",
    ".",
]
CONFIG = BertConfig(
    vocab_size=len(VOCABULARY),
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=64,
    initializer_range=0.5,
)
REPORTS = [
    "No edema.",
    "",
    "Small  effusions.\nThe heart.",
    "edema " * 700,
    "Small effusion. No edema. No effusion.",
]


def published(bert: BertModel, heads: list[torch.nn.Linear]) -> dict:
    """A checkpoint as CheXbert's authors save it: behind DataParallel, with the older names and buffers of its time."""
    weights = {f"module.bert.{name}": tensor for name, tensor in bert.state_dict().items()}
    weights = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): tensor
        for name, tensor in weights.items()
    }
    weights["module.bert.embeddings.position_ids"] = torch.arange(512)[None]
    for i, head in enumerate(heads):
        weights |= {
            f"module.linear_heads.{i}.{name}": tensor for name, tensor in head.state_dict().items()
        }
    return {"model_state_dict": weights, "epoch": 1}


@pytest.fixture
def small(tmp_path):
    """A folder with a small random checkpoint and its vocabulary, and the modules that it was made of."""
    torch.manual_seed(3)
    bert = BertModel(CONFIG).eval()
    heads = [torch.nn.Linear(32, 2 if i == NO_FINDING else 4) for i in range(14)]
    torch.save(published(bert, heads), tmp_path / CHECKPOINT)
    (tmp_path / WORDS).write_text("\n".join(VOCABULARY) + "\n")
    return tmp_path, bert, heads


def ids(report: str) -> list[int]:
    """Token ids by hand: lower case, "effusions" is two pieces, at most 512 with both ends."""
    words = report.lower().replace(".", " .").replace("effusions", "effusion ##s").split()
    return [2, *[VOCABULARY.index(word) for word in words][:510], 3]


def test_labels_are_those_of_an_independent_forward_pass(small):
    folder, bert, heads = small
    labels = load_chexbert(folder, CONFIG)(REPORTS)
    assert labels.shape == (5, 14) and labels.dtype == np.int8
    for row, report in zip(labels, REPORTS, strict=True):
        if not report:
            assert not row.any()
            continue
        with torch.no_grad():
            first = bert(torch.tensor([ids(report)])).last_hidden_state[0, 0]
        assert row.tolist() == [int(head(first).argmax()) for head in heads]
    assert len({tuple(row) for row in labels.tolist()}) > 2  # a constant would pass as well


def test_labels_depend_neither_on_batch_nor_order_nor_white_space(small):
    labeler = load_chexbert(small[0], CONFIG)
    labels = labeler(REPORTS)
    np.testing.assert_array_equal(labeler(REPORTS[::-1])[::-1], labels)
    np.testing.assert_array_equal(
        np.vstack([labeler([f" \n{report}\t"]) for report in REPORTS]), labels
    )
    with pytest.raises(TypeError, match=r"reports\[1\]"):
        labeler(["edema", None])


def test_without_weights_the_error_says_where_they_are_published(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"chexbert.pth of StanfordAIMI/RRG_scorers.*MRG_R1_DATA"
    ):
        load_chexbert(tmp_path)


def test_a_checkpoint_of_another_layout_is_refused_by_the_name_of_a_tensor(small):
    folder, bert, heads = small
    saved = published(bert, heads)
    saved["model_state_dict"]["module.linear_heads.13.weight"] = torch.zeros(4, 32)
    torch.save(saved, folder / CHECKPOINT)
    with pytest.raises(
        ValueError, match=r"'linear_heads.13.weight' is \(4, 32\), in CheXbert's layout \(2, 32\)"
    ):
        load_chexbert(folder, CONFIG)
    del saved["model_state_dict"]["module.linear_heads.13.weight"]
    torch.save(saved, folder / CHECKPOINT)
    with pytest.raises(ValueError, match=r"'linear_heads.13.weight' is missing"):
        load_chexbert(folder, CONFIG)


def test_a_checkpoint_that_would_run_code_is_not_loaded(small):
    torch.save({"model_state_dict": {"x": Runs()}}, small[0] / CHECKPOINT)
    with pytest.raises(ValueError, match=r"no checkpoint of tensors alone \(UnpicklingError"):
        load_chexbert(small[0], CONFIG)


@pytest.mark.parametrize("part", [0, 0.5, "version https://git-lfs.github.com/spec/v1\noid sha256"])
def test_a_cut_checkpoint_and_a_pointer_to_one_are_named_with_what_to_do(small, part):
    path = small[0] / CHECKPOINT
    data = path.read_bytes()
    path.write_bytes(part.encode() if isinstance(part, str) else data[: int(part * len(data))])
    with pytest.raises(ValueError, match=r"chexbert\.pth is cut, or .*fetch it again"):
        load_chexbert(small[0], CONFIG)


class Runs:
    """An object that only unpickling could make."""


def test_fetching_takes_files_by_path_or_hub_id_and_prints_the_digest(
    small, tmp_path_factory, monkeypatch
):
    folder = small[0]
    root = tmp_path_factory.mktemp("data")
    monkeypatch.setenv("MRG_R1_DATA", str(root))
    asked = []

    def hub(repository, name):
        asked.append((repository, name))
        return str(folder / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", hub)
    monkeypatch.setattr("mrg_r1_lib.labelers.chexbert.BertConfig", lambda: CONFIG)
    assert "SHA-256" in fetch(str(folder / CHECKPOINT))
    assert asked == [("google-bert/bert-base-uncased", WORDS)]
    assert (root / "chexbert" / CHECKPOINT).read_bytes() == (folder / CHECKPOINT).read_bytes()


def test_the_digest_of_the_judges_weights_stands_in_the_manifest(
    small, tmp_path, monkeypatch, minute_scale, indiana
):
    folder, *_ = small
    (tmp_path / FOLDER).mkdir()
    (folder / CHECKPOINT).rename(tmp_path / FOLDER / CHECKPOINT)
    run = Run("iu_xray/constant_normal", "smoke", 0, tmp_path / "results")
    monkeypatch.setitem(SCALES, "smoke", replace(minute_scale, judge="chexbert"))
    monkeypatch.setitem(LABELERS, "chexbert", LABELERS["rules"])
    studies = load_split("iu_xray", "validate", run.settings)
    monkeypatch.setattr("mrg_r1_lib.evaluation.evaluate.load_split", lambda *_: studies)
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    evaluate(run)
    entry = run.read_manifest()["evaluate_validate"]
    assert entry["judge_weights"] == file_digest(tmp_path / FOLDER / CHECKPOINT)
