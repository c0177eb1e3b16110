"""Where data and results live, and the only reader of environment variables.

`MRG_R1_DATA` names the folder of the user's corpora and of what the set-up fetches. Without it that
folder is `data/` in the checkout.
"""

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def full_path(text: str | Path) -> Path:
    """An absolute path without links; a tilde that the shell left there is the home folder."""
    return Path(os.path.realpath(os.path.expanduser(text)))


def data_root() -> Path:
    """The data folder: `MRG_R1_DATA`, else `data/` in the checkout; it need not exist yet."""
    named = os.environ.get("MRG_R1_DATA")
    return full_path(named) if named else REPOSITORY / "data"


def results_root() -> Path:
    """The results folder of the checkout."""
    return REPOSITORY / "results"
