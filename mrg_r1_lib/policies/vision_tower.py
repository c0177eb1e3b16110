"""The tiny policy's vision tower, and its training to see before the language model learns to speak of it.

SigLIP's vision transformer with a convolutional stem in place of the one large patch convolution ("Early convolutions help
transformers see better", arXiv:2106.14881): with thousands instead of millions of images, convolutions find small signs much
sooner. The tower learns to name the observations that phantoms were drawn with, the stand-in for an encoder that has seen
medical images; the classification head is thrown away.
"""

from itertools import pairwise

import numpy as np
import torch
from torch import nn
from transformers import AutoConfig, AutoModel, SiglipVisionConfig, SiglipVisionModel

from mrg_r1_lib.policies.image_classifier import fit

PATCH_SIZE = 16  # pixels a token stands for: the stem halves the side four times
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
            layers += [
                convolution,
                nn.GroupNorm(1, outside),
                nn.GELU(),
            ]  # no batch statistics: they would enter SRL's KL
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
    """The tower with a linear head on the mean of its last hidden states, the features that LLaVA reads."""

    def __init__(self, tower: SiglipVisionModel, classes: int) -> None:
        super().__init__()
        self.tower, self.head = tower, nn.Linear(tower.config.hidden_size, classes)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        hidden = self.tower(pixel_values, output_hidden_states=True).hidden_states[-1]
        return self.head(hidden.mean(1))


def train_tower(
    tower: SiglipVisionModel, images: np.ndarray, present: np.ndarray, *, epochs: int, seed: int
) -> list[float]:
    """Train `tower` in place to name what is on `images` `(n, H, W) uint8`, `present` `(n, classes)` bool.

    Returns the mean binary cross-entropy of each epoch. `H` and `W` are the tower's image size.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = TowerClassifier(tower, present.shape[1])
    return fit(
        classifier,
        _as_the_processor_does,
        images,
        present,
        epochs=epochs,
        seed=seed,
        learning_rate=1e-3,
        bar="vision tower",
    )


def _as_the_processor_does(images: np.ndarray) -> torch.Tensor:
    """`(n, H, W) uint8` -> `(n, 3, H, W)` float in [-1, 1]."""
    return torch.from_numpy(images / np.float32(127.5) - 1)[:, None].expand(-1, 3, -1, -1)
