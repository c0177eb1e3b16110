"""Generation: studies -> completions of a policy, greedy or sampled; no file is read or written."""

from collections.abc import Sequence

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, ProcessorMixin

from mrg_r1_lib.policies.prompts import user_message
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.study import Study

GREEDY = {"do_sample": False}


def inference_batch_size(policy: str) -> int:
    """Studies whose reports one device writes at once: 32 for a published policy, 128 for ours."""
    return 32 if POLICIES[policy].hub else 128


def generate(
    model: PreTrainedModel,
    processor: ProcessorMixin,
    studies: Sequence[Study],
    max_completion_length: int,
    batch_size: int,
    samples: int | None = None,
) -> list[str]:
    """Completions of at most `max_completion_length` tokens: one greedy completion per study.

    With `samples` there are so many completions per study, sampled at temperature 1; completions of
    one study are neighbours. `batch_size` counts studies. In float32 a greedy completion does not
    depend on it; in bf16 padding may change it. The model stays on its device, in evaluation mode.
    """
    model.eval()
    choice = GREEDY
    if samples:
        choice = {"do_sample": True, "temperature": 1.0, "top_p": 1.0, "top_k": 0}
        choice["num_return_sequences"] = samples
    completions: list[str] = []
    label = "sampling reports" if samples else "writing reports"
    for start in tqdm(range(0, len(studies), batch_size), desc=label, mininterval=1.0):
        inputs = processor.apply_chat_template(
            [_conversation(study) for study in studies[start : start + batch_size]],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            processor_kwargs={"padding": True},
        ).to(model.device)
        with torch.inference_mode():
            tokens = model.generate(**inputs, **choice, max_new_tokens=max_completion_length)
        written = tokens[:, inputs["input_ids"].shape[1] :]
        completions += processor.batch_decode(written, skip_special_tokens=True)
    return completions


def _conversation(study: Study) -> list[dict]:
    images = [{"type": "image", "image": image().convert("RGB")} for image in study.images]
    (message,) = user_message()
    text = {"type": "text", "text": message["content"]}
    return [{"role": "user", "content": [*images, text]}]
