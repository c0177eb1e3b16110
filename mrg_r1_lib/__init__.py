"""MRG-R1 as a reproducible study: clinical rewards, semantic-driven reinforcement learning, honest measurement.

The library in the order of the data's path: `corpora` read studies, `prompts` turns them into rows, `policies` write
completions, `labelers` read their reports, `rewards` compare labels, the stages (`pretrain`, `sft`, `srl`, `generate`) train
and write, `metrics`, `bootstrap`, `tables` and `figures` judge. A module imports only lower levels (README, "The map").
"""

import warnings

# the bars of this library are plain text; that Jupyter has no widgets is no concern of its reader
warnings.filterwarnings("ignore", "IProgress not found")
