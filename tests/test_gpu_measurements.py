"""The measurements for a GPU, with tiny policies on a CPU; the whole rehearsal is `tests/on_gpu.sh --rehearse`."""

import dataclasses
import subprocess

import gpu_measurements
import pandas as pd
import pytest
import torch
import transformers
from gpu_measurements import GROUPS, TINY, Item, measure_group, save
from gpu_stages import WORDS, attend_to_windows, made, phantoms, tower_of, without_gradients
from transformers import TrainerCallback

from mrg_r1_lib.base_models import POLICIES
from mrg_r1_lib.benchmark import timed_run, timed_settings, trainer_of
from mrg_r1_lib.paths import REPOSITORY
from mrg_r1_lib.training import prepare


@pytest.fixture
def tiny(monkeypatch):
    """LLaVA 1.5 with tiny sizes: its processor needs no torchvision."""
    small = dataclasses.replace(POLICIES["llava_15_7b"], sizes=TINY["llava"])
    monkeypatch.setitem(POLICIES, "llava_15_7b", small)
    return "llava_15_7b"


def test_the_script_for_a_gpu_measures_every_group():
    script = REPOSITORY / "tests" / "on_gpu.sh"
    assert subprocess.run(["bash", "-n", script], check=False).returncode == 0
    assert script.read_text().split("groups=(")[2].split(")")[0].split() == list(GROUPS)


def test_a_measurement_of_each_stage_is_a_row_of_the_table_and_a_failed_one_is_counted(tiny, tmp_path, monkeypatch):
    items = [Item(tiny), Item(tiny, generation="replaced"), Item(tiny, "sft"), Item(tiny, "generate")]
    monkeypatch.setitem(GROUPS, "tested", items)
    assert measure_group("tested", tmp_path, rehearse=True) == 0
    monkeypatch.setattr(gpu_measurements, "measure", None)  # a second time nothing is measured
    assert measure_group("tested", tmp_path, rehearse=True) == 0
    save(tmp_path, tmp_path)
    (path,) = (tmp_path / "benchmarks").glob("gpu_cpu-*.csv")
    table = pd.read_csv(path)
    assert table["stage"].tolist() == ["srl", "srl", "sft", "generate"] and (table["peak_gib"] > 0).all()
    assert table["seconds_generation"].notna().tolist() == [True, False, False, True]
    assert table["seconds_step"].notna().tolist() == [True, False, True, False]
    monkeypatch.setitem(GROUPS, "tested", [Item(tiny, studies=2, tower="frozen")])
    assert measure_group("tested", tmp_path, rehearse=True) == 1


def gradients(policy: str, frozen: bool, folder) -> dict[str, torch.Tensor]:
    """Of the adapters, in a step of one group under activation checkpointing."""
    transformers.set_seed(0)
    run = timed_run(policy, 1, 6, 8, 1, folder)
    prepare(run)
    corpus = phantoms(run.size.image_size, 1)
    model, processor = made(run, corpus)
    trainer = trainer_of(run, model, processor, timed_settings(run, processor), corpus)
    transformers.set_seed(1)
    for name, parameter in trainer.model.named_parameters():
        if "lora_B" in name:  # new ones are 0, and so are the gradients of their partners
            parameter.data.normal_(0, 0.02)
    if frozen:
        without_gradients(trainer.model)
    words, rewards = processor.tokenizer(WORDS).input_ids, len(trainer.reward_funcs)
    trainer._generate_single_turn = lambda prompts, *_, **__: ([words[i % 3 :][:6] for i in range(len(prompts))], None)
    trainer._calculate_rewards = lambda inputs, *_: torch.tensor([[float(i % 3)] * rewards for i in range(len(inputs))])
    found, asked = {}, []

    class Kept(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model, **_):
            found.update({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})

    tower_of(trainer.model).register_forward_hook(lambda *given: asked.append(given[2].last_hidden_state.requires_grad))
    trainer.add_callback(Kept())
    trainer.train()
    assert any(asked) is not frozen
    return found


def test_a_tower_without_gradients_leaves_the_gradients_of_the_adapters_as_they_are(tiny, tmp_path):
    with_gradients, frozen = (gradients(tiny, each, tmp_path / str(each)) for each in (False, True))
    assert with_gradients.keys() == frozen.keys() and max(grad.abs().max() for grad in frozen.values()) > 1e-3
    for name, gradient in with_gradients.items():
        torch.testing.assert_close(frozen[name], gradient, rtol=0, atol=0)


def test_attention_to_windows_does_not_cross_them():
    query, key, value = torch.randn(3, 1, 2, 5, 8).unbind(0)
    given = {"attention_mask": None, "scaling": 8**-0.5, "max_length_q": 3}
    answer, _ = attend_to_windows(None, query, key, value, cu_seq_lens_q=torch.tensor([0, 2, 5]), **given)
    for window in (slice(0, 2), slice(2, 5)):
        alone = torch.nn.functional.scaled_dot_product_attention(query[:, :, window], key[:, :, window], value[:, :, window])
        torch.testing.assert_close(answer[:, window], alone.transpose(1, 2))
