"""Pretraining: a new policy learns from drawn studies.

The paper starts from HuatuoGPT-Vision, which was trained on medical images and text. The tiny
policy starts from random weights. It learns from phantoms, whose text is the library's own, in
three parts. The vision tower learns to classify the observations. Then the complete model learns to
name them in terse reports, which say what is there and no more, and last to write whole reports.
Whole reports alone do not suffice: few of their words depend on the image, so a new policy learns
to ignore it (`results/LOG.md` has the trial). The tokenizer is trained on the corpus's training
split and on phantom reports, never on held-out reports.
"""

import numpy as np
import pandas as pd
from transformers import PreTrainedModel
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.image_targets import image_targets
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.metrics import clinical_efficacy
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.policies.hub import load_published
from mrg_r1_lib.policies.image_classifier import best_threshold
from mrg_r1_lib.policies.load_save import create_policy, load_policy, save_policy
from mrg_r1_lib.policies.prompts import order_by_length, sft_rows
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.policies.vision_tower import TowerClassifier, seen, train_tower
from mrg_r1_lib.runs.processes import processes
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import locked
from mrg_r1_lib.study import index_labels, pixels
from mrg_r1_lib.training.memory import require_device
from mrg_r1_lib.training.resume import complete, mark_complete, trainer_folder
from mrg_r1_lib.training.trainer import command_line, common_settings, prepare, read_log, train

# the tables of a tower that is not trained here
PUBLISHED_TOWER = {
    "tower_log.csv": pd.DataFrame(columns=["epoch", "loss"]),
    "tower_validation.csv": pd.DataFrame(columns=["against_index", "threshold", "f1"]),
}


def config(run: Run) -> SFTConfig:
    """TRL's settings for pretraining; none is the paper's, which starts from a published model."""
    settings = run.settings.pretrain
    return SFTConfig(
        **common_settings(run),
        save_strategy="steps",
        save_steps=0.2,  # of all steps
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="constant_with_warmup",  # SFT decays the learning rate
        warmup_steps=10,
        train_sampling_strategy="sequential",  # terse reports come first
        weight_decay=0.0,
        max_length=None,  # a cut would separate image tokens from their image
        completion_only_loss=True,
    )


def pretrain(run: Run) -> pd.DataFrame:
    """Pretrain the policy of `run`; returns the log, one row per step. A finished run is loaded.

    A stopped run keeps its trained tower. A published base model is adopted unchanged instead; its
    log has no row. RuntimeError, before any download, for a scale whose GPU is not here.
    """
    run = run.of_stage("pretrain")
    if run.finished("train"):
        return read_log(run)
    require_device(run.scale)
    prepare(run)
    if POLICIES[run.settings.policy].hub:
        return adopt(run)
    settings, size = run.settings.pretrain, run.settings.image_size
    drawn = {"seed": run.seed, "image_size": size}
    terse = load_corpus("phantom", studies=settings.terse, terse=True, **drawn)[:]
    phantoms = load_corpus("phantom", studies=settings.reports, **drawn)[:]
    split = load_split(run.corpus, "train", run.settings)
    new = trainer_folder(run) / "new_policy"  # saved and loaded, like every other start
    if not complete(new, run):
        texts = [study.findings for study in [*split, *terse, *phantoms]]
        model, processor = create_policy(run.settings.policy, texts, size, run.seed)
        seeing = _train_tower(run, model) if settings.tower_epochs else PUBLISHED_TOWER
        if processes().is_main_process:
            with locked(run.folder):
                for name, table in seeing.items():
                    run.save_table(name, table)
                save_policy(model, processor, new)
                mark_complete(new, run)
    processes().wait_for_everyone()
    model, processor = load_policy(new)
    labeler, rows = load_labeler(run.recipe.labeler), []
    for part in (terse, phantoms):
        reports = [study.findings for study in part]
        rows += [part[i] for i in order_by_length(reports, settings.batch_size, run.seed)]
    rows = sft_rows(rows, labeler([study.findings for study in rows]))
    args = config(run)
    args._n_gpu = 1  # one process and one GPU, also in a notebook where several are visible
    trainer = SFTTrainer(model, args=args, train_dataset=rows, processing_class=processor)
    return train(run, trainer)


def _train_tower(run: Run, model: PreTrainedModel) -> dict[str, pd.DataFrame]:
    """Train the vision tower in place; returns the loss of each epoch, and what it sees then."""
    images, targets = image_targets(run.corpus, run.settings, run.seed, run.recipe.labeler)
    epochs = run.settings.pretrain.tower_epochs
    tower = model.model.vision_tower
    classifier, losses = train_tower(tower, images, targets, epochs=epochs, seed=run.seed)
    log = pd.DataFrame({"epoch": range(1, len(losses) + 1), "loss": losses})
    return {"tower_log.csv": log, "tower_validation.csv": tower_validation(run, classifier)}


def tower_validation(run: Run, classifier: TowerClassifier) -> pd.DataFrame:
    """What the tower sees on validation, by its own head at the best threshold of each row.

    Columns against_index (the hand-made index is the reference, else the labels of the reports),
    threshold, precision, recall, f1: micro over the 13 abnormalities, uncertain as positive.
    """
    studies = load_split(run.corpus, "validate", run.settings)
    probabilities = seen(classifier, pixels(studies)).reshape(len(studies), len(ABNORMALITIES), -1)
    there = probabilities[..., 0]  # the first of DETAILS
    judge = load_labeler(run.settings.judge)
    labels = {"reports": judge([study.findings for study in studies])}
    if any(study.index_terms for study in studies):
        labels["index"] = index_labels(studies)
    rows = []
    for name, reference in labels.items():
        threshold = best_threshold(positives(reference), there)
        said = np.zeros_like(reference)
        said[:, : len(ABNORMALITIES)] = there >= threshold
        row = {"against_index": name == "index", "threshold": threshold}
        rows.append(row | clinical_efficacy(reference, said))
    return pd.DataFrame(rows)


def adopt(run: Run) -> pd.DataFrame:
    """Save the published base model as the run's policy, with its commit; returns an empty log."""
    base = POLICIES[run.settings.policy]
    (model, processor), commit = load_published(run.settings.policy)
    with locked(run.folder):
        run.write_text("train_log.csv", "step,loss\n")
        for name, table in PUBLISHED_TOWER.items():
            run.save_table(name, table)
        save_policy(model, processor, run.policy)
        run.update_manifest(
            "pretrain",
            parameters=sum(p.numel() for p in model.parameters()),
            trained_tensors=0,
            changed_tensors=0,
            seconds=0.0,
            hub=base.hub,
            revision=commit,
            licence=base.licence,
        )
        run.mark_finished("train", weights=commit)
    return read_log(run)


if __name__ == "__main__":
    command_line(pretrain, __doc__)
