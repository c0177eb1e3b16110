import subprocess
import sys

import pandas as pd
import pytest
import torch
from PIL import Image

from mrg_r1_lib.benchmarks import benchmark, random_policies
from mrg_r1_lib.benchmarks.benchmark import (
    TimedRun,
    benchmark_srl,
    main,
    path_of,
    random_policy,
    timed_run,
    timed_settings,
    variant,
)
from mrg_r1_lib.benchmarks.random_policies import random_published
from mrg_r1_lib.benchmarks.step_clock import PARTS
from mrg_r1_lib.policies.registry import POLICIES, BaseModel
from mrg_r1_lib.report_format import INSTRUCTION, render_target
from mrg_r1_lib.storage.paths import REPOSITORY
from mrg_r1_lib.training.memory import configuration, image_tokens

TEXT = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
}
LLAVA = {
    "text_config": TEXT | {"model_type": "llama", "vocab_size": 2100},
    "vision_config": {
        "model_type": "clip_vision_model",
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": 28,
        "patch_size": 14,
    },
}
QWEN_VISION = {
    "depth": 2,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_heads": 2,
    "out_hidden_size": 32,
}
ROPE = {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]}
QWEN25 = {
    "text_config": TEXT | {"vocab_size": 2100, "rope_parameters": ROPE},
    "vision_config": QWEN_VISION,
}
QWEN3 = {
    "text_config": TEXT
    | {"vocab_size": 2100, "head_dim": 16, "rope_parameters": ROPE | {"mrope_interleaved": True}},
    "vision_config": QWEN_VISION | {"deepstack_visual_indexes": [0]},
}


@pytest.fixture
def register(monkeypatch):
    """Put a tiny policy of a published architecture into the registry."""

    def added(sizes, **described):
        base = BaseModel(
            "nobody/tiny", sizes=sizes, micro_batch=2, activation_checkpointing=True, **described
        )
        monkeypatch.setitem(POLICIES, "tiny", base)

    return added


def tokens_of_an_image(size=512):
    """As the processor of the benchmark counts them."""
    model, processor = random_published("tiny", ["The lungs are clear."], size, torch.float32)
    content = [
        {"type": "image", "image": Image.new("RGB", (size, size))},
        {"type": "text", "text": INSTRUCTION},
    ]
    inputs = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=True, return_dict=True
    )
    return torch.tensor(inputs["input_ids"]).eq(model.config.image_token_id).sum().item()


def parts_add_up(table):
    pd.testing.assert_series_equal(
        table[list(PARTS)].sum(axis=1), table["seconds"], check_names=False, rtol=1e-4
    )
    return (table[list(PARTS)] > 0).all(axis=None)


def test_the_command_times_the_laptops_policy_and_saves_and_shows_it(tmp_path, monkeypatch, capsys):
    sizes = ["--completion-length", "8", "--group-size", "2", "--studies", "2"]
    monkeypatch.setattr(
        "sys.argv", ["benchmark", "srl", "--steps", "2", "--results", str(tmp_path), *sizes]
    )
    main()
    (path,) = (tmp_path / "benchmarks").glob("srl_tiny_llava_*.csv")
    table = pd.read_csv(path)
    assert parts_add_up(table)
    assert table["step"].tolist() == [1, 2]
    # 4 completions of 8 tokens to 36 tokens of an image and the words of the prompt
    assert table["tokens"].nunique() == 1 and 4 * (8 + 36) < table["tokens"][0] < 4 * (8 + 36 + 60)
    shown = capsys.readouterr().out
    assert (
        "4 completions of 8 tokens a step" in shown
        and "forward_backward" in shown
        and str(path) in shown
    )


def test_a_published_architecture_is_timed_under_lora_without_a_download_or_a_saved_model(
    register, monkeypatch
):
    def no_file(*_):
        raise AssertionError("nothing is to be saved")

    monkeypatch.setattr(random_policies, "save_policy", no_file)
    register(LLAVA)
    table = benchmark_srl("tiny", steps=2, length=6, group_size=2, studies=2)
    assert parts_add_up(table)
    assert (
        table["lora"].all() and (table["micro_batch"] == 2).all() and table["tokens"].nunique() == 1
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_type", "sizes", "side"), [("qwen2_5_vl", QWEN25, 28), ("qwen3_vl", QWEN3, 32)]
)
def test_a_qwen_is_timed_where_torchvision_is_installed(register, model_type, sizes, side):
    pytest.importorskip("torchvision")
    register(sizes, model_type=model_type, pixels=(side**2, (2 * side) ** 2))
    assert parts_add_up(benchmark_srl("tiny", steps=1, length=6, group_size=2, studies=2))
    assert tokens_of_an_image() == image_tokens("tiny", configuration("tiny", 512)) == 4


def test_without_torchvision_one_sentence_says_that_qwen_needs_it(register, monkeypatch):
    monkeypatch.setattr(random_policies, "find_spec", lambda name: None)
    register(QWEN25, model_type="qwen2_5_vl")
    with pytest.raises(RuntimeError, match=r"tiny needs torchvision: .*pip install torchvision"):
        benchmark_srl("tiny", steps=1, length=4, group_size=2, studies=2)


def test_an_image_has_as_many_tokens_as_the_plan_counts(register):
    register(LLAVA)
    assert (
        tokens_of_an_image() == image_tokens("tiny", configuration("tiny", 512)) == 4
    )  # 28 by 28 pixels in 14 by 14


def test_completions_never_end_early_and_hold_no_token_of_an_image(tmp_path, register):
    register(LLAVA)
    run = timed_run("tiny", 1, 6, 2, 2, tmp_path)
    model, processor = random_policy(run, ["The lungs are clear."], torch.float32)
    settings = timed_settings(run, processor)
    assert settings.generation_kwargs == {
        "suppress_tokens": [model.config.image_token_id],
        "min_new_tokens": 6,
    }
    assert settings.save_strategy == "no"
    assert (settings.per_device_train_batch_size, settings.gradient_accumulation_steps) == (2, 2)


def test_a_timed_run_differs_from_its_scale_only_in_what_was_asked_for(tmp_path):
    run = timed_run("huatuo_7b", 3, 64, 4, 2, tmp_path)
    assert (
        isinstance(run, TimedRun)
        and run.scale == "full"
        and run.settings.lora
        and run.settings.image_size == 512
    )
    assert (
        run.settings.srl.steps,
        run.settings.max_completion_length,
        run.group_size,
        run.settings.srl.studies_per_step,
    ) == (3, 64, 4, 2)
    with pytest.raises(ValueError, match="Unknown policy 'gpt'"):
        timed_run("gpt", 3, 64, 4, 2, tmp_path)


def test_rewards_read_the_reports_of_the_studies():
    def reward(completions, reference, **_):
        return [completion[0]["content"] for completion in completions]

    assert benchmark.on_reports(reward)(completions=["nonsense"], reference=["Clear."]) == [
        render_target("", "Clear.")
    ]
    assert (
        benchmark.on_reports(reward).__name__ == "reward"
    )  # TRL names the columns of its log by it


def test_the_file_is_named_by_policy_and_device(tmp_path):
    table = pd.DataFrame({"policy": ["huatuo_7b"], "device": ["NVIDIA H100 80GB HBM3"]})
    assert (
        path_of(table, tmp_path)
        == tmp_path / "benchmarks" / "srl_huatuo_7b_nvidia-h100-80gb-hbm3.csv"
    )
    table["policy"] = "huatuo_7b, micro_batch 8"  # beside it, and not in its place
    assert path_of(table, tmp_path).name == "srl_huatuo_7b-micro_batch-8_nvidia-h100-80gb-hbm3.csv"


def test_a_variant_is_timed_as_the_policy_with_one_change_and_under_a_name_of_its_own(
    register, monkeypatch
):
    register(LLAVA)
    monkeypatch.setitem(
        POLICIES, "tiny, micro_batch 4, activation_checkpointing False", None
    )  # taken away afterwards
    name = variant("tiny", micro_batch=4, activation_checkpointing=False)
    table = benchmark_srl(name, steps=1, length=4, group_size=2, studies=2)
    assert (table["policy"] == name).all() and (table["micro_batch"] == 4).all()
    assert variant("tiny") == "tiny" and POLICIES["tiny"].micro_batch == 2
    with pytest.raises(ValueError, match="Unknown policy 'gpt'"):
        variant("gpt", micro_batch=4)


def test_the_script_for_a_gpu_is_sound_and_its_benchmarks_are_commands_that_exist(
    tmp_path, monkeypatch
):
    script = REPOSITORY / "tests" / "on_gpu.sh"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    timed = script.read_text().split("timed=(")[1].split(")")[0].split("benchmark ")[1].split()
    commands = [
        line.split('"${timed[@]}" ')[1].split(" #")[0].split()
        for line in script.read_text().splitlines()
        if '"${timed' in line
    ]
    asked = []
    monkeypatch.setattr(
        benchmark, "benchmark_srl", lambda *given: asked.append(given) or pd.DataFrame()
    )
    for command in commands:
        monkeypatch.setattr("sys.argv", ["benchmark", *timed, *command])
        monkeypatch.setattr(
            "sys.argv", [word.replace('"$policy"', "qwen25_vl_7b") for word in sys.argv]
        )
        with pytest.raises((IndexError, KeyError)):  # there is no table to save
            main()
    assert len(asked) == 5 and {given[0].split(",")[0] for given in asked} == {"qwen25_vl_7b"}
    for name in {given[0] for given in asked} - {"qwen25_vl_7b"}:
        del POLICIES[name]
