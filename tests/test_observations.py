import numpy as np
import pytest

from mrg_r1_lib.observations import CLASSES, OBSERVATIONS, Label, check_labels, signed_vectors


def test_order_and_codes_are_chexberts():
    assert (
        OBSERVATIONS[0] == "Enlarged Cardiomediastinum"
        and OBSERVATIONS[13] == "No Finding"
        and len(OBSERVATIONS) == 14
    )
    assert [
        label.value for label in (Label.BLANK, Label.POSITIVE, Label.NEGATIVE, Label.UNCERTAIN)
    ] == [0, 1, 2, 3]
    five = [OBSERVATIONS[index] for index in CLASSES[5]]
    assert five == ["Cardiomegaly", "Edema", "Consolidation", "Atelectasis", "Pleural Effusion"]


def test_signed_vectors_leave_out_no_finding_and_count_uncertain_as_positive():
    row = [1, 2, 3, 0] + [0] * 9 + [1]
    np.testing.assert_array_equal(signed_vectors(np.array([row])), [[1, -1, 1] + [0] * 10])


def test_a_wrong_code_or_shape_is_named():
    with pytest.raises(
        ValueError, match=r"reference: 1 values are no label code, the first is 7 at \(1, 2\)"
    ):
        check_labels(np.array([[0] * 14, [0, 0, 7] + [0] * 11]), "reference")
    with pytest.raises(ValueError, match=r"expected 14 codes.*No Finding as the last.*\(2, 13\)"):
        check_labels(np.zeros((2, 13)))
