"""Made-up reports for a made-up reference: which wrong ones does a reward take for right?

Each report is wrong in one known way, except the first two. `LOOPHOLES` are the ways in which a
policy can please a reward of labels without helping anybody: thirteen labels cannot see them.
"""

import pandas as pd

from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.rewards import REWARDS, Labeler, build_reward

REFERENCE = (
    "The heart is enlarged. Small left pleural effusion. No pneumothorax. No focal consolidation."
)
FAITHFUL = {
    "exact": REFERENCE,
    "paraphrase": "Cardiomegaly. There is a small effusion on the left. "
    "No consolidation and no pneumothorax.",
}
WRONG = {
    "one finding missed": "The heart is enlarged. No pneumothorax. No focal consolidation.",
    "one finding invented": REFERENCE.replace("effusion.", "effusion. Left rib fracture."),
    "a negation flipped": REFERENCE.replace("is enlarged", "is not enlarged"),
    "normal template": "Heart size is normal. The lungs are clear. "
    "No pleural effusion, pneumothorax or consolidation.",
    "empty": "",
}
LOOPHOLES = {
    "contradiction": f"{REFERENCE} No pleural effusion. The heart is normal.",
    "right for left": REFERENCE.replace("left", "right"),
    "massive for small": REFERENCE.replace("Small", "Massive"),
    "unasked finding": f"{REFERENCE} Degenerative changes of the spine.",
    "word salad": "effusion heart enlarged no pneumothorax no consolidation",
    "one negative, 500 times": "No pneumothorax. " * 500,
    "exact, then one negative 500 times": REFERENCE + " No pneumothorax." * 500,
}


def gallery_reports() -> dict[str, str]:
    """Label -> report: the faithful, the wrong, then the loopholes."""
    return FAITHFUL | WRONG | LOOPHOLES


def gallery_table(labeler: Labeler) -> pd.DataFrame:
    """Each report of the gallery under each reward of `REWARDS`: a row per report, values in
    [0, 1].
    """
    reports = gallery_reports()
    columns = {
        "completions": [render_target("", report) for report in reports.values()],
        "reference": [REFERENCE] * len(reports),
        "reference_labels": labeler([REFERENCE]).tolist() * len(reports),
    }
    values = {name: build_reward(name, labeler=labeler)(**columns) for name in REWARDS}
    return pd.DataFrame(values, index=list(reports), dtype=float)
