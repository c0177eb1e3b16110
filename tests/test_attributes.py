"""Metrics of side, zone, size, findings outside the 13 and contradictions."""

import json

import pytest
from saved_scores import codes, write

from mrg_r1_lib.evaluation.attributes import attribute_metrics
from mrg_r1_lib.reporting.tables import main_table
from mrg_r1_lib.runs.run import scores_path

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


def test_the_main_table_has_the_rates_of_runs_that_were_scored_with_them(tmp_path, run):
    reference = codes(2, Edema=1)
    write(tmp_path, "reference", 0, reference, reference)
    folder = write(tmp_path, "sft", 0, codes(2, Edema=2), reference)
    assert not any("side" in metric for metric in main_table(run)["metric"])
    path = scores_path(folder, "test")
    saved = json.loads(path.read_text())
    path.write_text(json.dumps(saved | {"attributes": attribute_metrics(REFERENCE, REFERENCE)}))
    table = main_table(run)[lambda rows: rows["arm"] == "sft"].set_index("metric")["value"]
    assert table["side_accuracy"] == 1.0 and table["outside_13_per_report"] == 0.5
    assert "matched" not in table.index and "side_named" not in table.index
