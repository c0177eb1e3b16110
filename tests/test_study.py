import numpy as np
import pytest
from PIL import Image

from mrg_r1_lib.observations import ABNORMALITIES, NO_FINDING, OBSERVATIONS, Label
from mrg_r1_lib.study import (
    DETAILS,
    IndexTerm,
    Study,
    check_studies,
    index_details,
    index_labels,
    pixels,
)


def study(study_id, patient_id=None, split="train", terms=None, grey=0):
    return Study(
        study_id,
        patient_id or study_id,
        (lambda: Image.new("L", (4, 4), grey),),
        "Clear.",
        "",
        terms,
        split,
    )


def test_index_terms_become_labels_and_silence_is_absence_only_where_indexed_normal():
    edema = study("a", terms=(IndexTerm("Pulmonary Edema", ("Edema",)),))
    normal = study("b", terms=(IndexTerm("normal"),))
    labels = index_labels([edema, normal, study("c")])
    assert (
        labels[0, OBSERVATIONS.index("Edema")] == Label.POSITIVE
        and (labels[0] != Label.BLANK).sum() == 1
    )
    assert (labels[1, :13] == Label.NEGATIVE).all() and labels[1, NO_FINDING] == Label.POSITIVE
    assert (labels[2] == Label.BLANK).all()


def test_a_patient_in_two_splits_a_double_id_and_a_missing_image_are_refused():
    with pytest.raises(ValueError, match="patient p is in train and, with study b, in test"):
        check_studies([study("a", "p"), study("b", "p", "test")])
    with pytest.raises(ValueError, match="1 study ids occur more than once, the first is a"):
        check_studies([study("a"), study("a")])
    with pytest.raises(ValueError, match="a: split 'dev' is unknown"):
        check_studies([study("a", split="dev")])
    with pytest.raises(ValueError, match="a: has no image"):
        check_studies([Study("a", "a", (), "Clear.")])


def test_pixels_stacks_the_first_image_of_each_study():
    stacked = pixels([study("a", grey=7), study("b", grey=9)])
    assert stacked.shape == (2, 4, 4) and stacked.dtype == np.uint8 and stacked[1, 0, 0] == 9


def details(*terms):
    (found,) = index_details([study("a", terms=terms)])
    return {
        (name, *detail): found[row, column]
        for row, name in enumerate(ABNORMALITIES)
        for column, detail in enumerate(DETAILS)
    }


def test_a_term_says_side_and_leaves_zone_and_size_open():
    found = details(IndexTerm("Pleural Effusion/left", ("Pleural Effusion",), side="left"))
    there, left, right = (("", ""), ("side", "left"), ("side", "right"))
    assert [found["Pleural Effusion", *each] for each in (there, left, right)] == [1, 1, 0]
    assert np.isnan(found["Pleural Effusion", "zone", "lower"])
    assert [found["Edema", *each] for each in DETAILS] == [0] * 9  # absent with every detail


def test_bilateral_is_both_sides_and_of_two_terms_the_stated_detail_wins():
    both = details(IndexTerm("a", ("Edema",), side="bilateral"))
    assert both["Edema", "side", "left"] == both["Edema", "side", "right"] == 1
    open_and_left = (IndexTerm("b", ("Edema",)), IndexTerm("c", ("Edema",), side="left"))
    for terms in (open_and_left, open_and_left[::-1]):
        found = details(*terms)
        assert found["Edema", "side", "left"] == 1 and np.isnan(found["Edema", "side", "right"])
