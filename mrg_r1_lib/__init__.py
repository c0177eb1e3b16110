"""MRG-R1 as a reproducible study: clinical rewards, reinforcement learning, honest measurement.

Packages in the order of the data's path: `corpora` read studies (`radiographs` draws the images);
`policies` write completions; `labelers` read their reports; `rewards` compare labels; `training`
updates the policy; `evaluation` and `metrics` score held-out reports; `reporting` makes tables and
figures; `pipeline` runs it all. A package imports only from those above it in CONTRIBUTING's map.
"""

import warnings

warnings.filterwarnings("ignore", "IProgress not found")  # tqdm without ipywidgets: text bars do
