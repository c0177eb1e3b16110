"""Fetch and open archives from outside.

pip downloads a wheel into the data root and never installs it. The file gets its final name only
after its digest was checked. An archive is refused as a whole for a member that climbs out, for a
link, or for more bytes than expected. Small archives are read in memory; images are unpacked flat
into one folder.
"""

import gzip
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from tqdm import tqdm

from mrg_r1_lib.storage.files import file_digest

MEMBER_LIMIT = 1 << 20  # bytes; the largest report of IU X-Ray has 9 kB
TOTAL_LIMIT = 128 << 20  # bytes, unpacked


def _require_digest(digest: str, expected: str, name: str, remedy: str) -> None:
    if digest != expected:
        raise ValueError(f"{name}: its SHA-256 is {digest}, expected {expected}. {remedy}")


def _require_file(wheel: Path) -> None:
    """ValueError for a folder, pipe or device: nobody waits for one to end."""
    if not wheel.is_file():
        raise ValueError(f"{wheel}: is no file, expected a wheel. Delete it and fetch again.")


def fetch_wheel(requirement: str, wheel: Path, sha256: str) -> bool:
    """Let pip download `requirement` ("name==version") to `wheel`; False if the file exists.

    ValueError for a wrong digest, also of an existing file; RuntimeError if pip cannot fetch it.
    """
    if wheel.exists():
        _require_file(wheel)
        remedy = f"It is damaged or another file: delete {wheel} and fetch again."
        _require_digest(file_digest(wheel), sha256, str(wheel), remedy)
        return False
    wheel.parent.mkdir(parents=True, exist_ok=True)
    partial = {"dir": wheel.parent, "prefix": f"{wheel.name}.", "suffix": ".partial"}
    with tempfile.TemporaryDirectory(**partial) as folder:
        fetched = Path(folder) / wheel.name
        options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary", ":all:"]
        command = [sys.executable, "-m", "pip", "download", *options, "--dest", folder, requirement]
        pip = subprocess.run(command, capture_output=True, text=True, check=False)
        if pip.returncode or not fetched.exists():
            said = (pip.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise RuntimeError(
                f"pip could not fetch {requirement} (exit {pip.returncode}: {said}). "
                f"Expected {wheel.name}. Try again with a network, or copy that file to {wheel}."
            )
        remedy = "The index served another file; it was thrown away."
        _require_digest(file_digest(fetched), sha256, wheel.name, remedy)
        fetched.replace(wheel)  # atomic: same file system
    return True


def read_zip_member(archive: Path, member: str, sha256: str) -> bytes:
    """The bytes of one member of a zip or wheel; ValueError for damage or another digest."""
    remedy = f"Delete {archive} and fetch it again."
    _require_file(archive)
    try:
        with zipfile.ZipFile(archive) as wheel, wheel.open(member) as file:
            data = file.read(TOTAL_LIMIT)  # a bomb stops here and fails the digest
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(
            f"{archive}: is truncated or damaged ({error}), expected a wheel. {remedy}"
        ) from error
    except KeyError:
        raise ValueError(f"{archive}: lacks {member}. {remedy}") from None
    _require_digest(hashlib.sha256(data).hexdigest(), sha256, f"{archive}, member {member}", remedy)
    return data


def _check_member(member: tarfile.TarInfo, name: str, member_limit: int) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise ValueError(
            f"{name}: member {member.name!r} climbs out of the archive. "
            "Refused: use the original file."
        )
    if not (member.isfile() or member.isdir()):
        raise ValueError(
            f"{name}: member {member.name!r} is a link or device, expected files. "
            "Refused: use the original file."
        )
    if member.size > member_limit:
        raise ValueError(
            f"{name}: member {member.name!r} has {member.size} bytes, "
            f"expected at most {member_limit}. Refused: use the original file."
        )


def read_tar_gz(
    data: bytes, name: str, member_limit: int = MEMBER_LIMIT, total_limit: int = TOTAL_LIMIT
) -> list[tuple[str, bytes]]:
    """All files of a .tar.gz, read in memory, as (path, bytes); errors name the archive `name`.

    ValueError for a truncated archive, a path that climbs out, a link or device, or too many bytes.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            unpacked = file.read(total_limit + 1)
        if len(unpacked) > total_limit:
            raise ValueError(
                f"{name}: unpacks to more than {total_limit} bytes. Refused: use the original file."
            )
        files = []
        with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as archive:
            for member in archive:
                _check_member(member, name, member_limit)
                if member.isfile():
                    files.append((member.name, archive.extractfile(member).read()))
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(
            f"{name}: is truncated or damaged ({error}), expected a .tar.gz. Fetch it again."
        ) from error
    return files


def unpack_tar_gz(
    archive: Path, folder: Path, suffix: str, member_limit: int, expected: int
) -> None:
    """Unpack the files that end in `suffix` into the new `folder`, each under its last name.

    `expected` files are the end of the progress bar. ValueError for a damaged archive, a member
    that climbs out, a link, a file above `member_limit` bytes, or two files of one name.
    """
    folder.mkdir()
    bar = tqdm(total=expected, desc=f"unpacking {archive.name}", mininterval=1.0)
    try:
        with bar, tarfile.open(archive, mode="r:gz") as members:
            for member in members:
                _check_member(member, str(archive), member_limit)
                path = folder / PurePosixPath(member.name).name
                if member.isdir() or path.suffix != suffix or path.name.startswith("."):
                    continue
                with members.extractfile(member) as source, path.open("xb") as file:
                    shutil.copyfileobj(source, file)
                bar.update()
    except FileExistsError as error:
        raise ValueError(
            f"{archive}: has two files {Path(error.filename).name}. Refused: use the original file."
        ) from None
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ValueError(
            f"{archive}: is truncated or damaged ({error}), expected a .tar.gz. Delete it and run "
            "the command again."
        ) from None
