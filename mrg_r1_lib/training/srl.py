"""Semantic-driven reinforcement learning (SRL): GRPO with a report-level clinical reward, starting from SFT.

For each study the policy writes a group of completions; each earns 0.75 clinical + 0.25 format reward; its advantage is its
reward against the group's mean, in units of the group's standard deviation; a KL term holds the policy near its start
(DeepSeekMath, arXiv:2402.03300). TRL does all of it; every setting that the method needs is written out below, since several
of TRL's defaults differ. What is ours: most of the studies are abnormal ones. With MCCS on all of them, two of three normal,
policies lost recall at temperature 1 (`results/README.md`); what they do at this one is an arm of the ablation.
"""

import inspect
from importlib.util import find_spec

import numpy as np
import pandas as pd
import torch
from trl import GRPOConfig, GRPOTrainer

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.policies.load_save import load_policy, new_adapters
from mrg_r1_lib.policies.prompts import srl_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.rewards import REWARDS, build_reward
from mrg_r1_lib.rewards.counts import COUNTS, build_counts
from mrg_r1_lib.runs.processes import split_step
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Subset
from mrg_r1_lib.training.trainer import command_line, common_settings, prepare, read_log, train
from mrg_r1_lib.training.validation import Validation

GENERATION = {  # TRL's switches for what writes the groups; its continuous batching refuses policies with images
    "transformers": {},
    "vllm_colocate": {
        "use_vllm": True,
        "vllm_mode": "colocate",
        "vllm_gpu_memory_utilization": 0.3,
    },
    "vllm_server": {
        "use_vllm": True,
        "vllm_mode": "server",
    },  # `trl vllm-serve --model <the pretrained policy>` runs beside
}


def config(run: Run) -> GRPOConfig:
    """TRL's settings for SRL; a step holds whole groups, and a checkpoint falls between two generations."""
    settings = run.settings
    rate = 5e-4 if run.size.lora else 2e-4  # paper value unknown; results/README.md has the trials
    if POLICIES[run.size.policy].hub:
        rate = 2e-5  # paper value unknown, and not tried here
    return GRPOConfig(
        **common_settings(run),
        **GENERATION[settings.generation],
        **split_step(run, run.size.studies_per_step * run.group_size),
        save_strategy="steps",
        save_steps=run.size.srl_look,
        # the method
        loss_type="grpo",  # TRL's default is dapo
        beta=settings.beta,  # TRL's default 0.0 drops the KL term
        num_generations=run.group_size,
        scale_rewards=settings.scale_rewards,  # "group": in units of the group's standard deviation, DeepSeekMath's and TRL's
        reward_weights=[*settings.rewards.values(), *[0.0] * len(COUNTS)],
        multi_objective_aggregation="sum_then_normalize",
        num_iterations=1,  # paper value unknown
        epsilon=0.2,  # paper value unknown; DeepSeekMath's
        importance_sampling_level="token",
        use_bias_correction_kl=False,  # TRL's default weighs the KL term by the importance ratio; DeepSeekMath does not
        mask_truncated_completions=False,  # a report that was cut off counts, without its format reward
        disable_dropout=True,
        # sampling: sharper than the policy, near the greedy decoding that reports are written with; nothing is cut off
        temperature=0.6,  # paper value unknown; results/README.md has the trials
        top_p=1.0,
        top_k=0,
        repetition_penalty=1.0,
        max_completion_length=run.size.max_completion_length,
        # optimisation
        max_steps=run.size.srl_steps,
        learning_rate=rate,
        lr_scheduler_type="linear",  # paper value unknown
        warmup_steps=2,
        weight_decay=0.0,
        max_grad_norm=1.0,
        log_completions=False,  # it prints reports to the console
    )


def reward_functions(run: Run, labels: np.ndarray) -> list:
    """The run's rewards as TRL reward functions, in the order of their weights; then the counts, which weigh nothing.

    A reward takes what its builder names: the `margin` of the run, or the `prevalence` of the 13 abnormalities in `labels`, the
    codes `(studies, 14)` of the training split.
    """
    labeler = load_labeler(run.settings.labeler)
    given = {"margin": run.settings.margin, "prevalence": positives(labels).mean(axis=0)}
    rewards = []
    for name in run.settings.rewards:
        taken = {
            key: value
            for key, value in given.items()
            if key in inspect.signature(REWARDS[name]).parameters
        }
        rewards.append(build_reward(name, labeler=labeler, **taken))
    return rewards + build_counts(labeler)


def mostly_abnormal(labels: np.ndarray, share: float) -> np.ndarray:
    """The places of all studies with a positive observation, and of so many of the others, the first, that they are `share`.

    Labels `(studies, 14)` codes, uncertain as positive; `share` in (0, 1]. Where there are too few others, or nothing is
    abnormal, all of them.

    >>> edema, normal = [0] * 4 + [1] + [0] * 9, [0] * 13 + [1]
    >>> mostly_abnormal(np.array([normal, normal, edema, normal, edema, edema]), share=0.75)
    array([0, 2, 4, 5])
    """
    abnormal = positives(labels).any(axis=-1)
    wanted = round(abnormal.sum() * (1 - share) / share) if abnormal.any() else len(abnormal)
    others = np.flatnonzero(~abnormal)[:wanted]
    return np.sort(np.concatenate([np.flatnonzero(abnormal), others]))


def srl(run: Run) -> pd.DataFrame:
    """Train `run` from its SFT policy and return the log, a row a step; a finished run is loaded.

    Also writes `validation.csv`, a row every `srl_look` steps: as in SFT, the best of them is kept.
    Raises ValueError if `run` is no SRL experiment and FileNotFoundError, naming notebook 02, if the SFT policy is missing.
    """
    run = run.of_stage("srl")
    if run.finished("train"):
        return read_log(run)
    start = run.start.require_policy("02_supervised_finetuning")
    if run.settings.generation.startswith("vllm") and not find_spec("vllm"):
        raise ValueError(
            f"{run.experiment} generates with vLLM, which is not installed: pip install -e '.[vllm]' on a GPU machine."
        )
    prepare(run)
    settings = config(run)
    # whole training needs float32: in bf16 a small step changes nothing
    model, processor = load_policy(start, dtype="auto" if run.size.lora else torch.float32)
    validation = Validation(run, processor, run.size.srl_look)
    studies = load_split(run.corpus, "train", run.size)
    labels = validation.labeler([study.findings for study in studies])
    share = run.settings.abnormal
    seen = np.arange(len(studies)) if share is None else mostly_abnormal(labels, share)
    trainer = GRPOTrainer(
        model,
        reward_funcs=reward_functions(run, labels),
        args=settings,
        train_dataset=srl_rows(Subset(studies, seen), labels[seen]),
        processing_class=processor,
        peft_config=new_adapters(model, POLICIES[run.size.policy]) if run.size.lora else None,
        callbacks=[validation],
    )
    return train(
        run, trainer, "mrg_r1_lib.training.srl", {"validation.csv": validation.table}, validation
    )


if __name__ == "__main__":
    command_line(srl, __doc__)
