"""From content to HTML: the template `report.html.j2`, how its tables are set, and figures as a part of the page's own text."""

import base64
import io
import re
from pathlib import Path

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

TEMPLATE = Path(__file__).with_name("report.html.j2")
NUMBER = re.compile(
    r"([<+−-] ?)?\d[\d.,]*( to [\d.,]+| \[[^\]]*\])?|[–-]?"
)  # a cell that is set to the right
WIDEST = 22  # letters of a cell before its words are broken into lines
COLOURS = 256  # of an embedded figure; its file has all of them


def fill(content: dict) -> str:
    """The template filled with `content`, every string of it escaped; UndefinedError names what it lacks."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATE.parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
    )
    environment.filters |= {"slug": slug, "right": _right, "widths": _widths}
    return environment.get_template(TEMPLATE.name).render(content) + "\n"


def embedded(path: Path) -> tuple[str, tuple[int, int]]:
    """A PNG for a data URI, base64 with fewer colours and a third of the bytes, and its width and height in pixels."""
    with Image.open(path) as image:
        small, buffer = (
            image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE),
            io.BytesIO(),
        )
    small.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode(), small.size


def slug(text: str) -> str:
    """A name as a part of an address.

    >>> slug("Where a reward, and the findings")
    'where-a-reward-and-the-findings'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _right(table: pd.DataFrame) -> list[bool]:
    """Whether each column of a table is set to the right: all but the first that hold numbers alone."""
    return [
        place > 0 and all(map(NUMBER.fullmatch, table.iloc[:, place]))
        for place in range(table.shape[1])
    ]


def _widths(table: pd.DataFrame) -> list[int]:
    """The letters that each column of a table has room for at least."""
    return [
        min(WIDEST, max(map(len, table.iloc[:, place]), default=0))
        for place in range(table.shape[1])
    ]
