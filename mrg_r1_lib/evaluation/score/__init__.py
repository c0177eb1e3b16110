"""Scores of anybody's reports, from files: `score` and `python -m mrg_r1_lib.evaluation.score`."""

from mrg_r1_lib.evaluation.score.score import Results, main, score

__all__ = ["Results", "main", "score"]
