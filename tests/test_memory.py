"""What a scale needs, told before anything is downloaded."""

import dataclasses

import pytest
import torch

from mrg_r1_lib.policies.parameters import count_parameters
from mrg_r1_lib.policies.registry import POLICIES, BaseModel
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.paths import results_root
from mrg_r1_lib.training.memory import needs, plan_text, require_device

PUBLISHED = {  # billions of parameters, as the publishers say
    "huatuo_7b": 8.29,
    "qwen25_vl_7b": 8.29,
    "qwen25_vl_3b": 3.75,
    "qwen3_vl_4b": 4.44,
    "llava_15_7b": 7.06,
    "smolvlm_500m": 0.507,
}


@pytest.mark.parametrize("policy", [name for name, base in POLICIES.items() if base.hub])
def test_a_published_policy_has_its_published_size_and_a_vision_tower(policy):
    counts = count_parameters(policy, 512)
    assert counts["all"] == pytest.approx(PUBLISHED[policy] * 1e9, rel=0.01)
    assert 0.02 < counts["vision"] / counts["all"] < 0.2


def test_the_laptops_policy_is_counted_as_it_was_trained():
    manifest = Run("iu_xray/srl_mccs", "laptop", 0, results_root()).read_manifest()
    counts = count_parameters("tiny_llava", SCALES["laptop"].image_size)
    assert counts["all"] == manifest["srl"]["parameters"]
    assert counts["all"] - counts["vision"] == manifest["srl"]["trained_parameters"]


def test_a_policy_of_unknown_size_says_where_its_sizes_are_expected(monkeypatch, tmp_path):
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    monkeypatch.setitem(POLICIES, "new", BaseModel("somebody/new"))
    with pytest.raises(ValueError, match=r"new: its sizes are unknown.*policies/registry\.py"):
        count_parameters("new", 512)


@pytest.mark.parametrize("scale", SCALES)
def test_the_plan_of_every_scale_names_policy_memory_and_disk(scale):
    text = plan_text(scale)
    assert SCALES[scale].policy in text and "GPU memory" in text and "disk" in text


def test_another_policy_needs_at_least_its_own_weights():
    small, large = needs("workstation"), needs("workstation+huatuo_7b")
    assert small == SCALES["workstation"]
    assert large.gpu_gib == pytest.approx(15.4, abs=0.2) and large.disk_gib > 2 * large.gpu_gib
    assert "GPU memory  15 GiB" in plan_text("workstation+huatuo_7b")
    assert needs("laptop+qwen25_vl_3b").gpu_gib == 0  # it trains on a CPU, if slowly


@pytest.mark.parametrize("scale", SCALES)
def test_only_a_scale_that_needs_a_gpu_is_refused_without_one(scale, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if SCALES[scale].gpu_gib:
        with pytest.raises(RuntimeError, match=f"no GPU is visible.*run_all.sh {scale} --plan"):
            require_device(scale)
    else:
        require_device(scale)


def test_a_gpu_that_is_too_small_is_refused_with_both_numbers(monkeypatch):
    monkeypatch.setitem(SCALES, "full", dataclasses.replace(SCALES["full"], gpu_gib=60.0))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "a card")
    small = type("Properties", (), {"total_memory": 24 * 2**30})
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: small)
    with pytest.raises(RuntimeError, match=r"needs 60 GiB on each GPU; a card has 24 GiB"):
        require_device("full")
