"""The dress rehearsal of scale `full`, on a CPU and without a network:

`.venv/bin/python tests/rehearse_full.py [--policy NAME] [--folder FOLDER]`

It runs what `./run_all.sh full --corpus mimic_cxr --final` runs, with stand-ins: a published
architecture, tiny and with random weights, lies in `models/` of a data folder as if it had been
downloaded; a made-up MIMIC-CXR lies beside it. `shrink` says what is smaller than at the real
scale. Then the files of each stage are looked for, and what git would add is searched for text and
ids of the corpus. The last line says that all is well, or names the stage that failed.

huatuo_7b, the scale's own policy, needs torchvision: installed, or in the folder where
`test_architectures.py` puts it. Without it llava_15_7b is rehearsed. A named FOLDER is kept, and the
same command goes on there with the stage that failed.
"""

import argparse
import inspect
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import trees

from mrg_r1_lib.reporting.build import FIGURES, TABLES
from mrg_r1_lib.runs.run import labels_path, scores_path
from mrg_r1_lib.storage.paths import REPOSITORY, data_root

CAST = {  # policy -> its architecture in `architectures.TINY`
    "huatuo_7b": "qwen25",
    "llava_15_7b": "llava_clip",
    "smolvlm_500m": "idefics3",
    "qwen3_vl_4b": "qwen3",
}
TORCHVISION = data_root() / "torchvision-0.28.0"
MARKER = "quokkafish"
STUDIES, BARE = 30, 10  # each tenth study has no FINDINGS: the confirmation set
HELD_OUT = {"test": 5, "validate": 3, "impressions": 3}
OPENINGS = (  # every sentence holds the marker, so that no quotation goes unseen
    f"The {MARKER} heart is enlarged.",
    f"There is {MARKER} pulmonary edema.",
    f"Right lower lobe {MARKER} consolidation.",
    f"The {MARKER} lungs are clear.",
)
ENDINGS = (  # seven: a few held-out reports are not in the training split
    f"There is a small left {MARKER} pleural effusion.",
    f"No {MARKER} pneumothorax.",
    f"The {MARKER} heart is normal in size.",
    f"No {MARKER} pleural effusion or pneumothorax.",
    f"There is {MARKER} atelectasis.",
    f"Old {MARKER} rib fracture.",
    f"A {MARKER} pacemaker is seen.",
)
TRAINED = ("sft", "srl_mccs", "srl_label_f1", "srl_rouge_l", "sft_continued")
BASELINES = ("reference", "constant_normal", "best_single_report", "nearest_neighbour")
BASELINES += ("image_classifier",)
SCORED = (*BASELINES, "pretrained", *TRAINED, *(f"{arm}_shuffled" for arm in TRAINED))
# figures of notebook 00, which shows IU X-Ray, and of readings of IU X-Ray's IMPRESSIONs
NOT_HERE = ("method_overview", "reward_gallery", "margin_curve", "impression_agreement")
STAGES = {
    "preparation": "01_data_preparation",
    "SFT": "02_supervised_finetuning",
    "SRL": "03_semantic_reinforcement_learning",
    "final": "final",
    "ablations": "04_reward_ablations",
    "tables and figures": "05_tables_and_figures",
}


def shrink() -> None:
    """Put a small scale `full` in the place of the real one; every process does this at its start.

    Sizes change, the way through the code does not, but that the image classifier of notebook 01
    also sees some drawn studies.
    """
    from dataclasses import replace

    import cpu_torchvision  # noqa: F401 (before transformers)

    from mrg_r1_lib.scales import SCALES

    full = SCALES["full"]
    SCALES["full"] = replace(
        full,
        image_size=112,  # 16 tokens of Qwen's, not 334
        max_completion_length=48,
        pretrain=replace(full.pretrain, phantoms=8),  # with none notebook 01 draws 5,000
        # random weights learn to write in 150 steps; of random words all would have one reward
        sft=replace(full.sft, epochs=64, learning_rate=1e-2, batch_size=8),
        sft_continued=replace(full.sft_continued, learning_rate=1e-3),
        srl=replace(full.srl, steps=4, evaluations=2, studies_per_step=2, learning_rate=1e-3),
        resamples=50,
        disk_gib=0.1,
        gpu_gib=0.0,  # 28: without such a GPU `full` is refused
    )


class Failed(Exception):
    """A stage and what is wrong with it, in one line."""

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(f"The rehearsal failed in {stage}: {reason}")


def findings(number: int) -> str:
    """The FINDINGS of a study by its number."""
    opening, ending = OPENINGS[number % len(OPENINGS)], ENDINGS[number % len(ENDINGS)]
    return "" if number % BARE == 5 else f"{opening} {ending}"


def stand_ins(data: Path, policy: str) -> None:
    """Lay corpus and checkpoint into a data folder, the weights in several files as large ones."""
    import architectures
    import torch
    from transformers import AutoModelForImageTextToText

    trees.mimic(data / "mimic_cxr", STUDIES, findings=findings, patients_have=1)
    for number, path in enumerate(sorted((data / "mimic_cxr").rglob("*.jpg"))):
        trees.picture(seed=number).save(path)
    architectures.REPORTS[:] = [*OPENINGS, *ENDINGS] * 10
    architectures.TEXT["initializer_range"] = 64**-0.5  # 0.02 suits wide models
    folder = data / "models" / f"{policy}.partial"
    architectures.publish(architectures.TINY[CAST[policy]][0], folder, torch.bfloat16)
    model = AutoModelForImageTextToText.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="200KB")
    folder.rename(data / "models" / policy)


def environment(folder: Path) -> dict[str, str]:
    """The environment of all processes: the small scale, the data folder, no hub, no GPU."""
    (folder / "start").mkdir(parents=True, exist_ok=True)
    start = f"{inspect.getsource(shrink)}\n\nshrink()\n"
    (folder / "start" / "sitecustomize.py").write_text(start, encoding="utf-8")
    tests = REPOSITORY / "tests"
    paths = [folder / "start", REPOSITORY, tests / "benchmarks", TORCHVISION]
    named = {"MRG_R1_DATA": str(folder / "data"), "PYTHONPATH": os.pathsep.join(map(str, paths))}
    named |= {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONUTF8": "1"}
    return os.environ | named | {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}


def call(stage: str, command: list[str], told: dict[str, str], log: Path) -> None:
    """Run a command and show the lines that end in seconds; Failed names the stage that failed."""
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=REPOSITORY, env=told, text=True, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        for line in process.stdout:
            if re.search(r": \d+ s\s*$", line):
                sys.stdout.write(f"{line.strip()}\n")
                sys.stdout.flush()
    if process.returncode:
        said = [line.strip() for line in log.read_text(encoding="utf-8").splitlines()]
        said = [line for line in said if line] or ["no word"]
        for name, step in STAGES.items():
            for place, line in enumerate(said):
                if line.startswith(f"notebooks/{step}"):
                    raise Failed(name, line)
                if step == "final" and line.startswith("The final evaluation failed"):
                    raise Failed(name, said[place - 1])
        raise Failed(stage, said[-1])


def expected(results: Path) -> Iterator[tuple[str, Path]]:
    """Every file that the study must leave, and the stage that leaves it."""
    private = results.parents[1] / "runs" / results.parent.name / results.name
    for stage, notebook in STAGES.items():
        if notebook != "final":
            yield stage, results / "notebooks" / f"{notebook}.ipynb"
    for arm in BASELINES:
        yield "preparation", results / arm / "seed0" / "labels_per_study_validate.csv"
    for arm in TRAINED:
        stage = "SRL" if arm.startswith("srl") else "SFT"
        yield stage, private / arm / "seed0" / "policy" / "adapter_config.json"
        for name in ("manifest.json", "train_log.csv", "validation.csv", "metrics_validate.json"):
            yield stage, results / arm / "seed0" / name
        yield stage, results / f"{arm}_shuffled" / "seed0" / "metrics_validate.json"
    for arm in SCORED:
        for split in HELD_OUT:
            yield "final", scores_path(results / arm / "seed0", split)
            yield "final", labels_path(results / arm / "seed0", split)
    of = {notebook: stage for stage, notebook in STAGES.items()}
    for name, table in TABLES.items():
        yield of[table.notebook], results / "tables" / f"{name}.csv"
    for name in set(FIGURES) - set(NOT_HERE):
        yield "tables and figures", results / "figures" / f"{name}.png"
        yield "tables and figures", results / "figures" / f"{name}.pdf"


def check(results: Path) -> None:
    """Look at what the study left; Failed names the stage whose output is missing or wrong."""
    held_out = pd.read_csv(results / "tables" / "held_out.csv")["split"].value_counts().to_dict()
    if held_out != HELD_OUT:
        raise Failed("preparation", f"held-out studies are {held_out}, expected {HELD_OUT}")
    for stage, path in expected(results):
        if not path.exists() or not path.stat().st_size:
            raise Failed(stage, f"{path.relative_to(results.parents[1])} is missing or empty")
    for split, studies in HELD_OUT.items():
        for path in results.glob(labels_path(Path("*/seed0"), split).as_posix()):
            if (found := len(pd.read_csv(path))) != studies:
                raise Failed("final", f"{path} has {found} studies, expected {studies}")
    for arm in (arm for arm in TRAINED if arm.startswith("srl")):
        log = pd.read_csv(results / arm / "seed0" / "train_log.csv")
        if not (abs(log["kl"].iloc[0]) < 1e-6 < log["kl"].iloc[-1] and log["reward"].max() > 0):
            raise Failed("SRL", f"{arm}: KL and reward of the log are not those of training")
    main = pd.read_csv(results / "tables" / "main.csv")
    if wrong := set(main["arm"]) ^ set(SCORED) or set(main["split"]) ^ {"test"}:
        raise Failed("tables and figures", f"main.csv lacks or should not have {sorted(wrong)}")


def check_guard(repository: Path) -> None:
    """Failed if what git would add has text or ids of the corpus, or if nothing private has any."""
    private = (repository / "results" / "runs").rglob("completions_*.json")
    if not any(MARKER in path.read_text(encoding="utf-8") for path in private):
        raise Failed("SFT", f"no completion says {MARKER}: the search for it would prove nothing")
    rows = trees.mimic_rows(STUDIES, patients_have=1)[0]
    ids = {str(row[name]) for row in rows for name in ("study_id", "subject_id")}
    secret = re.compile("|".join([MARKER, *sorted(ids), *(row["dicom_id"] for row in rows)]))
    for name, content in trees.git_adds(repository).items():
        binary = name.endswith((".png", ".pdf"))
        text = re.sub(r'"image/png": "[^"]*"', "", content.decode("utf-8", errors="ignore"))
        if found := secret.search(name if binary else f"{name}\n{text}"):
            raise Failed("the guard", f"{name} would be committed with {found[0]!r}")


def rehearse(policy: str, folder: Path) -> None:
    """Every stage of the rehearsal in a folder; Failed names the one that failed."""
    told = environment(folder)
    if not (folder / "data" / "models" / policy).is_dir():
        started = time.monotonic()
        made = [
            sys.executable,
            __file__,
            "--stand-ins",
            "--policy",
            policy,
            "--folder",
            str(folder),
        ]
        call("the stand-ins", made, told, folder / "stand_ins.log")
        sys.stdout.write(f"stand-ins: {time.monotonic() - started:.0f} s\n")
    results = folder / "repository" / "results"
    study = [sys.executable, "-P", "-m", "mrg_r1_lib.pipeline.pipeline", "run", "full"]
    study += ["--policy", policy, "--corpus", "mimic_cxr", "--final", "--results", str(results)]
    call("the study", study, told, folder / "study.log")
    scale = "full" if policy == "huatuo_7b" else f"full+{policy}"
    check(results / scale / "mimic_cxr")
    check_guard(folder / "repository")


def main() -> None:
    """Rehearse a policy and say how long it took; exit status 1 and one line if it failed."""
    seen = TORCHVISION.is_dir() or find_spec("torchvision")
    usual = "huatuo_7b" if seen else "llava_15_7b"
    parser = argparse.ArgumentParser(description="The dress rehearsal of scale full.")
    parser.add_argument("--policy", choices=CAST, default=usual, help="default here: %(default)s")
    parser.add_argument("--folder", type=Path, help="a folder to keep")
    parser.add_argument("--stand-ins", action="store_true", help="make these alone")
    named = parser.parse_args()
    if named.stand_ins:
        return stand_ins(named.folder / "data", named.policy)
    sys.stdout.write(f"Scale full with a tiny {named.policy}\n")
    started = time.monotonic()
    with nullcontext(named.folder) if named.folder else tempfile.TemporaryDirectory() as folder:
        try:
            rehearse(named.policy, Path(folder).absolute())
        except Failed as error:
            sys.exit(str(error))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = (used.ru_utime + used.ru_stime) / 60
    took = (time.monotonic() - started) / 60
    sys.stdout.write(f"All is well: {took:.1f} minutes, {cpu:.1f} of a CPU\n")


if __name__ == "__main__":
    main()
