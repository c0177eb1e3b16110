"""The vocabulary table of the rules labeler, read into a tree of words: what a phrase of a report
may mean.

`vocabulary.csv` is written for a clinician: one row `kind,phrase,meaning,unless` a phrase, all
lower case (`KINDS` says what a kind does; an `unless` word within seven words silences a finding).
Plurals are made here, other spellings are rows of kind `spelling`. In a sentence the longest phrase
that starts at a word wins and its words are spent, so "no significant change in" never acts as
"no", nor "breast mass" as "mass". Words are looked up one by one: time is linear in the text.
"""

import csv
import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from sys import intern
from typing import NamedTuple

from mrg_r1_lib.observations import ABNORMALITIES, Label

OTHER = "Other abnormality"  # denies No Finding without being one of the 13
KINDS = {  # kind -> what its rows do; the order is that of the table
    "finding": "names an observation; cues around it decide its label",
    "generic": "a word for any abnormality: counts only where denied",
    "ignored": "looks like a finding or a cue and is none",
    "subject": "a part of the body that a quality may be said of",
    "quality": "what is said of a subject",
    "statement": "subject + quality: an observation and its label",
    "negation before": "denies what follows",
    "negation after": "denies what precedes",
    "uncertainty before": "puts what follows in doubt",
    "uncertainty after": "puts what precedes in doubt",
    "history before": "speaks of the past: what follows stays blank",
    "alternative": "puts the findings on both sides in doubt",
    "seen": 'with a "not" in front denies what precedes',
    "event": "happens to a finding: who denies it asserts that; with a meaning a quality, too",
    "inside": "a denial ends here: what is denied stands in, at or around a finding that is there",
    "field": "parts a name from its value",
    "list": "joins the members of a list",
    "break": "ends every scope",
    "assertion": "after a comma begins a new positive clause",
    "verb": "makes a subject begin a clause of its own",
    "spelling": "other spellings of a word",
}
_TOKEN = r"[a-z]+|[0-9]+(?:\.[0-9]+)?|[,:()/?|=]"
_WORD = re.compile(_TOKEN)
_WORD_OR_MARK = re.compile(rf"[a-z]+?(?=n't\b)|n't\b|{_TOKEN}|(?<!\S)[-–]{{1,3}}(?!\S)")  # slower
_WINDOW = 7  # words on either side in which an `unless` word silences a finding


class Phrase(NamedTuple):
    """One entry of the table; a finding phrase may name several observations."""

    kind: str
    text: str
    meanings: tuple[str, ...]
    unless: frozenset[str]


class Found(NamedTuple):
    """A phrase met at words [start, end) of a sentence."""

    phrase: Phrase
    start: int
    end: int


def words_of(sentence: str) -> list[str]:
    """The words, numbers and clause marks of a sentence, in lower case; "isn't" is two words.

    >>> words_of("Right-sided effusion isn't seen: 2.5 cm")
    ['right', 'sided', 'effusion', 'is', "n't", 'seen', ':', '2.5', 'cm']
    """
    sentence = sentence.lower()
    return _pattern(sentence).findall(sentence)


def places_of(sentence: str) -> list[tuple[int, int]]:
    """Where the words of `words_of` begin and end among the letters of the sentence."""
    sentence = sentence.lower()
    return [found.span() for found in _pattern(sentence).finditer(sentence)]


def _pattern(sentence: str) -> re.Pattern[str]:
    marked = "n't" in sentence or " -" in sentence or "–" in sentence
    return _WORD_OR_MARK if marked else _WORD


def plurals(word: str) -> list[str]:
    """The regular plural forms of a word."""
    if len(word) < 4 or not word.isalpha() or (word.endswith("s") and not word.endswith("ss")):
        return []
    return [word + "s", word + "es", *([word[:-1] + "ies"] if word.endswith("y") else [])]


class Vocabulary:
    """The table as a word tree (`find`) and as statements: (subject, quality) -> [(observation,
    label)].
    """

    def __init__(self, rows: Iterable[dict[str, str]]):
        phrases: dict[tuple[str, ...], Phrase] = {}
        self.statements: dict[tuple[str, str], list[tuple[str, Label]]] = {}
        self._standard: dict[str, str] = {}
        for row in rows:
            kind, text, meaning = row["kind"], row["phrase"], row["meaning"]
            if kind not in KINDS:
                raise ValueError(
                    f"vocabulary: {text!r} has the kind {kind!r}; "
                    f"expected one of {', '.join(KINDS)}."
                )
            if kind == "spelling":
                self._standard.update(dict.fromkeys(words_of(text), meaning))
            elif kind == "statement":
                self._add_statement(text, meaning)
            else:
                _add_phrase(phrases, kind, text, meaning, row["unless"] or "")
        for word in {word for key in phrases for word in key}:
            for plural in plurals(word):
                self._standard.setdefault(plural, word)
        self.words = frozenset(self._standard).union(*phrases)  # every word that it knows
        self._tree = _tree(
            {
                tuple(self._standard.get(word, word) for word in key): phrase
                for key, phrase in phrases.items()
            }
        )

    def _add_statement(self, text: str, meaning: str) -> None:
        subject, _, quality = text.partition(" + ")
        observation, _, label = meaning.rpartition(" ")
        if not quality or label.upper() not in Label.__members__:
            known = ", ".join(Label.__members__).lower()
            raise ValueError(
                f"vocabulary: statement {text!r}, {meaning!r}; "
                f"expected SUBJECT + QUALITY, and an observation with one of {known}."
            )
        _check_observation(observation, text)
        self.statements.setdefault((subject, quality), []).append(
            (observation, Label[label.upper()])
        )

    def find(self, words: list[str]) -> list[Found]:
        """The phrases of a sentence from left to right, the longest at each word."""
        tree, words = self._tree, list(map(self._standard.get, words, words))
        found, spent = [], 0
        for start, word in enumerate(words):
            node = tree.get(word)
            if node is None or start < spent:
                continue
            best, stop = None, start
            while node is not None:
                stop += 1
                phrase = node.get("")
                if phrase is not None:
                    best, end = phrase, stop
                node = node.get(words[stop]) if stop < len(words) else None
            if best is not None:
                spent = end
                if not best.unless or best.unless.isdisjoint(_around(words, start, end)):
                    found.append(Found(best, start, end))
        return found


def _around(words: list[str], start: int, end: int) -> list[str]:
    """The words about words [start, end), before them up to a comma."""
    before = words[max(0, start - _WINDOW) : start]
    comma = len(before) - before[::-1].index(",") if "," in before else 0
    return before[comma:] + words[end : end + _WINDOW]


def _add_phrase(phrases: dict, kind: str, text: str, meaning: str, unless: str) -> None:
    if kind == "finding":
        _check_observation(meaning, text)
    key = tuple(words_of(text))
    earlier = phrases.get(key)
    if earlier and not kind == earlier.kind == "finding":
        raise ValueError(
            f"vocabulary: {text!r} is both {earlier.kind} and {kind}; a phrase has one kind. "
            "Remove one row."
        )
    kind = intern(kind)  # compared often
    meanings = (*earlier.meanings, meaning) if earlier else (meaning,)
    phrases[key] = Phrase(
        kind,
        text,
        meanings,
        frozenset(unless.split()) | (earlier.unless if earlier else frozenset()),
    )


def _check_observation(name: str, text: str) -> None:
    if name not in ABNORMALITIES and name != OTHER:
        raise ValueError(
            f"vocabulary: {text!r} names {name!r}; "
            f"expected one of {', '.join(ABNORMALITIES)}, {OTHER}."
        )


def _tree(phrases: dict[tuple[str, ...], Phrase]) -> dict:
    tree: dict = {}
    for key, phrase in phrases.items():
        node = tree
        for word in key:
            node = node.setdefault(word, {})
        node[""] = phrase
    return tree


@cache
def load_vocabulary() -> Vocabulary:
    """The vocabulary that comes with the library, read once."""
    text = files(__package__).joinpath("vocabulary.csv").read_text(encoding="utf-8")
    return Vocabulary(csv.DictReader(text.splitlines()))
