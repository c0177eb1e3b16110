"""Baselines without training: a policy's score means something only above theirs.

Training reports, labels and images in; reports, indices and permutations out. Most studies are
labelled No Finding, so one normal report for all studies scores high wherever "No Finding" counts.
Every results table prints these systems beside the policies.
"""

from collections.abc import Collection, Sequence

import numpy as np
from PIL import Image
from sklearn.metrics import pairwise_distances_argmin

from mrg_r1_lib.metrics.clinical_efficacy import positives

# normal sentence of a region -> the sentences that replace it, by abnormality
TEMPLATE = {
    "Heart size is normal and the mediastinal contours are unremarkable.": {
        "Enlarged Cardiomediastinum": "The mediastinum is widened.",
        "Cardiomegaly": "The heart is enlarged.",
    },
    "The lungs are clear, with no focal consolidation.": {
        "Lung Opacity": "There is a lung opacity.",
        "Lung Lesion": "There is a pulmonary nodule.",
        "Edema": "There is pulmonary edema.",
        "Consolidation": "There is a consolidation.",
        "Pneumonia": "There is pneumonia.",
        "Atelectasis": "There is atelectasis.",
    },
    "There is no pleural effusion and no pneumothorax.": {
        "Pneumothorax": "There is a pneumothorax.",
        "Pleural Effusion": "There is a pleural effusion.",
        "Pleural Other": "There is pleural thickening.",
    },
    "No acute bony abnormality.": {"Fracture": "There is a rib fracture."},
    "": {"Support Devices": "A catheter is in place."},
}
THUMBNAIL = 32  # pixels per side


def template_report(present: Collection[str]) -> str:
    """A report of fixed sentences: asserts the abnormalities in `present`, normal elsewhere.

    >>> template_report({"Cardiomegaly"}).split(". ")[:2]
    ['The heart is enlarged', 'The lungs are clear, with no focal consolidation']
    """
    sentences = []
    for normal, region in TEMPLATE.items():
        sentences += [said for name, said in region.items() if name in present] or [normal]
    return " ".join(filter(None, sentences))


def constant_normal(n: int) -> list[str]:
    """The same normal report for each of n studies."""
    return [template_report(())] * n


def best_single_report(
    train_reports: Sequence[str],
    train_labels: np.ndarray,
    reference_labels: np.ndarray | None = None,
) -> str:
    """The training report with the best clinical efficacy (CE) when every study of a split gets it.

    CE is micro-F1 over the 13 abnormalities, uncertain as positive. `train_labels` `(reports, 14)`
    are codes of the reports; `reference_labels` `(studies, 14)` belong to the split on which to
    choose (None: the training reports; validation is allowed, test never). Ties go to the earliest
    report. ValueError if reports and labels differ in number, or one is empty.

    >>> edema, fracture = [0] * 4 + [1] + [0] * 9, [0] * 11 + [1, 0, 0]
    >>> best_single_report(["Fracture.", "Edema."], [fracture, edema], [edema, edema, fracture])
    'Edema.'
    """
    reference_labels = train_labels if reference_labels is None else reference_labels
    reports, rows, references = len(train_reports), len(train_labels), len(reference_labels)
    if reports != rows or not reports or not references:
        raise ValueError(
            f"{reports} training reports, {rows} label rows, {references} references: "
            "expected as many reports as label rows, and at least one reference."
        )
    candidates, first = np.unique(positives(train_labels), axis=0, return_index=True)
    wanted = positives(reference_labels).sum(axis=0)
    shared = candidates @ wanted
    total = references * candidates.sum(axis=1) + wanted.sum()
    f1 = 2 * shared / np.maximum(total, 1)
    return train_reports[int(first[f1 == f1.max()].min())]


def nearest_neighbour(
    train_images: Sequence[np.ndarray], test_images: Sequence[np.ndarray]
) -> np.ndarray:
    """The index of the most similar training image for each test image, `(m,)` int.

    Images are `(height, width) uint8` of any size. Similarity is the cosine of 32 x 32 block means,
    minus their mean. Ties go to the earliest training image. ValueError for an image of another
    type or shape, or for no images.
    """
    train, test = _thumbnails(train_images, "train_images"), _thumbnails(test_images, "test_images")
    return pairwise_distances_argmin(test, train, metric="cosine")


def _thumbnails(images: Sequence[np.ndarray], name: str) -> np.ndarray:
    """Images -> mean-centred vectors `(n, THUMBNAIL ** 2) float64`."""
    if not len(images):
        raise ValueError(f"{name}: is empty; expected at least one image.")
    vectors = []
    for index, image in enumerate(images):
        if image.ndim != 2 or image.dtype != np.uint8:
            raise ValueError(
                f"{name}[{index}]: {image.dtype} {image.shape}; "
                "expected grey uint8 (height, width)."
            )
        small = Image.fromarray(image).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        vectors.append(np.asarray(small, dtype=float).ravel())
    return np.stack(vectors) - np.mean(vectors, axis=1, keepdims=True)


def shuffled(n: int, seed: int) -> np.ndarray:
    """A random permutation `(n,)` without fixed points: the study whose images each study gets.

    All studies form one cycle, so every image is used once and no study keeps its own. ValueError
    for n below 2.
    """
    if n < 2:
        raise ValueError(f"n: {n} studies cannot exchange images; expected at least 2.")
    order = np.random.default_rng(seed).permutation(n)
    partner = np.empty(n, dtype=int)
    partner[order] = np.roll(order, 1)
    return partner
