"""Which code made a result: the commit, whether the code has changed since, the lock's digest.

`results/` is not code: a run rewrites it, and would otherwise call itself changed.
"""

import hashlib
import shutil
import subprocess
from functools import cache

from mrg_r1_lib.storage.paths import REPOSITORY

CODE = ("mrg_r1_lib", "notebooks", "requirements.lock")


@cache
def commit() -> str:
    """The commit, 12 digits, with "-dirty" where the code differs; "unknown" without git."""
    head = _git("rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    return head + ("-dirty" if _git("status", "--porcelain", "--", *CODE) else "")


def changed_since(made: str) -> bool | None:
    """Whether the code differs from the commit `made`; None where git cannot say."""
    if made.endswith("-dirty"):
        return True
    if not shutil.which("git"):
        return None
    command = ["git", "diff", "--quiet", made, "--", *CODE]
    status = subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False).returncode
    return {0: False, 1: True}.get(status)


@cache
def lock_digest() -> str:
    """SHA-256 of requirements.lock as 64 hex digits."""
    return hashlib.sha256((REPOSITORY / "requirements.lock").read_bytes()).hexdigest()


def _git(*arguments: str) -> str:
    if not shutil.which("git"):
        return ""
    command = ["git", *arguments]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return answer.stdout.strip()
