"""Small frames that figures are drawn from in tests, and the texts of a figure."""

import numpy as np
import pandas as pd
from matplotlib.text import Text
from PIL import Image

from mrg_r1_lib.corpora.data_card import prevalence_table

COUNTS = pd.DataFrame(
    [
        ("filter", "all", 1200, 0, ""),
        ("filter", "with FINDINGS", 1000, 200, "left out: none"),
        ("split", "train", 700, 0, ""),
        ("split", "validate", 100, 0, ""),
        ("split", "test", 200, 0, ""),
    ],
    columns=["kind", "step", "remaining", "left_out", "reason"],
)
EPOCHS = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "loss": [3.0, 1.5, 2.0],
        "f1": [0.0, 0.4, 0.3],
        "chosen": [False, True, False],
    }
)
SCORES = pd.DataFrame(
    [
        ("constant_normal", 0.0, 0.0, 0.0, "baseline"),
        ("sft", 0.5, 0.4, 0.6, "policy"),
        ("drawn_template", 0.8, np.nan, np.nan, "ceiling"),
    ],
    columns=["arm", "value", "low", "high", "kind"],
)
LOG = pd.DataFrame(
    {
        "step": [1, 2, 1, 2],
        "loss": [2.0, 1.0, 3.0, 2.0],
        "arm": ["sft"] * 2 + ["srl_mccs"] * 2,
        "seed": 0,
    }
)
PREVALENCE = prevalence_table(
    {"index": np.eye(14, dtype=np.int8), "labeler": np.ones((14, 14), dtype=np.int8)},
    ["train"] * 8 + ["validate"] * 3 + ["test"] * 3,
)
BLACK = Image.new("L", (8, 8))
PAIR = pd.DataFrame(
    {"arm": ["sft", "srl_mccs"], "precision": [0.5, 0.6], "recall": [0.4, 0.3], "kind": "policy"}
)
DIFFERENCES = pd.DataFrame(
    {
        "arm": ["sft", "srl_bleu", "srl_rouge_l"],
        "section": ["one", "one", "two"],
        "pairs": [5, 2, 0],
        "difference": [0.1, 0.1, np.nan],
        "low": [-0.1, 0.05, np.nan],
        "high": [0.2, 0.2, np.nan],
    }
)
LOOKS = pd.DataFrame(
    {
        "share": [0.5, 1.0] * 3,
        "step": [50, 100] * 3,
        "f1": [0.1, 0.4, 0.2, 0.6, 0.5, 0.5],
        "arm": ["sft"] * 4 + ["srl_mccs"] * 2,
        "seed": [0, 0, 1, 1, 0, 0],
        "chosen": [False, True, True, False, False, True],
    }
)
OBSERVATION_ROWS = pd.DataFrame(
    [
        ("Edema", 3, "sft", None, 0.2, 0.1, 0.3),
        ("Edema", 3, "srl_mccs", None, 0.5, 0.4, 0.6),
        ("Edema", 3, "srl_mccs", "sft", 0.3, 0.1, 0.5),
        ("Fracture", 9, "sft", None, 0.2, 0.1, 0.3),
        ("Fracture", 9, "srl_mccs", None, 0.25, 0.1, 0.4),
        ("Fracture", 9, "srl_mccs", "sft", 0.05, -0.1, 0.2),
    ],
    columns=["observation", "support", "arm", "against", "value", "low", "high"],
)
GAPS = pd.DataFrame(
    {
        "step": [1, 2] * 4,
        "change": [0.1, 0.2, 0.0, 0.1, 0.0, 0.3, 0.0, -0.1],
        "arm": ["sft"] * 4 + ["srl_mccs"] * 4,
        "seed": 0,
        "measure": (["own"] * 2 + ["F1"] * 2) * 2,
    }
)
RUNS = pd.DataFrame(
    [("sft", seed, "no reward", 0.5, 0.52 - 0.02 * seed) for seed in range(3)]
    + [("sft", 3, "no reward", 0.55, 0.2)]
    + [("srl_mccs", 0, "reward of findings", 0.6, 0.55)]
    + [("srl_bleu", 0, "reward of wording", 0.4, 0.45)],
    columns=["arm", "seed", "group", "micro", "example"],
)


def texts(figure):
    """All texts that stand in a figure."""
    return [text.get_text() for text in figure.findobj(Text)]
