"""A Markdown document of `results/` as a part of one HTML page.

Its headings move below the page's, its links are taken from the page's folder, its pictures become their descriptions (the page
loads nothing), raw HTML is shown as text and comments are dropped.
"""

import os
from pathlib import Path
from urllib.parse import unquote

import mistune

HIGHEST = 3  # level of the document's own title on the page


class _Part(mistune.HTMLRenderer):
    """Renders for a page in the folder `page` the document `source`."""

    def __init__(self, source: Path, page: Path) -> None:
        super().__init__(escape=True)
        self.source, self.page, self.title, self.level = source, page, "", HIGHEST

    def heading(self, text: str, level: int, **attrs: object) -> str:
        if level == 1 and not self.title:
            self.title = text
            return ""
        self.level = min(level + HIGHEST - 1, self.level + 1, 6)
        return f"<h{self.level}>{text}</h{self.level}>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if "://" in url or url.startswith("mailto:"):
            return super().link(text, url, title)
        path, mark, part = url.partition("#")
        target = self.source.parent / unquote(path) if path else self.source
        if not target.exists():
            return text
        return super().link(
            text, Path(os.path.relpath(target, self.page)).as_posix() + mark + part, title
        )

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return text

    def table(self, text: str) -> str:
        return f'<div class="wide" role="group" aria-label="Table" tabindex="0"><table>{text}</table></div>\n'

    def task_list_item(self, text: str, checked: bool = False) -> str:
        return f"<li>{'☑' if checked else '☐'} {text}</li>\n"

    def block_html(self, html: str) -> str:
        return "" if html.strip().startswith("<!--") else super().block_html(html)

    def inline_html(self, html: str) -> str:
        return "" if html.startswith("<!--") else super().inline_html(html)


def render(source: Path, page: Path) -> tuple[str, str]:
    """The document `source` for a page in the folder `page`: its title (its file's name where it has none) and its HTML."""
    part = _Part(source, page)
    html = mistune.create_markdown(renderer=part, plugins=["table", "strikethrough", "task_lists"])(
        source.read_text(encoding="utf-8")
    )
    return part.title or source.stem.replace("_", " "), str(html)
