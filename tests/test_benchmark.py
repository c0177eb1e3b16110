"""The measurements of real policies, with tiny ones on a CPU; `tests/on_gpu.sh --rehearse` has all
of them."""

import dataclasses

import gpu_measurements
import pandas as pd
import pytest
import random_policies
import torch
from gpu_items import GROUPS, TINY, Item
from gpu_measurements import main, measure, measure_group, save
from gpu_stages import attend_to_windows
from random_policies import random_policy
from srl_step import measure_srl, on_reports, scale_of, timed_run, timed_settings, trainer_of
from step_clock import PARTS, PartsClock

from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.report_format import render_target


@pytest.fixture
def tiny(monkeypatch):
    """LLaVA 1.5 with tiny sizes: its processor needs no torchvision."""
    small = dataclasses.replace(POLICIES["llava_15_7b"], sizes=TINY["llava"])
    monkeypatch.setitem(POLICIES, "llava_15_7b", small)
    return "llava_15_7b"


def test_the_parts_of_a_step_add_up_and_its_completions_have_their_full_length(tmp_path):
    trainer = trainer_of(timed_run("tiny_llava", tmp_path, studies=2, steps=2, length=20))
    clock = PartsClock(trainer, 20)
    trainer.add_callback(clock)
    trainer.train()
    table = pd.DataFrame(clock.rows)
    pd.testing.assert_series_equal(
        table[list(PARTS)].sum(axis=1), table["seconds"], check_names=False
    )
    assert (table[[*PARTS, "tower"]] > 0).all(axis=None) and (
        table["seconds"] > table["tower"]
    ).all()
    assert table["tokens"].diff()[1] == 2 * 8 * (20 - 16)  # the first step writes 16 tokens each


def test_a_step_of_ours_stands_beside_one_of_a_bare_loop(monkeypatch, capsys):
    asked = ["--bare", "--studies", "1", "--steps", "2", "--completion-length", "4"]
    monkeypatch.setattr("sys.argv", ["benchmark", "srl", *asked])
    main()
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines())
    ours, bare, ratio = (
        float(shown[f"{name}"]) for name in ("seconds_ours", "seconds_bare", "ours_per_bare")
    )
    assert ours > 0 and abs(ours / bare - ratio) < 0.2


def test_a_published_architecture_is_measured_under_lora_and_no_model_is_saved(
    tiny, tmp_path, monkeypatch
):
    monkeypatch.setattr(random_policies, "save_policy", None)
    run = timed_run(tiny, tmp_path, studies=1, steps=1, length=4)
    found = measure_srl(run)
    assert run.settings.lora and found["completions"] == 8
    assert found["seconds_step"] > found["seconds_update"] > found["seconds_reference"] > 0


def test_the_command_shows_a_variant_and_leaves_the_registry_as_it_was(tiny, monkeypatch, capsys):
    asked = ["--policy", tiny, "--studies", "1", "--steps", "1", "--completion-length", "4"]
    changed = ["--micro-batch", "2", "--keep-activations"]
    monkeypatch.setattr("sys.argv", ["benchmark", "srl", *asked, *changed])
    before = POLICIES[tiny]
    main()
    shown = capsys.readouterr().out
    assert "micro_batch 2, activation_checkpointing False" in shown
    assert "seconds_generation" in shown and "peak_update_gib" in shown
    assert POLICIES[tiny] is before


def test_an_unknown_policy_and_a_missing_torchvision_are_one_sentence(monkeypatch):
    monkeypatch.setattr(random_policies, "find_spec", lambda name: None)
    for policy, message in (("gpt", "Unknown policy 'gpt'"), ("qwen25_vl_7b", "needs torchvision")):
        monkeypatch.setattr("sys.argv", ["benchmark", "srl", "--policy", policy])
        with pytest.raises(SystemExit, match=message):
            main()


def test_a_measurement_of_each_stage_is_a_row_of_the_table_and_a_failed_one_is_counted(
    tiny, tmp_path, monkeypatch
):
    items = [
        Item(tiny),
        Item(tiny, generation="replaced"),
        Item(tiny, "sft"),
        Item(tiny, "generate"),
    ]
    monkeypatch.setitem(GROUPS, "tested", items)
    assert measure_group("tested", tmp_path, rehearse=True) == 0
    monkeypatch.setattr(gpu_measurements, "measure", None)  # a second time nothing is measured
    assert measure_group("tested", tmp_path, rehearse=True) == 0
    table = pd.read_csv(save(tmp_path, tmp_path))
    assert table["stage"].tolist() == ["srl", "srl", "sft", "generate"]
    assert (table["peak_gib"] > 0).all()
    assert table["seconds_generation"].notna().tolist() == [True, False, False, True]
    assert table["seconds_step"].notna().tolist() == [True, False, True, False]
    monkeypatch.setitem(GROUPS, "tested", [Item(tiny, changes={"micro_batch": 2})])
    assert measure_group("tested", tmp_path, rehearse=True) == 1


def test_a_policy_that_does_not_fit_has_a_row_that_says_so(tiny, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(gpu_measurements, "measured", full)
    assert measure(Item(tiny))["failed"] == "CUDA out of memory"


def test_a_policy_is_measured_at_its_own_scale_or_at_the_scale_of_its_kind():
    scales = {"smolvlm_500m": "workstation", "huatuo_7b": "full", "qwen25_vl_3b": "full"}
    scales |= {"tiny_llava": "laptop"}
    assert {policy: scale_of(policy) for policy in scales} == scales


def test_completions_never_end_early_and_hold_no_token_of_an_image(tiny, tmp_path):
    run = timed_run(tiny, tmp_path, studies=2, steps=1, length=6)
    model, processor = random_policy(run, ["The lungs are clear."], torch.float32)
    settings = timed_settings(run, processor)
    assert settings.generation_kwargs == {
        "suppress_tokens": [model.config.image_token_id],
        "min_new_tokens": 6,
    }
    assert settings.save_strategy == "no"


def test_rewards_read_the_reports_of_the_studies():
    def reward(completions, reference, **_):
        return [completion[0]["content"] for completion in completions]

    scored = on_reports(reward)
    assert scored(completions=["nonsense"], reference=["Clear."]) == [render_target("", "Clear.")]
    assert scored.__name__ == "reward"  # TRL names the columns of its log by it


def test_attention_to_windows_does_not_cross_them():
    query, key, value = torch.randn(3, 1, 2, 5, 8).unbind(0)
    given = {"attention_mask": None, "scaling": 8**-0.5, "max_length_q": 3}
    ends = torch.tensor([0, 2, 5])
    answer, _ = attend_to_windows(None, query, key, value, cu_seq_lens_q=ends, **given)
    for window in (slice(0, 2), slice(2, 5)):
        alone = torch.nn.functional.scaled_dot_product_attention(
            query[:, :, window], key[:, :, window], value[:, :, window]
        )
        torch.testing.assert_close(answer[:, window], alone.transpose(1, 2))
