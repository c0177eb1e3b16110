"""The texts of a run's corpus that no committed file of it may quote."""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mrg_r1_lib.corpora import load_corpus

if TYPE_CHECKING:  # `run` may then use this
    from mrg_r1_lib.runs.run import Run


def private_texts(run: "Run") -> Iterator[str]:
    """The corpus's reports, and all completions of policies that were trained on it, text by text.

    FileNotFoundError where the corpus is not on this machine.
    """
    for study in load_corpus(run.preparation.corpus):
        yield study.findings
        yield study.impression
    for path in (run.results / "runs" / run.scale / run.corpus).rglob("completions_*.json"):
        yield from json.loads(path.read_text(encoding="utf-8"))
