"""Bytes of one report file, read with a limit: no folder, pipe or endless file stops a load."""

from pathlib import Path

from mrg_r1_lib.corpora.account import NO_FILE


def read_bytes(path: Path, limit: int) -> bytes:
    """The bytes of a file; ValueError for more than `limit` bytes or for something not a file.

    FileNotFoundError for a missing file or a link to nothing.
    """
    if not path.is_file():
        if path.exists():
            raise ValueError("is no file")
        raise FileNotFoundError(NO_FILE)
    with path.open("rb") as file:
        data = file.read(limit + 1) if path.stat().st_size <= limit else None
    if data is None or len(data) > limit:
        raise ValueError(f"larger than {limit} bytes")
    return data


def reason(error: OSError | ValueError) -> str:
    """What a file's error says, without the path, which stands before it in a message."""
    return getattr(error, "strerror", None) or str(error)
