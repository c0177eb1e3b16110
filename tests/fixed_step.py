"""SRL of a few steps with completions given beforehand: `[accelerate launch …] tests/fixed_step.py
RESULTS OUT MICRO_BATCH`.

The first process writes OUT: rewards, advantages and gradients of the first step. SFT must lie
finished in RESULTS.
"""

import dataclasses
import sys
from pathlib import Path

import torch
from conftest import few_steps
from transformers import TrainerCallback
from trl import GRPOTrainer

from mrg_r1_lib import scales
from mrg_r1_lib.policies import registry as base_models
from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.training import trainer as training
from mrg_r1_lib.training.srl import srl

SCALE = few_steps(  # 12 completions: of two processes each has a group and a half
    lora=False, srl={"studies_per_step": 3, "steps": 2, "evaluations": 2}
)
REPORTS = (
    "The heart is enlarged.",
    "No effusion. The lungs are clear.",
    "Small left pleural effusion. No pneumothorax.",
    "",
)


class Kept(TrainerCallback):
    """The gradients before the first update, averaged over the processes."""

    trainer, gradients = None, None

    def on_pre_optimizer_step(self, args, state, control, model, **_) -> None:
        if Kept.gradients is None:
            named = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
            Kept.gradients = {
                name.removeprefix("module."): grad.clone() for name, grad in named.items()
            }


def given(self, prompt_ids, images, multimodal_fields, num_generations, has_tool_images=False):
    """In place of TRL's generation: the completions of this process's places in the step."""
    Kept.trainer = self
    places = range(
        self.accelerator.process_index * len(prompt_ids),
        (self.accelerator.process_index + 1) * len(prompt_ids),
    )
    tokenizer = self.processing_class.tokenizer
    texts = [render_target("", REPORTS[place * place % 7 % len(REPORTS)]) for place in places]
    return [[*tokenizer(text).input_ids, tokenizer.eos_token_id] for text in texts], None


def main(results: str, out: str, micro_batch: str) -> None:
    scales.SCALES["smoke"] = SCALE
    tiny = dataclasses.replace(base_models.POLICIES["tiny_llava"], micro_batch=int(micro_batch))
    base_models.POLICIES["tiny_llava"] = tiny
    GRPOTrainer._generate_single_turn = given
    training.Progress = lambda _: Kept()
    log = srl(Run("iu_xray/srl_mccs", "smoke", 0, Path(results)))
    if Kept.trainer.accelerator.is_main_process:
        kept = Kept.trainer._logs
        facts = {
            "rewards": list(kept["rewards"]["mccs"])[:12],
            "advantages": list(kept["advantages"])[:12],
        }
        torch.save(facts | {"gradients": Kept.gradients, "reward": log["reward"].tolist()}, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
