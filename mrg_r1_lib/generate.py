"""Generation: a trained policy writes one completion for each held-out study, by greedy decoding."""

from collections.abc import Sequence

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, ProcessorMixin

from mrg_r1_lib.prompts import user_message
from mrg_r1_lib.study import Study

BATCH = 40  # studies written side by side


def generate(
    model: PreTrainedModel, processor: ProcessorMixin, studies: Sequence[Study], max_completion_length: int
) -> list[str]:
    """One completion a study, greedy, at most `max_completion_length` tokens; the result does not depend on other studies."""
    model.eval()
    completions: list[str] = []
    for start in tqdm(range(0, len(studies), BATCH), desc="writing reports", mininterval=1.0):
        batch = studies[start : start + BATCH]
        inputs = processor.apply_chat_template(
            [_conversation(study) for study in batch],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        ).to(model.device)
        with torch.inference_mode():
            tokens = model.generate(**inputs, do_sample=False, max_new_tokens=max_completion_length)
        written = tokens[:, inputs["input_ids"].shape[1] :]
        completions += processor.batch_decode(written, skip_special_tokens=True)
    return completions


def _conversation(study: Study) -> list[dict]:
    images = [{"type": "image", "image": image().convert("RGB")} for image in study.images]
    (message,) = user_message()
    return [{"role": "user", "content": [*images, {"type": "text", "text": message["content"]}]}]
