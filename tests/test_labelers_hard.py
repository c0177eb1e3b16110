"""The rules labeler on `labels/hard_sentences.csv`: 254 made-up sentences from twelve classes of hard wording, in four classes.

The table was written before the rules that satisfy it, and labelled a second time by a reader who knew neither its labels nor
the rules, after the same written conventions (`labels/README.md`).
"""

import csv
from pathlib import Path

import pytest

from mrg_r1_lib.labelers import rules
from mrg_r1_lib.labelers.vocabulary import KINDS, Vocabulary
from mrg_r1_lib.observations import Label

LABELS = Path(__file__).parent / "labels"
NAMES = "ecm heart opacity lesion edema consolidation pneumonia atelectasis pneumothorax effusion pleura fracture device normal"
SIGNS = {Label.POSITIVE: "+", Label.NEGATIVE: "-", Label.UNCERTAIN: "?"}


def table(name: str) -> list[dict[str, str]]:
    with (LABELS / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


FIRST, SECOND = table("hard_sentences.csv"), table("hard_sentences.second.csv")


def written(sentences: list[str]) -> list[str]:
    """The rules' labels as the table writes them: "+opacity ?pneumonia"."""
    names = NAMES.split()
    return [
        " ".join(SIGNS[Label(code)] + names[i] for i, code in enumerate(row) if code)
        for row in rules.label_reports(sentences)
    ]


def right(rows: list[dict[str, str]]) -> float:
    """The share of sentences whose 14 labels are all as in `rows`."""
    found = written([row["sentence"] for row in rows])
    return sum(labels == row["labels"] for labels, row in zip(found, rows, strict=True)) / len(rows)


def test_the_two_labellings_are_of_the_same_sentences_and_agree():
    assert [row["sentence"] for row in FIRST] == [row["sentence"] for row in SECOND]
    assert len(FIRST) >= 150 and len({row["case"] for row in FIRST}) == 12
    assert sum(
        one["labels"] == other["labels"] for one, other in zip(FIRST, SECOND, strict=True)
    ) >= 0.95 * len(FIRST)


@pytest.mark.parametrize("rows", [FIRST, SECOND], ids=["first", "second"])
def test_the_rules_read_the_hard_sentences_as_either_reader_does(rows):
    assert right(rows) >= 0.95


@pytest.mark.parametrize("case", sorted({row["case"] for row in FIRST}, key=int))
def test_no_class_of_wording_is_left_out(case):
    assert right([row for row in FIRST if row["case"] == case]) >= 0.80


@pytest.mark.parametrize(
    "kinds",
    [
        ("negation before",),
        ("negation after",),
        ("break", "assertion", "verb"),  # what ends a clause
        ("uncertainty before",),
        ("uncertainty after",),
        ("alternative",),
    ],
    ids=lambda kinds: kinds[0],
)
def test_a_rule_that_is_switched_off_is_missed(kinds, monkeypatch):
    assert set(kinds) <= set(KINDS)
    whole = right(FIRST)
    text = Path(rules.__file__).with_name("vocabulary.csv").read_text(encoding="utf-8")
    without = Vocabulary(
        row for row in csv.DictReader(text.splitlines()) if row["kind"] not in kinds
    )
    monkeypatch.setattr(rules, "load_vocabulary", lambda: without)
    rules._read_sentence.cache_clear()
    try:
        assert right(FIRST) < whole - 0.01
    finally:
        rules._read_sentence.cache_clear()
