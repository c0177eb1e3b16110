"""Radiograph files: a quick check when a corpus is indexed, the pixels on access.

PNG and JPEG of any mode become 8-bit grey, fitted into a square without distortion and padded with
black. Sixteen-bit files hold 10 to 16 bits and do not say how many, so the range of each file is
stretched to 0-255.
"""

import mmap
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from mrg_r1_lib.corpora.account import BAD_IMAGE, LOST_IMAGE, NO_FILE, NO_IMAGE

LARGEST = 64_000_000  # pixels; a radiograph has up to 13 million, a decompression bomb more
STRIP = 20  # times as long as wide: no radiograph is, and a small square shows nothing of it
SMALLEST = 16  # pixels per side; less is an icon in a radiograph's place
PART = 1 << 18  # pixels of 16 bits that are stretched at once
ENDS = {"PNG": b"IEND\xaeB`\x82", "JPEG": b"\xff\xd9"}  # the last bytes of a whole file
TAIL = 64  # bytes at the end that usually hold them; other bytes may follow a whole image
VIEWS = {"PA": 0, "AP": 1, "": 2, "LATERAL": 4, "LL": 4, "RL": 4, "LARGE LATERAL": 4}
UNUSUAL = 3  # rank of every other ViewPosition


def check_image(path: Path) -> str:
    """The reason why a file is no radiograph, or "" if it is; reads its head and last bytes only.

    `read_image` finds damage in the middle of a file. Bytes after a whole image are no damage.
    """
    try:
        size = path.stat().st_size
        if not size:
            return "empty file"
        with Image.open(path, formats=tuple(ENDS)) as image, path.open("rb") as file:
            if not _is_whole(file, size, image.format):
                return f"truncated {image.format}"
            if image.width * image.height > LARGEST:
                limit = f"expected at most {LARGEST // 10**6} million"
                return f"{image.width} x {image.height} pixels, {limit}"
            if min(image.size) < max(SMALLEST, max(image.size) / STRIP):
                return f"{image.width} x {image.height} pixels, no radiograph's shape"
    except FileNotFoundError:
        return NO_FILE
    except UnidentifiedImageError:
        return "neither PNG nor JPEG"
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        # Pillow raises any of these for a broken head; the system says why it opens no file
        return f"damaged ({getattr(error, 'strerror', None) or type(error).__name__})"
    return ""


def _is_whole(file: BinaryIO, size: int, format: str) -> bool:
    """Whether the image ends: near the end of the file, else anywhere after its pixels began."""
    end = ENDS.get(format, ENDS["JPEG"])  # MPO: several JPEGs in one file
    file.seek(max(0, size - TAIL))
    if end in file.read():
        return True
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        if format == "PNG":
            return data.find(end) >= 0
        place = 2  # JPEG: skip the segments before the first scan, since a preview has an end, too
        while data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] != b"\xda":
            place += 2 + max(2, int.from_bytes(data[place + 2 : place + 4]))
        return data.find(end, place) >= 0


def cause(reasons: Sequence[str]) -> str:
    """Why a study has no image, from the reasons of `check_image` for each that it names."""
    if not reasons:
        return NO_IMAGE
    return LOST_IMAGE if set(reasons) == {NO_FILE} else BAD_IMAGE


def view_rank(position: str) -> int:
    """The rank of a DICOM ViewPosition: PA 0, AP 1, unknown 2, other 3, lateral 4."""
    return VIEWS.get(position.strip().upper(), UNUSUAL)


def read_image(path: Path, image_size: int, credentialed: bool = False) -> Image.Image:
    """A radiograph as 8-bit grey, `image_size` pixels per side; ValueError if it cannot be decoded.

    `credentialed` marks the image's `info`, so that figures refuse it.
    """
    size = (image_size, image_size)
    try:
        with Image.open(path, formats=tuple(ENDS)) as image:
            image.draft("L", (2 * image_size, 2 * image_size))  # decodes a JPEG no larger than this
            grey = ImageOps.pad(_grey(image), size, Image.Resampling.BICUBIC, color=0)
    except (OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{path}: cannot be decoded ({error}). "
            "Unpack it again, or remove it: the study is then left out."
        ) from error
    grey.info = {"credentialed": True} if credentialed else {}
    return grey


def _grey(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits; older versions of Pillow keep them in 32
        low, high = map(float, image.getextrema())
        values = np.asarray(image)
        grey, flat = np.empty(values.shape, dtype=np.uint8), values.reshape(-1)
        for start in range(0, flat.size, PART):
            part = flat[start : start + PART].astype(np.float64)
            grey.reshape(-1)[start : start + PART] = np.rint(
                (part - low) * (255 / max(high - low, 1))
            )
        return Image.fromarray(grey)
    if image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    return image.convert("L")


def readers(
    paths: Sequence[Path], image_size: int, credentialed: bool = False
) -> tuple[partial, ...]:
    """One function without arguments per path, which reads the image."""
    return tuple(partial(read_image, path, image_size, credentialed) for path in paths)


def inside(folder: Path, name: str) -> Path:
    """`folder`/`name`; ValueError for no name, one that is absolute or climbs out, or odd signs."""
    path = PurePosixPath(name)
    if not name:
        raise ValueError("no image file is named")
    if odd := [sign for sign in "\\\0:" if sign in name]:
        raise ValueError(f"the path {name[:60]!r} holds {odd[0]!r}; expected / between folders")
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"the path {name[:60]!r} climbs out of the image folder")
    return folder / path
