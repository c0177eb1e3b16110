"""What a notebook needs and what is not there: one sentence with the command that makes it.

A notebook that is run by hand shows that sentence alone, without a traceback.
"""

from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.paths import results_root

# of notebook 02 and of the study, on two cores
MINUTES = {"smoke": (2, 5), "lesson": (4, 10), "laptop": (30, 60)}


class Missing(FileNotFoundError):
    """Something that another notebook makes is not there."""

    def _render_traceback_(self) -> list[str]:  # IPython shows this in the place of a traceback
        return [str(self)]


def missing(run: Run, what: str, final: bool = False) -> Missing:
    """The error that says what is missing and which study makes it; `final`: its test scores."""
    words = ["./run_all.sh", run.scale]
    words += ["--corpus", run.corpus] if run.corpus != run.settings.corpus else []
    words += ["--seeds", str(run.seed)] if run.seed else []
    words += ["--final"] if final else []
    words += ["--results", str(run.results)] if run.results != results_root() else []
    return Missing(_sentence(run, what, " ".join(words), part=1))


def require_policy(run: Run) -> None:
    """Missing names the command of notebook 02 unless the run's policy is trained."""
    if not run.finished("train"):
        words = ["./run_all.sh notebook 02_supervised_finetuning", f"SCALE={run.scale}"]
        words += [f"EXPERIMENT={run.experiment}"] if run.corpus != run.settings.corpus else []
        words += [f"SEED={run.seed}"]
        words += [f"RESULTS={run.results}"] if run.results != results_root() else []
        what = f"The policy {run.arm} of seed {run.seed}, scale {run.scale}, is not trained here"
        raise Missing(_sentence(run, what, " ".join(words), part=0))


def _sentence(run: Run, what: str, command: str, part: int) -> str:
    known = run.scale in MINUTES and run.corpus == run.settings.corpus
    time = f"in about {MINUTES[run.scale][part]} minutes" if known else "(time not measured)"
    return f"{what}: `{command}` makes it {time}; then run this notebook again."
