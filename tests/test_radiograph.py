"""Phantom radiographs: the same bytes for the same key, one sign a term, on the side that the term
names."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from mrg_r1_lib.observations import ABNORMALITIES
from mrg_r1_lib.policies.image_classifier import auroc_by_observation, train_image_classifier
from mrg_r1_lib.radiographs.draw import draw_radiograph
from mrg_r1_lib.study import IndexTerm

# not tied to one side of the film, or (devices) crossing the midline
CENTRAL = ("Enlarged Cardiomediastinum", "Cardiomegaly", "Edema", "Support Devices")
ONE_SIDED = [name for name in ABNORMALITIES if name not in CENTRAL]
KEYS = ("CXR1", "CXR2", "CXR3", "CXR4")


def term(observation, side="", zone="", size="", name=""):
    return IndexTerm(name or observation, (observation,), side, zone, size)


def pixels(terms, key, size=96):
    return np.asarray(draw_radiograph(terms, key, size), dtype=float)


def change(observation, key, *, film=96, **where):
    """What the sign adds to the picture of its own healthy twin."""
    return pixels([term(observation, **where)], key, film) - pixels([], key, film)


def halves(difference):
    """Energy in the image's left and right half; the middle fifth, where the mediastinum lies, is
    left out."""
    size = len(difference)
    return (difference[:, : int(0.4 * size)] ** 2).sum(), (
        difference[:, int(0.6 * size) :] ** 2
    ).sum()


def test_the_same_terms_and_key_give_the_same_bytes():
    terms = [term(name) for name in ABNORMALITIES]
    assert draw_radiograph(terms, "CXR1").tobytes() == draw_radiograph(terms, "CXR1").tobytes()


def test_a_fresh_interpreter_draws_the_same_bytes():
    code = (
        "import hashlib; from mrg_r1_lib.radiographs.draw import draw_radiograph; from mrg_r1_lib.study import IndexTerm; "
        "terms = [IndexTerm('Edema', ('Edema',)), IndexTerm('Fracture', ('Fracture',), 'left')]; "
        "print(hashlib.sha256(draw_radiograph(terms, 'CXR7').tobytes()).hexdigest())"
    )
    fresh = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()
    here = draw_radiograph([term("Edema"), term("Fracture", "left")], "CXR7")
    assert fresh == hashlib.sha256(here.tobytes()).hexdigest()


def test_two_keys_give_two_people():
    assert np.abs(pixels([], "CXR1") - pixels([], "CXR2")).mean() > 5


@pytest.mark.parametrize("size", [64, 96, 256])
def test_every_size_gives_a_grey_film_with_sane_contrast(size):
    image = draw_radiograph([], "CXR1", size)
    shades = np.asarray(image)
    assert (image.mode, image.size) == ("L", (size, size))
    assert 60 < shades.mean() < 190 and shades.std() > 30
    assert (shades == 255).mean() < 0.05


def test_lungs_are_darker_than_heart_and_belly():
    films = np.mean([pixels([], key) for key in KEYS], axis=0)
    lung, heart, belly = (
        films[35:50, 20:28].mean(),
        films[58:66, 50:58].mean(),
        films[86:92, 20:40].mean(),
    )
    assert lung + 40 < min(heart, belly)


def test_the_heart_lies_mostly_in_the_images_right_half():
    films = np.mean([pixels([], f"CXR{number}") for number in range(40)], axis=0)
    heart = (
        films[60, 20:76] > (films[60, 24] + films[60, 52]) / 2
    )  # 28 pixels on each side of the midline
    assert heart[28:].sum() > 1.3 * heart[:28].sum()


def test_a_large_size_shows_the_same_chest_as_a_small_one():
    large = pixels([], "CXR1", 192).reshape(96, 2, 96, 2).mean((1, 3))
    assert np.corrcoef(large.ravel(), pixels([], "CXR1", 96).ravel())[0, 1] > 0.97


@pytest.mark.parametrize("observation", ABNORMALITIES)
def test_each_observation_changes_a_part_of_the_picture_and_leaves_the_body(observation):
    for key in KEYS:
        difference = np.abs(change(observation, key, size="large"))
        assert difference.max() > 15
        assert (difference < 3).mean() > 0.35  # the rest of the film, noise included, is its twin's


@pytest.mark.parametrize("observation", ONE_SIDED)
def test_a_left_sign_is_on_the_images_right_and_a_right_one_on_its_left(observation):
    for key in KEYS:
        image_left, image_right = halves(change(observation, key, side="left", size="moderate"))
        assert image_left < 0.05 * image_right
        image_left, image_right = halves(change(observation, key, side="right", size="moderate"))
        assert image_right < 0.05 * image_left


@pytest.mark.parametrize("observation", ONE_SIDED)
def test_a_bilateral_sign_changes_both_halves(observation):
    for key in KEYS:
        image_left, image_right = halves(change(observation, key, side="bilateral", size="large"))
        assert min(image_left, image_right) > 0.02 * max(image_left, image_right) > 0


@pytest.mark.parametrize(
    "observation",
    [
        "Cardiomegaly",
        "Enlarged Cardiomediastinum",
        "Edema",
        "Pleural Effusion",
        "Pneumothorax",
        "Lung Opacity",
    ],
)
def test_a_large_sign_changes_more_than_a_small_one(observation):
    energy = {
        size: sum(
            (change(observation, key, side="left", zone="middle", size=size) ** 2).sum()
            for key in KEYS
        )
        for size in ("small", "large")
    }
    assert energy["large"] > 1.5 * energy["small"]


@pytest.mark.parametrize(
    "observation", ["Lung Opacity", "Lung Lesion", "Consolidation", "Pneumonia"]
)
def test_an_upper_sign_lies_above_a_lower_one(observation):
    rows = np.arange(96)[:, None]
    centre = {
        zone: np.mean(
            [
                np.average(rows + 0 * d, weights=d**2)
                for key in KEYS
                for d in [change(observation, key, zone=zone)]
            ]
        )
        for zone in ("upper", "lower")
    }
    assert centre["upper"] + 15 < centre["lower"]


def test_cardiomegaly_brightens_lung_beside_the_heart_on_both_sides():
    for key in KEYS:
        band = change("Cardiomegaly", key, size="large")[55:70]
        brighter = np.flatnonzero(band.mean(0) > 8)
        assert brighter.min() < 48 < brighter.max()
        assert brighter.min() > 15 and brighter.max() < 85  # inside the chest


def test_an_effusion_brightens_the_base_and_a_pneumothorax_darkens_the_apex():
    for key in KEYS:
        assert change("Pleural Effusion", key, side="left", size="large")[60:80, 68:80].mean() > 15
        assert change("Pneumothorax", key, side="left", size="large")[15:40, 55:80].mean() < 0


def test_one_term_does_not_move_the_sign_of_another():
    alone = change("Lung Lesion", "CXR1", side="left", zone="upper")
    both = pixels(
        [term("Pleural Effusion", "right"), term("Lung Lesion", "left", "upper")], "CXR1"
    ) - pixels([], "CXR1")
    np.testing.assert_array_equal(both[:45, 55:], alone[:45, 55:])


def test_a_consolidation_that_is_also_indexed_as_opacity_is_drawn_once():
    twice = IndexTerm("Consolidation", ("Consolidation", "Lung Opacity"))
    np.testing.assert_array_equal(pixels([twice], "CXR1"), pixels([term("Consolidation")], "CXR1"))


def test_terms_without_a_sign_draw_nothing_and_hyperdistention_lowers_the_diaphragm():
    np.testing.assert_array_equal(
        pixels([IndexTerm("Spine/degenerative")], "CXR1"), pixels([], "CXR1")
    )
    assert (pixels([IndexTerm("Lung/hyperdistention")], "CXR1") - pixels([], "CXR1"))[
        65:80, 20:35
    ].mean() < -10


def test_the_name_of_a_term_decides_the_kind_of_device():
    difference = change("Support Devices", "CXR1", side="left", name="Implanted Medical Device")
    assert difference[20:36, 60:85].max() > 15  # the generator under the left clavicle
    assert np.abs(difference[:10]).max() == 0  # and no tube from above


def test_an_unknown_observation_and_a_tiny_size_are_refused_with_what_was_expected():
    with pytest.raises(ValueError, match=r"'Heart/odd' asserts 'Big Heart'.*Cardiomegaly"):
        draw_radiograph([IndexTerm("Heart/odd", ("Big Heart",))], "CXR1")
    with pytest.raises(ValueError, match="size is 8; expected at least 32"):
        draw_radiograph([], "CXR1", 8)


@pytest.fixture(scope="module")
def large_hearts():
    labels = np.arange(160)[:, None] % 2
    terms = [term("Cardiomegaly", size="large")]
    images = [
        draw_radiograph(terms if label else [], f"CXR{number}", 64)
        for number, label in enumerate(labels[:, 0])
    ]
    return np.stack([np.asarray(image) for image in images]), labels


def test_a_classifier_learns_large_hearts_and_the_same_seed_gives_the_same_scores(large_hearts):
    images, labels = large_hearts
    scores = []
    for elsewhere in (1, 2):  # what else drew random numbers before must not matter
        torch.manual_seed(elsewhere)
        classifier = train_image_classifier(images[:120], labels[:120], epochs=18, seed=0)
        scores.append(classifier.predict(images[120:]))
    first, again = scores
    np.testing.assert_array_equal(first, again)
    assert first.shape == (40, 1) and ((first >= 0) & (first <= 1)).all()
    assert auroc_by_observation(labels[120:], first, ["Cardiomegaly"]).auroc[0] > 0.85


def test_the_classifier_refuses_label_codes_and_colour(large_hearts):
    images, labels = large_hearts
    with pytest.raises(ValueError, match="expected 0 and 1, got 2"):
        train_image_classifier(images, labels * 2, epochs=1, seed=0)
    with pytest.raises(ValueError, match=r"expected shape \(n, H, W\) of uint8"):
        train_image_classifier(images[..., None], labels, epochs=1, seed=0)


def test_auroc_is_the_share_of_pairs_in_order_and_nan_without_both_classes():
    labels, scores = (
        np.array([[0, 1], [1, 1], [0, 1], [1, 1]]),
        np.array([[0.1, 0.5], [0.4, 0.5], [0.5, 0.5], [0.9, 0.5]]),
    )
    frame = auroc_by_observation(labels, scores, ["Edema", "Fracture"])
    assert frame.auroc[0] == 0.75 and np.isnan(frame.auroc[1])
    assert frame.positives.tolist() == [2, 4]
