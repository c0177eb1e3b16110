"""Generation: studies -> completions of a policy, greedy or sampled. Nothing is read or written here."""

from collections.abc import Sequence

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, ProcessorMixin

from mrg_r1_lib.policies.prompts import user_message
from mrg_r1_lib.study import Study


def generate(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    studies: Sequence[Study],
    max_completion_length: int,
    together: int = 128,
) -> list[str]:
    """One completion a study, greedy, at most `max_completion_length` tokens; the result does not depend on other studies.

    `together` of them are written side by side.
    """
    model.eval()
    completions: list[str] = []
    for start in tqdm(range(0, len(studies), together), desc="writing reports", mininterval=1.0):
        batch = studies[start : start + together]
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
