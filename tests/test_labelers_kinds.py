"""The rules labeler on `labels/kinds.csv`: text as people and models write it, by kind of wording.

All sentences are made up for these tests. Each kind is a mechanism of the labeler: the tests take
the mechanisms away one by one, and the labeler must miss them.
"""

import csv
from pathlib import Path

import pytest
from test_labelers_hard import right, table

from mrg_r1_lib.labelers import rules
from mrg_r1_lib.labelers.vocabulary import Vocabulary

ROWS = table("kinds.csv")
KINDS = sorted({row["kind"] for row in ROWS})


def test_every_kind_has_its_sentences():
    counts = {kind: sum(row["kind"] == kind for row in ROWS) for kind in KINDS}
    assert len(counts) >= 10 and min(counts.values()) >= 15


@pytest.mark.parametrize("kind", KINDS)
def test_the_rules_read_each_kind_of_wording(kind):
    assert right([row for row in ROWS if row["kind"] == kind]) >= 0.95


def without(drop) -> Vocabulary:
    """The vocabulary without the rows, or without the meanings, that `drop` changes."""
    path = Path(rules.__file__).with_name("vocabulary.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    return Vocabulary(row for row in map(drop, csv.DictReader(lines)) if row is not None)


def no_kind(kind: str):
    return lambda row: None if row["kind"] == kind else row


def no_role(role: str):
    return lambda row: row | {"meaning": ""} if row["meaning"] == role else row


@pytest.mark.parametrize(
    ("kind", "drop"),
    [
        ("event", no_kind("event")),  # "no worsening of edema"
        ("event", no_kind("inside")),  # "no fluid level within the cavity"
        ("far not", no_kind("seen")),  # "is not convincingly seen"
        ("far not", no_role("exclusion")),  # "cannot reliably exclude"
        ("field", no_kind("field")),  # "Pneumothorax: none"
        ("contraction", no_role("said")),  # "I don't think there's a pneumothorax"
        ("not removed", no_role("ending")),  # "has not been removed"
        ("own verb", no_kind("verb")),  # "no fracture, pneumothorax is present"
        ("abbreviation", no_role("adjacent")),  # "s/p chest tube removal"
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_mechanism_that_is_taken_away_is_missed(kind, drop, monkeypatch):
    rows = [row for row in ROWS if row["kind"] == kind]
    whole, vocabulary = right(rows), without(drop)
    monkeypatch.setattr(rules, "load_vocabulary", lambda: vocabulary)
    rules._read_sentence.cache_clear()
    try:
        assert right(rows) < whole
    finally:
        rules._read_sentence.cache_clear()
