"""The common part of the three trained stages: pretraining, SFT and SRL.

It runs a TRL trainer, checks that every trained tensor changed, and saves policy, log and manifest.
"""

import argparse
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext, redirect_stderr
from pathlib import Path

import pandas as pd
import torch
from transformers import PrinterCallback, Trainer
from transformers.utils import logging

from mrg_r1_lib.policies.load_save import half_precision, policy_digest, save_policy
from mrg_r1_lib.policies.registry import POLICIES, require_known
from mrg_r1_lib.runs.processes import gathered, processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.scales import load_scale, scale_with
from mrg_r1_lib.storage.files import locked, require_room
from mrg_r1_lib.storage.paths import full_path, results_root
from mrg_r1_lib.training.checkpoint_selection import Validation
from mrg_r1_lib.training.memory import needs, require_device
from mrg_r1_lib.training.progress import Progress, standard_error
from mrg_r1_lib.training.resume import Checkpoints, last_complete, trainer_folder

# columns of the trainer's log that differ between two runs of one seed; the manifest has the times
VOLATILE = ("runtime", "per_second", "step_time", "total_flos", "/time", "profiling")


def prepare(run: Run) -> None:
    """Set threads and silence libraries, before a model is made or loaded."""
    run.make_private()
    threads = run.stage_settings.threads if run.stage_settings else 0
    if threads:
        torch.set_num_threads(threads)
    logging.disable_progress_bar()
    # PEFT 0.21 and TRL 1.16 still use old names of transformers; users cannot act on the warning
    old = ("is_gradient_checkpointing", "gradient_checkpointing_enable")
    for name in (*old, "gradient_checkpointing_disable"):
        warnings.filterwarnings("ignore", f"`{name}` is deprecated", FutureWarning)
    # PEFT looks for the base model's config beside the working folder; the base is where it says
    warnings.filterwarnings("ignore", "Could not find a config file in", UserWarning)


def require_policy(run: Run, notebook: str) -> Path:
    """The folder of a run's trained policy; FileNotFoundError names the notebook that makes it."""
    if not run.finished("train"):
        raise FileNotFoundError(
            f"{run.experiment}, scale {run.scale}, seed {run.seed}: no trained policy in "
            f"{run.policy}. Run notebooks/{notebook}.ipynb with "
            f'EXPERIMENT = "{run.corpus}/srl_mccs", the same scale and seed, first.'
        )
    return run.policy


def common_settings(run: Run) -> dict:
    """The arguments common to all TRL configs of this project."""
    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(trainer_folder(run)),
        "seed": run.seed,
        "report_to": "none",
        "disable_tqdm": True,  # Progress is the one bar
        "logging_steps": 1,
        "bf16": on_gpu and half_precision() == torch.bfloat16,
        "fp16": on_gpu and half_precision() == torch.float16,  # with its loss scaled
        "use_cpu": not on_gpu,
        "activation_checkpointing": POLICIES[run.settings.policy].activation_checkpointing,
        "save_total_limit": 2,  # the last complete checkpoint stays while the next is written
        "dataloader_pin_memory": on_gpu,
        "remove_unused_columns": False,  # images are made on access
    }


def train(run: Run, trainer: Trainer, validation: Validation | None = None) -> pd.DataFrame:
    """Train, check that every trained tensor changed, save policy and manifest; returns the log.

    The log has one row per step. A stopped training continues from its last complete checkpoint.
    `validation` is saved with each checkpoint; the best weights are restored at the end. Of several
    processes only the first writes.

    RuntimeError if a trained tensor kept its value or a loss is not finite.
    """
    first = trainer.is_world_process_zero()
    with locked(run.folder) if first else nullcontext():
        checkpoints, changed = _run_trainer(run, trainer, validation)
        log = tidy_log(trainer.state.log_history)
        _check_moved(run, log, changed)
        if validation:
            validation.restore(trainer.model)
        with gathered(trainer.model):
            if first:
                model = trainer.accelerator.unwrap_model(trainer.model)
                save_policy(model, trainer.processing_class, run.policy)
        if first:
            run.save_table("train_log.csv", log)
            if validation:
                run.save_table("validation.csv", validation.table())
            parameters = {name: p.numel() for name, p in trainer.model.named_parameters()}
            run.update_manifest(
                run.recipe.stage,
                seconds=round(checkpoints.elapsed(), 1),
                steps=trainer.state.global_step,
                processes=processes().num_processes,
                parameters=sum(parameters.values()),
                trained_parameters=sum(parameters[name] for name in changed),
                trained_tensors=len(changed),
                changed_tensors=sum(changed.values()),
            )
            run.mark_finished("train", weights=policy_digest(run.policy))
            shutil.rmtree(trainer_folder(run), ignore_errors=True)
    processes().wait_for_everyone()
    return log


def _run_trainer(
    run: Run, trainer: Trainer, validation: Validation | None
) -> tuple[Checkpoints, dict[str, bool]]:
    """Run the trainer to its end; returns its checkpoints, and {trained tensor: it changed}."""
    trained = {name: p for name, p in trainer.model.named_parameters() if p.requires_grad}
    with gathered(trainer.model):
        before = {name: p.detach().cpu().clone() for name, p in trained.items()}
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(Progress(f"{run.recipe.label}, seed {run.seed}"))
    with processes().main_process_first():
        checkpoint = last_complete(run)
    checkpoints = Checkpoints(run, validation, checkpoint)
    checkpoints.run_trainer(trainer)
    with gathered(trainer.model):
        changed = {
            name: not torch.equal(before[name], p.detach().cpu()) for name, p in trained.items()
        }
    return checkpoints, changed


def _check_moved(run: Run, log: pd.DataFrame, changed: Mapping[str, bool]) -> None:
    """RuntimeError if a trained tensor kept its value or a loss is not finite."""
    still = [name for name, moved in changed.items() if not moved]
    finite = log["loss"].map(torch.tensor).map(torch.isfinite).all()
    if still or not finite:
        raise RuntimeError(
            f"{run.experiment}: {len(still)} of {len(changed)} trained tensors did not change"
            f"{', the first is ' + still[0] if still else ''}; "
            f"losses {log['loss'].min()} to {log['loss'].max()}."
        )


def tidy_log(history: list[dict]) -> pd.DataFrame:
    """The trainer's log, one row per step, without columns of times."""
    rows = [row for row in history if "loss" in row]
    names = dict.fromkeys(name for row in rows for name in row if name != "step")
    keep = [name for name in names if not any(part in name for part in VOLATILE)]
    return pd.DataFrame(rows)[["step", *keep]]


def read_log(run: Run) -> pd.DataFrame:
    """The saved training log of a finished run; checkpoints that a kill left of it go."""
    shutil.rmtree(trainer_folder(run), ignore_errors=True)
    return pd.read_csv(run.folder / "train_log.csv")


def command_line(stage: Callable[[Run], object], description: str) -> None:
    """The command line of a stage: `python -m mrg_r1_lib.training.<stage> --experiment …`."""
    parser = argparse.ArgumentParser(description=description)
    default = "iu_xray/srl_mccs"
    parser.add_argument("--experiment", default=default, help="corpus/arm (default: %(default)s)")
    parser.add_argument("--scale", default="laptop", help="default: %(default)s")
    parser.add_argument("--policy", metavar="NAME", help="default: the scale's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--results", type=full_path, default=results_root(), help="results folder")
    named = parser.parse_args()
    try:
        scale = scale_with(named.scale, named.policy)
        require_known(load_scale(scale).policy)
        require_room(named.results, needs(scale).disk_gib, named.results / "runs" / scale)
        require_device(scale)
        with redirect_stderr(standard_error()):
            stage(Run(named.experiment, scale, named.seed, named.results))
    except (ValueError, OSError, RuntimeError) as error:
        parser.exit(1, f"{error}\n")
