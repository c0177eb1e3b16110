"""Sampled label frequencies ("beliefs"): a policy's reports, sampled several times per study.

An observation's belief is its share of the sampled reports. `reporting.sampled` says what each
reward would choose among them.
"""

import numpy as np
import pandas as pd
import torch

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.policies.generation import generate
from mrg_r1_lib.policies.load_save import load_policy
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.runs.processes import processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked
from mrg_r1_lib.training.trainer import command_line, prepare, require_policy

SAMPLES = 16  # reports per study, at temperature 1
BATCH_SIZE = 16  # studies
SPLIT = "validate"


def sample_labels(run: Run) -> np.ndarray:
    """Label codes `(studies, SAMPLES, 14)` of reports that the run's policy sampled on validation.

    Saved as `beliefs.csv` in the run's folder, one row per report (study's row, 14 codes). A
    finished file is loaded, and so is a file from another machine without its policy. The run's
    seed drives sampling. FileNotFoundError names the notebook if neither exists.
    """
    (path,) = run.outputs("beliefs")
    if not run.finished("beliefs") and (run.finished("train") or not path.exists()):
        folder = require_policy(run, "02_supervised_finetuning")
        prepare(run)
        judge = load_labeler(run.settings.judge)
        studies = load_split(run.corpus, SPLIT, run.settings)
        with locked(run.folder):
            model, processor = load_policy(folder)
            model.to(processes().device)
            length = run.settings.max_completion_length
            torch.manual_seed(run.seed)
            written = generate(model, processor, studies, length, BATCH_SIZE, SAMPLES)
            labels = judge([parse_completion(text).report for text in written])
            table = pd.DataFrame(labels, columns=list(OBSERVATIONS))
            table.insert(0, "study", np.arange(len(table)) // SAMPLES)
            run.save_table("beliefs.csv", table)
            run.update_manifest("beliefs")
            run.mark_finished("beliefs")
    codes = pd.read_csv(path)[list(OBSERVATIONS)].to_numpy(np.int8)
    return codes.reshape(-1, SAMPLES, len(OBSERVATIONS))


if __name__ == "__main__":
    command_line(sample_labels, __doc__)
