"""How long work shows its progress: bars in a terminal, some lines in a log.

Bars come from this library and from others (transformers, datasets), mostly inside a notebook's
kernel. They are therefore thinned where they arrive: at the standard error of the command.
"""

import re
import subprocess
import sys
from typing import TextIO

from tqdm import tqdm
from transformers import TrainerCallback

_LINE_UP = "\x1b[A"  # after a bar below another one
_BAR = re.compile(r"(?P<name>.*?)\s*(?P<percent>\d+)%\|")


class Progress(TrainerCallback):
    """A progress bar of steps with the remaining time and the latest loss or reward."""

    def __init__(self, label: str) -> None:
        self.label = label

    def on_train_begin(self, args, state, control, **_) -> None:
        """Open the bar at the present step."""
        self.bar = tqdm(
            total=state.max_steps,
            initial=state.global_step,
            desc=self.label,
            mininterval=1.0,
            dynamic_ncols=True,
            disable=not state.is_world_process_zero,
        )

    def on_step_end(self, args, state, control, **_) -> None:
        """Move the bar to the trainer's step."""
        self.bar.update(state.global_step - self.bar.n)

    def on_log(self, args, state, control, logs=None, **_) -> None:
        """Show the latest loss, reward and KL divergence beside the bar."""
        logs = logs or {}
        names = [key for key in ("loss", "reward", "kl") if logs.get(key) is not None]
        self.bar.set_postfix({key: f"{logs[key]:.3f}" for key in names}, refresh=False)

    def on_train_end(self, args, state, control, **_) -> None:
        """Close the bar."""
        self.bar.close()


class Tenths:
    """Standard error for a log: of each bar the first line, one per tenth, and the last.

    Everything else passes unchanged.

    >>> log = Tenths(sys.stdout)
    >>> for percent in (0, 3, 9, 10, 12, 100):
    ...     log.write(f"\\rwriting: {percent:3}%|")
    writing:   0%|
    writing:  10%|
    writing: 100%|
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.shown: dict[str, int] = {}  # a bar's name -> the tenth of its last line
        self.open = False  # whether a bar waits for its end of line

    def write(self, text: str) -> None:
        """Write what a log needs of `text`."""
        for number, piece in enumerate(text.replace(_LINE_UP, "").split("\r")):
            line, end, rest = piece.partition("\n")
            if bar := number and _BAR.match(line):
                tenth = int(bar["percent"]) // 10
                if tenth != self.shown.get(bar["name"]):
                    self.stream.write(f"{line.rstrip()}\n")
                self.shown[bar["name"]], self.open = tenth, not end
                piece = rest
            elif self.open and not line:
                self.open, piece = not end, rest
            self.stream.write(piece)

    def flush(self) -> None:
        """Flush the stream."""
        self.stream.flush()

    def isatty(self) -> bool:
        """Never a terminal."""
        return False


def standard_error() -> TextIO | Tenths:
    """Where a command's bars go: standard error as it is in a terminal, else its `Tenths`."""
    return sys.stderr if sys.stderr.isatty() else Tenths(sys.stderr)


def call(command: list[str]) -> int:
    """Run a command, whose bars go to `standard_error`; returns its exit status."""
    into = standard_error()
    if not isinstance(into, Tenths):
        return subprocess.run(command, check=False).returncode
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while part := process.stderr.read1():
            into.write(part.decode(errors="replace"))
            into.flush()
    return process.returncode
