"""Figures as functions of saved scores and frames: each returns a matplotlib Figure; nobody saves here.

`data`: the corpus; `training`: curves; `results`: scores; `theme`: what they share. No pyplot: a figure depends on its
arguments alone. What is real and what is drawn stands in the picture itself.
"""

from mrg_r1_lib.figures.data import contact_sheet, flow, prevalence, report_lengths, studies_with_reports
from mrg_r1_lib.figures.results import forest, heatmap, main_scores, margin_curve, observation_f1, precision_recall
from mrg_r1_lib.figures.theme import NOTE
from mrg_r1_lib.figures.training import along_training, hacking, training_curves, validation_curve

__all__ = [
    "NOTE",
    "along_training",
    "contact_sheet",
    "flow",
    "forest",
    "hacking",
    "heatmap",
    "main_scores",
    "margin_curve",
    "observation_f1",
    "precision_recall",
    "prevalence",
    "report_lengths",
    "studies_with_reports",
    "training_curves",
    "validation_curve",
]
