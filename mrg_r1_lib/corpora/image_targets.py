"""Images and what is to be seen on them, for the networks that learn to look before any language.

The vision tower of the tiny policy and the baseline `image_classifier` learn from the same images:
phantoms, and the training split's own images. Drawn ones are drawn anew, several times. Targets are
the hand-made index, or the labeler's reading of the report where a corpus has no index. Validation
and test are never read.
"""

from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.phantom import drawn_anew
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.experiments import images_of
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.scales import Scale
from mrg_r1_lib.study import DETAILS, Study, index_details, pixels


def image_targets(
    corpus: str, scale: Scale, seed: int, labeler: str
) -> tuple[np.ndarray, np.ndarray]:
    """Images `(n, H, W) uint8` of at most 96 pixels per side, and targets `(n, 13, 9) float32`.

    Targets are 1, 0 or NaN (not said), in the columns of `study.DETAILS`; `labeler` names the
    labeler of a corpus without index.
    """
    parts = [_seen(own_studies(corpus, scale), labeler)]
    if images_of(corpus, scale) == "files":
        parts *= scale.pretrain.own
    if count := scale.pretrain.phantoms:
        size = {"seed": seed, "image_size": scale.image_size}
        parts.append(_seen(load_corpus("phantom", studies=count, **size)[:], labeler))
    images, targets = zip(*parts, strict=True)
    return np.concatenate(images), np.concatenate(targets)


def own_studies(corpus: str, scale: Scale) -> Sequence[Study]:
    """The training studies with the images to learn from: drawn anew, several times, or files."""
    train = load_split(corpus, "train", scale)
    if images_of(corpus, scale) == "files":
        return train
    return drawn_anew(train, scale.pretrain.own, scale.image_size, "tower")


def _seen(studies: Sequence[Study], labeler: str) -> tuple[np.ndarray, np.ndarray]:
    """The studies' pixels and targets."""
    targets = index_details(studies)
    bare = [place for place, study in enumerate(studies) if study.index_terms is None]
    if bare:
        read = load_labeler(labeler)([studies[place].findings for place in bare])
        targets[bare] = label_details(read)
    return pixels(tqdm(studies, desc="images to learn from", mininterval=1.0)), targets


def label_details(labels: np.ndarray) -> np.ndarray:
    """Label codes `(n, 14)` -> targets `(n, 13, 9) float32`: of what is there, no detail is known.

    >>> label_details(np.array([[1] + [2] * 13]))[0, :2, :3].tolist()
    [[1.0, nan, nan], [0.0, 0.0, 0.0]]
    """
    there = positives(labels)
    targets = np.repeat(np.where(there, np.nan, 0.0)[..., None], len(DETAILS), axis=-1)
    targets[..., 0] = there
    return targets.astype(np.float32)
