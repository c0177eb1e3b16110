"""One run: an arm at a scale with a seed. Its folders, its manifest, and which of its steps have
finished.

`<results>/<scale>/<corpus>/<arm>/seed<k>/` holds what may be committed: scores, labels, logs,
manifest. `<results>/runs/...` holds what may not: weights, completions, markers. A marker keeps the
settings with which a step finished and the sizes of its files. A step is skipped while both are
equal.
"""

import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Collection, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from mrg_r1_lib import experiments, scales
from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.runs.code import commit
from mrg_r1_lib.storage import files
from mrg_r1_lib.storage.paths import REPOSITORY
from mrg_r1_lib.storage.privacy import require_publishable

PACKAGES = "torch transformers trl peft accelerate datasets numpy scikit-learn sacrebleu"
StageSettings = scales.Pretrain | scales.Finetune | scales.Reinforce
NO_SETTINGS = ("label", "section", "note")  # of an arm or preparation: they change no result


@dataclass(frozen=True)
class Run:
    """One run, named by `experiment` ("iu_xray/srl_mccs"), `scale` and `seed`, below `results`.

    ValueError names an unknown experiment or scale and lists the known ones, or a seed that numpy
    does not take.
    """

    experiment: str
    scale: str
    seed: int
    results: Path

    def __post_init__(self) -> None:
        experiments.parse_experiment(self.experiment)
        scales.load_scale(self.scale)
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed {self.seed}: expected a whole number from 0 to {2**32 - 1}.")
        object.__setattr__(self, "results", Path(self.results).absolute())

    @property
    def corpus(self) -> str:
        """The name of the corpus in its preparation."""
        return experiments.parse_experiment(self.experiment)[0]

    @property
    def arm(self) -> str:
        """The name of the arm."""
        return experiments.parse_experiment(self.experiment)[1]

    @property
    def preparation(self) -> experiments.Preparation:
        return experiments.PREPARATIONS[self.corpus]

    @property
    def recipe(self) -> experiments.Arm:
        """What the arm does."""
        return experiments.ARMS[self.arm]

    @property
    def settings(self) -> scales.Scale:
        """What the scale sets, for all stages."""
        return scales.load_scale(self.scale)

    @property
    def stage_settings(self) -> StageSettings | None:
        """What the scale sets for this run's own stage; None for an arm that trains nothing."""
        stage = self.recipe.stage
        if stage == "sft" and self.start.recipe.stage == "sft":
            return self.settings.sft_continued
        return getattr(self.settings, stage, None)

    @property
    def group_size(self) -> int:
        return self.settings.srl.group_size or self.recipe.group_size

    @property
    def folder(self) -> Path:
        """What may be committed."""
        return self.results / self.scale / self.experiment / f"seed{self.seed}"

    @property
    def summary(self) -> Path:
        """Where the corpus's tables, figures and executed notebooks go."""
        folder = self.results / self.scale
        return folder if self.corpus == self.settings.corpus else folder / self.corpus

    @property
    def private(self) -> Path:
        """What may not be committed: weights, completions, markers. Git ignores it."""
        return self.results / "runs" / self.scale / self.experiment / f"seed{self.seed}"

    @property
    def note(self) -> str:
        """What its figures say of their data: what is real and what is drawn."""
        drawn = experiments.images_of(self.corpus, self.settings) == "phantom"
        return self.preparation.note if drawn else f"reports and images from files ({self.corpus})"

    @property
    def policy(self) -> Path:
        """The folder of the trained policy."""
        return self.private / "policy"

    @cached_property
    def start(self) -> "Run | None":
        """The run whose policy this one continues."""
        return self.of_arm(self.recipe.start) if self.recipe.start else None

    @property
    def chain(self) -> list["Run"]:
        """This run and all that it starts from, the nearest first."""
        return [self, *(self.start.chain if self.start else [])]

    @property
    def twin(self) -> "Run":
        """The same policy, shown another study's images; ValueError if this run has none."""
        return self.of_arm(f"{self.arm}_shuffled")

    @property
    def writer(self) -> "Run":
        """The run whose policy writes this run's reports: a twin uses its start's."""
        return self.start if self.recipe.stage == "shuffled" else self

    def of_arm(self, arm: str) -> "Run":
        """The run of another arm, with the same corpus, scale, seed and results."""
        return Run(f"{self.corpus}/{arm}", self.scale, self.seed, self.results)

    def of_stage(self, stage: str) -> "Run":
        """This run or the one among its starts that is of `stage`; ValueError if there is none."""
        for run in self.chain:
            if run.recipe.stage == stage:
                return run
        raise ValueError(f"{self.experiment} has no stage {stage!r}: {self.corpus}/srl_mccs has.")

    # what has finished

    def finished(self, step: str) -> bool:
        """Whether `step` left its outputs with the present settings, on the present start.

        Steps: "train", "beliefs", "completions_<split>", and a split's name for its scores.
        """
        there = all(path.exists() for path in self.outputs(step))
        marked = files.read_marker(self.private / f"{step}.done")
        return there and self._whole(step, marked) and marked.get("state") == self.state(step)

    def outputs(self, step: str) -> list[Path]:
        """The files that a step leaves; scores of another split than test carry its name."""
        if step == "train":
            beside = "tower_log.csv" if self.recipe.stage == "pretrain" else "validation.csv"
            return [self.policy, self.folder / "train_log.csv", self.folder / beside]
        if step.startswith("completions_"):
            return [self.private / f"{step}.json"]
        if step == "beliefs":
            return [self.folder / "beliefs.csv"]
        return [scores_path(self.folder, step), labels_path(self.folder, step)]

    def state(self, step: str) -> dict:
        """What a step depends on: settings, the policy it starts from or writes with, the judge.

        The judge also chooses the checkpoint that SFT and SRL keep; pretraining keeps its last.
        """
        before = self.start if step == "train" else self.writer
        state = {"settings": self.described(), "policy": before.trained_as() if before else None}
        if step != "train" or self.recipe.stage != "pretrain":
            state["judge"] = self.settings.judge
        return state

    def described(self) -> dict:
        """The settings, of this run and of all that it starts from, that change its results."""
        scale, own, tower = self.settings, self.stage_settings, self.settings.pretrain
        described = {
            "arm": _settings(self.recipe),
            "preparation": _settings(self.preparation),
            "seed": self.seed,
            "policy": scale.policy,
            "image": [scale.images, scale.image_size],
            "studies": scale.studies,
            "lora": scale.lora,
            "max_completion_length": scale.max_completion_length,
            "stage": asdict(own) if own else [tower.phantoms, tower.own, tower.tower_epochs],
            "start": self.start.described() if self.start else None,
        }
        return json.loads(json.dumps(described))  # as a marker holds it

    def trained_as(self) -> str | None:
        """The digest of the trained weights, as its marker holds it; None before training."""
        return files.read_marker(self.private / "train.done").get("weights")

    def mark_finished(self, step: str, **facts: str) -> None:
        """Leave the marker that makes `finished(step)` true until settings or start change."""
        marked = {"state": self.state(step), "sizes": self._sizes(step), **facts}
        files.write_text(self.private / f"{step}.done", json.dumps(marked))

    def damaged(self) -> bool:
        """Whether a step that has finished lost a file since, or a part of one.

        A notebook's marker, which begins with a digit, is not asked.
        """
        steps = {path.stem: files.read_marker(path) for path in self.private.glob("[a-z]*.done")}
        return not all(marked and self._whole(step, marked) for step, marked in steps.items())

    def _whole(self, step: str, marked: dict) -> bool:
        """Whether its files have the marked sizes; older markers, and a notebook's, have none."""
        return marked.get("sizes", {}).items() <= self._sizes(step).items()

    def _sizes(self, step: str) -> dict[str, int]:
        """Bytes of each file that a step left."""
        left = (each for path in self.outputs(step) for each in (path, *path.rglob("*")))
        return {each.name: each.stat().st_size for each in left if each.is_file()}

    def make_private(self) -> Path:
        """Make the private folder, in a `runs/` that git ignores wherever it lies."""
        self.private.mkdir(parents=True, exist_ok=True)
        ignore = self.results / "runs" / ".gitignore"
        if not ignore.exists():
            files.write_text(ignore, "*\n")
        return self.private

    # what may be committed is written through these

    def write_text(self, name: Path | str, text: str, names: Collection[str] = ()) -> None:
        """Write `name` (below the run's folder, or a whole path), guarded unless the corpus is
        public.

        `names` are the columns of a table that may hold words. PermissionError for what is guarded.
        """
        path = self.folder / name
        if not self.preparation.public:
            require_publishable(path, text, names, self.private_texts())
        files.write_text(path, text)

    def save_table(self, name: Path | str, table, names: Collection[str] = ()) -> None:
        """Write a data frame as CSV with six digits per number; as `write_text`."""
        self.write_text(name, files.table_text(table), names)

    def private_texts(self) -> Iterator[str]:
        """What no committed file of a guarded corpus may quote, text by text: its reports, and all
        completions of policies that were trained on it.

        FileNotFoundError where the corpus is not on this machine.
        """
        for study in load_corpus(self.preparation.corpus):
            yield from (study.findings, study.impression)
        for path in (self.results / "runs" / self.scale / self.corpus).rglob("completions_*.json"):
            yield from files.read_json(path)

    def read_manifest(self) -> dict:
        """The manifest, {} where there is none yet."""
        path = self.folder / "manifest.json"
        return files.read_json(path) if path.exists() else {}

    def update_manifest(self, stage: str, **entries: object) -> None:
        """Write settings, versions, hardware and `entries` (what `stage` did) into `manifest.json`.

        Everything that differs between two runs with one seed is here and only here.
        """
        manifest = self.read_manifest() | {
            "experiment": asdict(self.recipe) | {"name": self.experiment},
            "preparation": asdict(self.preparation) | {"name": self.corpus},
            "scale": asdict(self.settings) | {"name": self.scale},
            "seed": self.seed,
        }
        versions = {name: importlib.metadata.version(name) for name in PACKAGES.split()}
        # processors with other vector instructions add up in another order
        simd = np.show_config("dicts")["SIMD Extensions"].get("found", ["none"])[-1]
        hardware = {"machine": platform.machine(), "system": platform.system(), "simd": simd}
        manifest[stage] = entries | {
            "commit": commit(),
            "lock": files.file_digest(REPOSITORY / "requirements.lock"),
            "versions": versions | {"python": platform.python_version()},
            "hardware": hardware | {"cores": os.cpu_count()},
        }
        self.write_text("manifest.json", json.dumps(manifest, indent=1, sort_keys=True) + "\n")

    def forget(self) -> None:
        """Remove what makes its steps count as finished, so that they run again (`--fresh`)."""
        for marker in self.private.glob("*.done"):
            marker.unlink()
        shutil.rmtree(self.private / "trainer", ignore_errors=True)


def _settings(part: experiments.Arm | experiments.Preparation) -> dict:
    return {key: value for key, value in asdict(part).items() if key not in NO_SETTINGS}


def scores_path(folder: Path, split: str) -> Path:
    """The scores of a run on a split: metrics.json for test, metrics_<split>.json else."""
    return folder / ("metrics.json" if split == "test" else f"metrics_{split}.json")


def labels_path(folder: Path, split: str) -> Path:
    """The labels of a run's reports: labels_per_study.csv for test, with the split's name else."""
    return folder / ("labels_per_study.csv" if split == "test" else f"labels_per_study_{split}.csv")
