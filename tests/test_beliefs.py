"""What a policy believes: the report that a reward would choose, and thresholds on beliefs, by
hand-worked samples."""

import numpy as np
import pytest

from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.reporting.sampled import believed_above, best_expected
from mrg_r1_lib.rewards.label_f1 import positive_f1
from mrg_r1_lib.rewards.mccs import margin_cosine
from mrg_r1_lib.rewards.net_benefit import net_benefit


def codes(*mentions):
    """The 14 codes of mentions such as "Edema" or "no Edema"."""
    row = np.zeros(14, dtype=np.int8)
    for mention in mentions:
        name = mention.removeprefix("no ")
        row[OBSERVATIONS.index(name)] = Label.POSITIVE if name == mention else Label.NEGATIVE
    return row


def believed(times):
    """Ten samples of one study: edema in `times`, else its denial beside two that are always
    denied."""
    denied = ("no Pneumothorax", "no Fracture")
    return np.stack(
        [codes("Edema", *denied)] * times + [codes("no Edema", *denied)] * (10 - times)
    )[None]


@pytest.mark.parametrize(("times", "asserted"), [(2, 0.0), (4, 1.0), (7, 1.0)])
def test_net_benefit_chooses_what_is_likelier_than_its_threshold(times, asserted):
    chosen = best_expected(believed(times), codes("Edema")[None], {"net benefit": net_benefit})
    assert chosen.loc["net benefit", "recall"] == asserted


def test_a_cosine_chooses_the_majority_where_net_benefit_asserts():
    rewards = {"mccs": margin_cosine, "label_f1": positive_f1, "net_benefit": net_benefit}
    chosen = best_expected(believed(4), codes("Edema")[None], rewards)
    assert chosen["recall"].to_dict() == {
        "one sample": 1,
        "mccs": 0,
        "label_f1": 0,
        "net_benefit": 1,
    }
    assert chosen["negatives"].to_dict() == {
        "one sample": 2,
        "mccs": 3,
        "label_f1": 3,
        "net_benefit": 2,
    }


def test_what_is_believed_above_a_threshold_is_asserted_by_itself():
    samples = np.concatenate([believed(4), believed(2)])
    table = believed_above(samples, np.stack([codes("Edema"), codes()]), np.array([0.1, 0.3, 0.5]))
    assert table["precision"].tolist() == [0.5, 1, 0] and table["recall"].tolist() == [1, 1, 0]
