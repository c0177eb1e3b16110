"""A report as a list of findings, with what thirteen labels cannot hold: side, size, and others.

Report -> sentences -> the rules labeler's own readings (span, cue, label) -> `Finding`. `details`
gives each finding the words that describe it; nothing is parsed a second time. A finding is one of
the 13 observations or a named other (degenerative spine, granuloma, hernia …). A span that the
labeler reads as two observations is one finding by its more exact name, except "hydropneumothorax".
A denial of everything ("no acute disease", "lungs are clear") is a finding of the part that is
normal, with the label negative.
"""

from typing import NamedTuple

from mrg_r1_lib.labelers.details import SIZES, Details, described, load_words
from mrg_r1_lib.labelers.scope import readings
from mrg_r1_lib.labelers.statements import sentences_of
from mrg_r1_lib.labelers.vocabulary import OTHER, Found, load_vocabulary, places_of, words_of
from mrg_r1_lib.observations import ABNORMALITIES, Label
from mrg_r1_lib.report_format import check_text

DEVICES = "Support Devices"
_TWO = ("hydropneumothorax", "hemopneumothorax")
_PAIRED = ("zone", "size", "measure")  # two of them on two sides stand in the order of the sides
_LARGE = frozenset(("large", "big"))  # "the heart is large" says that, not how much
_VAGUE = ("Lung Opacity", OTHER)  # the less exact of two names of a span


class Named(NamedTuple):
    """A finding before it is put in words: `kind` of a device, place in the sentence, details."""

    what: str
    kind: str
    label: Label
    at: Found
    details: Details


class Finding(NamedTuple):
    """One finding of a report; "" and None where the sentence does not say.

    `side`: left, right, bilateral. `zone`: upper, middle, lower, or several with "/" between.
    `size`: small, moderate, large, also for mild to severe. `acuity`: acute, chronic. `change`:
    new, worse, better, stable. `position`: of a device. `kind`: a finer name, of devices only.
    `letters`: where the span stands among the letters of the sentence.
    """

    what: str
    label: Label
    side: str
    zone: str
    size: str
    measure_mm: float | None
    acuity: str
    change: str
    position: str
    span: str
    sentence: str
    kind: str = ""
    letters: tuple[int, int] = (0, 0)

    @property
    def asserted(self) -> bool:
        """Is it there, or in doubt? Both count as positive, as in the primary measure."""
        return self.label in (Label.POSITIVE, Label.UNCERTAIN)

    @property
    def is_observation(self) -> bool:
        """Is it one of the 13?"""
        return self.what in ABNORMALITIES


def findings_of(report: str) -> list[Finding]:
    """The findings of a report, sentence by sentence; TypeError if the report is not text.

    >>> found = findings_of("Small left effusion. Mild degenerative changes of the spine.")
    >>> [(each.what, each.side, each.size) for each in found]
    [('Pleural Effusion', 'left', 'small'), ('degenerative spine', '', 'small')]
    """
    return [finding for sentence in sentences_of(report) for finding in findings_in(sentence)]


def findings_in(sentence: str) -> tuple[Finding, ...]:
    """The findings of one sentence, in the order of their words; TypeError if it is not text."""
    check_text(sentence, "sentence")
    words = words_of(sentence)
    places = places_of(sentence)
    return tuple(
        _finding(sentence, words, places, *each)
        for each in named_in(words)
        if each.label != Label.BLANK
    )


def named_in(words: list[str]) -> list[Named]:
    """What the words of a sentence assert, deny, doubt or leave to history (blank), in order."""
    read = list(readings(words, load_vocabulary()))
    if not read:
        return []
    by_place: dict[tuple[int, int], list[tuple[str, Label, Found]]] = {}
    for name, label, _, _, at in read:
        by_place.setdefault((at.start, at.end), []).append((name, label, at))
    spans = sorted(by_place)
    found: list[Named] = []
    for span, details in zip(spans, described(words, spans), strict=True):
        is_statement = by_place[span][0][2].phrase.kind == "subject"
        if is_statement and not _LARGE.isdisjoint(words[slice(*span)]):
            details["size"] = tuple(size for size in details.get("size", ()) if size != "large")
        for what, label, at in _names(by_place[span]):
            kind = ""
            if what == DEVICES:
                kind = load_words().devices.get(at.phrase.text, "")
            else:
                details.pop("position", None)
            found += [Named(what, kind, label, at, each) for each in _by_side(details)]
    return _of_one_device(found)


def _of_one_device(found: list[Named]) -> list[Named]:
    """A "tip" or "tube" is of the device before it in the sentence, else of the one after it."""
    kinds = [each.kind for each in found if each.kind]
    if not kinds:
        return found
    kind, named = kinds[0], []
    for each in found:
        kind = each.kind or kind
        named.append(each._replace(kind=kind) if each.what == DEVICES else each)
    return named


def _by_side(details: Details) -> list[Details]:
    """ "Small left and large right effusions" are two findings of one span, in this order."""
    sides = details.get("side", ())
    if len(sides) < 2:
        return [details]
    if len(sides) == 3:  # "bilateral effusions, small on the left and large on the right"
        sides = tuple(side for side in sides if side != "bilateral")
    paired = [name for name in _PAIRED if len(details.get(name, ())) == 2]
    if len(sides) != 2 or "bilateral" in sides or not paired:
        return [details]
    parts = ({name: details[name][i : i + 1] for name in paired} for i in (0, 1))
    return [details | part | {"side": (side,)} for side, part in zip(sides, parts, strict=True)]


def _names(read: list[tuple[str, Label, Found]]) -> list[tuple[str, Label, Found]]:
    """The names of one span: its row in the table, else its most exact observation."""
    names = load_words().names
    phrase = read[0][2].phrase
    if phrase.kind == "subject":
        return [(_of_subject(name, label, at), label, at) for name, label, at in read]
    if phrase.kind in ("generic", "quality"):
        return [("abnormality", label, at) for _, label, at in read[:1]]
    if phrase.text in _TWO:
        return read
    named = names.get(phrase.text)
    if named is None:
        exact = [name for name, *_ in read if name not in _VAGUE] or [
            name for name, *_ in read if name != OTHER
        ]
        named = exact[0] if exact else phrase.text
    return [(named, read[0][1], read[0][2])]


def _of_subject(name: str, label: Label, at: Found) -> str:
    """The name of a statement, such as "heart … enlarged"; of a normal part the part's own."""
    if name != OTHER:
        return name
    part = at.phrase.meanings[0]
    if label == Label.NEGATIVE:
        return part
    return load_words().names.get(f"{part} large", f"{part} large")


def _finding(
    sentence: str,
    words: list[str],
    places: list[tuple[int, int]],
    what: str,
    kind: str,
    label: Label,
    at: Found,
    details: Details,
) -> Finding:
    measures = [float(value) for value in details.get("measure", ())]
    return Finding(
        what,
        label,
        one_side(details.get("side", ())),
        "/".join(details.get("zone", ())),
        max(details.get("size", ()), key=SIZES.index, default=""),
        max(measures, default=None),
        *(details.get(name, ("",))[0] for name in ("acuity", "change", "position")),
        " ".join(words[at.start : at.end]),
        sentence,
        kind,
        (places[at.start][0], places[at.end - 1][1]),
    )


def one_side(sides: tuple[str, ...]) -> str:
    """Several sides as one: left and right are bilateral."""
    return "bilateral" if len(set(sides)) > 1 else sides[0] if sides else ""
