"""Steps of SFT and one batch of generation, timed with their peak memory, on random weights.

`windows_in_one_call` is a trial that is not part of the library: the tower's attention takes all
windows of all images in one call.
"""

from collections.abc import Callable

import torch
from peft import get_peft_model
from srl_step import TimedRun, made
from step_clock import WARM_UP, StepClock, forget_peak, medians, now, peak_gib
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, PrinterCallback
from trl import SFTTrainer

from mrg_r1_lib.policies.generation import generate
from mrg_r1_lib.policies.load_save import lora, stop_tower_gradients, vision_tower
from mrg_r1_lib.policies.prompts import sft_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.training.sft import config


def windows_in_one_call(model: torch.nn.Module) -> None:
    """Attention of all windows of the tower in one call; transformers' "sdpa" calls once for each
    window."""
    AttentionInterface.register("flash_windows", attend_to_windows)
    vision_tower(model).config._attn_implementation = "flash_windows"


def attend_to_windows(
    _, query, key, value, attention_mask, scaling, cu_seq_lens_q, max_length_q, **__
) -> tuple[torch.Tensor, None]:
    """Attention within each window.

    Three tensors `(1, heads, patches, size)` -> `(1, patches, heads, size)`.
    """
    rows = [part[0].transpose(0, 1).to(value.dtype).contiguous() for part in (query, key, value)]
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn  # torch 2.10 or newer

        ends, longest = cu_seq_lens_q, max_length_q
        answer = varlen_attn(*rows, ends, ends, longest, longest, scale=scaling)
    else:  # for the rehearsal
        lengths = cu_seq_lens_q.diff().tolist()
        parts = [part.transpose(0, 1).split(lengths, dim=1) for part in rows]
        windows = zip(*parts, strict=True)
        answer = torch.cat(
            [
                scaled_dot_product_attention(*window, scale=scaling).transpose(0, 1)
                for window in windows
            ]
        )
    return answer.unsqueeze(0), None


def measure_sft(
    run: TimedRun, change: Callable[[torch.nn.Module], None] | None = None
) -> dict[str, float]:
    """Median seconds and the largest memory of the run's steps, under LoRA."""
    studies = run.settings.sft.batch_size
    corpus, (model, processor) = made(run, studies)
    settings = config(run, len(corpus))
    settings.max_steps = run.settings.srl.steps
    settings.save_strategy = settings.eval_strategy = "no"
    trainer = SFTTrainer(
        model,
        args=settings,
        train_dataset=sft_rows(corpus, corpus.written_labels()),
        processing_class=processor,
        peft_config=lora(POLICIES[run.settings.policy]),
    )
    stop_tower_gradients(trainer.model)
    if change:
        change(trainer.model)
    clock = StepClock(trainer)
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(clock)
    trainer.train()
    row = medians(clock.rows)
    row["seconds_step"] = row.pop("seconds")
    return row | {"completions": studies, "steps": len(clock.rows[1:]) or 1}


def measure_generation(run: TimedRun, adapters: bool) -> dict[str, float]:
    """Seconds and memory of one greedy batch, with fresh adapters or without any."""
    studies = run.settings.srl.studies_per_step
    corpus, (model, processor) = made(run, studies)
    if adapters:
        model = get_peft_model(model, lora(POLICIES[run.settings.policy]))
    generate(model, processor, corpus[:studies], WARM_UP, studies)
    forget_peak()
    started = now()
    generate(model, processor, corpus[:studies], run.settings.max_completion_length, studies)
    return {
        "seconds_generation": now() - started,
        "peak_generation_gib": peak_gib(),
        "completions": studies,
        "steps": 1,
    }
