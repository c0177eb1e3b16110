"""Fields, "Pneumothorax: none" or "Effusion – small": the value decides on the findings that name
the field.

A name is a clause of findings without a verb. A value that begins with a denial denies it, one that
doubts puts it in doubt, any other asserts it. A name without a value says nothing; nor does one
whose finding the value mentions itself. After a dash a denial with a finding of its own is no
value: "effusion – no pneumothorax".
"""

from mrg_r1_lib.labelers.cues import NEAR, NORMAL
from mrg_r1_lib.labelers.vocabulary import Found
from mrg_r1_lib.observations import Label

_AT_ONCE = 3  # words between the mark and the word that decides
# what may stand in a name: phrases of these kinds, and these words of the kind "assertion"
_KINDS = ("finding", "generic", "subject", "list", "break", "negation before")
_WORDS = ("left", "right", "bilateral", "bibasilar", "the", "a", "an", "there")


def is_name(phrases: list[Found]) -> bool:
    """Are the phrases before a mark its name: no size, no quality, a verb at most in front, as in a
    question?
    """
    return all(
        item.phrase.kind in _KINDS
        or item.phrase.text in _WORDS
        or (item.phrase.kind == "verb" and item is phrases[0])
        for item in phrases
    )


def label_of_name(
    found: list[Found], i: int, words: list[str], in_value: bool
) -> tuple[Label, Found | None] | None:
    """What the value after the mark found[i] makes of its name, and the cue; None where it leaves
    the name as it is.

    `in_value`: the name stands in the value of another field, whose cues are not its own.
    """
    if found[i].end == len(words):
        return None if in_value else (Label.BLANK, None)
    asserted = (Label.POSITIVE, None) if in_value else None
    j, value = _value(found, i)
    if value is None:
        return asserted
    kind, own = value.phrase.kind, j + 1 < len(found) and found[j + 1].phrase.kind == "finding"
    dash = found[i].phrase.text == "–"
    if kind in ("negation before", "negation after") or (
        kind == "quality" and value.phrase.meanings[0] in NORMAL
    ):
        return asserted if own and dash else (Label.NEGATIVE, value)
    if kind in ("uncertainty before", "uncertainty after") and not own:
        return Label.UNCERTAIN, value
    return asserted


def _value(found: list[Found], i: int) -> tuple[int, Found | None]:
    """The first phrase of the value, where it stands close behind the mark."""
    for j in range(i + 1, min(len(found), i + 1 + NEAR)):
        phrase = found[j].phrase
        if found[j].start - found[i].end > _AT_ONCE:
            break
        if phrase.kind != "list" and not phrase.text.startswith("there"):
            return j, found[j]
    return 0, None


def is_said_again(found: list[Found], i: int, meanings: tuple[str, ...]) -> bool:
    """Does the value after found[i] mention one of the observations itself?"""
    return any(
        later.phrase.kind == "finding" and not set(later.phrase.meanings).isdisjoint(meanings)
        for later in found[i + 1 : i + NEAR]
    )
