"""A small convolutional network that recognises observations on radiographs.

Radiographs and labels -> `train_image_classifier` -> probabilities -> `auroc_by_observation`. It
checks that the phantoms' signs are visible, since an invisible sign teaches a policy to guess. It
also measures how hard each observation is without language. It is no part of the paper's method.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from tqdm import tqdm

_SIDE = 96  # pixels per side of the network's input; larger radiographs are averaged down


def _network(classes: int, width: int) -> nn.Sequential:
    """Three convolutions over 2 x 2 pixel blocks; the last map of 6 x 6 keeps a shadow's place."""
    layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
    for inside, outside in pairwise((4, width, 2 * width, 4 * width)):
        convolution = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
        layers += [convolution, nn.MaxPool2d(2), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]
    layers += [nn.Flatten(), nn.Dropout(0.3), nn.Linear(4 * width * (_SIDE // 16) ** 2, classes)]
    # twice as fast on a CPU for so few channels
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)


def _to_tensor(images: np.ndarray) -> torch.Tensor:
    """`(n, H, W) uint8` -> float `(n, 1, 96, 96)`, each image scaled to mean 0 and deviation 1."""
    images = np.asarray(images)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"images: expected shape (n, H, W) of uint8, got {images.shape} of {images.dtype}."
        )
    pixels = nn.functional.adaptive_avg_pool2d(torch.from_numpy(images).float()[:, None], _SIDE)
    deviation = pixels.std((2, 3), keepdim=True).clamp(min=1.0)
    return (pixels - pixels.mean((2, 3), keepdim=True)) / deviation


@dataclass(frozen=True)
class ImageClassifier:
    """A trained network; `predict` gives one probability per observation."""

    network: nn.Module

    @torch.inference_mode()
    def predict(self, images: np.ndarray, batch_size: int = 256) -> np.ndarray:
        """Radiographs `(n, H, W) uint8` (else ValueError) -> probabilities `(n, classes)` float."""
        self.network.eval()
        starts = range(0, len(images), batch_size)
        batches = (_to_tensor(images[start : start + batch_size]) for start in starts)
        return torch.cat([torch.sigmoid(self.network(batch)) for batch in batches]).numpy()


def train_image_classifier(
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    seed: int,
    learning_rate: float = 3e-3,
    width: int = 16,
    progress: bool = False,
) -> ImageClassifier:
    """Train on `images` `(n, H, W) uint8` and `labels` `(n, classes)` of 0 and 1.

    The same seed gives the same network; the global random state does not change. ValueError if the
    lengths differ or a label is neither 0 nor 1.
    """
    labels = np.asarray(labels)
    if len(images) != len(labels) or labels.ndim != 2:
        raise ValueError(
            f"labels: expected shape ({len(images)}, classes) for {len(images)} images, "
            f"got {labels.shape}."
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(
            f"labels: expected 0 and 1, got {np.setdiff1d(labels, (0, 1))[0]}; "
            "map label codes first."
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(labels.shape[1], width)
    bar = "image classifier" if progress else ""
    settings = {"epochs": epochs, "seed": seed, "learning_rate": learning_rate}
    fit(network, _to_tensor, images, labels, **settings, bar=bar)
    return ImageClassifier(network.eval())


def fit(
    network: nn.Module,
    to_tensor: Callable[[np.ndarray], torch.Tensor],
    images: np.ndarray,
    labels: np.ndarray,
    *,
    epochs: int,
    seed: int,
    learning_rate: float,
    batch_size: int = 64,
    weights: np.ndarray | float = 1.0,
    bar: str = "",
) -> list[float]:
    """Train `network` in place on `to_tensor(images[batch])`; returns the mean loss of each epoch.

    `labels` `(n, classes)` are 0, 1 or NaN (not known: without a loss); `weights` `(classes,)` of
    their losses. AdamW on the binary cross-entropy with a one-cycle learning rate. `bar` names the
    progress bar, "" shows none. The global random state does not change.
    """
    wanted = torch.from_numpy(np.asarray(labels, dtype=np.float32))
    weight = (~wanted.isnan()).float() * torch.as_tensor(weights, dtype=torch.float32)
    wanted = wanted.nan_to_num()
    optimizer = torch.optim.AdamW(network.parameters(), lr=learning_rate, weight_decay=0.05)
    steps = epochs * -(-len(images) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=steps)
    cross_entropy = nn.functional.binary_cross_entropy_with_logits
    losses = []
    progress = tqdm(total=steps, desc=bar, disable=not bar)
    with torch.random.fork_rng(devices=[]), progress:
        torch.manual_seed(seed)
        for _ in range(epochs):
            total = 0.0
            for batch in torch.randperm(len(images)).split(batch_size):
                logits = network(to_tensor(images[batch.numpy()]))
                loss = cross_entropy(logits, wanted[batch], weight=weight[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                total += loss.item() * len(batch)
                progress.update()
            losses.append(total / len(images))
    return losses


def auroc_by_observation(
    labels: np.ndarray, scores: np.ndarray, names: Sequence[str]
) -> pd.DataFrame:
    """Area under the ROC curve of each column in [0, 1], and its positives; NaN for a single class.

    >>> auroc_by_observation([[0], [1], [1]], [[0.2], [0.1], [0.9]], ["Edema"]).auroc.tolist()
    [0.5]
    """
    labels, scores = np.asarray(labels), np.asarray(scores)
    if labels.shape != scores.shape or labels.shape[1:] != (len(names),):
        raise ValueError(
            f"expected labels and scores of shape (n, {len(names)}), "
            f"got {labels.shape} and {scores.shape}."
        )
    rows = []
    for name, truth, score in zip(names, labels.T, scores.T, strict=True):
        both = 0 < truth.sum() < len(truth)
        auroc = roc_auc_score(truth, score) if both else float("nan")
        rows.append((name, int(truth.sum()), auroc))
    return pd.DataFrame(rows, columns=["observation", "positives", "auroc"])


def best_threshold(wanted: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold with the best micro-F1 over all entries, the lowest of equal ones.

    `wanted` (bool) and `probabilities` have the same shape.

    >>> best_threshold([[True, False, True]], [[0.9, 0.4, 0.6]])
    0.6
    """
    wanted, probabilities = np.asarray(wanted).ravel(), np.asarray(probabilities).ravel()
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(wanted[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + max(wanted.sum(), 1))
    return float(probabilities[order][f1 == f1.max()].min())
