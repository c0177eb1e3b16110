"""What a process changes below a folder, and its end at one of these changes."""

import os
import signal
import sys
from pathlib import Path

# an event of Python's audit hooks -> where its arguments name the open folder that a path is below
CHANGES = {"os.rename": 2, "os.remove": 1, "os.rmdir": 1, "os.mkdir": 2}


def watch(results: Path, last: int) -> list[str]:
    """The changes below `results` from now on; at number `last` a half is left, and SIGKILL ends
    this process."""
    seen: list[str] = []

    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            inside = bool((arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR))
        else:  # a path relative to an open folder is one that is being deleted
            inside = event in CHANGES
        if not inside or isinstance(arguments[0], int):
            return
        path = os.fsdecode(arguments[0])
        relative = event in CHANGES and arguments[CHANGES[event]] != -1
        if not (relative or path.startswith(f"{results}{os.sep}")):
            return
        seen.append(f"{event} {os.path.relpath(path, results) if not relative else path}")
        if len(seen) == last:
            if event == "open" and arguments[2] & os.O_TRUNC:
                Path(path).write_bytes(b"half")
            sys.stdout.write(f"{seen[-1]}\n")
            sys.stdout.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return seen
