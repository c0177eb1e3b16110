"""The account of one load: unusable files, lost studies by cause, and when to stop.

A bad file never loses the other studies. Warnings at the end name what was lost, by cause. The
corpus is damaged, or the folder is wrong, if faults or lost studies exceed `SHARE` of the studies,
or if reports without FINDINGS exceed the published share by more than that: then the load stops.
"""

import os
import warnings
from dataclasses import dataclass, field
from pathlib import Path

SHARE = 0.05
NAMED = 10  # faults that a message names
LETTERS = 160  # of a file's name and of a reason, in a message
EXAMPLES = 3  # studies that a message names per cause

# causes for leaving a study out, as the data card counts them
NO_IMAGE = "no image"  # none is named
LOST_IMAGE = "image file missing"
BAD_IMAGE = "image unreadable"
BAD_REPORT = "report unreadable"
DUPLICATE = "duplicate id"
NO_SPLIT = "not in the split file"
OTHER_PART = "in a part that is not read"
NO_REPORT = "no report"

NO_FILE = "no such file"  # the reason for a file that is named and not there


def beside(path: Path) -> str:
    """A sentence on the nearest folder of a missing `path` that exists: what it holds instead."""
    while not os.path.lexists(path.parent):
        path = path.parent
    folder = path.parent
    if os.path.islink(path):
        return f"{path} is a link to nothing."
    try:
        names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    except OSError as error:
        return f"{folder} cannot be listed ({error.strerror})."
    if not names:
        return f"{folder} is empty."
    like = sorted(names, key=lambda name: name.lower() != path.name.lower())
    more = f", … ({len(names)} in all)" if len(names) > EXAMPLES else ""
    return f"{folder} holds {', '.join(name[:LETTERS] for name in like[:EXAMPLES])}{more}."


@dataclass
class Account:
    """Faults, studies left out and notes in one load of `corpus` from `source`.

    `published` is the share of reports without FINDINGS in the publication. Of a `private` corpus,
    lines that come up on every load name no ids, since executed notebooks may show them.
    """

    corpus: str
    source: str
    published: float = 0.0
    private: bool = False
    faults: dict[str, str] = field(default_factory=dict)  # file or row -> reason
    missing: Path | None = None  # the first file that is named and not there
    left_out: dict[str, str] = field(default_factory=dict)  # study -> cause
    without_findings: list[str] = field(default_factory=list)  # studies kept without a split
    notes: list[str] = field(default_factory=list)  # what else a reader should know

    def fault(self, name: str, reason: str, path: Path | None = None) -> None:
        """Note a file or row that cannot be used; its study may still have other files.

        If most files are missing, the error says what is in place of the first `path`.
        """
        self.faults[name] = reason
        if reason == NO_FILE:
            self.missing = self.missing or path

    def leave_out(self, name: str, kind: str) -> None:
        """Note a study, by its file, row or id, that the corpus will not have."""
        self.left_out[name] = kind

    def note(self, what: str, names: list[str]) -> None:
        """Note what concerns some files or studies and loses none, such as repeated reports."""
        if names:
            self.notes.append(f"{self.corpus}: {len(names)} {what}{self._first(names)}.")

    def close(self, studies: int) -> dict[str, str]:
        """Warn of faults and losses among `studies` and return `left_out`.

        ValueError if faults or losses exceed 5 % of `studies`, or reports without FINDINGS do so
        beyond their published share.
        """
        messages = self._messages(studies)
        bare = len(self.without_findings)
        if max(len(self.faults), len(self.left_out)) > SHARE * studies:
            remedy = "fetch or unpack the corpus again. For a part of it: SETUP.md, Your own files."
            messages.insert(1, f"At most {SHARE:.0%} may be left out: {remedy}")
            if self.missing:
                messages.append(f"Expected, for one, {self.missing}, but {beside(self.missing)}")
            raise ValueError(_printable(" ".join(messages)))
        if bare > (self.published + SHARE) * studies:
            raise ValueError(
                f"{' '.join(messages)} Expected at most {self.published + SHARE:.0%} without: "
                "is this the published file of reports?"
            )
        if self.faults:
            messages[0] += " They are left out."
        for message in (*messages, *self.notes):
            warnings.warn(_printable(message), stacklevel=4)
        return self.left_out

    def _messages(self, studies: int) -> list[str]:
        messages = []
        if self.faults:
            named = list(self.faults.items())[:NAMED]
            first = "; ".join(f"{name[:LETTERS]} ({reason[:LETTERS]})" for name, reason in named)
            more = f"; and {len(self.faults) - NAMED} more" if len(self.faults) > NAMED else ""
            messages.append(
                f"{self.corpus}: {len(self.faults)} files or rows of {studies} studies "
                f"in {self.source} cannot be read: {first}{more}."
            )
        if self.left_out:
            by_cause: dict[str, list[str]] = {}
            for name, kind in self.left_out.items():
                by_cause.setdefault(kind, []).append(name)
            causes = (
                f"{kind}: {len(names)}{self._first(names)}" for kind, names in by_cause.items()
            )
            messages.append(
                f"{self.corpus}: {len(self.left_out)} of {studies} studies in {self.source} "
                f"are left out: {'; '.join(causes)}. The corpus's `left_out` names all."
            )
        if self.without_findings:
            messages.append(
                f"{self.corpus}: {len(self.without_findings)} of {studies} studies in "
                f"{self.source} have no FINDINGS and so no split"
                f"{self._first(self.without_findings)}."
            )
        return messages

    def _first(self, names: list[str]) -> str:
        more = ", …" if len(names) > EXAMPLES else ""
        return "" if self.private else f" ({', '.join(names[:EXAMPLES])}{more})"


def _printable(message: str) -> str:
    """A message with the bytes of a file's name that are not UTF-8 written out."""
    return message.encode(errors="backslashreplace").decode()
