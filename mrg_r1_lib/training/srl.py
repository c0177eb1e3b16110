"""Semantic-driven reinforcement learning (SRL): GRPO with a clinical reward per report, from SFT.

For each study the policy writes a group of completions. Each gets 0.75 clinical + 0.25 format
reward. Its advantage is its reward minus the group's mean, in units of the group's standard
deviation. A term of KL divergence holds the policy near its start (DeepSeekMath, arXiv:2402.03300).
TRL computes all of it. Every setting that the method needs is written out below, since several of
TRL's defaults differ.

Our addition: 75 % of SRL's studies have one of the 13 abnormalities. With all studies (67 % have
none) and temperature 1, the reward MCCS lowered recall (`results/LOG.md`). The arm
`srl_all_studies` trains on all studies at the present temperature.
"""

import inspect
import math

import numpy as np
import pandas as pd
import torch
from trl import GRPOConfig, GRPOTrainer

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.experiments import require_engine
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.policies.load_save import load_policy, new_adapters, stop_tower_gradients
from mrg_r1_lib.policies.prompts import srl_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.rewards import REWARDS, build_reward, check_rewards
from mrg_r1_lib.rewards.counts import COUNTS, build_counts
from mrg_r1_lib.runs.processes import split_step
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Subset
from mrg_r1_lib.training.checkpoint_selection import Validation
from mrg_r1_lib.training.trainer import (
    command_line,
    common_settings,
    prepare,
    read_log,
    require_policy,
    train,
)

# TRL's settings for the engine that samples; its continuous batching refuses policies with images.
# vLLM was never run here: it needs a GPU and `pip install -e '.[vllm]'`. To see it run:
#     ./run_all.sh workstation --corpus iu_xray_files --arms srl_mccs_vllm
# srl_mccs_vllm_server also needs `trl vllm-serve --model <pretrained policy>` in another process
GENERATION = {
    "transformers": {},
    "vllm_colocate": {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": 0.3,
    },
    "vllm_server": {"use_vllm": True, "vllm_mode": "server"},
}


def evaluate_every(run: Run) -> int:
    """Steps between two evaluations on the validation split."""
    return math.ceil(run.settings.srl.steps / run.settings.srl.evaluations)


def config(run: Run, image_token: int | None = None) -> GRPOConfig:
    """TRL's settings for SRL; a step holds whole groups, checkpoints fall between generations.

    `image_token` is the id of the token that stands for an image. A completion with one has no
    image to it, and the update fails. For transformers TRL suppresses it; for vLLM it does not.
    """
    arm, settings = run.recipe, run.settings.srl
    return GRPOConfig(
        **common_settings(run),
        **GENERATION[arm.generation],
        generation_kwargs=_never(image_token) if arm.generation != "transformers" else None,
        **split_step(run, settings.studies_per_step * run.group_size),
        save_strategy="steps",
        save_steps=evaluate_every(run),
        # the method
        loss_type="grpo",  # TRL's default is dapo
        beta=arm.beta,  # TRL's default 0.0 drops the KL term
        num_generations=run.group_size,
        scale_rewards=arm.scale_rewards,  # "group" is DeepSeekMath's and TRL's
        reward_weights=[*arm.rewards.values(), *[0.0] * len(COUNTS)],
        multi_objective_aggregation="sum_then_normalize",
        num_iterations=1,  # paper value unknown
        epsilon=0.2,  # paper value unknown; DeepSeekMath's
        importance_sampling_level="token",
        # TRL's default weighs the KL term by the importance ratio; DeepSeekMath does not. Its k3
        # has the value of KL(policy || reference), and on the policy's samples the gradient of
        # KL(reference || policy)
        use_bias_correction_kl=False,
        mask_truncated_completions=False,  # a cut report counts, without its format reward
        disable_dropout=True,
        # sampling: sharper than the policy, near the greedy decoding of reports; nothing is cut off
        temperature=0.6,  # paper value unknown; results/LOG.md has the trials
        top_p=1.0,
        top_k=0,
        repetition_penalty=1.0,
        max_completion_length=run.settings.max_completion_length,
        # optimisation
        max_steps=settings.steps,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="linear",  # paper value unknown
        warmup_steps=2,
        weight_decay=0.0,
        max_grad_norm=1.0,
        log_completions=False,  # it prints reports to the console
    )


def _never(token: int) -> dict:
    """vLLM's sampling parameters with which it never samples a token."""
    return {"logit_bias": {token: -100.0}}


def reward_functions(run: Run, labels: np.ndarray) -> list:
    """The run's rewards as TRL reward functions, in the order of their weights; then the counts.

    A reward takes what its builder names: an option of the arm, or the `prevalence` of the 13
    abnormalities in `labels`, the codes `(studies, 14)` of the training split. The counts have no
    weight. ValueError for an unknown reward, or an option that no reward of the arm takes.
    """
    arm = run.recipe
    check_rewards(run.arm, arm.rewards, arm.options)
    labeler = load_labeler(arm.labeler)
    given = arm.options | {"prevalence": positives(labels).mean(axis=0)}
    rewards = []
    for name in arm.rewards:
        parameters = inspect.signature(REWARDS[name]).parameters
        taken = {key: value for key, value in given.items() if key in parameters}
        rewards.append(build_reward(name, labeler=labeler, **taken))
    return rewards + build_counts(labeler)


def mostly_abnormal(labels: np.ndarray, share: float) -> np.ndarray:
    """The places of all abnormal studies and of the first others; `share` of these is abnormal.

    `labels` are codes `(studies, 14)`, uncertain as positive; `share` in (0, 1]. With too few
    others, or without abnormal studies, all others are taken.

    >>> edema, normal = [0] * 4 + [1] + [0] * 9, [0] * 13 + [1]
    >>> mostly_abnormal(np.array([normal, normal, edema, normal, edema, edema]), share=0.75)
    array([0, 2, 4, 5])
    """
    abnormal = positives(labels).any(axis=-1)
    wanted = round(abnormal.sum() * (1 - share) / share) if abnormal.any() else len(abnormal)
    others = np.flatnonzero(~abnormal)[:wanted]
    return np.sort(np.concatenate([np.flatnonzero(abnormal), others]))


def srl(run: Run) -> pd.DataFrame:
    """Train `run` from its start; returns the log, one row per step. A finished run is loaded.

    Also writes `validation.csv`: the best evaluation is kept, the start included. ValueError if
    `run` has no SRL stage or its engine is not installed. FileNotFoundError, which names notebook
    02, if its start is missing.
    """
    run = run.of_stage("srl")
    if run.finished("train"):
        return read_log(run)
    start = require_policy(run.start, "02_supervised_finetuning")
    require_engine(run.arm)
    prepare(run)
    lora = run.settings.lora
    # training all weights needs float32: in bf16 a small step changes nothing
    model, processor = load_policy(start, dtype=None if lora else torch.float32)
    validation = Validation(run, processor, evaluate_every(run))
    studies = load_split(run.corpus, "train", run.settings)
    labels = load_labeler(run.recipe.labeler)([study.findings for study in studies])
    share = run.recipe.abnormal_share
    seen = np.arange(len(studies)) if share is None else mostly_abnormal(labels, share)
    trainer = GRPOTrainer(
        model,
        reward_funcs=reward_functions(run, labels),
        args=config(run, model.config.image_token_id),
        train_dataset=srl_rows(Subset(studies, seen), labels[seen]),
        processing_class=processor,
        peft_config=new_adapters(model, POLICIES[run.settings.policy]) if lora else None,
        callbacks=[validation],
    )
    if lora:
        stop_tower_gradients(trainer.model)
    return train(run, trainer, validation)


if __name__ == "__main__":
    command_line(srl, __doc__)
