"""The account of one load: which files were not as they should be, which studies are therefore missing, and when to stop.

One bad file never loses the other studies: it is named with its reason in one warning at the end. Beyond `SHARE` of the studies
it is the corpus that is damaged, or its folder is the wrong one: the load stops.
"""

import warnings
from dataclasses import dataclass, field

SHARE = 0.05
NAMED = 10  # faults that a message names

# kinds of reason for which a study is left out, as the data card counts them
NO_IMAGE, BAD_IMAGE, BAD_REPORT, DUPLICATE, NO_SPLIT = (
    "no image",
    "image unreadable",
    "report unreadable",
    "duplicate id",
    "not in the split file",
)


@dataclass
class Account:
    """What one load of `corpus` from `source` has met. `faults`: file or row -> reason; `left_out`: study -> kind."""

    corpus: str
    source: str
    faults: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def fault(self, name: str, reason: str) -> None:
        """A file or row that cannot be used; the study may still stand on other files."""
        self.faults[name] = reason

    def leave_out(self, name: str, kind: str) -> None:
        """A study, known by its file, row or id, that the corpus will not have."""
        self.left_out[name] = kind

    def close(self, studies: int) -> dict[str, str]:
        """Warn of the faults, ValueError if they are more than 5 % of the `studies` met; returns what is left out."""
        if self.faults:
            first = "; ".join(
                f"{name} ({reason})" for name, reason in list(self.faults.items())[:NAMED]
            )
            more = f"; and {len(self.faults) - NAMED} more" if len(self.faults) > NAMED else ""
            message = f"{self.corpus}: {len(self.faults)} files or rows of {studies} studies in {self.source} cannot be read: "
            message += f"{first}{more}."
            if len(self.faults) > SHARE * studies:
                raise ValueError(
                    f"{message} At most {SHARE:.0%} may be left out: fetch or unpack the corpus again."
                )
            warnings.warn(f"{message} They are left out.", stacklevel=4)
        return self.left_out
