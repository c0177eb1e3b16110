"""The tiny policy's vision tower and its training, before the language model is trained.

The tower is SigLIP's vision transformer. A convolutional stem replaces the one large patch
convolution ("Early convolutions help transformers see better", arXiv:2106.14881): with thousands
instead of millions of images, convolutions find small signs much sooner. The tower learns to
classify the observations drawn on phantoms, in place of an encoder trained on medical images. The
classification head is dropped afterwards.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, SiglipVisionConfig, SiglipVisionModel

from mrg_r1_lib.policies.image_classifier import fit

PATCH_SIZE = 16  # pixels per side of a token: the stem halves the image's side four times
STEM_CHANNELS = (32, 64)


class ConvStemVisionConfig(SiglipVisionConfig):
    """SigLIP's vision configuration; `patch_size` must be 16."""

    model_type = "conv_stem_siglip_vision_model"


class ConvStem(nn.Sequential):
    """Images `(n, 3, side, side)` -> `(n, hidden, side / 16, side / 16)`."""

    def __init__(self, hidden_size: int) -> None:
        layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
        for inside, outside in pairwise((12, *STEM_CHANNELS, hidden_size)):
            convolution = nn.Conv2d(inside, outside, 3, stride=2, padding=1)
            # no batch statistics: they would change SRL's KL divergence
            layers += [convolution, nn.GroupNorm(1, outside), nn.GELU()]
        super().__init__(*layers, nn.Conv2d(hidden_size, hidden_size, 1))

    @property
    def weight(self) -> torch.Tensor:
        """SigLIP asks its patch convolution for the type of its weights."""
        return self[1].weight


class ConvStemVisionModel(SiglipVisionModel):
    """SigLIP's vision transformer behind a `ConvStem`."""

    config_class = ConvStemVisionConfig

    def __init__(self, config: ConvStemVisionConfig) -> None:
        super().__init__(config)
        self.embeddings.patch_embedding = ConvStem(config.hidden_size)


AutoConfig.register(ConvStemVisionConfig.model_type, ConvStemVisionConfig)
AutoModel.register(ConvStemVisionConfig, ConvStemVisionModel)


class TowerClassifier(nn.Module):
    """The tower with a linear head on the mean of its last hidden states, which LLaVA reads."""

    def __init__(self, tower: SiglipVisionModel, classes: int) -> None:
        super().__init__()
        self.tower, self.head = tower, nn.Linear(tower.config.hidden_size, classes)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        hidden = self.tower(pixel_values, output_hidden_states=True).hidden_states[-1]
        return self.head(hidden.mean(1))


def train_tower(
    tower: SiglipVisionModel, images: np.ndarray, present: np.ndarray, *, epochs: int, seed: int
) -> list[float]:
    """Train `tower` in place; returns the mean binary cross-entropy of each epoch.

    `images` `(n, H, W) uint8`, with `H` and `W` the tower's image size; `present` `(n, classes)`
    bool: the observations drawn on them.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = TowerClassifier(tower, present.shape[1])
    settings = {"epochs": epochs, "seed": seed, "learning_rate": 1e-3, "bar": "vision tower"}
    return fit(classifier, _normalised, images, present, **settings)


def _normalised(images: np.ndarray) -> torch.Tensor:
    """`(n, H, W) uint8` -> float `(n, 3, H, W)` in [-1, 1], as the policy's processor does."""
    return torch.from_numpy(images / np.float32(127.5) - 1)[:, None].expand(-1, 3, -1, -1)
