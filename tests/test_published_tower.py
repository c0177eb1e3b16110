"""The small policy behind a published vision encoder: here a tiny DINOv2 with random weights."""

from dataclasses import replace

import pytest
import torch
from conftest import few_steps
from huggingface_hub.errors import LocalEntryNotFoundError
from PIL import Image
from transformers import (
    BitImageProcessorPil,
    Dinov2Config,
    Dinov2Model,
    ViTConfig,
    ViTModel,
    set_seed,
)

from mrg_r1_lib import scales
from mrg_r1_lib.policies import hub_files
from mrg_r1_lib.policies.generation import generate
from mrg_r1_lib.policies.load_save import create_policy, load_policy, save_policy
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import write_aside
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.pretrain import pretrain
from mrg_r1_lib.training.sft import sft

NAME = "tiny_llava_rad_dino"
TEXTS = ["The heart is normal in size.", "No pleural effusion."] * 20
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def publish(folder, model):
    """Save an encoder and its image processor as if they had been downloaded."""
    with write_aside(folder) as aside:
        model.save_pretrained(aside)
        BitImageProcessorPil(
            size={"shortest_edge": 70},
            crop_size={"height": 70, "width": 70},
            image_mean=[0.53] * 3,
            image_std=[0.25] * 3,
        ).save_pretrained(aside)
    return folder


@pytest.fixture
def encoder(tmp_path, monkeypatch):
    """A tiny DINOv2 where the registry says that it is."""
    set_seed(7)
    model = Dinov2Model(Dinov2Config(**SIZES, image_size=70, patch_size=14))
    folder = publish(tmp_path / "encoder", model)
    monkeypatch.setitem(POLICIES, NAME, replace(POLICIES[NAME], tower=str(folder)))
    return model


def study(grey):
    return Study(f"s{grey}", "p", (lambda: Image.new("L", (60, 80), grey),), "")


def same(tower, published):
    weights = published.state_dict()
    return all(torch.equal(weights[name], each) for name, each in tower.state_dict().items())


def test_the_tower_has_the_published_weights_and_is_frozen(encoder):
    model, processor = create_policy(NAME, TEXTS, image_size=42, seed=0)
    assert same(model.model.vision_tower, encoder)
    trained = [name for name, each in model.named_parameters() if each.requires_grad]
    assert trained and not [name for name in trained if "vision_tower" in name]
    asked = processor(images=[Image.new("RGB", (42, 42))], text="<image>", return_tensors="pt")
    assert asked["input_ids"].numel() == 9 and asked["pixel_values"].shape == (1, 3, 42, 42)
    torch.testing.assert_close(asked["pixel_values"].mean(), torch.tensor(-0.53 / 0.25))


def test_the_saved_policy_sees_images_of_any_shape_through_that_tower(encoder, tmp_path):
    save_policy(*create_policy(NAME, TEXTS, image_size=42, seed=0), tmp_path / "policy")
    model, processor = load_policy(tmp_path / "policy")
    assert same(model.model.vision_tower, encoder)
    assert len(generate(model, processor, [study(0), study(255)], 4, 2)) == 2
    dark, bright = (
        model.get_image_features(
            processor.image_processor(study(grey).images[0]().convert("RGB"), return_tensors="pt")[
                "pixel_values"
            ]
        ).pooler_output[0]
        for grey in (0, 255)
    )
    assert dark.shape == (9, 192) and not torch.allclose(dark, bright, atol=1e-3)


def test_the_published_tower_sees_each_image_once_and_as_published(encoder, tmp_path, monkeypatch):
    save_policy(*create_policy(NAME, TEXTS, image_size=42, seed=0), tmp_path / "policy")
    tower = load_policy(tmp_path / "policy")[0].model.vision_tower.train()
    pixels, calls, whole = torch.randn(3, 3, 42, 42), [], Dinov2Model.forward
    expected = encoder.eval()(pixels, output_hidden_states=True)
    monkeypatch.setattr(
        Dinov2Model, "forward", lambda *given, **named: calls.append(1) or whole(*given, **named)
    )
    first = tower(pixels[[0, 1, 0, 2]], output_hidden_states=True)
    again = tower(pixels, output_hidden_states=True)
    assert len(calls) == 3
    torch.testing.assert_close(again.hidden_states[-1], expected.hidden_states[-1])
    torch.testing.assert_close(again.last_hidden_state, expected.last_hidden_state)
    assert torch.equal(first.hidden_states[-1][[0, 1, 3]], again.hidden_states[-1])


def test_another_encoder_or_size_is_refused_with_what_was_expected(encoder, tmp_path):
    with pytest.raises(ValueError, match="image_size 48 is no multiple of its patch size 14"):
        create_policy(NAME, TEXTS, 48, 0)
    other = ViTModel(ViTConfig(**SIZES, image_size=28, patch_size=14))
    publish(tmp_path / "encoder", other)
    with pytest.raises(ValueError, match=r"encoder holds a vit, expected a dinov2"):
        create_policy(NAME, TEXTS, 42, 0)


def test_without_the_encoder_the_error_says_where_to_put_it(tmp_path, monkeypatch):
    def offline(*_, **__):
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    monkeypatch.setattr(hub_files, "snapshot_download", offline)
    place = f"{tmp_path}/models/{NAME}"
    with pytest.raises(FileNotFoundError, match=rf"hf download microsoft/rad-dino.* into {place}"):
        create_policy(NAME, TEXTS, 42, 0)


@pytest.mark.slow
def test_no_stage_changes_the_published_tower(encoder, indiana, tmp_path, monkeypatch):
    few = {"phantoms": 16, "tower_epochs": 0, "terse": 4, "reports": 8}
    scale = few_steps(policy=NAME, image_size=42, lora=False, pretrain=few)
    scale = replace(scale, sft=replace(scale.sft, epochs=1, evaluations=1, phantoms=0))
    monkeypatch.setitem(scales.SCALES, "smoke", scale)
    run = Run("iu_xray/sft", "smoke", 0, tmp_path / "results")
    pretrain(run), sft(run)
    assert same(load_policy(run.policy)[0].model.vision_tower, encoder)
