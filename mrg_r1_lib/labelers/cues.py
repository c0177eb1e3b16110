"""What two cues mean together, and what a cue reaches: the questions that `scope` asks of the
phrases of a sentence.

A "not" up to five words before "seen", "excluded" or "removed" is one cue with it, wherever the
verb stands: "is not convincingly seen" denies what precedes, "cannot be entirely excluded" doubts
it, "has not been removed" lets it stand. Every look ahead or back ends after 40 phrases: reading
stays linear in the text.
"""

from mrg_r1_lib.labelers.vocabulary import Found, Phrase

NEAR = 40  # phrases that any rule looks ahead or back
_FAR = 5  # words between "not" and its verb
_SAID = 4  # words from "not" to what it denies: "do not really think that there is"
_BETWEEN = ("assertion", "list", "ignored", "inside")  # phrases that may stand there
NORMAL = ("normal", "clear")  # qualities
PASSED = ("assertion", "inside", "seen")  # phrases that come between others without parting them


def merged(found: list[Found]) -> list[Found]:
    """The phrases of a sentence, every denial that has its verb or event further on made one phrase
    with it.
    """
    result, rest = [], 0
    for i, item in enumerate(found):
        if item.phrase.kind == "negation before" and i >= rest:
            j = _next(found, i)
            kind = _together(item, found[j]) if j else ""
            if kind:
                text = f"{item.phrase.text} … {found[j].phrase.text}"
                one = Found(Phrase(kind, text, ("",), frozenset()), item.start, found[j].end)
                result += [*found[rest:i], one]
                rest = j + 1
    return result + found[rest:] if rest else found


def _next(found: list[Found], i: int) -> int:
    """The place of the next phrase within reach that is neither an assertion nor a comma; 0 for
    none.
    """
    for j in range(i + 1, min(len(found), i + 1 + _FAR)):
        if found[j].start - found[i].end > _FAR:
            return 0
        kind, text = found[j].phrase.kind, found[j].phrase.text
        if (kind not in _BETWEEN and text != "however") or text == "and":
            return j
    return 0


def _together(denial: Found, other: Found) -> str:
    """The kind of a denial and the phrase after it as one, "" if they stay two."""
    kind, role = other.phrase.kind, other.phrase.meanings[0]
    if denial.phrase.meanings[0] != "not":  # "no resolution of": it is there
        return "event" if role == "ending" and kind == "negation before" else ""
    if role in ("ending", "earlier"):  # "has not resolved", "was not seen before": it is there
        return "ignored"
    if role == "exclusion":  # "cannot reliably exclude", "not entirely excluded"
        return "uncertainty before" if kind.endswith("before") else "uncertainty after"
    if "seen" in (kind, role):  # "not convincingly seen", but "not well seen"
        return "uncertainty after" if role == "poorly" else "negation after"
    return ""


def is_denied(found: list[Found], i: int) -> bool:
    """Is the break found[i] what a "not" denies: "I do not think there is an effusion"?"""
    if i == 0 or found[i].phrase.meanings[0] != "said":
        return False
    before = found[i - 1]
    return before.phrase.meanings[0] == "not" and found[i].start - before.end <= _SAID


def begins_assertion(found: list[Found], i: int) -> bool:
    """Is found[i], a comma or "and", followed at once by an asserting word?

    Not where an "or" later makes it a list: "no large effusion, mild edema or pneumothorax".
    """
    if "or" in found[i].phrase.text or i + 1 == len(found):
        return False
    following = found[i + 1]
    if following.phrase.kind != "assertion" and following.phrase.meanings[0] != "new":
        return False
    if following.start > found[i].end + 1:
        return False
    for later in found[i + 1 : i + NEAR]:
        if later.phrase.kind == "break":
            break
        if later.phrase.text in ("or", "nor"):
            return False
    return True


def has_verb(found: list[Found], i: int) -> bool:
    """Does the subject found[i] govern a verb, as in "no effusion, the heart is large", not as in
    "neither lung shows"?
    """
    if i and found[i - 1].phrase.kind == "negation before" and found[i - 1].end == found[i].start:
        return False
    for later in found[i + 1 : i + NEAR]:
        if later.phrase.kind == "verb":
            return True
        if later.phrase.kind not in ("subject", "list", *PASSED):
            return i > 0 and found[i - 1].phrase.text == "," and _is_predicate(later)
    return False


def _is_predicate(item: Found) -> bool:
    """Is the phrase an adjective that needs no verb: "no effusion, heart enlarged", not "no hilar
    prominence"?
    """
    return item.phrase.kind == "quality" and (
        item.phrase.meanings[0] in NORMAL or item.phrase.text.endswith("ed")
    )


def asserts_itself(found: list[Found], i: int) -> bool:
    """Does the finding found[i] begin a clause: after the first comma of a denial, with a verb and
    no "or" of its own?

    "No fracture, pneumothorax is present", but not "no fracture, effusion, or pneumothorax is
    present".
    """
    if not _after_first_comma(found, i):
        return False
    for later in found[i + 1 : i + NEAR]:
        if later.phrase.kind == "verb":
            return later.start - found[i].end <= _FAR
        if later.phrase.kind not in PASSED:
            return False
    return False


def _after_first_comma(found: list[Found], i: int) -> bool:
    """Is there one comma, or a list with "or", between a cue and found[i], and what the cue is
    about before it?
    """
    commas, about, closed = 0, False, False
    for earlier in reversed(found[max(0, i - NEAR) : i]):
        kind, text = earlier.phrase.kind, earlier.phrase.text
        if kind in ("negation before", "uncertainty before"):
            return (commas == 1 or closed) and (about or earlier.phrase.meanings[0] == "not")
        if text == ",":
            commas += 1
        elif text in ("or", "nor") and commas:
            closed = True
        elif (kind == "list" and text != "and") or (commas == 0 and kind not in ("list", *PASSED)):
            return False
        about = about or (
            commas > 0 and kind in ("finding", "generic", "quality", "subject", "event")
        )
    return False


def is_of_finding(found: list[Found], i: int) -> bool:
    """Is the event found[i] of a finding, as in "no worsening of the left effusion"?"""
    is_quality = found[i].phrase.meanings[0] != ""
    for later in found[i + 1 : i + 1 + _FAR]:
        if later.phrase.kind == "finding":
            return True
        is_subject = later.phrase.kind == "subject"
        if (is_subject and is_quality) or not (
            is_subject or later.phrase.kind in (*PASSED, "ignored")
        ):
            return False
    return False
