"""A trained policy writes one completion for each held-out study, by greedy decoding.

Completions are report text: they stay in the git-ignored half of the run.
"""

import json
from dataclasses import replace

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation.baselines import shuffled
from mrg_r1_lib.policies.generation import generate, inference_batch_size
from mrg_r1_lib.policies.load_save import load_policy
from mrg_r1_lib.runs.processes import processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked, read_json, write_text
from mrg_r1_lib.training.trainer import prepare, require_policy

NOTEBOOK_OF_STAGE = {
    "pretrain": "02_supervised_finetuning",
    "sft": "02_supervised_finetuning",
    "srl": "03_semantic_reinforcement_learning",
}


def write_completions(run: Run, split: str = "validate") -> list[str]:
    """One completion of the run's policy per study of a split; finished ones are read.

    A twin's studies have exchanged their images; who with whom comes from the run's seed. Raises
    FileNotFoundError, naming the notebook, if the policy is missing, and ValueError if the run is a
    baseline.
    """
    stage = run.writer.recipe.stage
    if stage not in NOTEBOOK_OF_STAGE:
        raise ValueError(
            f"{run.experiment} is a baseline: it has no policy to write with. Evaluate it instead."
        )
    step = f"completions_{split}"
    if run.finished(step):
        return read_completions(run, split)
    folder = require_policy(run.writer, NOTEBOOK_OF_STAGE[stage])
    prepare(run)
    studies = load_split(run.corpus, split, run.settings)
    if run.recipe.stage == "shuffled":
        partners = [studies[place] for place in shuffled(len(studies), run.seed)]
        pairs = zip(studies, partners, strict=True)
        studies = [replace(study, images=partner.images) for study, partner in pairs]
    with locked(run.folder):
        model, processor = load_policy(folder)
        completions = generate(
            model.to(processes().device),
            processor,
            studies,
            run.settings.max_completion_length,
            inference_batch_size(run.settings.policy),
        )
        text = json.dumps(completions, ensure_ascii=False, indent=1)
        write_text(run.private / f"{step}.json", text)
        run.mark_finished(step)
    return completions


def read_completions(run: Run, split: str = "validate") -> list[str]:
    """The completions of a finished generation, in the order of its studies.

    ValueError names a damaged file.
    """
    return read_json(run.private / f"completions_{split}.json")
