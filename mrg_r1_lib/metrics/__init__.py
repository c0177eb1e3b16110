"""Metrics: label codes and texts in, numbers and intervals out. Needs no torch."""

from mrg_r1_lib.metrics.bootstrap import Efficacy, interval, paired_bootstrap
from mrg_r1_lib.metrics.clinical_efficacy import CE_DEFINITIONS, PRIMARY, clinical_efficacy
from mrg_r1_lib.metrics.holm import holm
from mrg_r1_lib.metrics.text import report_style, text_metrics

__all__ = [
    "CE_DEFINITIONS",
    "PRIMARY",
    "Efficacy",
    "clinical_efficacy",
    "holm",
    "interval",
    "paired_bootstrap",
    "report_style",
    "text_metrics",
]
