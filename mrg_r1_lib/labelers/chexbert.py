"""CheXbert itself (Smit et al. 2020, arXiv:2004.09167) behind the labelers' call, from a checkpoint
that the user brings.

bert-base-uncased; its first token's last hidden state; one linear head an observation:
`linear_heads.0..12` with 4 outputs (0 blank, 1 positive, 2 negative, 3 uncertain),
`linear_heads.13` (No Finding) with 2 (0 no, 1 yes). The published checkpoint is a dict with
`model_state_dict`, keys prefixed `module.`. Two files are read from `chexbert/` in the data root:
`chexbert.pth` and bert-base-uncased's `vocab.txt`; `python -m mrg_r1_lib.labelers.chexbert` fetches
both from the Hugging Face hub.
"""

import argparse
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from torch import nn
from transformers import BertConfig, BertModel, BertTokenizerFast

from mrg_r1_lib.observations import NO_FINDING, OBSERVATIONS
from mrg_r1_lib.report_format import check_reports
from mrg_r1_lib.storage.files import file_digest, write_aside
from mrg_r1_lib.storage.paths import data_root

FOLDER, CHECKPOINT, WORDS = "chexbert", "chexbert.pth", "vocab.txt"
HUB_CHECKPOINT, HUB_WORDS = "StanfordAIMI/RRG_scorers", "google-bert/bert-base-uncased"
FETCH = "python -m mrg_r1_lib.labelers.chexbert"
LENGTH = 512  # tokens: the rest of a report is cut off
BATCH = 64  # reports of like length side by side
_NOT_WEIGHTS = (
    "bert.embeddings.position_ids",
)  # buffers that older transformers saved with the weights


class Chexbert(nn.Module):
    """Token ids and mask `(n, length)` -> scores, a list of 14 tensors `(n, 4)` or, for No Finding,
    `(n, 2)`."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.bert = BertModel(config, add_pooling_layer=False)
        outputs = [2 if i == NO_FINDING else 4 for i in range(len(OBSERVATIONS))]
        self.linear_heads = nn.ModuleList(nn.Linear(config.hidden_size, n) for n in outputs)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> list[torch.Tensor]:
        first = self.bert(input_ids, attention_mask).last_hidden_state[
            :, 0
        ]  # the published dropout is for training alone
        return [head(first) for head in self.linear_heads]


def load_chexbert(
    folder: Path | None = None, config: BertConfig | None = None
) -> Callable[[Sequence[str]], np.ndarray]:
    """The labeler whose weights lie in `folder` (`chexbert/` in the data root): reports -> labels
    `(reports, 14) int8`.

    It runs on the GPU where there is one. `config` is bert-base's unless a test brings a smaller
    one. FileNotFoundError says where the weights are published and what to set; ValueError names
    the first tensor that is missing, unknown or of another shape.
    """
    folder = data_root() / FOLDER if folder is None else Path(folder)
    for name in (CHECKPOINT, WORDS):
        if not (folder / name).is_file():
            raise FileNotFoundError(
                f"labeler chexbert: {folder / name} is missing. The weights are published on the "
                f"Hugging Face hub as {CHECKPOINT} of {HUB_CHECKPOINT}, the words as {WORDS} of "
                f"{HUB_WORDS}. With a network, `{FETCH}` fetches both; else put them there "
                f"yourself, or set MRG_R1_DATA to the folder that holds {FOLDER}/."
            )
    tokenizer = BertTokenizerFast(str(folder / WORDS), do_lower_case=True)
    model = Chexbert(config or BertConfig())
    _load_weights(model, folder / CHECKPOINT)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device).eval()

    def label_reports(reports: Sequence[str]) -> np.ndarray:
        """Reports -> int8 codes `(n, 14)`, a forward pass of CheXbert for each batch of them."""
        check_reports(reports)
        texts = [" ".join(report.split()) for report in reports]
        labels = np.zeros((len(texts), len(OBSERVATIONS)), dtype=np.int8)
        said = sorted(
            (i for i, text in enumerate(texts) if text), key=lambda i: (len(texts[i]), i)
        )  # nothing said: all blank
        for start in range(0, len(said), BATCH):
            rows = said[start : start + BATCH]
            inputs = tokenizer(
                [texts[i] for i in rows],
                truncation=True,
                max_length=LENGTH,
                padding=True,
                return_tensors="pt",
            )
            with torch.inference_mode():
                scores = model(inputs["input_ids"].to(device), inputs["attention_mask"].to(device))
            labels[rows] = (
                torch.stack([score.argmax(1) for score in scores], dim=1)
                .to(torch.int8)
                .cpu()
                .numpy()
            )
        return labels

    return label_reports


def _load_weights(model: Chexbert, path: Path) -> None:
    """The checkpoint's tensors, and nothing but tensors, into the model."""
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(
            f"labeler chexbert: {path} is cut, or no checkpoint of tensors alone "
            f"({type(error).__name__}). Delete it and fetch it again: {FETCH}"
        ) from error
    saved = saved.get("model_state_dict", saved)
    weights = {_present_name(name): tensor for name, tensor in saved.items()}
    weights = {
        name: tensor
        for name, tensor in weights.items()
        if name not in _NOT_WEIGHTS and "bert.pooler" not in name
    }
    wanted = model.state_dict()
    for name in [*wanted, *weights]:
        theirs, ours = weights.get(name), wanted.get(name)
        if theirs is None or ours is None or theirs.shape != ours.shape:
            shapes = [
                "missing" if tensor is None else str(tuple(tensor.shape))
                for tensor in (theirs, ours)
            ]
            raise ValueError(
                f"labeler chexbert: in {path} the tensor {name!r} is {shapes[0]}, in CheXbert's "
                f"layout {shapes[1]}. Expected {CHECKPOINT} of {HUB_CHECKPOINT}."
            )
    model.load_state_dict(weights)


def _present_name(name: str) -> str:
    """A key of the published checkpoint as PyTorch names it today: without DataParallel's prefix;
    gamma and beta are old names.

    >>> _present_name("module.bert.embeddings.LayerNorm.gamma")
    'bert.embeddings.LayerNorm.weight'
    """
    name = name.removeprefix("module.")
    return name.replace("LayerNorm.gamma", "LayerNorm.weight").replace(
        "LayerNorm.beta", "LayerNorm.bias"
    )


def fetch(checkpoint: str = HUB_CHECKPOINT, words: str = HUB_WORDS) -> str:
    """Put both files into the data root, each from a path or a hub id, and say in a line what is
    there, with its digest."""
    from huggingface_hub import hf_hub_download  # a network is wanted here and nowhere else

    folder = data_root() / FOLDER
    for name, source in ((CHECKPOINT, checkpoint), (WORDS, words)):
        path = Path(source).expanduser()
        found = path if path.is_file() else Path(hf_hub_download(source, name))
        folder.mkdir(parents=True, exist_ok=True)
        if found.resolve() != (folder / name).resolve():
            with write_aside(folder / name) as aside:
                shutil.copyfile(found, aside)
    load_chexbert(folder)
    return f"chexbert: {folder / CHECKPOINT}, SHA-256 {file_digest(folder / CHECKPOINT)}."


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--checkpoint",
        default=HUB_CHECKPOINT,
        help="path of chexbert.pth, or hub id (default: %(default)s)",
    )
    parser.add_argument(
        "--words", default=HUB_WORDS, help="path of vocab.txt, or hub id (default: %(default)s)"
    )
    named = parser.parse_args()
    try:
        parser.exit(0, f"{fetch(named.checkpoint, named.words)}\n")
    except (OSError, ValueError) as error:
        parser.exit(1, f"{error}\n")
