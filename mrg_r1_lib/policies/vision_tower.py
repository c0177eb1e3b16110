"""The tiny policies' vision towers; one is trained here, before the language model.

That one is SigLIP's vision transformer. A convolutional stem replaces the one large patch
convolution ("Early convolutions help transformers see better", arXiv:2106.14881): with thousands
instead of millions of images, convolutions find small signs much sooner. The tower learns to
classify what is on phantoms and on the training split's images, with side, zone and size, in place
of an encoder trained on medical images. Its head is dropped afterwards, and the tower is frozen.
"""

import hashlib
from itertools import chain, pairwise

import numpy as np
import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    Dinov2Config,
    Dinov2Model,
    PreTrainedConfig,
    SiglipVisionConfig,
    SiglipVisionModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling

from mrg_r1_lib.policies.image_classifier import fit
from mrg_r1_lib.study import DETAILS

PATCH_SIZE = 16  # pixels per side of a token: the stem halves the image's side four times
STEM_CHANNELS = (32, 64, 128)
# of each target's loss in training: that it is there; its sides; its zones and sizes
WEIGHTS = {"": 8.0, "side": 3.0, "zone": 1.0, "size": 1.0}
FEATURE_CACHE = 2**28  # bytes


class ConvStemVisionConfig(SiglipVisionConfig):
    """SigLIP's vision configuration; `patch_size` must be 16."""

    model_type = "conv_stem_siglip_vision_model"


class ConvStem(nn.Sequential):
    """Images `(n, 3, side, side)` -> `(n, hidden, side / 16, side / 16)`.

    Each image is first scaled to mean 0 and variance 1. While the weights are frozen, batch
    normalisation uses and keeps its running statistics: a batch then changes nothing, so the KL
    divergence from the start of reinforcement learning begins at 0.
    """

    def __init__(self, hidden_size: int) -> None:
        layers: list[nn.Module] = [nn.InstanceNorm2d(3), nn.PixelUnshuffle(2)]
        for inside, outside in pairwise((12, *STEM_CHANNELS)):
            convolution = nn.Conv2d(inside, outside, 3, padding=1, bias=False)
            layers += [convolution, nn.MaxPool2d(2), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.Conv2d(STEM_CHANNELS[-1], hidden_size, 1))

    @property
    def weight(self) -> torch.Tensor:
        """SigLIP asks its patch convolution for the type of its weights."""
        return self[-1].weight

    def train(self, mode: bool = True) -> "ConvStem":
        """Training mode only where the weights are trained."""
        return super().train(mode and self.weight.requires_grad)


class SeesOnce:
    """A vision transformer that, while it is frozen, computes each image once.

    The hidden states of an image are kept until a weight changes, up to FEATURE_CACHE bytes; those
    not used for longest go first. Each image is computed by itself, so they do not depend on the
    batch, nor on what was kept.
    """

    last_norm = "post_layernorm"  # the layer behind the last hidden states

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        self._seen: dict[bytes, torch.Tensor] = {}
        self._seen_by = -1  # the number of changes of the weights that computed them

    def forward(self, pixel_values: torch.Tensor, **kwargs) -> BaseModelOutputWithPooling:
        """Images `(n, 3, side, side)` -> the transformer's last hidden states, kept if frozen."""
        if torch.is_grad_enabled() and any(p.requires_grad for p in self.parameters()):
            return super().forward(pixel_values, **kwargs)
        changes = sum(tensor._version for tensor in chain(self.parameters(), self.buffers()))
        if changes != self._seen_by:
            self._seen, self._seen_by = {}, changes
        # tensors made in inference mode could not be used in training later
        with torch.inference_mode(False), torch.no_grad():
            hidden = torch.stack([self._look(image) for image in pixel_values])
            last = getattr(self, self.last_norm)(hidden)
        return BaseModelOutputWithPooling(last_hidden_state=last, hidden_states=(hidden,))

    def _look(self, image: torch.Tensor) -> torch.Tensor:
        """The last hidden states `(tokens, hidden)` of one image `(3, side, side)`."""
        key = hashlib.sha256(image.float().cpu().numpy().tobytes()).digest()
        hidden = self._seen.pop(key, None)
        if hidden is None:
            hidden = super().forward(image[None], output_hidden_states=True).hidden_states[-1][0]
            while self._seen and hidden.nbytes * (len(self._seen) + 1) > FEATURE_CACHE:
                del self._seen[next(iter(self._seen))]
        self._seen[key] = hidden
        return hidden


class ConvStemVisionModel(SeesOnce, SiglipVisionModel):
    """SigLIP's vision transformer behind a `ConvStem`."""

    config_class = ConvStemVisionConfig

    def __init__(self, config: ConvStemVisionConfig) -> None:
        super().__init__(config)
        self.embeddings.patch_embedding = ConvStem(config.hidden_size)


class FrozenDinov2Config(Dinov2Config):
    """The configuration of a published DINOv2."""

    model_type = "frozen_dinov2"


class FrozenDinov2Model(SeesOnce, Dinov2Model):
    """A published DINOv2, never trained here."""

    config_class = FrozenDinov2Config
    last_norm = "layernorm"


for made in (ConvStemVisionModel, FrozenDinov2Model):
    AutoConfig.register(made.config_class.model_type, made.config_class)
    AutoModel.register(made.config_class, made)


class TowerClassifier(nn.Module):
    """The tower with a linear head on the mean of its last hidden states, which LLaVA reads."""

    def __init__(self, tower: SiglipVisionModel, classes: int) -> None:
        super().__init__()
        self.tower, self.head = tower, nn.Linear(tower.config.hidden_size, classes)

    def forward(self, pixel_values: torch.Tensor) -> torch.Tensor:
        """Images `(n, 3, side, side)` -> logits `(n, classes)`."""
        hidden = self.tower(pixel_values, output_hidden_states=True).hidden_states[-1]
        return self.head(hidden.mean(1))


def train_tower(
    tower: SiglipVisionModel, images: np.ndarray, targets: np.ndarray, *, epochs: int, seed: int
) -> tuple[TowerClassifier, list[float]]:
    """Train `tower` in place; returns it with its head, and the mean loss of each epoch.

    `images` `(n, H, W) uint8`, with `H` and `W` the tower's image size; `targets` `(n, classes, 9)`
    in the columns of `study.DETAILS`: 1, 0 or NaN (not known). With sides and zones among them, the
    tower keeps where a sign lies.
    """
    studies, classes, details = targets.shape
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        classifier = TowerClassifier(tower, classes * details)
    losses = fit(
        classifier,
        normalised,
        images,
        targets.reshape(studies, -1),
        epochs=epochs,
        seed=seed,
        learning_rate=1e-3,
        weights=np.tile([WEIGHTS[attribute] for attribute, _ in DETAILS], classes),
        bar="vision tower",
    )
    return classifier, losses


@torch.inference_mode()
def seen(classifier: TowerClassifier, images: np.ndarray) -> np.ndarray:
    """What a trained tower sees on images `(n, H, W) uint8`: probabilities `(n, classes)`."""
    classifier.requires_grad_(False).eval()
    batches = [normalised(images[start : start + 64]) for start in range(0, len(images), 64)]
    return torch.cat([classifier(batch).sigmoid() for batch in batches]).numpy()


def normalised(images: np.ndarray) -> torch.Tensor:
    """`(n, H, W) uint8` -> float `(n, 3, H, W)` in [-1, 1], as the policy's processor does."""
    return torch.from_numpy(images / np.float32(127.5) - 1)[:, None].expand(-1, 3, -1, -1)
