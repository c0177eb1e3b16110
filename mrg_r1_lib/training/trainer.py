"""What the three trained stages share: one way to run a TRL trainer, watch it, check that it moved, and keep what it made."""

import argparse
import shutil
import warnings
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import torch
from tqdm import tqdm
from transformers import PrinterCallback, Trainer, TrainerCallback
from transformers.utils import logging

from mrg_r1_lib.experiments import load_scale
from mrg_r1_lib.policies.load_save import save_policy
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.runs.processes import gathered, processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked, require_room, save_table, write_text
from mrg_r1_lib.storage.paths import results_root
from mrg_r1_lib.training.checkpoints import Checkpoints, last_whole, trainer_folder
from mrg_r1_lib.training.memory import require_device

# columns of the trainer's log that differ between two runs with one seed; the manifest has the times
VOLATILE = ("runtime", "per_second", "step_time", "total_flos", "/time", "profiling")


class Progress(TrainerCallback):
    """One bar of steps on standard error with the remaining time and the latest loss or reward."""

    def __init__(self, label: str) -> None:
        self.label = label

    def on_train_begin(self, args, state, control, **_) -> None:
        """Open the bar, where the training stands."""
        self.bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc=self.label,
            mininterval=1.0,
            dynamic_ncols=True,
            disable=not state.is_world_process_zero,
        )

    def on_step_end(self, args, state, control, **_) -> None:
        """Move it to the trainer's step."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args, state, control, logs=None, **_) -> None:
        """Show the latest loss, reward and KL beside it."""
        shown = {
            key: f"{logs[key]:.3f}"
            for key in ("loss", "reward", "kl")
            if logs and logs.get(key) is not None
        }
        self.bar.set_postfix(shown, refresh=False)

    def on_train_end(self, args, state, control, **_) -> None:
        """Close it."""
        self.bar.close()


def prepare(run: Run) -> None:
    """Threads and quiet libraries, before a model is made or loaded."""
    run.make_private()
    if run.settings.stage in run.size.threads:
        torch.set_num_threads(run.size.threads[run.settings.stage])
    logging.disable_progress_bar()
    # PEFT 0.21 and TRL 1.16 still use old names of transformers; nothing that a reader of a notebook could act on
    for name in (
        "is_gradient_checkpointing",
        "gradient_checkpointing_enable",
        "gradient_checkpointing_disable",
    ):
        warnings.filterwarnings("ignore", f"`{name}` is deprecated", FutureWarning)


def common_settings(run: Run) -> dict:
    """The arguments that every TRL config of this study shares."""
    on_gpu = torch.cuda.is_available()
    return {
        "output_dir": str(trainer_folder(run)),
        "seed": run.seed,
        "report_to": "none",
        "disable_tqdm": True,  # Progress is the one bar
        "logging_steps": 1,
        "bf16": on_gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not on_gpu,
        "activation_checkpointing": POLICIES[run.size.policy].activation_checkpointing,
        "save_total_limit": 2,  # the last whole one stays while the next is written
        "dataloader_pin_memory": on_gpu,
        "remove_unused_columns": False,  # images are made on access
    }


def train(
    run: Run,
    trainer: Trainer,
    module: str,
    tables: Mapping[str, Callable[[], pd.DataFrame]] | None = None,
    validation: TrainerCallback | None = None,
) -> pd.DataFrame:
    """Train, check that every trained tensor changed, and keep policy, log and manifest; returns the log, a row a step.

    A training that was stopped goes on from its last whole checkpoint. `tables` maps further file names of the run's folder to
    what makes them after training; `validation` is saved with each checkpoint. Of several processes the first one writes.

    Raises RuntimeError if a trained tensor kept its value or a loss is not finite: such a run would say nothing.
    """
    first = trainer.is_world_process_zero()
    with locked(run.folder) if first else nullcontext():
        trained = {name: p for name, p in trainer.model.named_parameters() if p.requires_grad}
        with gathered(trainer.model):
            before = {name: p.detach().cpu().clone() for name, p in trained.items()}
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(Progress(f"{run.settings.label}, seed {run.seed}"))
        with processes().main_process_first():
            checkpoint = last_whole(run)
        checkpoints = Checkpoints(run, validation, checkpoint)
        trainer.add_callback(checkpoints)
        trainer._load_from_checkpoint = lambda *_: (
            None
        )  # it loads nothing into a LLaVA and says so at length: Checkpoints does
        trainer._total_train_tokens = checkpoints.tokens  # SFT's counter
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        with gathered(trainer.model):
            still = [
                name for name, p in trained.items() if torch.equal(before[name], p.detach().cpu())
            ]
            if first and not still:
                save_policy(
                    trainer.accelerator.unwrap_model(trainer.model),
                    trainer.processing_class,
                    run.policy,
                )
        log = tidy_log(trainer.state.log_history)
        if still or not log["loss"].map(torch.tensor).map(torch.isfinite).all():
            raise RuntimeError(
                f"{run.experiment}: {len(still)} of {len(trained)} trained tensors did not change"
                f"{', the first is ' + still[0] if still else ''}; losses {log['loss'].min()} to {log['loss'].max()}."
            )
        if first:
            write_text(run.folder / "train_log.csv", log.to_csv(index=False, lineterminator="\n"))
            for name, table in (tables or {}).items():
                save_table(table(), run.folder / name)
            run.update_manifest(
                module,
                seconds=round(checkpoints.elapsed(), 1),
                steps=trainer.state.global_step,
                processes=processes().num_processes,
                parameters=sum(p.numel() for p in trainer.model.parameters()),
                trained_parameters=sum(p.numel() for p in trained.values()),
                trained_tensors=len(trained),
                changed_tensors=len(trained) - len(still),
            )
            run.mark_finished("train")
            shutil.rmtree(
                trainer_folder(run), ignore_errors=True
            )  # checkpoints: what was kept is in the policy
    processes().wait_for_everyone()
    return log


def tidy_log(history: list[dict]) -> pd.DataFrame:
    """The trainer's log as one row a step, without the columns that hold times."""
    rows = [row for row in history if "loss" in row]
    log = pd.DataFrame(rows)
    # a checkpoint sorts the names of its rows
    keep = [
        name
        for name in dict.fromkeys(name for row in reversed(rows) for name in row)
        if not any(part in name for part in VOLATILE)
    ]
    return log[["step", *[name for name in keep if name != "step"]]]


def read_log(run: Run) -> pd.DataFrame:
    """The saved training log of a finished run."""
    return pd.read_csv(run.folder / "train_log.csv")


def command_line(stage: Callable[[Run], object], description: str) -> None:
    """The command line of one stage: `python -m mrg_r1_lib.<stage> --experiment … --scale … --seed … [--results …]`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--experiment", default="iu_xray/srl_mccs", help="corpus/arm (default: %(default)s)"
    )
    parser.add_argument("--scale", default="laptop", help="smoke or laptop (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--results",
        type=Path,
        default=results_root(),
        help="results folder (default: the checkout's)",
    )
    named = parser.parse_args()
    try:
        require_room(named.results, load_scale(named.scale).disk_gib)
        require_device(named.scale)
        stage(Run(named.experiment, named.scale, named.seed, named.results))
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        parser.exit(1, f"{error}\n")
