import numpy as np
import pytest
import torch
from transformers import AutoModel

from mrg_r1_lib.policies.vision_tower import ConvStemVisionConfig, ConvStemVisionModel, train_tower


def new_tower(seed=0):
    torch.manual_seed(seed)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    return ConvStemVisionModel(
        ConvStemVisionConfig(image_size=48, patch_size=16, vision_use_head=False, **sizes)
    )


@pytest.fixture(scope="module")
def bright_squares():
    """48-pixel images, half of them with a bright square somewhere."""
    rng = np.random.default_rng(0)
    images = rng.integers(90, 130, (256, 48, 48), dtype=np.uint8)
    present = np.arange(256)[:, None] % 2 == 0
    for image in images[::2]:
        top, left = rng.integers(0, 36, 2)
        image[top : top + 10, left : left + 10] += 60
    return images, present


def test_the_tower_learns_to_see_and_the_same_seed_gives_the_same_weights(bright_squares):
    images, present = bright_squares
    towers = [new_tower(), new_tower()]
    losses = [train_tower(tower, images, present, epochs=8, seed=3) for tower in towers]
    assert losses[0] == losses[1] and losses[0][-1] < 0.5 * losses[0][0]
    first, again = (tower.state_dict() for tower in towers)
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_training_leaves_the_global_random_state_alone(bright_squares):
    tower = new_tower()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    train_tower(tower, *bright_squares, epochs=1, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_saved_tower_is_loaded_with_its_stem_and_sees_the_same(tmp_path):
    tower = new_tower().eval()
    tower.save_pretrained(tmp_path)
    loaded = AutoModel.from_pretrained(tmp_path).eval()
    assert type(loaded) is ConvStemVisionModel
    pixels = torch.randn(2, 3, 48, 48)
    with torch.inference_mode():
        assert torch.equal(tower(pixels).last_hidden_state, loaded(pixels).last_hidden_state)


def test_a_token_stands_for_sixteen_pixels_a_side():
    with torch.inference_mode():
        assert new_tower().embeddings(torch.zeros(1, 3, 48, 48)).shape == (1, 9, 32)
