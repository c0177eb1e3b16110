"""Generation: a trained policy writes one completion for each held-out study, by greedy decoding.

Completions are report text: they stay in the git-ignored half of the run.
"""

import json
from collections.abc import Sequence
from dataclasses import replace

import torch
from tqdm import tqdm
from transformers import PreTrainedModel, ProcessorMixin

from mrg_r1_lib.base_models import POLICIES
from mrg_r1_lib.baselines import shuffled
from mrg_r1_lib.files import locked, write_text
from mrg_r1_lib.policies import load_policy
from mrg_r1_lib.processes import processes
from mrg_r1_lib.prompts import load_split, user_message
from mrg_r1_lib.runs import Run
from mrg_r1_lib.study import Study
from mrg_r1_lib.training import command_line, prepare

NOTEBOOK_OF_STAGE = {
    "pretrain": "02_supervised_finetuning",
    "sft": "02_supervised_finetuning",
    "srl": "03_semantic_reinforcement_learning",
}


def write_completions(run: Run, split: str = "test") -> list[str]:
    """One completion of the run's policy for each study of a split that has FINDINGS; finished ones are read.

    A twin's studies have exchanged their images, each with another; who with whom comes from the run's seed.

    Raises FileNotFoundError, naming the notebook, if the policy is missing, and ValueError if the run is a baseline.
    """
    stage = run.writer.settings.stage
    if stage not in NOTEBOOK_OF_STAGE:
        raise ValueError(f"{run.experiment} is a baseline: it has no policy to write with. Evaluate it instead.")
    if run.finished(f"completions_{split}"):
        return read_completions(run, split)
    policy = run.writer.require_policy(NOTEBOOK_OF_STAGE[stage])
    prepare(run)
    studies = load_split(run.corpus, split, run.size)
    if run.settings.stage == "shuffled":
        partners = shuffled(len(studies), run.seed)
        studies = [replace(study, images=studies[partner].images) for study, partner in zip(studies, partners, strict=True)]
    with locked(run.folder):
        completions = generate(*load_policy(policy), studies, run.size.max_completion_length, together(run))
        write_text(run.private / f"completions_{split}.json", json.dumps(completions, ensure_ascii=False, indent=1))
        run.mark_finished(f"completions_{split}")
    return completions


def read_completions(run: Run, split: str = "test") -> list[str]:
    """The completions of a finished generation, in the order of its studies; for notebooks on the same machine only."""
    return json.loads((run.private / f"completions_{split}.json").read_text(encoding="utf-8"))


def together(run: Run) -> int:
    """How many studies the run's policy writes side by side."""
    return POLICIES[run.size.policy].together


def generate(
    model: PreTrainedModel, processor: ProcessorMixin, studies: Sequence[Study], max_completion_length: int, together: int = 128
) -> list[str]:
    """One completion a study, greedy, at most `max_completion_length` tokens; the result does not depend on other studies.

    `together` of them are written side by side.
    """
    model.to(processes().device).eval()
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


if __name__ == "__main__":
    command_line(write_completions, __doc__)
