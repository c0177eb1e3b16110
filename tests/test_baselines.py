"""The systems without training: the normal report, the best single report, retrieval, and shuffled
images."""

import numpy as np
import pytest

from mrg_r1_lib.evaluation.baselines import (
    best_single_report,
    constant_normal,
    nearest_neighbour,
    shuffled,
)
from mrg_r1_lib.metrics.clinical_efficacy import clinical_efficacy


def random_labels(seed, n):
    return np.random.default_rng(seed).choice(4, p=[0.8, 0.1, 0.07, 0.03], size=(n, 14))


def radiograph(seed, side=96):
    """A smooth random image: an 8 x 8 pattern, enlarged."""
    pattern = np.random.default_rng(seed).integers(60, 200, size=(8, 8))
    return np.kron(pattern, np.ones((side // 8, side // 8))).astype(np.uint8)


def test_the_normal_report_is_the_same_for_all_and_names_what_a_normal_report_names():
    reports = constant_normal(3)
    assert len(reports) == 3 and len(set(reports)) == 1
    assert constant_normal(0) == []
    for phrase in (
        "heart size is normal",
        "lungs are clear",
        "no pleural effusion",
        "no pneumothorax",
        "bony",
    ):
        assert phrase in reports[0].lower()


def test_the_best_single_report_is_found_by_trying_them_all():
    train, reference = random_labels(0, 40), random_labels(1, 30)
    scores = [clinical_efficacy(reference, np.tile(labels, (30, 1)))["f1"] for labels in train]
    assert best_single_report([str(i) for i in range(40)], train, reference) == str(
        int(np.argmax(scores))
    )


def test_a_tie_goes_to_the_earliest_report():
    edema, fracture = [0] * 4 + [1] + [0] * 9, [0] * 11 + [1, 0, 0]
    reference = [edema, fracture]  # each alone: shared 1, written 2, wanted 2
    assert (
        best_single_report(["fracture", "edema", "edema too"], [fracture, edema, edema], reference)
        == "fracture"
    )
    assert (
        best_single_report(["edema", "fracture", "edema too"], [edema, fracture, edema], reference)
        == "edema"
    )


def test_without_references_the_best_report_is_chosen_on_the_training_studies():
    train = random_labels(0, 40)
    reports = [str(i) for i in range(40)]
    assert best_single_report(reports, train) == best_single_report(reports, train, train)


def test_where_nothing_can_be_right_the_first_report_is_as_good_as_any():
    blank = np.zeros((2, 14), dtype=int)
    assert best_single_report(["first", "second"], blank, blank) == "first"


def test_reports_without_labels_or_references_are_errors():
    with pytest.raises(ValueError, match="2 training reports, 1 label rows"):
        best_single_report(["a", "b"], random_labels(0, 1), random_labels(0, 3))
    with pytest.raises(ValueError, match="0 references"):
        best_single_report(["a"], random_labels(0, 1), random_labels(0, 0))


def test_retrieval_finds_the_same_image_under_noise_brightness_and_contrast():
    train = [radiograph(seed) for seed in range(12)]
    rng = np.random.default_rng(0)
    changed = [
        np.clip(0.7 * train[i] + 40 + rng.normal(0, 5, train[i].shape), 0, 255).astype(np.uint8)
        for i in (7, 0, 11)
    ]
    found = nearest_neighbour(np.stack(train), np.stack(changed))
    assert found.tolist() == [7, 0, 11]


def test_retrieval_compares_images_of_different_sizes():
    assert nearest_neighbour(
        [radiograph(0), radiograph(1)], [radiograph(1, side=160)]
    ).tolist() == [1]


def test_retrieval_takes_the_earliest_of_equal_images_and_survives_a_flat_one():
    flat = np.full((64, 64), 128, dtype=np.uint8)
    assert nearest_neighbour(
        [radiograph(0), radiograph(1), radiograph(1)], [radiograph(1), flat]
    ).tolist() == [1, 0]


def test_retrieval_refuses_colour_floats_and_nothing():
    grey = radiograph(0)
    with pytest.raises(
        ValueError, match=r"train_images\[1\]: uint8 \(96, 96, 3\); expected grey uint8"
    ):
        nearest_neighbour([grey, np.stack([grey] * 3, axis=-1)], [grey])
    with pytest.raises(ValueError, match=r"test_images\[0\]: float64"):
        nearest_neighbour([grey], [grey.astype(float)])
    with pytest.raises(ValueError, match="train_images: is empty"):
        nearest_neighbour([], [grey])


@pytest.mark.parametrize("n", [2, 3, 50])
def test_no_study_keeps_its_own_images_and_all_images_are_used_once(n):
    for seed in range(5):
        partner = shuffled(n, seed)
        assert sorted(partner) == list(range(n))
        assert not np.any(partner == np.arange(n))


def test_a_shuffle_is_decided_by_its_seed():
    assert shuffled(50, 0).tolist() == shuffled(50, 0).tolist() != shuffled(50, 1).tolist()


def test_one_study_cannot_be_shuffled():
    with pytest.raises(ValueError, match="n: 1 studies cannot exchange images"):
        shuffled(1, 0)
