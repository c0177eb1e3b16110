"""A step of SRL timed part by part, on a policy of real size with random weights: nothing is
downloaded.

TRL's own trainer with the settings of `srl.config`, on phantom studies; every completion has its
full length. Random weights write no report, so the rewards are handed the studies' own reports in
place of the completions: real text for their work. Advantages are then all 0, which changes no
time. Generation, reward, reference, forward and backward are clocked around TRL's methods, the GPU
being waited for; "other" is the rest of the step: images, batches, the optimiser, the log.
"""

import argparse
import platform
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path

import pandas as pd
import torch
import transformers
from transformers import PrinterCallback
from trl import GRPOConfig, GRPOTrainer

from mrg_r1_lib.benchmarks.random_policies import QWEN_TOKENS, random_policy
from mrg_r1_lib.benchmarks.step_clock import PARTS, Clock
from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.experiments import DEFAULT_CORPUS, SCALES, Scale
from mrg_r1_lib.policies.load_save import lora, require_known
from mrg_r1_lib.policies.prompts import srl_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import table_text, write_text
from mrg_r1_lib.storage.paths import results_root
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.srl import config, reward_functions
from mrg_r1_lib.training.trainer import prepare


@dataclass(frozen=True)
class TimedRun(Run):
    """A run of SRL at a scale that has no name."""

    timed: Scale

    @property
    def settings(self) -> Scale:
        return self.timed


def timed_run(
    policy: str, steps: int, length: int, group_size: int, studies: int, folder: Path
) -> TimedRun:
    """The main arm of SRL with that policy at the scale that it belongs to, with steps, completions
    and groups as asked for."""
    scale = "full" if require_known(policy).hub else "laptop"
    srl = replace(SCALES[scale].srl, steps=steps, group_size=group_size, studies_per_step=studies)
    timed = replace(
        SCALES[scale], policy=policy, images="phantom", max_completion_length=length, srl=srl
    )
    return TimedRun(f"{DEFAULT_CORPUS}/{timed.arms[0]}", scale, 0, folder, timed)


def variant(policy: str, **changes: int | bool) -> str:
    """The name of a base model that differs from `policy` in what is given
    (`base_models.BaseModel`); without a change its own.

    ValueError for an unknown policy.
    """
    base = require_known(policy)
    if not changes:
        return policy
    name = ", ".join([policy, *(f"{key} {value}" for key, value in changes.items())])
    POLICIES[name] = replace(base, **changes)
    return name


def timed_settings(run: TimedRun, processor: transformers.ProcessorMixin) -> GRPOConfig:
    """The settings of SRL; completions hold no token that stands for an image, and none ends early.
    Nothing is saved."""
    settings = config(run)
    settings.save_strategy = "no"
    tokenizer = processor.tokenizer
    never = {
        tokenizer.image_token_id,
        *(tokenizer.get_vocab().get(token) for token in QWEN_TOKENS),
    } - {None}
    settings.generation_kwargs = {
        "suppress_tokens": sorted(never),
        "min_new_tokens": run.settings.max_completion_length,
    }
    return settings


def on_reports(reward: Callable) -> Callable:
    """The reward function on the studies' own reports in place of the completions."""

    @wraps(reward)
    def scored(completions: list, reference: list[str], **columns) -> list[float | None]:
        written = [
            [{"role": "assistant", "content": render_target("", text)}] for text in reference
        ]
        return reward(completions=written, reference=reference, **columns)

    return scored


def device_name() -> str:
    """The GPU's name, or the kind of CPU and the threads that torch uses of it."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"CPU {platform.machine()} {torch.get_num_threads()} threads"


def benchmark_srl(
    policy: str, steps: int, length: int, group_size: int, studies: int
) -> pd.DataFrame:
    """Time `steps` steps of SRL, each of `studies` groups; a row a step: settings, seconds by part,
    tokens, memory.

    `seconds` is the sum of the `PARTS`; `tokens` are those of all prompts and completions.
    ValueError for an unknown policy.
    """
    with tempfile.TemporaryDirectory() as folder:
        run = timed_run(policy, steps, length, group_size, studies, Path(folder))
        prepare(run)
        corpus = load_corpus(
            "phantom", studies=max(64, studies), image_size=run.settings.image_size
        )
        findings = [study.findings for study in corpus]
        bf16 = config(run).bf16
        model, processor = random_policy(run, findings, torch.bfloat16 if bf16 else torch.float32)
        settings = timed_settings(run, processor)
        trainer = trainer_of(run, model, processor, settings, corpus)
        clock = Clock(trainer)
        trainer.add_callback(clock)
        trainer.train()
    described = {
        "policy": policy,
        "device": device_name(),
        "torch": torch.__version__,
        "dtype": str(model.dtype).removeprefix("torch."),
        "lora": run.settings.lora,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "image_size": run.settings.image_size,
        "studies": studies,
        "group_size": group_size,
        "micro_batch": settings.per_device_train_batch_size,
        "completion_length": length,
    }
    return pd.DataFrame([described | row for row in clock.rows])


def trainer_of(
    run: TimedRun,
    model: torch.nn.Module,
    processor: transformers.ProcessorMixin,
    settings: GRPOConfig,
    corpus: Sequence[Study],
) -> GRPOTrainer:
    """TRL's trainer as `srl.srl` makes it, without validation, on phantom studies and their
    labels."""
    labels = corpus.written_labels()
    trainer = GRPOTrainer(
        model,
        reward_funcs=[on_reports(reward) for reward in reward_functions(run, labels)],
        args=settings,
        train_dataset=srl_rows(corpus, labels),
        processing_class=processor,
        peft_config=lora(POLICIES[run.settings.policy]) if run.settings.lora else None,
    )
    trainer.remove_callback(PrinterCallback)
    return trainer


def warm(table: pd.DataFrame) -> pd.DataFrame:
    """The steps after the first, which warms up; it alone where there are no others."""
    return table[table["step"] > 1] if len(table) > 1 else table


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Median seconds of a warm step and of its parts, and their shares."""
    seconds = warm(table)[["seconds", *PARTS]].median().rename({"seconds": "step"})
    return pd.DataFrame({"seconds": seconds, "share": seconds / seconds["step"]})


def path_of(table: pd.DataFrame, results: Path) -> Path:
    """Where a table is saved: a file for each policy on each device."""
    policy, device = (
        re.sub(r"[^a-z0-9_]+", "-", table[name].iloc[0].lower()).strip("-")
        for name in ("policy", "device")
    )
    return results / "benchmarks" / f"srl_{policy}_{device}.csv"


def main() -> None:
    """`python -m mrg_r1_lib.benchmarks.benchmark srl --policy NAME …`: time, save, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("stage", choices=["srl"])
    parser.add_argument("--policy", default="tiny_llava", help=" or ".join(POLICIES))
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument(
        "--completion-length", type=int, default=128, help="tokens of every completion"
    )
    parser.add_argument("--group-size", type=int, default=8, help="completions a study")
    parser.add_argument("--studies", type=int, default=4, help="studies a step")
    parser.add_argument(
        "--micro-batch", type=int, help="completions that a device holds in forward and backward"
    )
    parser.add_argument(
        "--keep-activations", action="store_true", help="without activation checkpointing"
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=results_root(),
        help="results folder (default: the checkout's)",
    )
    named = parser.parse_args()
    changes = {"micro_batch": named.micro_batch} if named.micro_batch else {}
    changes |= {"activation_checkpointing": False} if named.keep_activations else {}
    try:
        policy = variant(named.policy, **changes)
        table = benchmark_srl(
            policy, named.steps, named.completion_length, named.group_size, named.studies
        )
    except (ValueError, RuntimeError) as error:
        parser.exit(1, f"{error}\n")
    path = path_of(table, named.results)
    write_text(path, table_text(table))
    last, speed = table.iloc[-1], warm(table)["tokens_per_second"].median()
    completions = named.studies * named.group_size
    sys.stdout.write(
        f"{last.policy}, {last.parameters / 1e6:,.1f} million parameters, on {last.device}: "
        f"{completions} completions of {last.completion_length} tokens per step\n"
        f"{summary(table).to_string(float_format='%.3f')}\n"
        f"{speed:,.0f} tokens/s, largest memory {table['peak_gib'].max():.2f} GiB\n"
        f"Saved: {path}\n"
    )


if __name__ == "__main__":
    main()
