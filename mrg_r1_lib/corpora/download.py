"""Download one large file: continued where it was cut, its size checked, room asked for first.

The bytes collect in `<name>.<size>.partial` beside the file, so an archive of another size never
continues this one. The file gets its name when it has all the bytes that the server announced.
"""

import shutil
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from urllib.request import Request, urlopen

from tqdm import tqdm

from mrg_r1_lib.corpora.account import beside

CHUNK = 1 << 20  # bytes
TIMEOUT = 60  # seconds without a byte
TRIES = 5  # in a row that bring no byte
PAUSE = 2.0  # seconds after such a try


def download(url: str, file: Path, unpacked: float = 1.0) -> None:
    """Fetch `url` into `file`, from where an earlier call stopped.

    `unpacked` is the size of what `file` will be unpacked to, in units of its own: room for both
    is asked for first. RuntimeError without room, network, a size from the server, or progress.
    """
    size = _announced_size(url, file)
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.{size}.partial")
    partial.touch()
    require_space(file.parent, size - partial.stat().st_size + unpacked * size)
    bar = {"desc": file.name, "total": size, "unit": "B", "unit_scale": True, "unit_divisor": 1024}
    with tqdm(**bar, initial=partial.stat().st_size, mininterval=1.0) as progress:
        _fill(url, partial, size, lambda held: progress.update(held - progress.n))
    partial.replace(file)


def require_space(folder: Path, needed: float) -> None:
    """RuntimeError if `folder` has fewer than `needed` bytes free."""
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise RuntimeError(
            f"{folder} has {free / 2**30:.1f} GiB free, {needed / 2**30:.1f} GiB are needed. Free "
            "some space, or name a data folder on another disk: MRG_R1_DATA=/path/to/folder."
        )


def _announced_size(url: str, file: Path) -> int:
    try:
        with urlopen(Request(url, method="HEAD"), timeout=TIMEOUT) as answer:
            size = answer.headers.get("Content-Length", "")
    except (OSError, HTTPException) as error:
        raise RuntimeError(
            f"{url} could not be reached ({error}). Run the command again with a network, or "
            f"fetch that file with a browser and put it at {file}. {beside(file)}"
        ) from None
    if not size.isdecimal() or not int(size):
        raise RuntimeError(
            f"{url}: the server names no size ({size!r}), so the file could not be checked. Fetch "
            f"it with a browser and put it at {file}."
        )
    return int(size)


def _fill(url: str, partial: Path, size: int, show: Callable[[int], None]) -> None:
    """Append to `partial` until it holds `size` bytes; `show` gets the bytes held so far."""
    idle, most, reason = 0, partial.stat().st_size, "the connection was closed"
    while most < size:
        try:
            _append(url, partial, size, show)
        except (OSError, HTTPException) as error:
            reason = str(error)
        held = partial.stat().st_size
        idle, most = (0, held) if held > most else (idle + 1, most)
        if idle == TRIES:
            raise RuntimeError(
                f"{url}: {most} of {size} bytes came, then no more in {TRIES} tries ({reason}). "
                "Run the same command again: it goes on from there."
            )
        if idle:
            time.sleep(PAUSE)


def _append(url: str, partial: Path, size: int, show: Callable[[int], None]) -> None:
    """One answer of the server to the end of `partial`; a server without ranges begins anew."""
    held = partial.stat().st_size
    request = Request(url, headers={"Range": f"bytes={held}-", "Accept-Encoding": "identity"})
    with urlopen(request, timeout=TIMEOUT) as answer:
        continues = answer.status == 206
        expected = f"bytes {held}-{size - 1}/{size}" if continues else str(size)
        given = answer.headers.get("Content-Range" if continues else "Content-Length")
        if given != expected:
            raise RuntimeError(
                f"{url}: the server now sends {given}, expected {expected}. The file has changed: "
                f"delete {partial} and run the command again."
            )
        with partial.open("ab" if continues else "wb") as file:
            while chunk := answer.read(min(CHUNK, size - file.tell())):
                file.write(chunk)
                show(file.tell())
