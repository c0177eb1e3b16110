"""Files and folders that are never half-written, locks and room for results folders, digests."""

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

RESTORE = "Restore it (git checkout), or delete it and repeat the run that wrote it: --fresh."
# what would make two files of one figure differ
NO_METADATA = {".png": {"Software": None}}
NO_METADATA[".pdf"] = dict.fromkeys(("CreationDate", "Creator", "Producer"))


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Yield a path beside `path` for a file or folder; it becomes `path` if the block succeeds.

    A process that is killed leaves the old file or folder, or the new one, never a part. Between
    the two renames of a folder the old one lies beside `path`; the next call brings it back. An
    OSError names the path, also of a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    recover(path)
    aside = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        yield aside
        if path.is_dir():
            path.rename(old := path.with_name(f"{path.name}.{os.getpid()}.old"))
            aside.rename(path)
            shutil.rmtree(old)
        else:
            aside.replace(path)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        _remove(aside)


def recover(path: Path) -> None:
    """Tidy up after killed processes that wrote `path`: an old folder comes back, the rest goes."""
    sweep(path.parent, f"{glob.escape(path.name)}.")


def sweep(folder: Path, pattern: str = "**/*.") -> None:
    """Tidy up after all killed processes of this machine that wrote below `folder`."""
    for left in list(folder.glob(f"{pattern}[0-9]*.[op]*")):
        name, of, kind = left.name.rsplit(".", 2)
        if kind not in ("old", "partial") or not of.isdecimal() or _at_work(int(of), left):
            continue
        if kind == "old" and not left.with_name(name).exists():
            left.rename(left.with_name(name))
        else:
            _remove(left)


def _at_work(process: int, left: Path) -> bool:
    """Whether that process lives and is no later one with the same number."""
    try:
        return psutil.Process(process).create_time() <= left.lstat().st_mtime
    except (psutil.NoSuchProcess, FileNotFoundError):
        return False


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all. What may be committed goes through `Run`."""
    with write_aside(path) as aside:
        aside.write_text(text, encoding="utf-8")


def read_json(path: Path) -> object:
    """The value in a JSON file; ValueError names a damaged one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. {RESTORE}") from None


def read_marker(path: Path) -> dict:
    """What a marker says; {} where there is none or a damaged one: its work is then repeated."""
    try:
        return dict(read_json(path))
    except (OSError, ValueError, TypeError):
        return {}


def require_room(folder: Path, gibibytes: float, made: Path) -> None:
    """Make `folder`, write a file in it, and see that so much is free or taken by `made` below it.

    RuntimeError says what is wrong and what to do. This is asked before any work, so that an hour
    of training does not end at a full disk.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"is there room?")
        there = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
        free = (shutil.disk_usage(folder).free + there) / 2**30
        wrong = f"has {free:.1f} GiB free, {gibibytes:.1f} GiB are needed" * (free < gibibytes)
    except OSError as error:
        wrong = f"cannot be written in: {error.strerror or error}"
    if wrong:
        raise RuntimeError(
            f"The results folder {folder} {wrong}. Mend that, or name another: --results FOLDER."
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for this process, until its end at the latest.

    RuntimeError names the process that has it, or says that the disk has no locks.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / ".lock"
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:  # ENOLCK of a network file system
            reason = f"cannot be locked ({error.strerror}): mend that"
            if isinstance(error, BlockingIOError):
                reason = f"is in use by {path.read_text() or 'a process'}: let it end, stop it"
            raise RuntimeError(f"{folder} {reason}, or choose another results folder.") from None
        path.write_text(f"process {os.getpid()}")
        yield


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_figure(figure: "matplotlib.figure.Figure", path: Path) -> None:  # noqa: F821
    """Write a figure as PNG and PDF beside each other; equal figures give equal bytes."""
    for suffix, none in NO_METADATA.items():
        with write_aside(path.with_suffix(suffix)) as aside:
            figure.savefig(aside, format=suffix[1:], dpi=200, bbox_inches="tight", metadata=none)


def table_text(table: "pandas.DataFrame") -> str:  # noqa: F821
    """A data frame as CSV, six digits per number."""
    return table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
