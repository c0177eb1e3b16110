"""A tower that saw drawings alone is blind on real files; its own training images open its eyes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from mrg_r1_lib.corpora import image_targets as module
from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.image_files import readers
from mrg_r1_lib.corpora.image_targets import image_targets
from mrg_r1_lib.policies.vision_tower import (
    ConvStemVisionConfig,
    ConvStemVisionModel,
    seen,
    train_tower,
)
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.study import index_labels, pixels


def altered(study, folder, number):
    """The study with a file for its drawing: inverted, darker, 12 or 16 bit, another size."""
    grey = np.asarray(study.images[0]().resize((150, 130)), dtype=float) / 255
    film = (1 - grey) ** 0.6 * (4095 if number % 2 else 65535)
    path = folder / f"{number}.png"
    Image.fromarray(film.astype(np.uint16)).save(path)
    return replace(study, images=readers([path], 96))


def mean_auroc(tower, studies):
    wanted = index_labels(studies)[:, :13] == 1
    there = seen(tower, pixels(studies)).reshape(len(studies), 13, -1)[..., 0]
    both = wanted.any(axis=0)
    return roc_auc_score(wanted[:, both], there[:, both])


def trained(images, targets):
    torch.manual_seed(0)
    sizes = {"hidden_size": 96, "intermediate_size": 192, "num_attention_heads": 2}
    config = ConvStemVisionConfig(
        image_size=96, patch_size=16, num_hidden_layers=1, vision_use_head=False, **sizes
    )
    return train_tower(ConvStemVisionModel(config), images, targets, epochs=4, seed=0)[0]


@pytest.mark.slow
def test_own_images_teach_a_tower_to_see_altered_files(tmp_path, monkeypatch):
    drawn = load_corpus("phantom", studies=1000, seed=5)
    files = [altered(drawn[number], tmp_path, number) for number in range(1000)]
    train, held_out = files[:800], files[800:]
    monkeypatch.setattr(module, "load_split", lambda corpus, split, scale: train)
    scale = SCALES["smoke"]
    scale = replace(scale, images="files", pretrain=replace(scale.pretrain, phantoms=1200, own=2))
    images, targets = image_targets("iu_xray", scale, 0, "rules")
    blind = mean_auroc(trained(images[-1200:], targets[-1200:]), held_out)
    sees = mean_auroc(trained(images, targets), held_out)
    assert len(images) == 2 * 800 + 1200 and sees > blind + 0.1, (blind, sees)
