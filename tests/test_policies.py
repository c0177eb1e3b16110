import numpy as np
import pytest
import torch
from peft import get_peft_model
from PIL import Image
from safetensors.torch import save_file

from mrg_r1_lib.policies import load_save
from mrg_r1_lib.policies.generation import generate
from mrg_r1_lib.policies.load_save import (
    create_policy,
    freeze_vision,
    load_policy,
    lora,
    new_adapters,
    policy_digest,
    save_policy,
    stop_tower_gradients,
    vision_tower,
)
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.report_format import INSTRUCTION, render_target
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.trainer import common_settings

TEXTS = [
    "The heart is normal in size. The lungs are clear.",
    "No pleural effusion or pneumothorax.",
] * 20


@pytest.fixture(scope="module")
def policy():
    return create_policy("tiny_llava", TEXTS, image_size=48, seed=0)


def study(grey):
    image = np.zeros((48, 48), np.uint8)
    image[: grey // 5] = 255  # the size of a bright field: brightness itself is scaled away
    return Study(f"s{grey}", "p", (lambda: Image.fromarray(image),), "")


def test_an_unknown_policy_lists_the_known_ones():
    with pytest.raises(ValueError, match="Unknown policy 'gpt'; known policies: tiny_llava"):
        create_policy("gpt", TEXTS, 48, 0)
    with pytest.raises(ValueError, match="image_size 50 is no multiple of its patch size"):
        create_policy("tiny_llava", TEXTS, 50, 0)


def test_a_policy_without_hub_and_maker_says_what_it_lacks(monkeypatch):
    monkeypatch.setitem(POLICIES, "mine", POLICIES["tiny_llava"])
    with pytest.raises(ValueError, match=r"mine has no `hub` .* no maker in MADE_HERE"):
        create_policy("mine", TEXTS, 48, 0)


def test_any_text_survives_the_tokenizer_and_the_tags_are_single_tokens(policy):
    tokenizer = policy[1].tokenizer
    text = render_target(
        "Edema", "XXXX-year-old: 5 mm nodule, unchanged (see CT).\nHeart 50% – ÄÖÜ."
    )
    assert tokenizer.decode(tokenizer(text).input_ids, skip_special_tokens=True) == text
    assert len(tokenizer("<think></think><report></report>").input_ids) == 4


def test_the_seed_decides_the_weights(policy):
    first, again, other = (
        create_policy("tiny_llava", TEXTS, 48, seed)[0].state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=str)
def adapted(policy, tmp_path, request):
    """A saved policy with adapters that do something, its processor and where its model lies."""
    save_policy(policy[0].to(request.param), policy[1], tmp_path / "base" / "policy")
    model, processor = load_policy(tmp_path / "base" / "policy")
    torch.manual_seed(0)
    adapted = get_peft_model(model, lora(POLICIES["tiny_llava"]))
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    save_policy(adapted, processor, tmp_path / "adapted" / "policy")
    return adapted, processor, tmp_path


def test_adapters_are_saved_alone_and_loading_gives_the_same_completions_wherever_the_results_lie(
    adapted,
):
    model, processor, results = adapted
    before = generate(model, processor, [study(0), study(200)], 8, 2)
    moved = results.rename(results.with_name(f"{results.name}_moved"))
    loaded, loaded_processor = load_policy(moved / "adapted" / "policy")
    assert not (moved / "adapted" / "policy" / "model.safetensors").exists()
    assert generate(loaded, loaded_processor, [study(0), study(200)], 8, 2) == before
    assert loaded_processor.tokenizer.padding_side == "left"


def test_a_saved_tokenizer_does_not_tell_how_the_last_batch_was_padded(policy, tmp_path):
    model, processor = policy
    for name, padded in (("before", {}), ("after", {"padding": True, "truncation": True})):
        processor.tokenizer(["no edema", "no"], max_length=3, **padded)
        save_policy(model, processor, tmp_path / name)
    before, after = (
        (tmp_path / name / "tokenizer.json").read_bytes() for name in ("before", "after")
    )
    assert before == after


def test_on_a_gpu_without_bfloat16_a_policy_in_it_is_loaded_in_float16(adapted, monkeypatch):
    saved = next(adapted[0].get_base_model().parameters()).dtype
    folder = adapted[2] / "adapted" / "policy"
    monkeypatch.setattr(load_save, "half_precision", lambda: torch.float16)
    kinds = {name: weight.dtype for name, weight in load_policy(folder)[0].named_parameters()}
    expected = torch.float16 if saved == torch.bfloat16 else saved
    assert {kind for name, kind in kinds.items() if "lora_" not in name} == {expected}
    assert {kind for name, kind in kinds.items() if "lora_" in name} == {torch.float32}
    assert next(load_policy(folder, "auto")[0].get_base_model().parameters()).dtype == saved


@pytest.mark.parametrize(
    ("gpu", "exact", "half"),
    [(False, False, None), (True, True, "bf16"), (True, False, "fp16")],
    ids=("CPU", "new GPU", "old GPU"),
)
def test_a_gpu_trains_in_bfloat16_or_where_it_only_emulates_that_in_float16(
    run, monkeypatch, gpu, exact, half
):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    monkeypatch.setattr(
        torch.cuda,
        "is_bf16_supported",
        lambda including_emulation=True: including_emulation or exact,
    )
    settings = common_settings(run)
    assert [name for name in ("bf16", "fp16") if settings[name]] == ([half] if half else [])


def test_a_change_far_below_the_precision_of_the_model_survives_saving(adapted):
    model, processor, results = adapted
    weights = {name: p for name, p in model.named_parameters() if "lora_B" in name}
    with torch.no_grad():
        for parameter in weights.values():
            parameter += 1e-6
    save_policy(model, processor, results / "again" / "policy")
    loaded = dict(load_policy(results / "again" / "policy")[0].named_parameters())
    assert weights and all(
        torch.equal(parameter, loaded[name]) for name, parameter in weights.items()
    )
    assert all(loaded[name].requires_grad for name in weights)


def test_adapters_without_their_model_say_where_it_should_be(adapted):
    results = adapted[2]
    (results / "base").rename(results / "elsewhere")
    with pytest.raises(
        FileNotFoundError,
        match=r"expected a whole model .* found adapters without it, .*base/policy\.$",
    ):
        load_policy(results / "adapted" / "policy")


def gradients_of_adapters(model, processor):
    """One backward pass under activation checkpointing, and whether the tower took part in it."""
    model.train()
    model.get_base_model().activation_checkpointing_enable()
    model.enable_input_require_grads()
    seen = []
    vision_tower(model).register_forward_hook(
        lambda *given: seen.append(given[2].last_hidden_state.requires_grad)
    )
    messages = [{"role": "user", "content": [{"type": "image", "image": study(90).images[0]()}]}]
    asked = {"tokenize": True, "return_dict": True, "return_tensors": "pt"}
    inputs = processor.apply_chat_template(messages, **asked)
    model(**inputs, labels=inputs["input_ids"]).loss.backward()
    found = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return found, any(seen)


def test_a_tower_without_gradients_leaves_the_gradients_of_the_adapters_as_they_are(adapted):
    _, processor, results = adapted
    found = []
    for stopped in (False, True):
        model = load_policy(results / "adapted" / "policy")[0]
        if stopped:
            stop_tower_gradients(model)
        gradients, took_part = gradients_of_adapters(model, processor)
        assert not took_part  # ours computes each image once, without gradients
        found.append(gradients)
    assert found[0].keys() == found[1].keys()
    assert max(gradient.abs().max() for gradient in found[0].values()) > 1e-3
    for name, gradient in found[0].items():
        torch.testing.assert_close(found[1][name], gradient, rtol=0, atol=0)


def test_a_tower_that_is_trained_keeps_its_gradients():
    model = create_policy("tiny_llava", TEXTS, 48, seed=0)[0].requires_grad_(True)
    with pytest.raises(
        ValueError, match=r"vision tower are trained, the first is .*expected a frozen"
    ):
        stop_tower_gradients(model)


def test_only_a_model_without_adapters_is_given_new_ones(adapted):
    assert new_adapters(adapted[0], POLICIES["tiny_llava"]) is None
    assert new_adapters(adapted[0].get_base_model(), POLICIES["tiny_llava"]).r == 16


def test_adapters_never_touch_vision_tower_or_projector():
    model = get_peft_model(
        create_policy("tiny_llava", TEXTS, 48, 0)[0], lora(POLICIES["tiny_llava"])
    )
    trained = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert trained and not [name for name in trained if "vision" in name or "projector" in name]


def test_a_completion_does_not_depend_on_its_neighbours(policy):
    model, processor = create_policy("tiny_llava", TEXTS, 48, 3)
    both = generate(model, processor, [study(30), study(220)], 6, 2)
    assert both == generate(model, processor, [study(30)], 6, 2) + generate(
        model, processor, [study(220)], 6, 2
    )


def test_the_image_reaches_the_policy(policy):
    model, processor = create_policy("tiny_llava", TEXTS, 48, 3)
    half_lit = np.repeat(np.arange(48) < 24, 48 * 3).reshape(48, 48, 3).transpose(1, 0, 2) * 255
    half_lit = half_lit.astype(np.uint8)
    prompt = [
        [
            {
                "role": "user",
                "content": [
                    {"type": "image", "image": Image.fromarray(image)},
                    {"type": "text", "text": INSTRUCTION},
                ],
            }
        ]
        for image in (half_lit, half_lit[:, ::-1])  # every film has the same brightness
    ]
    inputs = [
        processor.apply_chat_template(
            p, tokenize=True, return_dict=True, return_tensors="pt", add_generation_prompt=True
        )
        for p in prompt
    ]
    with torch.inference_mode():
        dark, bright = (model(**each).logits[0, -1] for each in inputs)
    assert not torch.allclose(dark, bright)


def test_a_policy_whose_vision_tower_has_an_unknown_name_is_an_error():
    blind = torch.nn.ModuleDict({"eyes": torch.nn.Linear(2, 2), "speech": torch.nn.Linear(2, 2)})
    with pytest.raises(
        ValueError, match=r"no parameter of a vision tower .* policies/load_save\.py"
    ):
        freeze_vision(blind)


def test_weights_in_several_files_have_one_digest(tmp_path):
    for name in ("model-00001-of-00002", "model-00002-of-00002"):
        save_file({"w": torch.ones(2)}, tmp_path / f"{name}.safetensors")
    first = policy_digest(tmp_path)
    save_file({"w": torch.zeros(2)}, tmp_path / "model-00002-of-00002.safetensors")
    assert len(first) == 64 and policy_digest(tmp_path) != first
