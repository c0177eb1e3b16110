"""One stage of a tiny study, which kills itself at one of its writes (0: it lives). At its end it
says how many writes there were.
"""

import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]
import killed  # noqa: E402
import safetensors.torch  # noqa: E402
import torch  # noqa: E402
from fixed_step import given  # noqa: E402
from trl import GRPOTrainer  # noqa: E402
from writes import watch  # noqa: E402

from mrg_r1_lib import scales  # noqa: E402
from mrg_r1_lib.evaluation.evaluate import evaluate  # noqa: E402
from mrg_r1_lib.evaluation.final import final  # noqa: E402
from mrg_r1_lib.reporting import build  # noqa: E402
from mrg_r1_lib.runs.run import Run  # noqa: E402
from mrg_r1_lib.storage.files import sweep  # noqa: E402
from mrg_r1_lib.training.pretrain import pretrain  # noqa: E402
from mrg_r1_lib.training.sft import sft  # noqa: E402
from mrg_r1_lib.training.srl import srl  # noqa: E402

SCORED = ("reference", "constant_normal", "sft", "srl_mccs", "srl_mccs_shuffled")
BUILT = ("main", "scores", "training", "main_scores")  # three tables and a figure


def main(stage: str, results: Path, last: int) -> None:
    """Run a stage in this process, which dies at its write number `last` (0: never)."""
    scales.SCALES["smoke"] = killed.SCALE
    run = Run("iu_xray/srl_mccs", "smoke", 0, results)
    announce_native_writes()
    seen = watch(results, last)
    sweep(results)  # as a study does at its start
    if stage == "srl_given":  # rewards that differ, whatever so small a policy would write
        GRPOTrainer._generate_single_turn = given
        srl(run.of_arm("srl_label_f1"))
    elif stage == "scores":
        for arm in SCORED:
            evaluate(run.of_arm(arm))
    elif stage == "final":
        final(results, "smoke")
    elif stage == "tables":
        for name in BUILT:
            build.show(name, run)
    else:
        {"pretrain": pretrain, "sft": sft, "srl": srl}[stage](run)
    sys.stdout.write(f"{len(seen)}\n")


def announce_native_writes() -> None:
    """Let the writers that are no Python say what they open, as `open` does."""

    def announced(write, place: int):
        def announcing(*arguments, **named):
            if isinstance(arguments[place], str | os.PathLike):
                sys.audit("open", os.fspath(arguments[place]), "wb", os.O_WRONLY | os.O_TRUNC)
            return write(*arguments, **named)

        return announcing

    safetensors.torch.serialize_file = announced(safetensors.torch.serialize_file, 1)
    torch.save = announced(torch.save, 1)
