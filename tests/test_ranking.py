"""The ranking cases: well formed, of no corpus, and counted rightly for every reward."""

import re
from collections import Counter

import numpy as np
import pytest

from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.rewards import REWARDS, build_reward
from mrg_r1_lib.rewards.ranking import ALL, load_cases, ranking_table, score_cases, score_reports

CASES = load_cases()
REPORTS = ["reference", "better", "worse"]
SHARED_SHINGLES = 0.2  # "in the right upper lobe" is nobody's own
STOCK = 20  # corpus reports with the same sentence: from here on it is a stock phrase
LONGER_WORSE = [  # an addition is the error
    "more false findings",
    "denials against findings",
    "contradiction",
    "unasked finding",
    "repetition",
]
LABELER = load_labeler("rules")


def words(text):
    return re.findall(r"[a-z0-9]+", text.lower())


def sentences(text):
    return [" ".join(words(part)) for part in re.split(r"\.(?!\d)|;", text)]


def shingles(text, length):
    """All runs of `length` words that stand in one sentence."""
    runs = (sentence.split() for sentence in sentences(text))
    return [tuple(run[i : i + length]) for run in runs for i in range(len(run) - length + 1)]


@pytest.fixture(scope="module")
def corpus_text(indiana):
    return [part for study in indiana for part in (study.findings, study.impression)]


@pytest.fixture(scope="module")
def scores():
    return score_cases({name: build_reward(name, labeler=LABELER) for name in REWARDS}, LABELER)


def by_text(preferred):
    """A reward that gives 1 to the reports in a set and 0 to all others."""

    def reward(completions, **_):
        return [float(parse_completion(text).report in preferred) for text in completions]

    return reward


def test_every_case_has_its_own_id_two_different_reports_and_a_known_relation():
    assert CASES["case"].is_unique and not CASES.duplicated(REPORTS).any()
    assert (CASES[[*REPORTS, "kind"]] != "").all(axis=None)
    assert (CASES["better"] != CASES["worse"]).all()
    assert set(CASES["relation"]) == {"better", "equal"}


def test_a_case_is_named_after_its_kind():
    named = CASES["case"].str.replace(r"-\d+$", "", regex=True).str.replace("-", " ")
    assert (named == CASES["kind"]).all()


def test_every_kind_has_at_least_eight_cases():
    assert CASES["kind"].value_counts().min() >= 8


def test_equal_reports_are_the_exact_reference_and_another_wording():
    equal = CASES[CASES["relation"] == "equal"]
    assert len(equal) >= 8 and (equal["better"] == equal["reference"]).all()


def test_no_better_report_can_be_told_by_its_length_alone():
    better = CASES[CASES["relation"] == "better"]
    shorter = better["better"].map(len) < better["worse"].map(len)
    free = better[~better["kind"].isin(LONGER_WORSE)]
    assert 0.35 < shorter[free.index].mean() < 0.65


def test_no_sentence_is_copied_from_the_corpus(corpus_text):
    known = Counter(sentence for text in corpus_text for sentence in set(sentences(text)))
    own = {sentence for column in REPORTS for text in CASES[column] for sentence in sentences(text)}
    copied = [text for text in own if len(text.split()) > 5 and 0 < known[text] < STOCK]
    assert copied == []


def test_references_share_only_common_phrases_with_the_corpus(corpus_text):
    five, eight = (
        {run for text in corpus_text for run in shingles(text, length)} for length in (5, 8)
    )
    own = [run for text in CASES["reference"] for run in shingles(text, 5)]
    assert sum(run in five for run in own) / len(own) < SHARED_SHINGLES
    assert not any(run in eight for text in CASES["reference"] for run in shingles(text, 8))


@pytest.mark.parametrize("name", REWARDS)
def test_a_reward_gives_exact_reports_1_or_cannot_score_them(name):
    references = CASES["reference"].tolist()
    reward = build_reward(name, labeler=LABELER)
    exact = score_reports(reward, LABELER, references, references)
    assert np.nanmin(exact) == 1
    blank = (LABELER(references)[:, :13] == 0).all(axis=1)
    assert (np.isnan(exact) <= blank).all()


def test_every_reward_is_scored_on_every_case_and_never_both_passed_and_reversed(scores):
    assert (scores.groupby("reward", sort=False)["case"].nunique() == len(CASES)).all()
    assert list(scores["reward"].unique()) == list(REWARDS)
    assert not (scores["passed"] & scores["reversed"]).any()
    assert not (scores["reversed"] & (scores["relation"] == "equal")).any()


def test_the_reward_that_prefers_the_better_reports_passes_every_case():
    equal = CASES["relation"] == "equal"
    table = ranking_table({"own": by_text({*CASES["better"], *CASES["worse"][equal]})}, LABELER)
    assert (table["passed"] == 1).all(axis=None) and (table["reversed"] == 0).all(axis=None)


def test_the_reward_that_prefers_the_worse_reports_reverses_every_case_of_preference():
    table = ranking_table({"own": by_text(set(CASES["worse"]) - set(CASES["better"]))}, LABELER)
    assert table["passed"].loc[ALL, "own"] == 0
    preferred = (CASES["relation"] == "better").mean()
    assert table["reversed"].loc[ALL, "own"] == pytest.approx(preferred)


def test_a_constant_reward_passes_equal_reports_only_and_reverses_none():
    table = ranking_table({"same": lambda completions, **_: [0.5] * len(completions)}, LABELER)
    shares = (CASES["relation"] == "equal").groupby(CASES["kind"]).mean()
    assert table["passed"]["same"].drop(ALL).to_dict() == pytest.approx(shares.to_dict())
    assert (table["reversed"] == 0).all(axis=None)


def test_a_reward_of_none_passes_nothing_and_reverses_nothing():
    table = ranking_table({"none": lambda completions, **_: [None] * len(completions)}, LABELER)
    assert (table["passed"] == 0).all(axis=None) and (table["reversed"] == 0).all(axis=None)


def test_the_table_counts_every_case_once_and_its_last_row_is_the_mean_over_cases(scores):
    rewards = {name: build_reward(name, labeler=LABELER) for name in REWARDS}
    table = ranking_table(rewards, LABELER)
    assert table[("cases", "")].drop(ALL).sum() == table[("cases", "")][ALL] == len(CASES)
    assert list(table.index) == [*CASES["kind"].unique(), ALL]
    assert list(table["passed"].columns) == list(table["reversed"].columns) == list(REWARDS)
    passed = scores.groupby("reward")["passed"].mean()
    assert table["passed"].loc[ALL].to_dict() == pytest.approx(passed.to_dict())
