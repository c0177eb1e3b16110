"""How fast this machine reads, labels, draws, indexes and loads: `./run_all.sh benchmark`. Nothing
is asserted. `./run_all.sh benchmark srl` is `benchmarks/gpu_measurements.py`.

Reading is also given as a ratio to its floor in the same run, unpacking and parsing the XML and
nothing more, which says the same thing on every machine.
"""

import argparse
import csv
import gzip
import io
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import timeit
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import trees
from transformers.utils import logging

from mrg_r1_lib.corpora import iu_xray, load_corpus
from mrg_r1_lib.corpora.sections import extract_sections
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.labelers.rules import _read_sentence
from mrg_r1_lib.policies.load_save import create_policy, load_policy, save_policy
from mrg_r1_lib.reporting import build
from mrg_r1_lib.reporting.pages import STUDY
from mrg_r1_lib.storage.paths import data_root

DRAWN = 500  # radiographs
REPORTS, SENTENCES = 2000, 5  # of a made-up report
INDEXED, MIMIC = 20_000, 227_835  # studies of a made-up MIMIC-CXR, and of the real one
INDEX = """
import sys, time, tracemalloc
from mrg_r1_lib.corpora import load_corpus
load_corpus("mimic_cxr", root=sys.argv[1])  # its files are then as warm as those of the other sizes
started = time.perf_counter()
corpus = load_corpus("mimic_cxr", root=sys.argv[1])
took = time.perf_counter() - started
tracemalloc.start()
load_corpus("mimic_cxr", root=sys.argv[1])
print(len(corpus), took, tracemalloc.get_traced_memory()[1] / 2**20)
"""
SCORE = """
import resource, sys, time
started = time.perf_counter()
from mrg_r1_lib.evaluation.score import score
score([sys.argv[1]])
print(time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10)
"""


def seconds(work: Callable[[], object]) -> float:
    """Wall seconds of one call, without the garbage collector, which would walk over all that other
    rows have loaded."""
    return timeit.timeit(work, number=1)


def median(work: Callable[[], object], times: int = 3) -> float:
    """Median wall seconds of several calls."""
    return statistics.median(seconds(work) for _ in range(times))


def read_raw() -> int:
    """The floor of reading: unpack the reports and parse their XML, without a check, a study or a
    split."""
    files = sorted((data_root() / iu_xray.XML_FOLDER).glob("*.xml"))
    if files:
        return sum(1 for path in files if ElementTree.fromstring(path.read_bytes()) is not None)
    with zipfile.ZipFile(data_root() / iu_xray.WHEEL) as wheel:
        unpacked = io.BytesIO(gzip.decompress(wheel.read(iu_xray.REPORTS)))
    with tarfile.open(fileobj=unpacked, mode="r:") as archive:
        members = [member for member in archive if member.name.endswith(".xml")]
        texts = [archive.extractfile(member).read() for member in members]
    return sum(
        1 for text in texts if ElementTree.fromstring(text) is not None
    )  # no tree is kept: nor does the loader


def row(name: str, value: float, rate: str = "") -> None:
    """Print one line: what, seconds, rate."""
    sys.stdout.write(f"{name:<36}{value:>9.3f} s  {rate}".rstrip() + "\n")
    sys.stdout.flush()


def index_mimic() -> None:
    """Index a made-up MIMIC-CXR of a quarter of 20,000 studies, a half and all, each in a process
    of its own."""
    with tempfile.TemporaryDirectory() as folder:
        whole = trees.mimic(Path(folder) / "whole", INDEXED)
        split, metadata, _ = trees.mimic_rows(INDEXED)
        measured = []
        for studies in (INDEXED // 4, INDEXED // 2, INDEXED):
            root = Path(folder) / str(studies)
            root.mkdir()
            (root / "files").symlink_to(whole / "files")
            images = 2 * studies
            trees.write_csv(
                root / "mimic-cxr-2.0.0-split.csv.gz", trees.SPLIT_COLUMNS, split[:images]
            )
            trees.write_csv(
                root / "mimic-cxr-2.0.0-metadata.csv.gz", trees.METADATA_COLUMNS, metadata[:images]
            )
            done = subprocess.run(
                [sys.executable, "-c", INDEX, str(root)], capture_output=True, text=True, check=True
            )
            count, took, used = map(float, done.stdout.split())
            measured.append((took, used))
            row(
                f"index {count:,.0f} studies of MIMIC-CXR",
                took,
                f"{count / took:>12.0f} studies/s, {used:.1f} MiB at the peak, warm files",
            )
    (half_took, half_used), (took, used) = measured[1:]
    times = (MIMIC - INDEXED) / (
        INDEXED / 2
    )  # by the slope of the last half: what is fixed does not grow
    seconds_all, used_all = (
        took + times * (took - half_took),
        used + times * max(used - half_used, 0),
    )
    row(
        f"  {MIMIC:,} studies, extrapolated",
        seconds_all,
        f"{'':>12} not measured; about {used_all:.0f} MiB",
    )


def score_pairs(findings: list[str]) -> None:
    """Score a file as long as MIMIC-CXR and its quarter: FINDINGS, and the same ones shuffled."""
    with tempfile.TemporaryDirectory() as folder:
        for pairs in (MIMIC // 4, MIMIC):
            reference = [findings[place % len(findings)] for place in range(pairs)]
            generated = random.Random(0).sample(reference, pairs)
            path = Path(folder) / f"{pairs}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerow(("reference", "generated"))
                csv.writer(file).writerows(zip(reference, generated, strict=True))
            done = subprocess.run(
                [sys.executable, "-c", SCORE, str(path)], capture_output=True, text=True, check=True
            )
            took, used = map(float, done.stdout.split())
            row(
                f"score {pairs:,} pairs",
                took,
                f"{pairs / took:>12.0f} pairs/s, {used:.0f} MiB at the peak, 20,000 resamples",
            )


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(prog="run_all.sh benchmark", description=__doc__).parse_args()
    logging.disable_progress_bar()
    try:
        studies = load_corpus("iu_xray")
    except FileNotFoundError as error:
        sys.exit(str(error))
    pairs = [
        (seconds(lambda: load_corpus("iu_xray")), seconds(read_raw)) for _ in range(3)
    ]  # in turn: the same weather
    loading, floor = (statistics.median(column) for column in zip(*pairs, strict=True))
    row(
        f"read {len(studies)} studies",
        loading,
        f"{loading / floor:>12.2f} times unpacking and parsing the XML alone",
    )

    findings = [study.findings for study in studies if study.findings]
    texts = [trees.MIMIC_REPORT.format(findings=text, impression="") for text in findings]
    cutting = median(lambda: [extract_sections(text) for text in texts])
    row(
        f"find sections of {len(texts)} reports",
        cutting,
        f"{len(texts) / cutting:>12.0f} reports/s",
    )
    labeler = load_labeler("rules")

    def label(reports: list[str]) -> None:
        _read_sentence.cache_clear()  # each call reads every sentence anew
        labeler(reports)

    labelling = median(lambda: label(findings))
    row(
        f"label {len(findings)} FINDINGS",
        labelling,
        f"{len(findings) / labelling:>12.0f} reports/s",
    )

    draw, sentences = (
        random.Random(0),
        sorted({part.strip(" .") for text in findings for part in text.split(". ")} - {""}),
    )
    unseen = [
        [f"{part} in zone {draw.random():.12f}" for part in draw.sample(sentences, SENTENCES)]
        for _ in range(REPORTS)
    ]
    shuffled = [draw.sample(sentences, SENTENCES) for _ in range(REPORTS)]
    for name, parts in (("unseen sentences", unseen), ("unseen reports", shuffled)):
        reports = [". ".join(report) + "." for report in parts]
        took = seconds(
            lambda reports=reports: labeler(reports)
        )  # once: a second time nothing is unseen
        row(
            f"label {REPORTS} of {name}",
            took,
            f"{REPORTS / took:>12.0f} reports/s, {SENTENCES} sentences each",
        )

    def ratio(text: str) -> None:
        """A text against its quarter, both read anew: 4 where growth is linear."""
        whole, quarter = (
            median(lambda: label([text])),
            median(lambda: label([text[: len(text) // 4]])),
        )
        rate = f"{whole / quarter:>12.1f} times its quarter: {text[:24].strip()} ..."
        row(f"label {len(text):,} characters", whole, rate)

    ratio((" ".join(findings) * 2)[:1_000_000])
    ratio(" ".join(f"{part}." for part in (sentences * 2)[:10_000]))
    for words in (
        "no ",
        "effusion ",
        "no effusion or ",
        "without evidence of ",
        "(",
        ", ",
    ):  # one sentence without an end
        ratio(words * (200_000 // len(words)))

    drawing = median(lambda: [study.images[0]() for study in studies[:DRAWN]])
    row(
        f"draw {DRAWN} radiographs", drawing, f"{DRAWN / drawing:>12.0f} radiographs/s, one process"
    )

    if (STUDY.summary / "tables" / "main.csv").exists():
        runs = len(build.read("main", STUDY).drop_duplicates(["arm", "seed"]))
        with tempfile.TemporaryDirectory() as folder:
            took = seconds(lambda: build.build_all(STUDY, Path(folder)))
            tables = len(list(Path(folder).iterdir()))
        row(
            f"rebuild {tables} tables of {runs} runs",
            took,
            f"{took / runs:>12.3f} s per run, {STUDY.settings.resamples} resamples",
        )

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "policy"
        save_policy(*create_policy("tiny_llava", findings[:200], 96, seed=0), path)
        row("load a tiny policy", median(lambda: load_policy(path), times=5))
    score_pairs(findings)
    index_mimic()


if __name__ == "__main__":
    main()
