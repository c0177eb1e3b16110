"""`python -m mrg_r1_lib.evaluation.score FILE [FILE] [options]`."""

from mrg_r1_lib.evaluation.score.score import main

main()
