"""Figures as functions of saved scores and frames: each returns a matplotlib Figure; nobody saves
here.

`overview`: the method; `data`: the corpus; `rewards`; `by_hand`: GRPO on eight sentences;
`training` and `seeds`: curves; `results`, `definitions` and `observations`: scores; `qualitative`:
reports, with their `marks`; `captions`: how to read each; `theme` and `diagram`: what they share.
No pyplot: a figure depends on its arguments alone. What is real and what is drawn stands in the
picture itself.
"""

from mrg_r1_lib.reporting.figures.by_hand import sentence_probabilities
from mrg_r1_lib.reporting.figures.data import (
    contact_sheet,
    flow,
    prevalence,
    report_lengths,
    studies_with_reports,
)
from mrg_r1_lib.reporting.figures.definitions import two_definitions
from mrg_r1_lib.reporting.figures.marks import telling_studies
from mrg_r1_lib.reporting.figures.observations import observation_f1
from mrg_r1_lib.reporting.figures.overview import method_overview
from mrg_r1_lib.reporting.figures.qualitative import qualitative
from mrg_r1_lib.reporting.figures.results import forest, main_scores, precision_recall
from mrg_r1_lib.reporting.figures.rewards import changes, heatmap, margin_curve
from mrg_r1_lib.reporting.figures.seeds import by_arm, seed_curves
from mrg_r1_lib.reporting.figures.theme import NOTE
from mrg_r1_lib.reporting.figures.training import reward_hacking, training_curves, validation_curve

__all__ = [
    "NOTE",
    "by_arm",
    "changes",
    "contact_sheet",
    "flow",
    "forest",
    "heatmap",
    "main_scores",
    "margin_curve",
    "method_overview",
    "observation_f1",
    "precision_recall",
    "prevalence",
    "qualitative",
    "report_lengths",
    "reward_hacking",
    "seed_curves",
    "sentence_probabilities",
    "studies_with_reports",
    "telling_studies",
    "training_curves",
    "two_definitions",
    "validation_curve",
]
