"""The account of one load: unusable files, the studies left out because of them, when to stop.

A bad file never loses the other studies. One warning at the end names it with its reason. With more
faults than `SHARE` of the studies, the corpus is damaged or the folder is wrong: the load stops.
"""

import warnings
from dataclasses import dataclass, field

SHARE = 0.05
NAMED = 10  # faults that a message names

# reasons for leaving a study out, as the data card counts them
NO_IMAGE = "no image"
BAD_IMAGE = "image unreadable"
BAD_REPORT = "report unreadable"
DUPLICATE = "duplicate id"
NO_SPLIT = "not in the split file"


@dataclass
class Account:
    """The faults and the studies left out in one load of `corpus` from `source`."""

    corpus: str
    source: str
    faults: dict[str, str] = field(default_factory=dict)  # file or row -> reason
    left_out: dict[str, str] = field(default_factory=dict)  # study -> kind of reason

    def fault(self, name: str, reason: str) -> None:
        """Note a file or row that cannot be used; its study may still have other files."""
        self.faults[name] = reason

    def leave_out(self, name: str, kind: str) -> None:
        """Note a study, by its file, row or id, that the corpus will not have."""
        self.left_out[name] = kind

    def close(self, studies: int) -> dict[str, str]:
        """Warn of faults and return `left_out`; ValueError if they exceed 5 % of `studies`."""
        if self.faults:
            message = self._message(studies)
            if len(self.faults) > SHARE * studies:
                raise ValueError(
                    f"{message} At most {SHARE:.0%} may be left out: "
                    "fetch or unpack the corpus again."
                )
            warnings.warn(f"{message} They are left out.", stacklevel=4)
        return self.left_out

    def _message(self, studies: int) -> str:
        named = list(self.faults.items())[:NAMED]
        first = "; ".join(f"{name} ({reason})" for name, reason in named)
        more = f"; and {len(self.faults) - NAMED} more" if len(self.faults) > NAMED else ""
        return (
            f"{self.corpus}: {len(self.faults)} files or rows of {studies} studies "
            f"in {self.source} cannot be read: {first}{more}."
        )
