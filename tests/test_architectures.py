"""The published architectures, tiny and with random weights, through every stage of a study on the
CPU."""

import json
import subprocess
import sys

import pytest
import torch
from peft import inject_adapter_in_model
from peft.tuners.lora import LoraLayer
from transformers import AutoConfig, AutoModelForImageTextToText

from mrg_r1_lib.policies.load_save import lora
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.rewards.counts import COUNTS
from mrg_r1_lib.storage.files import write_aside
from mrg_r1_lib.storage.paths import REPOSITORY, data_root

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="CPUs train in float32")
TORCHVISION = "0.28.0"  # the release for torch 2.13
SEES = (
    "vision_tower.",
    "visual.",
    "vision_model.",
)  # Qwen's projector, its merger, is in there, too
PROJECTIONS = {f"{name}_proj.weight" for name in ("q", "k", "v", "o", "gate", "up", "down")}


@pytest.fixture(scope="session")
def torchvision():
    """A folder with torchvision alone, fetched once: Qwen's processors need it, the library's
    environment must not have it."""
    folder = data_root() / f"torchvision-{TORCHVISION}"
    if not folder.is_dir():
        with write_aside(folder) as aside:
            install = [
                sys.executable,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--target",
                str(aside),
            ]
            answer = subprocess.run(
                [*install, f"torchvision=={TORCHVISION}"],
                capture_output=True,
                text=True,
                check=False,
            )
            if answer.returncode:
                pytest.skip(
                    f"torchvision {TORCHVISION} could not be fetched for the processors of Qwen: {answer.stderr}"
                )
    return folder


@pytest.fixture(
    scope="module",
    params=[
        "llava_clip lora",
        "llava_clip whole",
        "qwen25 lora",
        "qwen25 whole",
        "qwen3 lora",
        "idefics3 lora",
        pytest.param("idefics3 fp16", marks=ON_GPU),
    ],
)
def seen(request, indiana, tmp_path_factory):
    """What `architectures.py` saw of one architecture, and whether adapters were trained."""
    name, adapters = request.param.split()
    results = tmp_path_factory.mktemp(name)
    command = [sys.executable, "tests/architectures.py", name, str(results), adapters]
    if name.startswith("qwen"):
        command.append(str(request.getfixturevalue("torchvision")))
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr[-3000:]
    return json.loads((results / "seen.json").read_text()) | {
        "name": name,
        "adapters": adapters != "whole",
    }


@pytest.mark.slow
def test_a_published_policy_starts_srl_as_its_own_reference_and_leaves_it(seen):
    log = seen["log"]
    assert abs(log["kl"][0]) < 1e-6 < 1e6 * log["kl"][-1] and seen["start_kept"]
    assert {
        "reward",
        "rewards/letters/mean",
        "rewards/report_tags/mean",
        *(f"rewards/{name}/mean" for name in COUNTS),
    } <= set(log)
    assert len(seen["completions"]) == 3 and all(0 < loss < 10 for loss in seen["losses"])


@pytest.mark.slow
def test_only_what_is_meant_to_be_trained_changes(seen):
    trained = {
        name
        for name in seen["tensors"]
        if "merger" in name or not any(part in name for part in SEES)
    }
    if seen["adapters"]:
        trained = {
            name
            for name in trained
            if name.rpartition(".layers.")[2].split(".", 2)[-1] in PROJECTIONS
        }
        assert len(trained) == 2 * len(PROJECTIONS)
    assert len(seen["tensors"]) > len(trained) > 0
    for stage in ("sft", "srl"):
        assert set(seen[f"changed_by_{stage}"]) == trained


@pytest.mark.slow
def test_under_lora_the_vision_tower_runs_without_gradients(seen):
    assert len(seen["tower_gradients"]) > 0
    assert not (seen["adapters"] and any(seen["tower_gradients"]))


@pytest.mark.slow
def test_the_image_is_scaled_to_its_budget_and_reaches_the_policy(seen):
    small, large = seen["image_tokens"]
    assert small == large == (16 if seen["name"] == "llava_clip" else 4)
    assert seen["image_moves_logits"] > 0.01 and seen["padding_side"] == "left"


@pytest.mark.slow
def test_completions_are_the_most_probable_words_whatever_the_publisher_says_of_generation(seen):
    assert seen["completions"] == seen["most_probable"]


@pytest.mark.parametrize("name", [name for name, base in POLICIES.items() if base.sizes])
def test_adapters_of_a_published_policy_are_the_seven_projections_of_each_layer_of_its_language_model(
    name,
):
    base = POLICIES[name]
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(
            AutoConfig.for_model(base.model_type, **base.sizes)
        )
    adapted = inject_adapter_in_model(lora(base), model, low_cpu_mem_usage=True)
    adapters = [name for name, module in adapted.named_modules() if isinstance(module, LoraLayer)]
    assert len(adapters) == 7 * base.sizes["text_config"]["num_hidden_layers"]
    beside = ("vision", "visual", "projector", "multi_modal", "merger")
    assert not [name for name in adapters if any(part in name for part in beside)]
