"""Where IU X-Ray's reports lie, and in which layout: a folder of the user's, else the wheel.

Nothing is fetched here; an error gives the command that does.
"""

from pathlib import Path

from mrg_r1_lib.corpora.account import beside
from mrg_r1_lib.corpora.iu_layouts import (
    ANNOTATION,
    KAGGLE_PROJECTIONS,
    KAGGLE_REPORTS,
    XML_FOLDER,
)
from mrg_r1_lib.storage.paths import data_root

WHEEL = "torchxrayvision-1.5.7-py3-none-any.whl"
FETCH = "python -m mrg_r1_lib.corpora.iu_xray"
MARKS = {  # layout -> patterns of the files that reveal it
    "open_i": (f"{XML_FOLDER}/[!.]*.xml",),
    "r2gen": (ANNOTATION,),
    "kaggle": (KAGGLE_REPORTS, KAGGLE_PROJECTIONS),
}


def find(root: Path | str | None, layout: str | None = None) -> tuple[Path, str]:
    """The folder and layout to read.

    Looked for in `root`, else in `iu_xray/` in the data root, the data root itself, and its wheel.
    ValueError lists the layouts if several are found; FileNotFoundError lists the expected files.
    """
    if layout not in (None, *MARKS, "wheel"):
        raise ValueError(
            f"iu_xray: unknown layout {layout!r}; known layouts: {', '.join(MARKS)}, wheel."
        )
    folders = _folders(root)
    if root is not None and not folders[0].is_dir():
        raise FileNotFoundError(
            f"iu_xray: the folder {folders[0]} does not exist. "
            f"Name the folder that holds {XML_FOLDER}/*.xml."
        )
    found = _found(folders, [layout] if layout else list(MARKS))
    if len(found) > 1:
        listed = "; ".join(f"{name} ({mark})" for (_, name), mark in found.items())
        raise ValueError(
            f"iu_xray: several layouts were found: {listed}. "
            "Name a folder that holds one, or choose with layout=."
        )
    if found:
        return next(iter(found))
    _require_wheel(folders[-1], root)
    return folders[-1], "wheel"


def searched(root: Path | str | None) -> str:
    """What is where `find` looks first, as a sentence for a message."""
    return beside(_folders(root)[0] / XML_FOLDER / "1.xml")


def _folders(root: Path | str | None) -> list[Path]:
    if root is not None:
        return [Path(root).expanduser()]
    return [data_root() / "iu_xray", data_root()]


def _found(folders: list[Path], layouts: list[str]) -> dict[tuple[Path, str], Path]:
    """(folder, layout) -> the first file that reveals it."""
    found = {}
    for folder in folders:
        for layout in layouts:
            held = (next(folder.glob(pattern), None) for pattern in MARKS.get(layout, ()))
            if mark := next(filter(None, held), None):
                found[folder, layout] = mark
    return found


def _require_wheel(folder: Path, root: Path | str | None) -> None:
    if (folder / WHEEL).exists():
        return
    remedy = "Fetch it (29 MB)"
    if root is not None:
        remedy = "Name another folder, or leave root out to use the data root"
    raise FileNotFoundError(
        f"iu_xray: {folder} holds neither {XML_FOLDER}/*.xml nor {ANNOTATION}, {KAGGLE_REPORTS} "
        f"or {WHEEL}. {searched(root)} {remedy}: {FETCH}"
    )
