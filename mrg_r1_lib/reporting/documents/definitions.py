"""What "CE F1" means: every system in every definition, who computes which, and what the paper leaves open.

One set of reports has 18 numbers that all call themselves CE F1. The paper names none of the choices, so that its numbers stand
in a table of their own.
"""

import pandas as pd

from mrg_r1_lib.metrics.clinical_efficacy import CE_DEFINITIONS
from mrg_r1_lib.reporting.documents.summaries import NONE, digits
from mrg_r1_lib.reporting.tables import PRIMARY, main_study

UNKNOWN = "unknown"
CODE = {
    "r2gen": "R2Gen",
    "ifcc": "ifcc",
    "rgrg": "RGRG",
    "promptmrg": "PromptMRG",
    "radeval": "RadEval and f1chexbert",
}
PAPER = {  # all that its abstract says, and what would have to be known to put it beside another number
    "CE F1 on IU X-Ray": "51.88",
    "CE F1 on MIMIC-CXR": "40.39",
    "CE precision and recall on both": UNKNOWN,
}


def definitions(table: pd.DataFrame, scale: str) -> pd.DataFrame:
    """F1 of each system in all 18 definitions of CE, a row a definition, with the published code that computes it.

    Twins are left out. The last row is MRG-R1's own: its definition is not known.
    """
    shown = main_study(table, scale)
    shown = shown[(shown["metric"] == "ce_f1") & ~shown["system"].str.endswith("images shuffled")]
    wide = shown.pivot_table(index=list(PRIMARY), columns="system", values="value", sort=False)
    used = [", ".join(users(**dict(zip(PRIMARY, key, strict=True)))) or NONE for key in wide.index]
    frame = wide.map(digits).reset_index().rename_axis(columns=None)
    frame.insert(len(PRIMARY), "used by", used)
    unknown = dict.fromkeys(PRIMARY, UNKNOWN) | {"used by": "MRG-R1"}
    return pd.concat([frame.astype(str), pd.DataFrame([unknown])], ignore_index=True).fillna(NONE)


def users(average: str, classes: int, uncertain: str) -> list[str]:
    """The published code that computes CE so, by name.

    >>> users("example", 14, "negative")
    ['RGRG', 'PromptMRG']
    """
    wanted = {"average": average, "classes": classes, "uncertain": uncertain}
    found = (
        CODE[name.partition("_")[0]]
        for name, definition in CE_DEFINITIONS.items()
        if definition == wanted
    )
    return list(dict.fromkeys(found))


def paper() -> pd.DataFrame:
    """What MRG-R1 reports, with all that is not known of it: not to be compared with any number of this study."""
    unknown = dict.fromkeys(("average", "classes", "uncertain", "split"), UNKNOWN)
    return pd.DataFrame(
        [
            {"measure": measure, "paper": value}
            | unknown
            | {"source": "arXiv:2512.16145v1, abstract", "here": "not comparable"}
            for measure, value in PAPER.items()
        ]
    )
