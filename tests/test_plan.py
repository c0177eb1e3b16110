"""The plan of a scale: hand-worked numbers on a LLaVA of 8,320 parameters, published totals, and what it says without a GPU."""

import dataclasses
import math
from types import SimpleNamespace

import pytest
import torch
from accelerate.utils import DistributedType
from peft import get_peft_model

from mrg_r1_lib import experiments
from mrg_r1_lib.policies.load_save import create_policy, lora
from mrg_r1_lib.policies.registry import POLICIES, BaseModel
from mrg_r1_lib.training import memory as plan

TEXT = {
    "model_type": "llama",
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 100,
}
VISION = TEXT | {
    "model_type": "clip_vision_model",
    "num_hidden_layers": 1,
    "image_size": 28,
    "patch_size": 14,
}
SIZES = {"text_config": TEXT, "vision_config": VISION, "tie_word_embeddings": False}
SMALL = BaseModel("nobody/small", sizes=SIZES, micro_batch=4, activation_checkpointing=True)
# a layer: q and o 64 each, k and v 32 each, MLP 3 x 128, norms 16; embeddings and head 800 each, last norm 8
LANGUAGE = 2 * (64 + 64 + 32 + 32 + 384 + 16) + 800 + 800 + 8
# class token 8, patches 3 x 14 x 14 x 8, positions 5 x 8, two norms 32; a layer: attention 288, norms 32, MLP 144 + 136
TOWER = 8 + 4704 + 40 + 32 + 288 + 32 + 144 + 136
PROJECTOR = 2 * (8 * 8 + 8)
# rank 16, in + out of every linear: q and o 16 each, k and v 12 each, gate, up and down 24 each
ADAPTERS = 2 * 16 * (16 + 16 + 12 + 12 + 24 + 24 + 24)
# layers and billions of the published policies, as their makers' weights have them
PUBLISHED = {
    "huatuo_7b": (28, 8.29),
    "qwen25_vl_7b": (28, 8.29),
    "qwen25_vl_3b": (36, 3.75),
    "qwen3_vl_4b": (36, 4.44),
    "llava_15_7b": (32, 7.06),
}


@pytest.fixture
def use(monkeypatch):
    """Put a base model in the place of smoke's: 8 completions a step, of 64 tokens of prompt (4 of an image) and 16 more."""

    def used(base: BaseModel = SMALL, **changes) -> None:
        few = {
            "studies_per_step": 2,
            "group_size": 4,
            "max_completion_length": 16,
            "srl_steps": 9,
            "lora": True,
        }
        scale = dataclasses.replace(
            experiments.SCALES["smoke"], **{"policy": "small"} | few | changes
        )
        monkeypatch.setitem(experiments.SCALES, "smoke", scale)
        monkeypatch.setitem(POLICIES, "small", base)

    return used


@pytest.fixture
def gpu(monkeypatch):
    """Show torch so many GPUs of so many bytes; none of 0."""

    def shown(memory: int, devices: int = 1, kind: DistributedType = DistributedType.NO) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: memory > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: devices)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Small GPU")
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=memory)
        )
        monkeypatch.setattr(plan, "processes", lambda: SimpleNamespace(distributed_type=kind))
        monkeypatch.setattr(plan, "LARGE", 8_000)

    return shown


def in_bytes(devices: int = 1, divided: bool = False) -> dict[str, float]:
    return {part: gib * 2**30 for part, gib in plan.memory("smoke", devices, divided).items()}


def benchmark(results, policy: str, rows: str) -> None:
    (results / "benchmarks").mkdir(exist_ok=True)
    path = results / "benchmarks" / f"srl_{policy}_gpu.csv"
    path.write_text("policy,device,step,tokens_per_second,peak_gib\n" + rows)


def test_parameters_are_those_counted_by_hand(use):
    use()
    assert plan.count_parameters("smoke") == plan.Parameters(
        LANGUAGE + TOWER + PROJECTOR, TOWER, ADAPTERS
    )


def test_without_lora_all_but_the_vision_tower_is_trained(use):
    use(lora=False)
    assert plan.count_parameters("smoke").trained == LANGUAGE + PROJECTOR


def test_tied_embeddings_count_once(use):
    use(dataclasses.replace(SMALL, sizes=SIZES | {"tie_word_embeddings": True}))
    assert plan.count_parameters("smoke").whole == LANGUAGE + TOWER + PROJECTOR - 800


def test_a_step_has_the_tokens_of_all_its_prompts_and_completions(use):
    use()
    assert plan.tokens("smoke") == {
        "image": 4,
        "prompt": 64,
        "completion": 16,
        "completions": 8,
        "step": 8 * 80,
    }


def test_memory_by_part_is_that_worked_by_hand(use):
    use()
    parts = in_bytes()
    training = 2 * 320 * (2 * 8 + 16 * 8 + 8 * 16) + 2 * 16 * (
        8 + 16 * 8 + 8 * 16
    )  # 320 tokens, 16 patches of a micro-batch
    counted = 2 * 8320 + (4 + 16) * ADAPTERS + training + parts["head"]
    assert (
        parts["weights"] == 2 * 8320
        and parts["reference"] == 4 * ADAPTERS
        and parts["trained"] == 16 * ADAPTERS
    )
    assert parts["activations"] == training
    assert parts["head"] == 2 * 64 * 100 + 4 * 64 * 8
    assert (
        parts["cache"] == 2 * 2 * (1 * 4) * 2 * 8 * 80
    )  # keys and values, layers, one head of 4, bytes, completions, tokens
    assert parts["prefill"] == 2 * 8 * 64 * (4 * 8 + 3 * 16)
    assert parts["needed"] == pytest.approx(1.1 * counted + 2**30)


def test_the_larger_of_the_two_phases_is_counted_and_not_their_sum(use):
    use(studies_per_step=200)  # 800 completions are generated at once, and trained on by four
    parts = in_bytes()
    assert parts["cache"] + parts["prefill"] > parts["activations"] + parts["head"]
    stays = parts["weights"] + parts["reference"] + parts["trained"]
    assert parts["needed"] == pytest.approx(
        1.1 * (stays + parts["cache"] + parts["prefill"]) + 2**30
    )


def test_without_lora_the_reference_is_a_second_copy(use):
    use(lora=False)
    parts = in_bytes()
    assert parts["reference"] == parts["weights"] == 2 * 8320
    assert parts["trained"] == 3 * 2 * (LANGUAGE + PROJECTOR)


def test_two_devices_share_the_completions_and_under_zero3_the_weights_too(use):
    use()
    one, two, divided = in_bytes(), in_bytes(2), in_bytes(2, divided=True)
    assert two["cache"] == divided["cache"] == one["cache"] / 2
    assert two["weights"] == one["weights"] and divided["weights"] == one["weights"] / 2
    assert two["trained"] == one["trained"] and divided["trained"] == one["trained"] / 2
    assert (
        two["activations"] == divided["activations"] == one["activations"]
    )  # four of a micro-batch fit either share


@pytest.mark.parametrize("policy", PUBLISHED)
def test_a_published_policy_has_its_published_size_and_adapters_on_its_language_model_alone(policy):
    layers, billions = PUBLISHED[policy]
    model = plan.empty_model(plan.configuration(policy, 512))
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(billions * 1e9, rel=0.01)
    adapted = get_peft_model(model, lora(POLICIES[policy]))
    trained = [name for name, p in adapted.named_parameters() if p.requires_grad]
    assert len(trained) == 7 * layers * 2
    assert all("language_model" in name for name in trained)
    assert not [
        name
        for name in trained
        if any(part in name for part in ("vision", "visual", "projector", "merger"))
    ]


def test_every_published_policy_is_among_those():
    assert set(PUBLISHED) == {name for name, base in POLICIES.items() if base.hub}


@pytest.mark.parametrize(
    ("policy", "count"), [("qwen25_vl_7b", 334), ("qwen3_vl_4b", 256), ("llava_15_7b", 576)]
)
def test_an_image_becomes_the_tokens_of_its_most_pixels(policy, count):
    assert plan.image_tokens(policy, plan.configuration(policy, 512)) == count


def test_a_policy_made_here_is_counted_with_every_word_of_its_vocabulary():
    model, processor = create_policy("tiny_llava", ["a report"], 96, 0)
    missing = plan.VOCABULARY - len(
        processor.tokenizer
    )  # so many rows of embeddings and of the head, 192 numbers each
    assert (
        plan.count_parameters("laptop").whole
        == sum(p.numel() for p in model.parameters()) + 2 * missing * 192
    )


def test_hours_without_a_benchmark_are_not_measured(use, tmp_path):
    use()
    benchmark(
        tmp_path, "small_b", "small_b,Big GPU,2,1.6,3.0\n"
    )  # another policy, whose name begins alike
    assert plan.plan("smoke", tmp_path).iloc[-1].tolist() == [
        "SRL, 9 steps",
        "not measured",
        "hours",
    ]


def test_hours_come_from_the_measured_tokens_a_second_of_a_device(use, tmp_path):
    use()
    benchmark(
        tmp_path, "small", "small,Big GPU,1,0.1,3.0\nsmall,Big GPU,2,1.6,3.5\n"
    )  # the first step warms up
    hours, peak = plan.plan("smoke", tmp_path).iloc[-2:].itertuples(index=False)
    assert (
        hours.value == pytest.approx(9 * 640 / 1.6 / 3600) and "measured on Big GPU" in hours.unit
    )  # an hour
    assert peak.value == 3.5
    assert "not measured" not in plan.plan_text("smoke", tmp_path)


def test_the_paper_s_policy_without_a_gpu_is_refused_with_its_size_and_a_way_out(gpu, monkeypatch):
    gpu(0)
    monkeypatch.setattr(plan, "LARGE", 1_000_000_000)
    with pytest.raises(
        RuntimeError,
        match=r"^Scale full trains huatuo_7b, 8\.29 billion parameters: it needs a GPU",
    ) as error:
        plan.require_device("full")
    assert f"about {plan.needed_gib('full'):.0f} GiB" in str(error.value)
    assert "none is visible here. Use laptop" in str(error.value)
    plan.require_device("laptop")  # nothing is asked of a small one


def test_a_gpu_with_a_byte_too_few_is_refused_and_one_with_enough_is_not(use, gpu):
    use()
    needed = math.ceil(in_bytes()["needed"])
    gpu(needed - 1)
    with pytest.raises(
        RuntimeError, match=r"needs about 1 GiB on each GPU, and Small GPU has 1 GiB\."
    ) as error:
        plan.require_device("smoke")
    assert all(
        advice in str(error.value)
        for advice in ("qwen25_vl_3b", "micro_batch", "experiments.py", "base_models.py")
    )
    gpu(needed)
    plan.require_device("smoke")


def test_a_gpu_too_small_for_a_whole_policy_may_hold_its_share_under_deepspeed(use, gpu):
    use()
    share = math.ceil(in_bytes(2, divided=True)["needed"])
    gpu(share, devices=2)
    with pytest.raises(RuntimeError, match="Small GPU"):
        plan.require_device("smoke")
    gpu(share, devices=2, kind=DistributedType.DEEPSPEED)
    plan.require_device("smoke")


def test_a_published_policy_of_unknown_sizes_is_planned_from_its_folder_alone(
    use, tmp_path, monkeypatch
):
    monkeypatch.setattr(plan, "data_root", lambda: tmp_path)
    use(dataclasses.replace(SMALL, sizes={}))
    with pytest.raises(
        ValueError, match=r"small cannot be planned: expected `sizes` .* or its config\.json in"
    ):
        plan.plan("smoke", tmp_path)
    plan.AutoConfig.for_model("llava", **SIZES).save_pretrained(tmp_path / "models" / "small")
    assert plan.count_parameters("smoke").whole == LANGUAGE + TOWER + PROJECTOR


def test_an_unknown_scale_lists_the_known_ones_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["plan", "huge"])
    with pytest.raises(SystemExit) as stop:
        plan.main()
    assert stop.value.code == 1
    assert capsys.readouterr().err == "Unknown scale 'huge'; known scales: smoke, laptop, full.\n"
