"""The statements of a report, however it was written: prose, lines, lists, fields, markdown.

First the letters: NFKC (ligatures, wide letters), no soft hyphens or letters of zero width, one
kind of apostrophe and dash. Then the lines: a bullet, a number, a heading or an empty line begins a
statement; so does a line that nobody had to break, and a capital letter after a line that could end
there. Other lines are wrapped prose and go on. A heading, and a line that ends with a colon, is the
name of a field: it goes with the line below. Last the marks: a period (no decimal point), a
semicolon, "!", "?" and "(2)" end a statement within a line. Time is linear in the text.
"""

import re
import unicodedata

WIDTH = 50  # letters: no text is wrapped at fewer
_INVISIBLE = "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u202d\u202e"
_LETTERS = (
    dict.fromkeys(map(ord, _INVISIBLE))
    | dict.fromkeys(map(ord, "‘’‛′ʼ´`"), "'")
    | dict.fromkeys(map(ord, "“”„″"), '"')
    | dict.fromkeys(map(ord, "‐‑‒−"), "-")
    | dict.fromkeys(map(ord, "—―→⇒"), " – ")
    | dict.fromkeys(map(ord, "•●▪◦‣∙○■□►▸➢✓✔❖①②③④⑤⑥⑦⑧⑨⑩"), "\n- ")
    | {
        ord("İ"): "I",
        ord("ı"): "i",
        ord("。"): ". ",
    }  # the only letter whose lower case is longer; a full stop
)
_TAG = re.compile(
    r"</?(?:b|i|u|p|br|hr|em|li|ul|ol|td|th|tr|div|sub|sup|span|table|strong|report|answer|h[1-6])"
    r" ?/?>",
    re.IGNORECASE,
)
_NEW_LINE = re.compile(r"<(?:br|p|li)\b", re.IGNORECASE)
_ANSWERED = re.compile(
    r"\?(?=[\s*_]*(?:yes|no|none|not|absent|present|negative|positive|possibl[ey]|unlikely|likely)"
    r"\b)",
    re.IGNORECASE,
)
_BULLET = re.compile(
    r"(?:[-*+>–]{1,3}\s+|[-–](?=[A-Za-z])"
    r"|\(?(?:[0-9]{1,2}|[a-hA-H]|[iv]{1,3})\)\s*|[0-9]{1,2}\.(?![0-9])\s*)+"
)
_HEADING = re.compile(
    r"#{1,6}(?P<mark>.*)"
    r"|(?P<bold>\*\*|__)(?P<text>(?:[0-9]{1,2}[.)])?[^*_.;]*[^*_.;:\s])\s*:?(?P=bold)\s*:?"
)
_STOP = (  # every branch begins with its mark: the search is fast
    r"[;!]|\?(?<=[^\s(]\?)"  # " ?pneumonia" is in doubt and no end
    r"|\.(?:(?![0-9])|(?<![0-9]\.))"  # a period between digits is a decimal point
    r"(?<!\bvs\.)(?<!\bVS\.)(?<!\bapprox\.)"
)
_ITEM = (  # (2), b), #3, and a star between spaces
    r"(?<!\S)(?:#[0-9]{1,2}(?!\S)|\*(?!\S)"
    r"|\(?(?:[0-9]{1,2}|[a-h]|[iv]{1,3})\)(?=\s*[A-Za-z]))"
)
_END, _END_OR_ITEM = re.compile(_STOP), re.compile(f"{_STOP}|{_ITEM}")
_GOES_ON = re.compile(  # the last word of a line that has to go on
    r"(?:,|/|(?<![:=|–-] )\b(?:a|an|the|of|no|not|or|and|nor|with|without|in|at|to|for|on|by|from"
    r"|is|are|was|were|be|may|as|has|have|this|that|which|left|right|upper|lower|small|mild|large"
    r"|moderate))$",
    re.IGNORECASE,
)
_CONTINUES = re.compile(r"(?:or|nor|and|but|with|without|of|in|at|is|are)\b|[,;)]")  # the first


def sentences_of(report: str) -> list[str]:
    """The statements of a report, white space squeezed, the marks and numbers of lists left out.

    TypeError if the report is not text.

    >>> sentences_of("1. Clear lungs.  2. A 2.5 cm nodule")
    ['Clear lungs', 'A 2.5 cm nodule']
    """
    if not isinstance(report, str):
        raise TypeError(f"report is {report!r} ({type(report).__name__}), expected a str.")
    text = cleaned(report)
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    parts = []
    for line in lines if len(lines) < 2 and "*" not in text else _joined(lines):
        end = _END_OR_ITEM if ")" in line or "#" in line or "*" in line else _END
        for piece in end.split(line):
            part = piece.strip(" -–*#|")
            if part and not part.isdigit():
                parts.append(part)
    return parts


def cleaned(report: str) -> str:
    """The report in letters that the vocabulary knows: NFKC, plain quotes and dashes, no tags."""
    if not report.isascii():
        report = unicodedata.normalize("NFKC", re.sub("\u00ad\\s*", "", report).translate(_LETTERS))
    if "<" in report:
        report = _TAG.sub(lambda tag: "\n" if _NEW_LINE.match(tag.group()) else " ", report)
    return _ANSWERED.sub(":", report) if "?" in report else report


def _joined(lines: list[str]) -> list[str]:
    """The statements of lines: wrapped prose together again, without the marks of lists."""
    width = max(map(len, lines))
    capitals = not any(letter.islower() for line in lines for letter in line)
    joined, pieces, last = [], [], ""
    for line in lines:
        mark, text = _unmarked(line)
        named = last.endswith(":")
        wrapped = line and not mark and _is_wrapped(last, line, width, capitals)
        if pieces and (mark == "heading" or not (named or wrapped)):
            joined.append(_statement(pieces))
            pieces = []
        if text or not named:
            last = text.rstrip("*_ ")
        pieces += [text] if text else []
    return [*joined, _statement(pieces)]


def _unmarked(line: str) -> tuple[str, str]:
    """What begins with the line ("heading", "item" or ""), and its text; a heading is a name."""
    heading = _HEADING.fullmatch(line)
    if heading:
        text = (heading["mark"] or heading["text"] or "").strip(" #*")
        return "heading", f"{text} :".replace(": :", ":").replace("**", "")
    item = _BULLET.match(line)
    return "item" if item else "", line[item.end() if item else 0 :].replace("**", "")


def _statement(pieces: list[str]) -> str:
    """The lines of a statement as one; a heading with nothing below it is no name."""
    if len(pieces) == 1:
        return pieces[0].removesuffix(" :")
    return " ".join(pieces).replace(" :", ":", 1)


def _is_wrapped(last: str, line: str, width: int, capitals: bool) -> bool:
    """Is the line the rest of the one before, broken for want of room?"""
    if not last or _GOES_ON.search(last) or _CONTINUES.match(line):
        return bool(last)
    word = line.split(" ", 1)[0]
    full = width >= WIDTH and len(last) + 1 + len(word) > width
    if line[0].isupper() and not capitals:
        return full and len(word) > 1 and word.isupper()  # "… the lower / SVC"
    if ". " in last:  # prose: a sentence begins in the middle of a line
        return True
    return full or (width >= WIDTH and len(last) > width // 2)
