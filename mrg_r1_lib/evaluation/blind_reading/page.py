"""The page of a blind reading, and its key.

Both lie in the run's git-ignored half: the page holds report text, the key the order of the
systems. Readers get the page alone. It loads nothing from a network, keeps answers in the browser
and exports them as JSON.
"""

import base64
import hashlib
import json
import random
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mrg_r1_lib.corpora.splits import load_split
from mrg_r1_lib.report_format import parse_completion
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import read_json, write_text
from mrg_r1_lib.storage.privacy import guarded

COUNTS = {0: "0", 1: "1", 2: "2", 3: "3 or more"}  # findings
PREFERENCES = {0: "report 1", 1: "report 2", 2: "neither"}
QUESTIONS = {"missed": "Findings that it misses", "invented": "Findings that it invents"}
_SCRIPT = """
"use strict";
const form = document.forms[0], page = form.dataset.page, kept = "blind_reading_" + page;
const field = name => form.elements.namedItem(name);
const number = name => field(name).value === "" ? null : Number(field(name).value);
const count = () => {
  const open = [...form.querySelectorAll("select")].filter(each => each.value === "").length;
  document.getElementById("open").textContent = open + " questions are open.";
};
for (const [name, value] of Object.entries(JSON.parse(localStorage.getItem(kept) || "{}")))
  if (field(name)) field(name).value = value;
count();
form.addEventListener("submit", event => event.preventDefault());
form.addEventListener("input", () => {
  localStorage.setItem(kept, JSON.stringify(Object.fromEntries(new FormData(form))));
  count();
});
document.getElementById("export").addEventListener("click", () => {
  const both = name => [number(name + "_0"), number(name + "_1")];
  const answers = Array.from({length: Number(form.dataset.studies)}, (_, study) => ({
    missed: both("missed_" + study), invented: both("invented_" + study),
    preferred: number("preferred_" + study)}));
  const text = JSON.stringify({page, reader: field("reader").value, answers}, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], {type: "application/json"}));
  link.download = "blind_reading_answers_" + page + ".json";
  link.click();
});
"""
_HASH = base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest()).decode()
# the policy lets this one script run, and nothing load
_HEAD = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Blind reading</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; form-action 'none';
 style-src 'unsafe-inline'; script-src 'sha256-{_HASH}'">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body {{ font: 1rem/1.5 sans-serif; max-width: 60rem; margin: auto; padding: 1rem }}
.two {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem }}
p.report {{ white-space: pre-wrap; overflow-wrap: anywhere }}
label {{ display: block }}
</style></head><body>
<h1>Blind reading</h1>
<p>For each study compare two reports with the reference. Count the clinically relevant findings
that a report misses or invents, then choose. Answers stay in this browser until you export them.
</p>
"""


def exchanged(studies: int, seed: int) -> list[bool]:
    """For each study whether the second system's report stands first: of half of them, by seed."""
    draw = random.Random(seed)
    turned = [place % 2 == 1 for place in range(studies)]
    if studies % 2:
        turned[-1] = draw.random() < 0.5
    draw.shuffle(turned)
    return turned


def make_page(
    references: Sequence[str], one: Sequence[str], other: Sequence[str], turned: Sequence[bool]
) -> tuple[str, str]:
    """The page as HTML, and its id; report 1 is of `other` where `turned` says so.

    Nothing in it says whose a report is. All text is escaped.
    """
    shown = zip(references, one, other, turned, strict=True)
    pairs = [(text, (b, a) if first else (a, b)) for text, a, b, first in shown]
    page = hashlib.sha256(json.dumps(pairs).encode()).hexdigest()[:12]
    parts = [
        f'{_HEAD}<form data-page="{page}" data-studies="{len(pairs)}">',
        '<label>Your name or initials <input name="reader"></label>',
        *(_study(number, *pair) for number, pair in enumerate(pairs)),
        '<p id="open"></p><button type="button" id="export">Export the answers</button></form>',
        f"<script>{_SCRIPT}</script></body></html>\n",
    ]
    return "\n".join(parts), page


def _study(number: int, reference: str, reports: tuple[str, str]) -> str:
    columns = "".join(
        f"<section><h3>Report {place + 1}</h3>{_report(text)}"
        + "".join(_choice(f"{q}_{number}_{place}", QUESTIONS[q], COUNTS) for q in QUESTIONS)
        + "</section>"
        for place, text in enumerate(reports)
    )
    asked = _choice(f"preferred_{number}", "Which report do you prefer?", PREFERENCES)
    head = f"<h2>Study {number + 1}</h2><h3>Reference</h3>{_report(reference)}"
    return f'<hr>{head}<div class="two">{columns}</div>{asked}'


def _report(text: str) -> str:
    return f'<p class="report">{escape(text) or "<em>no report</em>"}</p>'


def _choice(name: str, question: str, options: dict[int, str]) -> str:
    listed = "".join(f'<option value="{value}">{text}' for value, text in options.items())
    return f'<label>{question} <select name="{name}"><option value="">{listed}</select></label>'


def write_page(
    runs: Sequence[Run], split: str, studies: int, seed: int, allow_guarded: bool = False
) -> Path:
    """Write the page of two runs, and its key beside it; returns the page's path.

    The studies are drawn by `seed`. PermissionError for a guarded corpus without `allow_guarded`;
    FileNotFoundError for a run that has written no reports; ValueError for too few studies.
    """
    one, other = runs
    if guarded(one.corpus) and not allow_guarded:
        raise PermissionError(
            f"{one.corpus} is guarded, and the page would hold its reports. If every reader may "
            f"see them, pass --allow-guarded, and keep the page on machines that may hold them."
        )
    written = [_reports(run, split) for run in runs]
    held_out = load_split(one.corpus, split, one.settings)
    if one.arm == other.arm or not 0 < studies <= len(held_out):
        raise ValueError(
            f"{one.arm} and {other.arm}, {studies} studies: expected two arms, and 1 to "
            f"{len(held_out)} studies of {split}."
        )
    places = sorted(random.Random(seed).sample(range(len(held_out)), studies))
    references = [held_out[place].findings for place in places]
    turned = exchanged(studies, seed)
    page, name = make_page(references, *([each[p] for p in places] for each in written), turned)
    path = one.make_private() / f"blind_reading_{name}.html"
    write_text(path, page)
    key = {"page": name, "systems": [one.arm, other.arm], "exchanged": turned, "places": places}
    write_text(path.with_suffix(".key.json"), json.dumps(key))
    return path


def _reports(run: Run, split: str) -> list[str]:
    step = f"completions_{split}"
    if not run.finished(step):
        raise FileNotFoundError(
            f"{run.experiment}, scale {run.scale}, seed {run.seed}: no reports of {split} in "
            f"{run.private}. Train and score it first; a baseline keeps none."
        )
    return [parse_completion(each).report for each in read_json(run.outputs(step)[0])]
