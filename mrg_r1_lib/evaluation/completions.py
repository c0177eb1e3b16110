"""Generation: a trained policy writes one completion for each held-out study, by greedy decoding.

Completions are report text: they stay in the git-ignored half of the run.
"""

import json
from dataclasses import replace

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation.baselines import shuffled
from mrg_r1_lib.policies.generation import generate
from mrg_r1_lib.policies.load_save import load_policy
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked, write_text
from mrg_r1_lib.training.trainer import command_line, prepare

NOTEBOOK_OF_STAGE = {
    "pretrain": "02_supervised_finetuning",
    "sft": "02_supervised_finetuning",
    "srl": "03_semantic_reinforcement_learning",
}


def write_completions(run: Run, split: str = "test") -> list[str]:
    """One completion of the run's policy for each study of a split that has FINDINGS; finished ones are read.

    A twin's studies have exchanged their images, each with another; who with whom comes from the run's seed.

    Raises FileNotFoundError, naming the notebook, if the policy is missing, and ValueError if the run is a baseline.
    """
    stage = run.writer.settings.stage
    if stage not in NOTEBOOK_OF_STAGE:
        raise ValueError(
            f"{run.experiment} is a baseline: it has no policy to write with. Evaluate it instead."
        )
    if run.finished(f"completions_{split}"):
        return read_completions(run, split)
    policy = run.writer.require_policy(NOTEBOOK_OF_STAGE[stage])
    prepare(run)
    studies = load_split(run.corpus, split, run.size)
    if run.settings.stage == "shuffled":
        partners = shuffled(len(studies), run.seed)
        studies = [
            replace(study, images=studies[partner].images)
            for study, partner in zip(studies, partners, strict=True)
        ]
    with locked(run.folder):
        completions = generate(
            *load_policy(policy), studies, run.size.max_completion_length, together(run)
        )
        write_text(
            run.private / f"completions_{split}.json",
            json.dumps(completions, ensure_ascii=False, indent=1),
        )
        run.mark_finished(f"completions_{split}")
    return completions


def read_completions(run: Run, split: str = "test") -> list[str]:
    """The completions of a finished generation, in the order of its studies; for notebooks on the same machine only."""
    return json.loads((run.private / f"completions_{split}.json").read_text(encoding="utf-8"))


def together(run: Run) -> int:
    """How many studies the run's policy writes side by side."""
    return POLICIES[run.size.policy].together


if __name__ == "__main__":
    command_line(write_completions, __doc__)
