"""Reports of baselines: one report for all studies, retrieval, a classifier with templates.

Baselines learn from the training split, and the classifier's threshold from validation; of the
scored split they read the images only. Two baselines use information that no model has, so they are
upper bounds: the reference itself, and a template from the drawn observations.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from mrg_r1_lib.corpora.image_targets import image_targets
from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.evaluation.baselines import (
    best_single_report,
    constant_normal,
    nearest_neighbour,
    template_report,
)
from mrg_r1_lib.labelers import Labeler
from mrg_r1_lib.metrics.clinical_efficacy import positives
from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.policies.image_classifier import (
    ImageClassifier,
    best_threshold,
    train_image_classifier,
)
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Study, index_labels, pixels


def baseline_reports(run: Run, studies: Sequence[Study], labeler: Labeler) -> list[str]:
    """One report per study by the baseline of `run`; ValueError for an arm without a baseline."""
    arm = run.arm
    if arm == "reference":
        return [study.reference for study in studies]
    if arm == "constant_normal":
        return constant_normal(len(studies))
    if arm == "drawn_template":
        return template_reports(positives(index_labels(studies)))
    train = load_split(run.corpus, "train", run.settings)
    findings = [study.findings for study in train]
    if arm == "best_single_report":
        return [best_single_report(findings, labeler(findings))] * len(studies)
    if arm == "nearest_neighbour":
        return [findings[index] for index in nearest_neighbour(pixels(train), pixels(studies))]
    if arm == "image_classifier":
        return classifier_reports(run, studies, labeler)
    raise ValueError(
        f"{run.experiment}: baseline {arm!r} is not built; "
        "expected one of the experiments of stage baseline."
    )


def template_reports(present: np.ndarray) -> list[str]:
    """Template sentences for `present` `(studies, 13)` bool, one report per study."""
    reports = []
    for row in present:
        pairs = zip(ABNORMALITIES, row, strict=True)
        reports.append(template_report({name for name, is_there in pairs if is_there}))
    return reports


def classifier_reports(run: Run, studies: Sequence[Study], labeler: Labeler) -> list[str]:
    """Reports of a discriminative model: images -> 13 probabilities -> template sentences.

    All observations share the best threshold on validation.
    """
    classifier = _classifier(run)
    validation = load_split(run.corpus, "validate", run.settings)
    wanted = positives(labeler([study.findings for study in validation]))
    threshold = best_threshold(wanted, classifier.predict(pixels(validation)))
    return template_reports(classifier.predict(pixels(studies)) >= threshold)


@lru_cache(maxsize=1)  # one training serves both sealed sets
def _classifier(run: Run) -> ImageClassifier:
    """A convolutional network that learned from the images and targets of the policy's vision
    tower, as many times.

    To learn from the labels of the training reports as well made it worse (`results/LOG.md`).
    """
    images, targets = image_targets(run.corpus, run.settings, run.seed, run.recipe.labeler)
    epochs = run.settings.pretrain.tower_epochs or 1
    return train_image_classifier(
        images, targets[..., 0], epochs=epochs, seed=run.seed, progress=True
    )
