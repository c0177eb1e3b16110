"""The dress rehearsal of scale `full`, on a CPU and without a network:

`.venv/bin/python tests/dress_rehearsal.py [POLICY ...]` (none: each of `CAST`)

A published architecture, tiny and with random weights, stands in `models/` of a data folder, as a
download would. A made-up MIMIC-CXR stands beside it, with files of every kind. Then a user's
commands run as they are: the study, which is killed in its reinforcement learning; an arm in two
processes; the study again, to its end; the page of the reports' scores. Qwen's processors need
torchvision: it is installed, or in the folder where `test_architectures.py` puts it.

No test calls it yet: it was seen with LLaVA as far as notebook 03, a kill and two processes. Notebooks
04 and 05, the checks at its end and the other architectures were not seen.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import cycle
from pathlib import Path

from mrg_r1_lib.storage.paths import REPOSITORY, data_root

if __name__ == "__main__" and (data_root() / "torchvision-0.28.0").is_dir():
    sys.path.insert(0, str(data_root() / "torchvision-0.28.0"))
    sys.path.insert(0, str(Path(__file__).parent / "benchmarks"))
    import cpu_torchvision  # noqa: F401 (before transformers)

import architectures
import pandas as pd
import psutil
import torch
import trees
from architectures import TINY, publish
from PIL import Image
from test_private_study import MARKER, git_adds
from trl import SFTConfig, SFTTrainer

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.corpora.iu_find import WHEEL
from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.policies.load_save import load_policy
from mrg_r1_lib.policies.prompts import sft_rows
from mrg_r1_lib.runs.run import Run, labels_path
from mrg_r1_lib.study import Study
from mrg_r1_lib.training.resume import COMPLETE, trainer_folder

CAST = {  # policy -> the architecture that plays it
    "llava_15_7b": "llava_clip",
    "smolvlm_500m": "idefics3",
    "huatuo_7b": "qwen25",
    "qwen3_vl_4b": "qwen3",
}
KINDS = ("L", "I;16", "P", "CMYK", "RGB", "LA", "1")
SPLITS = {"train": 12, "validate": 4, "test": 5}  # of small_full
STUDIES, STEPS = 42, 6
TORCHVISION = data_root() / "torchvision-0.28.0"
TWO = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


def files_of_every_kind() -> Iterator[tuple[str, Image.Image]]:
    """Format and image, again and again: every mode, each fourth file of 2,500 pixels a side."""
    sizes = cycle(((60, 80), (12, 12), (500, 300), (2500, 2048)))
    for mode, size in zip(cycle(KINDS), sizes, strict=False):
        image = trees.picture(mode).resize(size, Image.Resampling.NEAREST)
        yield "JPEG" if mode in ("L", "CMYK") else "PNG", image


def marked(studies: int) -> list[Study]:
    """Drawn studies; a report is two sentences of theirs and the marker."""
    drawn = load_corpus("phantom", studies=studies)
    texts = [". ".join([*study.findings.rstrip(".").split(". ")[:2], ""]) for study in drawn]
    texts = [f"{text}The {MARKER} is {MARKER}." for text in texts]
    return [replace(study, findings=text) for study, text in zip(drawn, texts, strict=True)]


def teach(published: Path) -> None:
    """Train a whole published policy to write reports; of random words all would have one reward."""
    model, processor = load_policy(published, "auto")
    studies = marked(200)
    labels = load_labeler("rules")([study.findings for study in studies])
    settings = SFTConfig(
        str(published / "trainer"),
        max_steps=100,
        per_device_train_batch_size=8,
        learning_rate=5e-3,
        max_length=None,
        use_cpu=True,
        bf16=False,
        report_to="none",
        disable_tqdm=True,
        save_strategy="no",
        logging_strategy="no",
        remove_unused_columns=False,
    )
    SFTTrainer(
        model, args=settings, train_dataset=sft_rows(studies, labels), processing_class=processor
    ).train()
    model.to(torch.bfloat16).save_pretrained(published)


def data_folder(folder: Path, policy: str) -> Path:
    """The data folder of a user who has downloaded corpus and policy; the wheel, where it is here."""
    torch.set_num_threads(1)
    architectures.REPORTS[:] = [study.findings for study in marked(200)]
    architectures.TEXT["initializer_range"] = 64**-0.5  # 0.02 suits wide models
    publish(TINY[CAST[policy]][0], folder / "models" / policy, torch.float32)
    teach(folder / "models" / policy)
    drawn = marked(STUDIES)
    trees.mimic(folder / "mimic_cxr", STUDIES, findings=lambda number: drawn[number].findings)
    kinds = files_of_every_kind()
    for path in sorted((folder / "mimic_cxr").rglob("*.jpg")):
        kind, image = next(kinds)
        image.save(path, kind)
    if (data_root() / WHEEL).exists():
        (folder / WHEEL).symlink_to(data_root() / WHEEL)
    return folder


def environment(folder: Path) -> dict[str, str]:
    """The environment of a user's commands: the small scale, the data folder, no hub."""
    paths = [REPOSITORY / "tests" / "small_full", REPOSITORY, TORCHVISION]
    named = {"MRG_R1_DATA": str(folder), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    return os.environ | named | {"PYTHONPATH": os.pathsep.join(map(str, paths))}


def killed(command: list[str], told: dict, out: Path, run: Run) -> None:
    """Start a command; once the run has its first complete checkpoint, kill it and its children."""
    with out.open("w") as log:
        process = psutil.Popen(command, cwd=REPOSITORY, env=told, stdout=log, stderr=log)
        while not list(trainer_folder(run).glob(f"*/{COMPLETE}")):
            time.sleep(0.02)
            if process.poll() is not None:
                raise RuntimeError(f"The study ended before it could be killed: see {out}")
        for each in [process, *process.children(recursive=True)]:
            each.kill()
        process.wait()


def call(command: list[str], told: dict, out: Path) -> None:
    """Run a command to its end; RuntimeError shows the last lines of one that fails."""
    with out.open("w") as log:
        code = subprocess.run(command, cwd=REPOSITORY, env=told, stdout=log, stderr=log).returncode
    if code:
        raise RuntimeError(f"{' '.join(command)}\n{out.read_text()[-3000:]}")


def rehearse(policy: str, folder: Path) -> Path:
    """Every command of the rehearsal; returns the results folder. RuntimeError if one fails."""
    told = environment(data_folder(folder / "data", policy))
    scale = "full" if policy == "huatuo_7b" else f"full+{policy}"
    results = folder / "repository" / "results"
    run = Run("mimic_cxr/srl_mccs", scale, 0, results)
    study = [sys.executable, "-m", "mrg_r1_lib.pipeline.pipeline", "run", "full", "--final"]
    study += ["--policy", policy, "--corpus", "mimic_cxr", "--results", str(results), "--arms"]
    killed([*study, "srl_mccs"], told, folder / "killed.log", run)
    two = [sys.executable, *TWO, "-m", "mrg_r1_lib.training.srl", "--scale", scale]
    two += ["--experiment", "mimic_cxr/srl_label_f1", "--results", str(results)]
    call(two, told, folder / "two.log")
    arms = ["srl_mccs", "srl_label_f1", "sft_continued"]
    call([*study, *arms], told, folder / "study.log")
    reports = folder / "reports.csv"
    written = json.loads((run.private / "completions_test.json").read_text(encoding="utf-8"))
    pd.DataFrame({"reference": written, "generated": written}).to_csv(reports, index=False)
    page = [sys.executable, "-m", "mrg_r1_lib.evaluation.score", str(reports), "--resamples", "50"]
    call([*page, "--out", str(folder / "score.html")], told, folder / "score.log")
    check(run, folder)
    return results


def check(run: Run, folder: Path) -> None:
    """What a whole and honest study leaves; AssertionError names what is not there."""
    results, summary = run.results, run.summary
    assert (
        len(list((summary / "notebooks").glob("*.ipynb"))) == 5 + (folder / "data" / WHEEL).exists()
    )
    log, two = (
        pd.read_csv(each.folder / "train_log.csv") for each in (run, run.of_arm("srl_label_f1"))
    )
    for each in (log, two):
        assert list(each["step"]) == list(range(1, STEPS + 1))
        assert abs(each["kl"][0]) < 1e-6 < each["kl"].iloc[-1] and each["reward"].max() > 0
    assert run.of_arm("srl_label_f1").read_manifest()["srl"]["processes"] == 2
    for split, count in list(SPLITS.items())[1:]:
        scores = pd.read_csv(labels_path(run.folder, split))
        assert len(scores) == count, split
    main = pd.read_csv(summary / "tables" / "main.csv")
    assert {"pretrained", "sft", "sft_continued", "srl_mccs", "srl_label_f1"} <= set(main["arm"])
    assert set(main["split"]) == {"test"}
    assert list((summary / "figures").glob("*.png"))
    page = (folder / "score.html").read_text(encoding="utf-8")
    assert "CE" in page or "clinical efficacy" in page
    private = (results / "runs").rglob("completions_*.json")
    assert any(MARKER in file.read_text(encoding="utf-8") for file in private)
    for name, content in git_adds(results.parent).items():
        assert MARKER.encode() not in content, name


def main() -> None:
    """Rehearse each named policy; says what went wrong, and the minutes."""
    failed = 0
    for policy in sys.argv[1:] or CAST:
        started = time.monotonic()
        with tempfile.TemporaryDirectory() as folder:
            try:
                rehearse(policy, Path(folder))
                said = "whole"
            except (RuntimeError, AssertionError) as error:
                said, failed = f"failed: {error}", failed + 1
        sys.stdout.write(f"{policy}: {(time.monotonic() - started) / 60:.1f} min, {said}\n")
    sys.exit(min(failed, 1))


if __name__ == "__main__":
    main()
