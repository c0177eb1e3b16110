"""One run: an experiment at a scale with a seed. Its folders, manifest and completion markers; what makes it resumable.

Two folders: `<results>/<scale>/<corpus>/<arm>/seed<k>/` holds what may be committed (scores, labels, logs, manifest), and
`<results>/runs/…` what may not (weights, completions). A marker there says that a step has finished: it is skipped while its
settings, its sources, the weights that it depends on and its products are as they were.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

from mrg_r1_lib.experiments import (
    DEFAULT_CORPUS,
    EXPERIMENTS,
    PREPARATIONS,
    Experiment,
    Preparation,
    Scale,
    load_scale,
    parse_experiment,
)
from mrg_r1_lib.labelers import labeler_weights
from mrg_r1_lib.pipeline.sources import source_digest
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.storage.files import file_digest, write_text
from mrg_r1_lib.storage.paths import REPOSITORY

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "numpy",
    "scikit-learn",
    "sacrebleu",
    "rouge-score",
)

BESIDE_THE_RUN = {
    "label",
    "arms",
    "seeds",
    "seconds",
    "resamples",
    "disk_gib",
}  # settings that change no run
STAGE_OF = {  # settings of a scale that one stage, or one arm, alone reads: more SRL steps must not train SFT again
    "phantoms": "pretrain",
    "tower_epochs": "pretrain",
    "phantoms_named": "pretrain",
    "phantom_reports": "pretrain",
    "pretrain_epochs": "pretrain",
    "sft_epochs": "sft",
    "sft_continued_epochs": "sft_continued",
    "sft_continued_rate": "sft_continued",
    "sft_batch_size": "sft",
    "sft_phantoms": "sft",
    "srl_steps": "srl",
    "srl_look": "srl",
    "studies_per_step": "srl",
    "group_size": "srl",
    "classifier_phantoms": "baseline",
}
OF_SRL = {
    "scale_rewards",
    "abnormal",
    "generation",
}  # settings of an experiment that SRL alone reads
YOUNGER = {
    "generation": "transformers"
}  # settings younger than the committed results, with the value that those had


@dataclass(frozen=True)
class Run:
    """One run, named by `experiment` ("iu_xray/srl_mccs"), `scale` and `seed`, below the folder `results`.

    ValueError names an unknown experiment or scale and lists the known ones.
    """

    experiment: str
    scale: str
    seed: int
    results: Path

    def __post_init__(self) -> None:
        parse_experiment(self.experiment)
        load_scale(self.scale)
        object.__setattr__(self, "results", Path(self.results))

    @property
    def corpus(self) -> str:
        return parse_experiment(self.experiment)[0]

    @property
    def arm(self) -> str:
        return parse_experiment(self.experiment)[1]

    @property
    def preparation(self) -> Preparation:
        return PREPARATIONS[self.corpus]

    @property
    def settings(self) -> Experiment:
        return EXPERIMENTS[self.arm]

    @property
    def size(self) -> Scale:
        return load_scale(self.scale)

    @property
    def group_size(self) -> int:
        return self.size.group_size or self.settings.group_size

    @property
    def folder(self) -> Path:
        """What may be committed."""
        return self.results / self.scale / self.experiment / f"seed{self.seed}"

    @property
    def summary(self) -> Path:
        """Where its corpus's tables, figures and executed notebooks go: of the default corpus into the scale's folder."""
        folder = self.results / self.scale
        return folder if self.corpus == DEFAULT_CORPUS else folder / self.corpus

    @property
    def note(self) -> str:
        """What its figures say of their data: what is real and what is drawn."""
        if (self.preparation.images or self.size.images) == "phantom":
            return "real reports, drawn radiographs"
        return f"reports and radiographs from files ({self.corpus})"

    @property
    def private(self) -> Path:
        """What may not: weights, completions, markers. Git ignores it."""
        return self.results / "runs" / self.scale / self.experiment / f"seed{self.seed}"

    @property
    def policy(self) -> Path:
        """The folder of the trained policy."""
        return self.private / "policy"

    @property
    def weights(self) -> Path:
        """The file of the trained policy's weights: adapters alone where they are what is trained."""
        adapters = self.size.lora and self.settings.stage in ("sft", "srl")
        return self.policy / ("adapter_model.safetensors" if adapters else "model.safetensors")

    @cached_property
    def start(self) -> "Run | None":
        """The run whose policy this one continues."""
        arm = self.settings.start
        return Run(f"{self.corpus}/{arm}", self.scale, self.seed, self.results) if arm else None

    @property
    def twin(self) -> "Run":
        """The same policy, shown another study's images; ValueError if this run has none."""
        return Run(f"{self.experiment}_shuffled", self.scale, self.seed, self.results)

    @property
    def writer(self) -> "Run":
        """The run whose policy writes this run's reports: a twin has its start's."""
        return self.start if self.settings.stage == "shuffled" else self

    def of_stage(self, stage: str) -> "Run":
        """This run or the one among its starts that is of `stage`; ValueError if there is none."""
        run = self
        while run is not None:
            if run.settings.stage == stage:
                return run
            run = run.start
        raise ValueError(
            f"{self.experiment} has no stage {stage!r}: choose an experiment that starts from one, such as "
            f"{self.corpus}/srl_mccs."
        )

    def fingerprint(self) -> str:
        """Digest of the settings, of this run and of all that it starts from, that change what it learns or scores."""
        stage = self.settings.stage
        beside = BESIDE_THE_RUN if stage == "srl" else BESIDE_THE_RUN | OF_SRL
        settings = {
            name: value
            for name, value in asdict(self.settings).items()
            if YOUNGER.get(name, "") != value
        }
        base = POLICIES[self.size.policy]
        described = {
            "experiment": {name: value for name, value in settings.items() if name not in beside},
            "scale": {
                name: value
                for name, value in asdict(self.size).items()
                if name not in BESIDE_THE_RUN and STAGE_OF.get(name, stage) in (stage, self.arm)
            },
            "preparation": asdict(self.preparation),
            "seed": self.seed,
            "start": self.start.fingerprint() if self.start else None,
        }
        if base.hub:  # what is made here is code: the sources' digest has it
            described["policy"] = asdict(base)
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()

    def finished(self, step: str) -> bool:
        """Whether `step` ("train", "completions_test", "test", …) has finished in its present state and left its products."""
        marker = self.private / f"{step}.done"
        if not marker.exists() or not all(path.exists() for path in self.products(step)):
            return False
        return json.loads(marker.read_text()) == self.state(step)

    def products(self, step: str) -> list[Path]:
        """The files that a step leaves; scores of another split than test carry its name."""
        if step == "train":
            looks = (
                [self.folder / "validation.csv"] if self.settings.stage in ("sft", "srl") else []
            )
            return [self.weights, self.folder / "train_log.csv", *looks]
        if step.startswith("completions_"):
            return [self.private / f"{step}.json"]
        if step == "beliefs":
            return [self.folder / "beliefs.csv"]
        suffix = "" if step == "test" else f"_{step}"
        return [
            self.folder / f"metrics{suffix}.json",
            self.folder / f"labels_per_study{suffix}.csv",
        ]

    def make_private(self) -> Path:
        """Make the folder of what may not be committed, in a `runs/` that git ignores wherever it lies."""
        self.private.mkdir(parents=True, exist_ok=True)
        ignore = self.results / "runs" / ".gitignore"
        if not ignore.exists():
            write_text(ignore, "*\n")
        return self.private

    def mark_finished(self, step: str) -> None:
        """Leave the marker that makes `finished(step)` true until the settings or the start change."""
        write_text(self.private / f"{step}.done", json.dumps(self.state(step)))

    def state(self, step: str) -> dict[str, str | None]:
        """What a step depends on: settings, sources, and the weights it starts from (training) or speaks with (all else)."""
        before = self.start if step == "train" else self.writer
        modules = {"train": self.settings.stage, "beliefs": "beliefs"}
        stage = modules.get(step, "generate" if step.startswith("completions_") else "evaluate")
        return {
            "settings": self.fingerprint(),
            "sources": self.source_digest(f"mrg_r1_lib.{stage}"),
            "weights": _digest(before.weights if before else None),
            "labeler": _digest(labeler_weights(self.settings.labeler)),
        }

    def require_policy(self, notebook: str) -> Path:
        """The folder of this run's policy; FileNotFoundError names the notebook that makes it."""
        if not self.finished("train"):
            raise FileNotFoundError(
                f"{self.experiment}, scale {self.scale}, seed {self.seed}: no trained policy in {self.policy}. "
                f"Run notebooks/{notebook}.ipynb with the same EXPERIMENT, SCALE, SEED and RESULTS first."
            )
        return self.policy

    def read_manifest(self) -> dict:
        """The manifest, {} where there is none yet."""
        path = self.folder / "manifest.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def update_manifest(self, module: str, **entries: object) -> None:
        """Write settings, versions, hardware and `entries` (what `module` did, its times) into `manifest.json`.

        Everything that differs between two runs with one seed is here and only here.
        """
        manifest = self.read_manifest() | {
            "experiment": asdict(self.settings) | {"name": self.experiment},
            "preparation": asdict(self.preparation) | {"name": self.corpus},
            "scale": asdict(self.size) | {"name": self.scale},
            "seed": self.seed,
        }
        manifest[module] = entries | {
            "source_digest": self.source_digest(module),
            "labeler_digest": _digest(labeler_weights(self.settings.labeler)),
            "commit": _commit(),
            "versions": {name: importlib.metadata.version(name) for name in PACKAGES}
            | {"python": platform.python_version()},
            "hardware": {
                "machine": platform.machine(),
                "system": platform.system(),
                "cores": os.cpu_count(),
            },
        }
        write_text(
            self.folder / "manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n"
        )

    def source_digest(self, module: str) -> str:
        """`sources.source_digest` of a stage's module as this run uses it: SRL with the run's own rewards."""
        rewards = self.settings.rewards if module == "mrg_r1_lib.training.srl" else ()
        return source_digest(module, rewards, published=bool(POLICIES[self.size.policy].hub))


def _digest(path: Path | None) -> str | None:
    return file_digest(path) if path and path.exists() else None


def _commit() -> str:
    if not shutil.which("git"):
        return "unknown"
    answer = subprocess.run(
        ["git", "describe", "--always", "--dirty", "--abbrev=12"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    return answer.stdout.strip() or "unknown"
