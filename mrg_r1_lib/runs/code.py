"""Which code made a result: the commit, and whether the code has changed since.

`results/` is not code: a run rewrites it, and would otherwise call itself changed.
"""

import shutil
import subprocess
from functools import cache

from mrg_r1_lib.storage.paths import REPOSITORY

CODE = ("mrg_r1_lib", "notebooks", "requirements.lock")


@cache
def commit() -> str:
    """The commit, 12 digits, with "-dirty" where the code differs; "unknown" without git."""
    head = _git("rev-parse", "--short=12", "HEAD")
    status = _git("status", "--porcelain", "--", *CODE)
    if not head or head.returncode:
        return "unknown"
    return head.stdout.strip() + ("-dirty" if status.stdout.strip() else "")


def changed_since(made: str) -> bool | None:
    """Whether the code differs from the commit `made`; None where git cannot say."""
    if made.endswith("-dirty"):
        return True
    answer = _git("diff", "--quiet", made, "--", *CODE)
    return {0: False, 1: True}.get(answer.returncode) if answer else None


def _git(*arguments: str) -> subprocess.CompletedProcess | None:
    if not shutil.which("git"):
        return None
    command = ["git", *arguments]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
