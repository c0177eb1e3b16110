"""What the qualities of a sentence say of its subjects, such as "heart … enlarged": the table's
statements.

A subject takes an adjective just before it, else the next quality of its clause, else one that it
shares with another subject. The mark of a field joins: "Heart size: enlarged".
"""

from collections.abc import Iterator

from mrg_r1_lib.labelers.cues import NEAR, PASSED
from mrg_r1_lib.labelers.vocabulary import Found

_REACH = (
    4  # words from an adjective to its subject: "blunting of the left lateral costophrenic angle"
)


def is_quality(item: Found) -> bool:
    """Is the phrase a quality, or an event that is one, such as "enlargement"?"""
    return item.phrase.kind == "quality" or (
        item.phrase.kind == "event" and item.phrase.meanings[0] != ""
    )


def statements(found: list[Found]) -> Iterator[tuple[Found, Found]]:
    """Every subject of a sentence with its quality."""
    used: set[int] = set()
    for i, item in enumerate(found):
        if item.phrase.kind == "subject":
            quality = _quality_of(found, i, used)
            if quality is not None:
                yield item, quality


def _quality_of(found: list[Found], i: int, used: set[int]) -> Found | None:
    """The quality of the subject found[i], None where it has none.

    `used` collects where the qualities stand that serve a subject before them, so that "heart
    normal and lungs clear" does not give the lungs the heart's.
    """
    subject = found[i]
    before = next(
        (
            item
            for item in reversed(found[max(0, i - _REACH) : i])
            if item.phrase.kind not in PASSED
        ),
        None,
    )
    if (
        before
        and is_quality(before)
        and before.start not in used
        and subject.start - before.end <= _REACH
    ):
        return before
    later = _after(found, i)
    if later is not None:
        used.add(later.start)
        return later
    for earlier in reversed(
        found[max(0, i - NEAR) : i]
    ):  # "normal heart size and mediastinal contours"
        if is_quality(earlier):
            return None if earlier.start in used else earlier
        if earlier.phrase.kind not in ("subject", "list", "inside"):
            return None
    return None


def _after(found: list[Found], i: int) -> Found | None:
    """The next quality in the clause of the subject found[i], or early in its field's value."""
    mark = None
    for later in found[i + 1 : i + NEAR]:
        kind = later.phrase.kind
        if kind in ("break", "finding", "generic") or (
            mark and (kind == "subject" or later.start - mark.end > _REACH)
        ):
            return None
        if is_quality(later):
            return later
        if kind == "field":
            mark = later
    return None
