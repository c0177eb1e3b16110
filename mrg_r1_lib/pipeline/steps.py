"""One step of a study: a notebook that papermill executes for a run, or the final evaluation.

A step is executed whole or not at all. It is skipped while what it made is there and the settings
of its run are those of its marker. Executed copies go to `<results>/<scale>/notebooks` (seed 0 of
the main runs) or beside the run.
"""

import json
import os
import shlex
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from urllib.parse import quote

import nbformat
import papermill
import psutil
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.runs.code import commit
from mrg_r1_lib.runs.run import Run, scores_path
from mrg_r1_lib.storage.files import read_marker, write_text
from mrg_r1_lib.storage.paths import REPOSITORY, data_root, results_root
from mrg_r1_lib.storage.privacy import require_unquoted
from mrg_r1_lib.training.progress import call, standard_error

NOTEBOOKS = REPOSITORY / "notebooks"
METHOD, DATA = "00_method_on_one_study", "01_data_preparation"
SFT, SRL = "02_supervised_finetuning", "03_semantic_reinforcement_learning"
ABLATIONS, TABLES = "04_reward_ablations", "05_tables_and_figures"
FINAL = "final"  # no notebook: it scores the sealed sets


@dataclass(frozen=True)
class Step:
    """One execution of a notebook for a run; FINAL scores all runs of that run's study."""

    notebook: str
    run: Run

    @property
    def output(self) -> Path:
        """The executed copy; of FINAL the run's test scores."""
        if self.notebook == FINAL:
            return scores_path(self.run.folder, "test")
        main = self.run.arm == self.run.settings.arms[0] and self.run.seed == 0
        folder = self.run.summary / "notebooks" if main else self.run.private
        return folder / f"{self.notebook}.ipynb"

    @property
    def marker(self) -> Path:
        """The file that says with which settings the step has finished, and at which commit."""
        return self.run.private / f"{self.notebook}.done"

    @property
    def parameters(self) -> dict:
        """What papermill injects."""
        named = {"EXPERIMENT": self.run.experiment, "SCALE": self.run.scale, "SEED": self.run.seed}
        return named | {"RESULTS": os.path.relpath(self.run.results, NOTEBOOKS)}

    def __str__(self) -> str:
        return f"{self.notebook} {self.run.experiment} {self.run.scale} seed {self.run.seed}"

    def command(self) -> str:
        """The command that runs this step alone."""
        here = self.run.results == results_root()
        named = self.parameters | {"RESULTS": self.run.results}
        words = [f"{key}={value}" for key, value in named.items() if key != "RESULTS" or not here]
        words = ["notebook", self.notebook, *words]
        if self.notebook == FINAL:
            words = ["final", self.run.scale, "--corpus", self.run.corpus]
            words += [] if here else ["--results", str(self.run.results)]
        return shlex.join(["./run_all.sh", *words])


def state(step: Step) -> dict:
    """What a finished step depends on: settings, but for names that are only printed; of tables
    also which scores are there.
    """
    run, scale = step.run, step.run.settings
    made = {"settings": run.described(), "judge": scale.judge, "resamples": scale.resamples}
    if step.notebook in (ABLATIONS, TABLES):
        made["scores"] = sorted(map(str, run.folder.parents[1].glob("*/seed*/metrics*.json")))
    return made


def finished_at(step: Step) -> str | None:
    """The commit at which a step finished; None if settings have changed or a file is damaged."""
    marked = read_marker(step.marker)
    same = step.output.exists() and marked.get("state") == state(step)
    whole = same and not any(run.damaged() for run in _runs(step))
    return marked.get("commit") if whole else None


def _runs(step: Step) -> Iterator[Run]:
    """The runs that a step makes or starts from, and their twins; those of 00 and 01 are baselines.

    Later steps follow when one of them is damaged.
    """
    arms = [run.arm for run in step.run.chain]
    if step.notebook in (METHOD, DATA):
        arms = [arm for arm, each in ARMS.items() if each.stage == "baseline"]
    yield from (step.run.of_arm(arm) for arm in ARMS if arm.removesuffix("_shuffled") in arms)


def execute(step: Step, parameters: dict | None = None) -> float:
    """Execute one step and return the seconds; a notebook's copy appears when all cells ran.

    The kernel starts in the present folder, which must be the notebooks' (RESULTS is relative to
    it). ValueError names an unknown notebook or parameter; RuntimeError the step, cell and error.
    """
    started = time.monotonic()
    values = step.parameters | (parameters or {})
    if step.notebook == FINAL:
        command = [sys.executable, "-m", "mrg_r1_lib.evaluation.final", step.run.scale]
        command += ["--corpus", step.run.corpus, "--results", str(step.run.results)]
        if call(command):
            raise RuntimeError(f"The final evaluation failed, as said above: {step.command()}")
    else:
        require_notebook(step.notebook, values)
        publish(_execute_notebook(step, values), step)
    write_text(step.marker, json.dumps({"state": state(step), "commit": commit()}))
    return time.monotonic() - started


def require_notebook(notebook: str, values: Collection[str]) -> None:
    """ValueError for a name that is no notebook of the study, or no parameter of that notebook."""
    known = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    if notebook not in known:
        raise ValueError(f"Unknown notebook {notebook!r}; known notebooks: {', '.join(known)}.")
    known = papermill.inspect_notebook(NOTEBOOKS / f"{notebook}.ipynb")
    if wrong := [name for name in values if name not in known]:
        known = ", ".join(known)
        raise ValueError(f"{notebook} has no parameter {wrong[0]!r}; its parameters: {known}.")


def _execute_notebook(step: Step, values: dict) -> Path:
    source = NOTEBOOKS / f"{step.notebook}.ipynb"
    draft = step.run.make_private() / f"{step.notebook}.draft.ipynb"
    # progress of long cells and of the notebook; nobody can act on what a kernel says of its socket
    shown = {"stderr_file": standard_error(), "progress_bar": sys.stderr.isatty()}
    kernel = {"kernel_name": "python3", "extra_arguments": ["--log-level=ERROR"]}
    addresses = {each.address for device in psutil.net_if_addrs().values() for each in device}
    if "127.0.0.1" not in addresses:  # a machine without loopback: through files instead
        kernel["config"] = Config(KernelManager={"transport": "ipc"})
    try:
        papermill.execute_notebook(source, draft, values, **kernel, **shown)
    except (PapermillExecutionError, DeadKernelError, OSError) as error:
        reason = f"could not be written: {error}"  # a full disk
        if isinstance(error, DeadKernelError):
            reason = "failed: its kernel was killed, mostly for want of memory: close programs"
        elif isinstance(error, PapermillExecutionError):
            # papermill puts two cells of its own before it
            where = f"cell {error.cell_index + 3} of its executed copy"
            reason = f"failed in {where}: {error.ename}: {error.evalue}"
        raise RuntimeError(
            f"{source.relative_to(REPOSITORY)} {reason}\n"
            f"That copy, with the traceback: {draft}\n"
            "To go on, run the same command, without --fresh. This step alone:\n"
            f"  {step.command()}"
        ) from None
    return draft


def publish(draft: Path, step: Step) -> None:
    """Move an executed notebook to its place, without printed text, times and paths of here.

    Its links into the repository are made relative to that place. Of a guarded corpus only the
    value of a cell's last expression is kept, not what libraries display (TRL its completions).
    PermissionError, and the draft stays where git ignores it, if that still shows text or ids.
    """
    private = not step.run.preparation.public and step.output.parent != step.run.private
    dropped = {"stream", "display_data"} if private else {"stream"}
    notebook = nbformat.read(draft, as_version=4)
    above = os.path.relpath(REPOSITORY, step.output.parent).replace(os.sep, "/")
    above = above if step.output.is_relative_to(REPOSITORY) else "<repository>"
    for part, key in product((notebook, *notebook.cells), ("papermill", "execution", "widgets")):
        part.metadata.pop(key, None)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":  # sources link to the library as ../mrg_r1_lib
            cell.source = cell.source.replace("](../", f"]({above}/")
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"  # papermill's is random
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.output_type not in dropped]
    if private:
        sources = [cell.source for cell in notebook.cells]
        # notebook 00 reads the public IU X-Ray alone, whose phrases other reports share
        texts = () if step.notebook == METHOD else step.run.private_texts()
        require_unquoted(step.output, _shown_texts(notebook), sources, texts)
    write_text(step.output, _without_paths(nbformat.writes(notebook) + "\n", step))
    draft.unlink()


def _without_paths(text: str, step: Step) -> str:
    """The notebook without this machine's paths: a results folder may carry a user's name."""
    relative = step.parameters["RESULTS"]
    if "/" in relative and relative != "../results":  # which the sources say, too
        text = text.replace(relative, "<results>")
    places = {REPOSITORY: "<repository>", data_root(): "<data>", Path.home(): "<home>"}
    places |= {step.run.results: "<results>", step.run.results.resolve(): "<results>"}
    for path in sorted(places, key=lambda path: -len(str(path))):
        for spelled in (str(path), quote(str(path)), ascii(str(path))[1:-1]):
            spelled = json.dumps(spelled, ensure_ascii=False)[1:-1]
            text = text.replace(spelled, places[path]) if len(path.parts) > 1 else text
    return text


def _shown_texts(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Every output of a notebook as text, but for pictures."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        yield from output.get("traceback", [])
        for kind, data in output.get("data", {}).items():
            if kind not in ("image/png", "image/jpeg"):
                yield data if isinstance(data, str) else json.dumps(data)
