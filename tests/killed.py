"""One training stage in a process of its own that kills itself: `python tests/killed.py STAGE
step|save|end NUMBER RESULTS`.

"step 3" is the end of the third step, "save 2" the middle of writing the second checkpoint. "end 1"
is before the policy is saved, "end 2" before the step is marked as finished.
"""

import os
import signal
import sys
from pathlib import Path

from conftest import few_steps
from transformers import TrainerCallback

from mrg_r1_lib import scales
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.training import pretrain, resume, sft, srl
from mrg_r1_lib.training import trainer as training

SCALE = few_steps(  # SRL's steps 4 and 5 are of a second epoch, which is not complete
    pretrain={"epochs": 2},
    sft={"epochs": 4, "evaluations": 4},
    srl={"steps": 5, "evaluations": 3},
)


def kill(*_, **__) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class KilledAt(TrainerCallback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_end(self, args, state, control, **_) -> None:
        if state.global_step == self.step:
            kill()


def half_written(number: int):
    """`safetensors.save_file`, but its call of that number leaves a piece of a file and ends the
    process."""
    whole, calls = resume.save_file, []

    def save_file(tensors, path) -> None:
        calls.append(path)
        if len(calls) == number:
            Path(path).write_bytes(b"half")
            kill()
        whole(tensors, path)

    return save_file


def main(stage: str, kind: str, number: str, results: str) -> None:
    scales.SCALES["smoke"] = SCALE
    if kind == "save":
        resume.save_file = half_written(int(number))
    elif kind == "end":
        setattr(training, ("save_policy", "policy_digest")[int(number) - 1], kill)
    else:
        training.Progress = lambda _: KilledAt(int(number))
    stages = {"pretrain": pretrain.pretrain, "sft": sft.sft, "srl": srl.srl}
    stages[stage](Run("iu_xray/srl_mccs", "smoke", 0, Path(results)))


if __name__ == "__main__":
    main(*sys.argv[1:])
