"""The reports of systems that are no policy: what one report for everybody, retrieval, or a classifier with templates earns.

Everything is learned from the training split (the classifier's threshold from validation); the test split is only read for its
images. Two rows see what no rival sees and are ceilings: the reference itself, and a template from what was drawn.
"""

from collections.abc import Sequence

import numpy as np

from mrg_r1_lib.corpora import load_corpus
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
from mrg_r1_lib.policies.image_classifier import train_image_classifier
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.study import Study, index_labels, pixels

EPOCHS = {"phantoms": 5, "reports": 10}  # of the classifier; not tuned


def baseline_reports(run: Run, studies: Sequence[Study], labeler: Labeler) -> list[str]:
    """One report a study of the baseline that `run` names; ValueError for an arm of stage baseline that is not built."""
    arm = run.arm
    if arm == "reference":
        return [study.findings for study in studies]
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
        return classifier_reports(run, train, studies, labeler)
    raise ValueError(
        f"{run.experiment}: baseline {arm!r} is not built; expected one of the experiments of stage baseline."
    )


def template_reports(present: np.ndarray) -> list[str]:
    """Template sentences for `present` `(studies, 13)` bool, one report a study."""
    return [
        template_report(
            {name for name, is_there in zip(ABNORMALITIES, row, strict=True) if is_there}
        )
        for row in present
    ]


def classifier_reports(
    run: Run, train: Sequence[Study], studies: Sequence[Study], labeler: Labeler
) -> list[str]:
    """What a discriminative model earns: images -> 13 probabilities -> template sentences.

    A small convolutional network learns from phantoms and their index terms (`classifier_phantoms` of them: fewer than a laptop
    policy is pretrained on), then from the training split's images and the labeler's reading of its reports. One threshold for
    all observations: the best on validation.
    """
    phantoms = load_corpus(
        "phantom",
        studies=run.settings.classifier_phantoms,
        seed=run.seed,
        image_size=run.settings.image_size,
    )
    start = train_image_classifier(
        pixels(phantoms),
        positives(index_labels(phantoms)),
        epochs=EPOCHS["phantoms"],
        seed=run.seed,
        progress=True,
    )
    said = positives(labeler([study.findings for study in train]))
    classifier = train_image_classifier(
        pixels(train),
        said,
        epochs=EPOCHS["reports"],
        seed=run.seed,
        start=start,
        learning_rate=1e-3,
        progress=True,
    )
    validation = load_split(run.corpus, "validate", run.settings)
    wanted = positives(labeler([study.findings for study in validation]))
    threshold = best_threshold(wanted, classifier.predict(pixels(validation)))
    return template_reports(classifier.predict(pixels(studies)) >= threshold)


def best_threshold(wanted: np.ndarray, probabilities: np.ndarray) -> float:
    """The threshold of highest micro F1 over all entries of `wanted` (bool) and `probabilities`, same shape; ties: the lowest.

    >>> best_threshold([[True, False, True]], [[0.9, 0.4, 0.6]])
    0.6
    """
    wanted, probabilities = np.asarray(wanted).ravel(), np.asarray(probabilities).ravel()
    order = np.argsort(-probabilities, kind="stable")
    hits = np.cumsum(wanted[order])
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + max(wanted.sum(), 1))
    return float(probabilities[order][f1 == f1.max()].min())
