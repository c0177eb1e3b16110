"""Fuzzers: random input of every kind for what reads text, numbers and files of others.

    python tests/campaign/fuzz.py --cases 1000 [--target score] [--seed 7]
    python tests/campaign/fuzz.py --regressions

A case is a target and a seed, and is the same on every machine. It passes if it returns, or raises
an error of this library: one of `DOCUMENTED`, raised in its code. It fails by any other error, after
`SECONDS` of work or `WAITING`, or above `MEMORY`. `regressions.csv` lists cases that once failed.
"""

import argparse
import csv
import faulthandler
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"  # others reserve more than MEMORY
sys.path[:0] = [str(HERE.parent)]

import trees  # noqa: E402

from mrg_r1_lib.corpora import load_corpus  # noqa: E402
from mrg_r1_lib.corpora.sections import read_sections  # noqa: E402
from mrg_r1_lib.evaluation.score import score as scored_files  # noqa: E402
from mrg_r1_lib.labelers import load_labeler, why  # noqa: E402
from mrg_r1_lib.labelers.findings import findings_of  # noqa: E402
from mrg_r1_lib.metrics import clinical_efficacy, holm, interval, text_metrics  # noqa: E402
from mrg_r1_lib.metrics.degeneration import degeneration  # noqa: E402
from mrg_r1_lib.metrics.resampling import scored  # noqa: E402
from mrg_r1_lib.report_format import TAGS, parse_completion  # noqa: E402
from mrg_r1_lib.rewards import REWARDS, build_reward  # noqa: E402

SECONDS = 10  # of work per case
WAITING = 60  # seconds after which a case waits for what never comes, on a busy machine, too
MEMORY = 1 << 30  # bytes above what the process has at the start
DOCUMENTED = (ValueError, TypeError, FileNotFoundError)
REGRESSIONS = HERE / "regressions.csv"
LIBRARY = Path(sys.modules["mrg_r1_lib"].__file__).parent

Draw = random.Random
WORDS = [
    "no",
    "mild",
    "large",
    "small",
    "left",
    "right",
    "the",
    "heart",
    "is",
    "enlarged",
    "effusion",
    "edema",
    "pneumothorax",
    "of",
    "and",
    "or",
    "without",
    "with",
    "clear",
    "lungs",
    "normal",
    "new",
    "stable",
    "2.5",
    "cm",
    "1,000",
    "mm",
    "consolidation",
    "opacity",
    "PICC",
    "line",
    "tip",
    "fracture",
    "rib",
    "not",
    "isn't",
    "cannot",
    "be",
    "excluded",
    "likely",
    "versus",
    "history",
    "unchanged",
    "FINDINGS:",
    "IMPRESSION:",
    "COMPARISON:",
    "___",
    "Dr.",
    "XXXX",
    "a.m.",
]
ODD = (
    *TAGS, "\n", "\n\n", "\r", "\t", ". ", "; ", ": ", "? ", "(2) ", "- ", "* ", "**", "## ", "<br>",
    "<", "&", '"', "'", ",", "\x00", "\x1c", "\u0130", "\u0131", "\ufb00", "\u200b", "\u00ad", "\u2028",
    "\ud800", "\U0001f480", "\u0301", "—", "•", "5" * 400, "x" * 300,
)  # fmt: skip
NOT_TEXT = (None, 3, float("nan"), b"No edema.", [], {}, ["No edema."], True, "")


def text(draw: Draw) -> str:
    """A report, or letters; sometimes one piece of it many thousand times."""
    pieces = draw.choices((*WORDS, *ODD) if draw.random() < 0.7 else WORDS, k=draw.randrange(40))
    if pieces and draw.random() < 0.05:
        pieces.insert(
            draw.randrange(len(pieces)), draw.choice(pieces)[:20] * draw.randrange(20_000)
        )
    return draw.choice(("", " ")).join(pieces)


def maybe(draw: Draw, value: object, odd: tuple, share: float = 0.1) -> object:
    """The value, or with a small chance an odd one in its place."""
    return draw.choice(odd) if draw.random() < share else value


def texts(draw: Draw, n: int) -> object:
    """A list of n texts, sometimes with what is no text, or no list at all."""
    whole = [maybe(draw, text(draw), NOT_TEXT, 0.02) for _ in range(n)]
    return maybe(
        draw, whole, (None, "abc", whole[1:], tuple(whole), {}, np.array(["a"] * n), 3), 0.1
    )


def codes(draw: Draw, n: int) -> object:
    """Label codes (n, 14), sometimes with other values, types or shapes."""
    array = np.array([[draw.randrange(4) for _ in range(14)] for _ in range(n)]).reshape(n, 14)
    if draw.random() < 0.7:
        return array
    odd = array.astype(object)
    if n:
        odd[draw.randrange(n), draw.randrange(14)] = draw.choice(
            (*NOT_TEXT, -1, 4, 1e300, np.nan, 1j)
        )
    shapes = (array[None], array[:, :13], array[1:], array.T, array.ravel(), array[:, None])
    kinds = (array.astype(float), array.astype(str), array.astype(bool), array.tolist(), None)
    return draw.choice((odd, odd.tolist(), [*array.tolist(), [0]], *shapes, *kinds))


def number(draw: Draw) -> object:
    """A number, or what is none."""
    odd = (np.nan, np.inf, -np.inf, None, "0.3", -1, 0, 1, 1j, [0.3], 1e308, True)
    return maybe(draw, draw.random(), odd, 0.4)


def case_labeler(draw: Draw, _: Path) -> None:
    """Reports, or what is none -> labels."""
    reports = texts(draw, draw.randrange(4))
    labels = load_labeler("rules")(reports)
    assert labels.shape == (len(reports), 14) and labels.min(initial=0) >= 0


def case_why(draw: Draw, _: Path) -> None:
    """A report in colours, with its reasons."""
    shown = why(maybe(draw, text(draw), NOT_TEXT))
    assert repr(shown) and shown._repr_html_() and shown.reasons()


def case_findings(draw: Draw, _: Path) -> None:
    """A report's findings, each at its letters."""
    for finding in findings_of(maybe(draw, text(draw), NOT_TEXT)):
        start, end = finding.letters
        assert 0 <= start < end <= len(finding.sentence)


def case_parsing(draw: Draw, _: Path) -> None:
    """A completion as TRL passes it, or as it does not; and a report's sections."""
    piece, most = text(draw), 1 << 20  # letters; a report file has no more
    whole = (piece * min(draw.choice((1, 1, 1, 3000)), most // (len(piece) or 1) + 1))[:most]
    content = draw.choice((whole, [{"type": "text", "text": whole}], [{}], *NOT_TEXT))
    messages = draw.choice(([{"content": content}], [{}], content, {"content": content}))
    parsed = parse_completion(draw.choice((whole, messages)))
    assert not any(tag in parsed.report for tag in TAGS)
    read_sections(whole)


def case_rewards(draw: Draw, _: Path) -> None:
    """A reward with options and columns; its values are numbers in [0, 1] or None."""
    name, n, options = draw.choice(list(REWARDS)), draw.randrange(4), {}
    if draw.random() < 0.3:
        options = {draw.choice(("margin", "threshold")): number(draw)}
    elif draw.random() < 0.3:
        options = {"prevalence": [number(draw) for _ in range(draw.choice((13, 13, 12)))]}
    reward = build_reward(name, load_labeler("rules"), **options)
    columns = {"reference": texts(draw, n), "reference_labels": codes(draw, n)}
    completions = [f"<think></think><report>{text(draw)}</report>" for _ in range(n)]
    values = reward(completions=maybe(draw, completions, NOT_TEXT), **columns)
    assert all(value is None or 0 <= value <= 1 for value in values), (name, values)


def case_metrics(draw: Draw, _: Path) -> None:
    """A metric of codes, texts or p-values."""
    n = draw.randrange(5)
    one, two, reports = codes(draw, n), codes(draw, n), texts(draw, n)
    draws = maybe(draw, 20, (0, -1, None, "a", np.nan))
    value = number(draw)
    call = draw.choice(
        (
            lambda: clinical_efficacy(one, two, draw.choice(("micro", "macro", "x")))["f1"],
            lambda: interval(one, two, resamples=draws, level=maybe(draw, 0.95, (value,))).low,
            lambda: interval(one, two, lambda a, b: value, resamples=5).low,
            lambda: scored(one, [two], maybe(draw, None, (["a"] * n, [None])), draws)[0][0][
                0
            ].sum(),
            lambda: text_metrics(reports, texts(draw, n))["bleu_4"],
            lambda: degeneration(reports, one)["words per report"],
            lambda: holm([value, 0.5]).sum(),
        )
    )
    assert np.isfinite(call())


def damaged(draw: Draw, data: bytes) -> bytes:
    """Bytes cut, changed, doubled, or with quotes and oddities put in."""
    for _ in range(draw.randrange(1, 4)):
        at, end = sorted(draw.randrange(len(data) + 1) for _ in "ab")
        odd = draw.choice((b'"', b'""', b"\n", b",", b"\0", b"\xff", b"\xc3", b"[" * 5000, b"9" * 5000, b"x" * 140_000, b"NaN", b"null", b"{}", b"", bytes([draw.randrange(256)])))  # fmt: skip
        data = draw.choice(
            (data[:at], data[:at] + odd + data[at:], data[:at] + odd + data[end:], data[at:] * 2)
        )
    return data


def put(draw: Draw, path: Path) -> None:
    """Something else in a file's place, or the file with damage."""
    data = path.read_bytes()
    path.unlink()
    kind = draw.choice(
        ("damage", "damage", "damage", "folder", "link", "loop", "pipe", "zero", "endless")
    )
    if kind == "damage":
        path.write_bytes(damaged(draw, data))
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "endless":
        with path.open("wb") as file:
            file.truncate(3 << 30)
    else:
        path.symlink_to({"link": "nowhere", "loop": path.name, "zero": "/dev/zero"}[kind])


def case_score(draw: Draw, folder: Path) -> None:
    """A file of reports or codes, and what else may have its name."""
    path = folder / f"reports{draw.choice(('.csv', '.tsv', '.json', '.jsonl', '.parquet'))}"
    rows = [{"study_id": n, "reference": text(draw), "generated": text(draw)} for n in range(4)]
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8", errors="replace") as file:
            writer = csv.DictWriter(file, rows[0], delimiter="," if path.suffix == ".csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    else:
        lines = [json.dumps(row) for row in rows]
        path.write_text("\n".join(lines) if path.suffix == ".jsonl" else f"[{','.join(lines)}]")
    if draw.random() < 0.8:
        put(draw, path)
    results = scored_files([path], resamples=20, allow_empty=True)
    assert len(results.tables) > 2


@cache
def trees_of(seed: int) -> tuple[tuple[str, str, Path], ...]:
    """Each layout of a corpus, undamaged, made once."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    return (
        ("iu_xray", "open_i", trees.open_i(folder / "open_i", 21, images=1)),
        ("iu_xray", "r2gen", trees.r2gen(folder / "r2gen", 21)),
        ("iu_xray", "kaggle", trees.kaggle(folder / "kaggle", 21)),
        ("mimic_cxr", "mimic", trees.mimic(folder / "mimic", 22, suffix=".csv")),
    )


def case_corpora(draw: Draw, folder: Path) -> None:
    """A corpus of files of which one is damaged, or is no file; every image that is kept opens."""
    name, layout, whole = draw.choice(trees_of(0))
    root = Path(shutil.copytree(whole, folder / layout))
    files = sorted(path for path in root.rglob("*") if path.is_file())
    tables = [path for path in files if path.suffix in (".csv", ".json", ".xml", ".txt", ".gz")]
    put(draw, draw.choice(tables if draw.random() < 0.7 else files))
    studies = load_corpus(name, root=root, images="files", image_size=32, views=2)
    for study in (studies[place] for place in range(len(studies))):
        assert study.images
    draw.choice(studies[0:]).images[0]()


CASES = {name.removeprefix("case_"): case for name, case in globals().items() if name.startswith("case_")}  # fmt: skip


@contextmanager
def limits():
    """At most `MEMORY` more, from here on."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


TIMERS = (
    (signal.ITIMER_PROF, signal.SIGPROF, SECONDS),
    (signal.ITIMER_REAL, signal.SIGALRM, WAITING),
)


class TooLong(BaseException):
    """A case that does not end: no `except Exception` catches it."""


def _stop(*_) -> None:
    raise TooLong


def run(target: str, seed: int) -> str:
    """One case: "" where it returns or raises an error of the library, else what went wrong."""
    draw = Draw(f"{target} {seed}")
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    for timer, name, seconds in TIMERS:
        signal.signal(name, _stop)
        signal.setitimer(timer, seconds)
    faulthandler.dump_traceback_later(3 * WAITING, exit=True)  # what no signal interrupts
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            CASES[target](draw, folder)
        return ""
    except (Exception, TooLong) as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        ours = Path(place.filename).is_relative_to(LIBRARY) and isinstance(error, DOCUMENTED)
        where = f"{Path(place.filename).name}:{place.lineno}"
        return "" if ours else f"{type(error).__name__} at {where}: {str(error)[:120]}"
    finally:
        for timer, *_ in TIMERS:
            signal.setitimer(timer, 0)
        faulthandler.cancel_dump_traceback_later()
        shutil.rmtree(folder, ignore_errors=True)


def replay() -> int:
    """Run the cases that failed once, and say which fail again; the exit status is 1 if any does."""
    with REGRESSIONS.open(newline="", encoding="utf-8") as file:
        cases = [(row["target"], int(row["seed"])) for row in csv.DictReader(file)]
    failed = 0
    for target, seed in cases:
        with limits():
            wrong = run(target, seed)
        if wrong:
            failed += 1
            sys.stdout.write(f"{target},{seed},{wrong}\n")
    sys.stdout.write(f"{len(cases)} cases that failed once, {failed} failed again\n")
    return int(failed > 0)


def main() -> int:
    """Run the cases and say what failed, by target; the exit status is 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=1000, help="per target")
    parser.add_argument("--target", choices=CASES, action="append")
    parser.add_argument("--seed", type=int, default=0, help="of the first case")
    parser.add_argument("--regressions", action="store_true", help="only what once failed")
    named = parser.parse_args()
    trees_of(0)
    if named.regressions:
        return replay()
    failed = 0
    for target in named.target or CASES:
        start, kinds, slowest = time.perf_counter(), Counter(), (0.0, 0)
        for seed in range(named.seed, named.seed + named.cases):
            begun = time.process_time()
            with limits():
                wrong = run(target, seed)
            slowest = max(slowest, (time.process_time() - begun, seed))
            if wrong:
                kinds[wrong.split(": ")[0]] += 1
                if kinds[wrong.split(": ")[0]] == 1:
                    sys.stdout.write(f"{target},{seed},{wrong}\n")
        failed += kinds.total()
        sys.stdout.write(
            f"{target}: {named.cases} cases, {kinds.total()} failed, "
            f"{time.perf_counter() - start:.0f} s, slowest {slowest[0]:.2f} s (seed {slowest[1]})\n"
        )
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
