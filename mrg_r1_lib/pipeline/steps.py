"""One step of the study: a notebook executed by papermill for a run, whole or not at all, and skipped once it has finished.

A step has finished with the state that its marker holds: settings, notebook source, library source. Executed copies go to
`<results>/<scale>/notebooks` (seed 0 of the main runs) or beside the run.
"""

import json
import os
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.experiments import load_scale
from mrg_r1_lib.pipeline.sources import library_digest
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import file_digest, write_text
from mrg_r1_lib.storage.paths import REPOSITORY, results_root
from mrg_r1_lib.storage.privacy import is_credentialed, require_unquoted

NOTEBOOKS = REPOSITORY / "notebooks"


@dataclass(frozen=True)
class Step:
    """One execution of a notebook for a run."""

    notebook: str
    run: Run

    @property
    def output(self) -> Path:
        """Where the executed copy goes."""
        main = (
            self.run.experiment.endswith(load_scale(self.run.scale).arms[0]) and self.run.seed == 0
        )
        folder = self.run.summary / "notebooks" if main else self.run.private
        return folder / f"{self.notebook}.ipynb"

    @property
    def parameters(self) -> dict:
        return {
            "EXPERIMENT": self.run.experiment,
            "SCALE": self.run.scale,
            "SEED": self.run.seed,
            "RESULTS": os.path.relpath(self.run.results, NOTEBOOKS),
        }

    def __str__(self) -> str:
        return f"{self.notebook} {self.run.experiment} {self.run.scale} seed {self.run.seed}"

    def command(self) -> str:
        """The command that runs this step alone."""
        named = self.parameters | {"RESULTS": self.run.results}
        if self.run.results == results_root():
            del named["RESULTS"]
        return shlex.join(
            [
                "./run_all.sh",
                "notebook",
                self.notebook,
                *(f"{key}={value}" for key, value in named.items()),
            ]
        )


def state(step: Step) -> dict:
    """What a finished step depends on: settings, notebook source, library source."""
    return {
        "settings": step.run.fingerprint(),
        "notebook": file_digest(NOTEBOOKS / f"{step.notebook}.ipynb"),
        "library": library_digest(),
    }


def marker(step: Step) -> Path:
    """The file that says with which state a step has finished, and in how many seconds."""
    return step.run.private / f"{step.notebook}.done"


def finished(step: Step) -> bool:
    """Whether the step has finished in its present state and its executed copy is there."""
    path = marker(step)
    return (
        path.exists()
        and step.output.exists()
        and json.loads(path.read_text())["state"] == state(step)
    )


def execute(step: Step, parameters: dict | None = None) -> float:
    """Execute one notebook and return the seconds; the executed copy takes its place only when all cells ran.

    Its kernel starts in the present folder, which must be the notebooks' (`RESULTS` is relative to it).
    ValueError names a parameter that the notebook does not have; RuntimeError names notebook, cell and error.
    """
    source = NOTEBOOKS / f"{step.notebook}.ipynb"
    if not source.exists():
        known = ", ".join(sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")))
        raise ValueError(f"Unknown notebook {step.notebook!r}; known notebooks: {known}.")
    values = step.parameters | (parameters or {})
    known = papermill.inspect_notebook(source)
    unknown = [name for name in values if name not in known]
    if unknown:
        raise ValueError(
            f"{step.notebook} has no parameter {unknown[0]!r}; its parameters: {', '.join(known)}."
        )
    draft = step.run.make_private() / f"{step.notebook}.draft.ipynb"
    started = time.monotonic()
    try:
        papermill.execute_notebook(
            source,
            draft,
            values,
            kernel_name="python3",
            stderr_file=sys.stderr,  # progress of long cells, live
            extra_arguments=[
                "--log-level=ERROR"
            ],  # a kernel's word on its socket is of no use to a reader
        )
    except PapermillExecutionError as error:
        raise RuntimeError(
            f"{source.relative_to(REPOSITORY)} failed in cell {error.cell_index + 1} of its executed copy: "
            f"{error.ename}: {error.evalue}\n"
            f"That copy, with the traceback: {draft}\n"
            f"To go on after mending it, run the same command again: finished steps are skipped. This step alone:\n"
            f"  {step.command()}"
        ) from None
    except DeadKernelError:
        raise RuntimeError(
            f"{source.relative_to(REPOSITORY)}: its kernel was killed, most often for want of memory. Close what "
            f"else runs, then run the same command again: finished steps are skipped. This step alone:\n  {step.command()}"
        ) from None
    seconds = time.monotonic() - started
    publish(draft, step)
    write_text(marker(step), json.dumps({"state": state(step), "seconds": seconds}))
    return seconds


def publish(draft: Path, step: Step) -> None:
    """Move an executed notebook to its place, without what was printed or logged, and times and paths of this machine.

    Its links into the repository, relative to the sources, are made relative to that place.
    Of a credentialed corpus only the value of a cell's last expression is kept, not what libraries display on their own (TRL
    its completions). PermissionError, and the draft stays where git ignores it, if that still shows text or ids.
    """
    private = is_credentialed(step.run.corpus) and step.output.parent != step.run.private
    dropped = {"stream", "display_data"} if private else {"stream"}
    notebook = nbformat.read(draft, as_version=4)
    notebook.metadata.pop("papermill", None)
    above = os.path.relpath(REPOSITORY, step.output.parent).replace(
        os.sep, "/"
    )  # sources link to the library as ../mrg_r1_lib
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = cell.source.replace("](../", f"]({above}/")
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.id = "injected-parameters"  # papermill's is random
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.output_type not in dropped]
    if private:
        sources = [cell.source for cell in notebook.cells]
        require_unquoted(step.output, shown_texts(notebook), sources, private_texts(step.run))
    text = nbformat.writes(notebook) + "\n"
    write_text(step.output, text.replace(str(REPOSITORY), "<repository>"))
    draft.unlink()


def shown_texts(notebook: nbformat.NotebookNode) -> Iterator[str]:
    """Every output of a notebook as text, but for pictures."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        yield from output.get("traceback", [])
        for kind, data in output.get("data", {}).items():
            if not kind.startswith("image/"):
                yield data if isinstance(data, str) else json.dumps(data)


def private_texts(run: Run) -> Iterator[str]:
    """The reports of the run's corpus and all completions that policies trained on it have written, one at a time."""
    for study in load_corpus(run.preparation.corpus):
        yield study.findings
        yield study.impression
    for path in (run.results / "runs" / run.scale / run.corpus).rglob("completions_*.json"):
        yield from json.loads(path.read_text(encoding="utf-8"))
