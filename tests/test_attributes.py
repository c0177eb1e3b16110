"""Metrics of side, zone, size, findings outside the 13 and contradictions."""

import pytest

from mrg_r1_lib.evaluation.attributes import attribute_metrics

REFERENCE = ["Small left effusion. Opacity in the right base.", "Cardiomegaly. Hiatal hernia."]


def test_attributes_of_matched_findings_by_hand():
    generated = [
        "Small right effusion. Opacity in the right lung.",  # side wrong, size right; no zone
        "Mild cardiomegaly. No cardiomegaly. Scoliosis. Osteopenia.",
    ]
    metrics = attribute_metrics(REFERENCE, generated)
    assert metrics["matched"] == 3
    assert [metrics[f"side_{name}"] for name in ("named", "stated", "right")] == [2, 2, 1]
    assert [metrics[f"zone_{name}"] for name in ("named", "stated", "right")] == [1, 0, 0]
    assert [metrics[f"size_{name}"] for name in ("named", "stated", "right")] == [1, 1, 1]
    assert (metrics["side_accuracy"], metrics["zone_accuracy"]) == (0.5, 0.0)
    assert metrics["zone_accuracy_stated"] is None
    assert metrics["outside_13_per_reference"] == 0.5
    assert metrics["outside_13_per_report"] == 1.0
    assert metrics["contradictions_per_report"] == 0.5


def test_the_references_themselves_are_right_in_all():
    metrics = attribute_metrics(REFERENCE, REFERENCE)
    assert metrics["side_accuracy"] == metrics["zone_accuracy"] == metrics["size_accuracy"] == 1
    assert metrics["contradictions_per_report"] == 0


def test_lists_of_another_length_or_of_none_are_an_error():
    for pair in ((REFERENCE, REFERENCE[:1]), ([], [])):
        with pytest.raises(ValueError, match="as many of both"):
            attribute_metrics(*pair)
