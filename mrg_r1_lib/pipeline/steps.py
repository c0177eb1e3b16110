"""One step of a study: a notebook that papermill executes for a run, or the final evaluation.

A step is executed whole or not at all. It is skipped while what it made is there and the settings
of its run are those of its marker. Executed copies go to `<results>/<scale>/notebooks` (seed 0 of
the main runs) or beside the run.
"""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from mrg_r1_lib.runs.code import commit
from mrg_r1_lib.runs.private_texts import private_texts
from mrg_r1_lib.runs.run import Run, scores_path
from mrg_r1_lib.storage.files import write_text
from mrg_r1_lib.storage.paths import REPOSITORY, results_root
from mrg_r1_lib.storage.privacy import require_unquoted

NOTEBOOKS = REPOSITORY / "notebooks"
METHOD, DATA = "00_method_on_one_study", "01_data_preparation"
SFT, SRL = "02_supervised_finetuning", "03_semantic_reinforcement_learning"
ABLATIONS, TABLES = "04_reward_ablations", "05_tables_and_figures"
FINAL = "final"  # no notebook: it scores the test split


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
        folder = os.path.relpath(self.run.results, NOTEBOOKS)
        named = {"EXPERIMENT": self.run.experiment, "SCALE": self.run.scale}
        return named | {"SEED": self.run.seed, "RESULTS": folder}

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
    """The settings that a finished step depends on; names that are only printed are none."""
    settings = step.run.settings
    beside = {"judge": settings.judge, "resamples": settings.resamples}
    return {"settings": step.run.described()} | beside


def finished_at(step: Step) -> str | None:
    """The commit at which a step finished; None unless its settings are the present ones."""
    if not (step.marker.exists() and step.output.exists()):
        return None
    marked = json.loads(step.marker.read_text(encoding="utf-8"))
    return marked.get("commit") if marked["state"] == state(step) else None


def execute(step: Step, parameters: dict | None = None) -> float:
    """Execute one step and return the seconds; a notebook's copy appears when all cells ran.

    The kernel starts in the present folder, which must be the notebooks' (RESULTS is relative to
    it). ValueError names an unknown notebook or parameter; RuntimeError the step, cell and error.
    """
    started = time.monotonic()
    step.run.make_private()
    if step.notebook == FINAL:
        command = [sys.executable, "-m", "mrg_r1_lib.evaluation.final", step.run.scale]
        command += ["--corpus", step.run.corpus, "--results", str(step.run.results)]
        if subprocess.run(command, check=False).returncode:
            raise RuntimeError(f"The final evaluation failed, as said above: {step.command()}")
    else:
        publish(_execute_notebook(step, step.parameters | (parameters or {})), step)
    write_text(step.marker, json.dumps({"state": state(step), "commit": commit()}))
    return time.monotonic() - started


def _execute_notebook(step: Step, values: dict) -> Path:
    source = NOTEBOOKS / f"{step.notebook}.ipynb"
    names = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
    if step.notebook not in names:
        known = ", ".join(names)
        raise ValueError(f"Unknown notebook {step.notebook!r}; known notebooks: {known}.")
    parameters = papermill.inspect_notebook(source)
    for name in values:
        if name not in parameters:
            known = ", ".join(parameters)
            raise ValueError(f"{step.notebook} has no parameter {name!r}; its parameters: {known}.")
    draft = step.run.private / f"{step.notebook}.draft.ipynb"
    quiet = ["--log-level=ERROR"]  # a reader cannot act on what a kernel says of its socket
    shown = {"stderr_file": sys.stderr, "extra_arguments": quiet}  # the progress of long cells
    try:
        papermill.execute_notebook(source, draft, values, kernel_name="python3", **shown)
    except (PapermillExecutionError, DeadKernelError) as error:
        reason = "the kernel was killed, most often for want of memory: close what else runs"
        if isinstance(error, PapermillExecutionError):
            reason = (
                f"cell {error.cell_index + 1} of its executed copy: {error.ename}: {error.evalue}"
            )
        raise RuntimeError(
            f"{source.relative_to(REPOSITORY)} failed in {reason}\n"
            f"That copy, with the traceback: {draft}\n"
            f"To go on, run the same command again: finished steps are skipped. This step alone:\n"
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
    notebook.metadata.pop("papermill", None)
    above = os.path.relpath(REPOSITORY, step.output.parent).replace(os.sep, "/")
    for cell in notebook.cells:
        if cell.cell_type == "markdown":  # sources link to the library as ../mrg_r1_lib
            cell.source = cell.source.replace("](../", f"]({above}/")
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"  # papermill's is random
        for key in ("papermill", "execution"):
            cell.metadata.pop(key, None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.output_type not in dropped]
    if private:
        sources = [cell.source for cell in notebook.cells]
        require_unquoted(step.output, _shown_texts(notebook), sources, private_texts(step.run))
    write_text(step.output, _without_paths(nbformat.writes(notebook) + "\n", step))
    draft.unlink()


def _without_paths(text: str, step: Step) -> str:
    """The notebook without this machine's paths: a results folder may carry a user's name."""
    relative = step.parameters["RESULTS"]
    if relative.count("/") > 1:  # not the sources' own "../results"
        text = text.replace(relative, "<results>")
    places = {REPOSITORY: "<repository>", step.run.results: "<results>", Path.home(): "<home>"}
    for path in sorted(places, key=lambda path: -len(str(path))):
        text = text.replace(str(path), places[path]) if len(path.parts) > 1 else text
    return text


def _shown_texts(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Every output of a notebook as text, but for pictures."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        yield from output.get("traceback", [])
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield data if isinstance(data, str) else json.dumps(data)
