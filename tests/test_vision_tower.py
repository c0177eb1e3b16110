import numpy as np
import pytest
import torch
from conftest import few_steps
from transformers import AutoModel, SiglipVisionModel

from mrg_r1_lib import scales
from mrg_r1_lib.policies import vision_tower
from mrg_r1_lib.policies.load_save import load_policy
from mrg_r1_lib.policies.load_save import vision_tower as vision
from mrg_r1_lib.policies.vision_tower import ConvStemVisionConfig, ConvStemVisionModel, train_tower
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.training.pretrain import pretrain
from mrg_r1_lib.training.sft import sft
from mrg_r1_lib.training.srl import srl

MEAN = "embeddings.patch_embedding.4.running_mean"


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
    present = np.zeros((256, 1, 9), dtype=np.float32)
    present[::2, 0, 0] = 1
    for image in images[::2]:
        top, left = rng.integers(0, 36, 2)
        image[top : top + 10, left : left + 10] += 60
    return images, present


def test_the_tower_learns_to_see_and_the_same_seed_gives_the_same_weights(bright_squares):
    images, present = bright_squares
    towers = [new_tower(), new_tower()]
    losses = [train_tower(tower, images, present, epochs=8, seed=3)[1] for tower in towers]
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


def frozen(tower):
    return tower.requires_grad_(False).train()  # as a trainer leaves a policy


def test_a_frozen_tower_keeps_its_statistics_in_training_mode_and_a_trained_one_moves_them():
    tower, pixels = new_tower(), torch.randn(8, 3, 48, 48)
    before = {name: buffer.clone() for name, buffer in tower.named_buffers()}
    frozen(tower)(pixels)
    assert all(torch.equal(before[name], buffer) for name, buffer in tower.named_buffers())
    tower.requires_grad_(True).train()(pixels)
    assert not torch.equal(before[MEAN], tower.get_buffer(MEAN))


def test_a_frozen_tower_sees_each_image_once_and_as_before(monkeypatch):
    tower, pixels = frozen(new_tower()), torch.randn(4, 3, 48, 48)
    with torch.inference_mode():
        first = tower(pixels, output_hidden_states=True).hidden_states[-1]
    whole = SiglipVisionModel.forward(tower, pixels, output_hidden_states=True).hidden_states[-1]
    assert torch.allclose(first, whole, atol=1e-5)
    monkeypatch.setattr(SiglipVisionModel, "forward", None)  # nothing is computed again
    again = tower(pixels.flip(0), output_hidden_states=True).hidden_states[-1]
    assert torch.equal(again, first.flip(0)) and not again.is_inference()


def test_what_a_tower_saw_is_forgotten_when_a_weight_changes():
    tower, pixels = frozen(new_tower()), torch.randn(2, 3, 48, 48)
    before = tower(pixels).last_hidden_state
    tower.load_state_dict(new_tower(seed=1).state_dict())
    other = frozen(new_tower(seed=1))(pixels).last_hidden_state
    assert torch.equal(tower(pixels).last_hidden_state, other) and not torch.equal(before, other)


def test_a_full_memory_changes_no_number(monkeypatch):
    pixels = torch.randn(3, 3, 48, 48)
    kept = frozen(new_tower())(pixels).last_hidden_state
    monkeypatch.setattr(vision_tower, "FEATURE_CACHE", 1)
    tower = frozen(new_tower())
    assert torch.equal(tower(pixels).last_hidden_state, kept) and len(tower._seen) == 1


def test_brightness_and_contrast_of_a_film_change_nothing():
    tower, pixels = frozen(new_tower()), torch.randn(2, 3, 48, 48)
    plain, dim = (tower(image).last_hidden_state for image in (pixels, 0.5 * pixels + 0.2))
    assert torch.allclose(plain, dim, atol=1e-3)


def test_what_is_not_known_has_no_loss_and_what_is_there_weighs_more_than_a_side():
    images, whole = np.zeros((4, 48, 48), dtype=np.uint8), np.zeros((4, 1, 9), dtype=np.float32)

    def loss(unknown):
        targets = whole.copy()
        targets[..., unknown] = np.nan
        return train_tower(new_tower(), images, targets, epochs=1, seed=0)[1][0]

    everything, without_sides, without_presence = loss([]), loss([1, 2]), loss([0])
    assert 0 < without_presence < without_sides < everything


@pytest.mark.slow
def test_sft_and_srl_leave_the_towers_weights_and_statistics_and_kl_begins_at_0(
    indiana, tmp_path, monkeypatch
):
    monkeypatch.setitem(scales.SCALES, "smoke", few_steps(lora=False))
    run = Run("iu_xray/srl_mccs", "smoke", 0, tmp_path)
    pretrain(run), sft(run)
    log = srl(run)
    before, after = (
        vision(load_policy(each.policy)[0]).state_dict() for each in (run.of_stage("pretrain"), run)
    )
    assert MEAN in before and all(torch.equal(before[name], after[name]) for name in before)
    assert log["kl"].iloc[0] == 0
