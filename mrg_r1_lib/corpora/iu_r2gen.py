"""IU X-Ray in R2Gen's layout: one JSON file with reports, names of images, and its own split.

    annotation.json  {"train": [{"id", "report", "image_path"}], "val": […], "test": […]}
    images/          <id>/0.png and <id>/1.png, or <id>_0.png and so on

The file may come from anywhere: it is read up to a limit, and two values under one name, of which
Python keeps the last, are no annotation.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mrg_r1_lib.corpora.account import BAD_REPORT, OTHER_PART, Account
from mrg_r1_lib.corpora.image_files import inside
from mrg_r1_lib.corpora.iu_layouts import ANNOTATION, Report, described, image_folder
from mrg_r1_lib.corpora.report_files import read_bytes
from mrg_r1_lib.corpora.rows import is_utf8

LIMIT = 16 << 20  # bytes; R2Gen's file has 2 MB. Parsed, a file takes up to 25 times as much
SPLITS = {"train": "train", "val": "validate", "test": "test"}


def read_r2gen(folder: Path, account: Account) -> Iterator[Report]:
    """The entries of R2Gen's annotation file, with its split.

    All entries of one report of Indiana count as one patient. ValueError for another file.
    """
    path, images = folder / ANNOTATION, image_folder(folder, "r2gen")
    try:
        data = read_bytes(path, LIMIT)
        text = data.decode("utf-8-sig", errors="surrogateescape")
        # no number is of use, and as float one of any length can be read
        entries = json.loads(text, object_pairs_hook=_once_named, parse_int=float)
        parts = [
            (split, number, entry)
            for split in SPLITS
            for number, entry in enumerate(entries[split])
        ]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError(
            f"{path}: is no annotation with {', '.join(SPLITS)} ({_reason(error)}). "
            "Use R2Gen's file."
        ) from error
    met = set()
    for split, number, entry in parts:
        name = f"{path.name} {split}[{number}]"
        try:
            report = _entry(name, entry, SPLITS[split], images)
            met.add(report.study_id)
            yield report
        except (ValueError, TypeError, KeyError) as error:
            account.fault(name, _reason(error))
            account.leave_out(name, BAD_REPORT)
    for part in sorted(entries.keys() - SPLITS.keys()):
        for number in range(len(entries[part]) if isinstance(entries[part], list) else 0):
            account.leave_out(f"{path.name} {part}[{number}]", OTHER_PART)
    pictured = {re.sub(r"[_-][0-9]+\.png$", "", path.name) for path in images.glob("CXR*")}
    account.note("studies with images have no entry", sorted(pictured - met))


def _once_named(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError for two values under one name, of which Python keeps the last."""
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"names {twice[:60]!r} twice")
    return record


def _reason(error: Exception) -> str:
    return f"lacks {error}" if isinstance(error, KeyError) else str(error)


def _entry(name: str, entry: dict[str, Any], split: str, images: Path) -> Report:
    study_id, report, paths = str(entry["id"]), entry["report"], entry["image_path"]
    if not re.fullmatch(r"CXR[0-9]{1,9}(?![0-9])[\w-]{0,80}", study_id):
        raise ValueError(f"expected an id such as CXR1_IM-0001, got {study_id[:60]!r}")
    if not isinstance(report, str) or not isinstance(paths, list):
        raise ValueError("expected a text as report and a list as image_path")
    if not is_utf8(report):
        raise ValueError("not UTF-8")
    files = tuple(_nested_or_flat(images, str(path)) for path in paths)
    patient_id = re.match(r"CXR\d+", study_id)[0]
    return Report(name, study_id, patient_id, described(report), images=files, split=split)


def _nested_or_flat(images: Path, name: str) -> Path:
    """`<id>/0.png` below `images`, or a flat `<id>_0.png` or `<id>-0.png` if only that exists."""
    path = inside(images, name)
    flat = (images / name.replace("/", joint) for joint in "_-")
    return next((file for file in (path, *flat) if os.path.exists(file)), path)  # of any length
