"""Saved figures: each is a function of the run that names the study, and of saved tables.
`build.FIGURES` calls them.
"""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from mrg_r1_lib.corpora import data_card
from mrg_r1_lib.corpora.splits import load_split, load_studies
from mrg_r1_lib.reporting import corpus_tables, figures, reward_scores, tables
from mrg_r1_lib.reporting.ablations import PAPER, reward_arms
from mrg_r1_lib.reporting.logs import WINDOW, training_logs, validation_logs
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.privacy import quotable

CURVES = {  # columns of SRL's training log -> what a figure calls them
    "reward": "weighted reward",
    "kl": "KL to SFT",
    "entropy": "entropy",
    "completions/mean_length": "tokens",
    "frac_reward_zero_std": "equal groups",
}
EVALUATIONS = {  # columns of the validation log -> the same
    "f1": "F1 (micro, 13)",
    "precision": "precision",
    "recall": "recall",
    "negatives": "negatives per report",
}
SHEET = 24  # radiographs of the contact sheet


def method_overview(run: Run) -> Figure:
    """The method with the run's rewards, group size and KL weight."""
    return figures.method_overview(
        run.recipe.rewards, run.group_size, run.recipe.beta, note=run.note
    )


def reward_gallery(run: Run, table: pd.DataFrame) -> Figure:
    """`table`: a row per made-up report, a column per reward, as notebook 00 makes it."""
    return figures.heatmap(
        table.astype(float), "score of each reward for each report", note="made-up reports"
    )


def margin_curve(run: Run, table: pd.DataFrame) -> Figure:
    """`table`: columns margin, report, reward, as notebook 00 makes it."""
    return figures.margin_curve(table)


def data_flow(run: Run) -> Figure:
    """What is left of the corpus at each filter, and the splits."""
    counts = data_card.filter_counts(load_studies(run.corpus, run.settings))
    return figures.flow(counts, note=run.note)


def contact_sheet(run: Run) -> Figure:
    """Radiographs of training studies whose index terms assert something."""
    studies = load_split(run.corpus, "train", run.settings)
    marked = [
        study for study in studies if any(term.observations for term in study.index_terms or ())
    ]
    shown = quotable(run.corpus, marked[:SHEET])
    titles = [
        "\n".join(dict.fromkeys(name for term in study.index_terms for name in term.observations))
        for study in shown
    ]
    return figures.contact_sheet([study.images[0]() for study in shown], titles, note=run.note)


def prevalence_by_split(run: Run, prevalence: pd.DataFrame) -> Figure:
    """How often each observation is positive, from the table `prevalence`."""
    return figures.prevalence(prevalence, note=run.note)


def impression_agreement(run: Run) -> Figure:
    """F1 between readings of the same IMPRESSIONs."""
    _, texts = corpus_tables.impression_readings(run)
    title = f"agreement of two readings of {len(texts):,} IMPRESSIONs (F1)"
    return figures.heatmap(corpus_tables.impression_agreement(run), title, note=run.note)


def validation(arm: str) -> Callable[[Run], Figure]:
    """The validation curve of a supervised arm, of the run's seed."""

    def draw(run: Run) -> Figure:
        log = validation_logs(run, (arm,))
        return figures.validation_curve(log[log["seed"] == run.seed], note=run.note)

    return draw


def main_scores(run: Run, scores: pd.DataFrame) -> Figure:
    """The primary measure of the default study's arms, from the table `scores`."""
    shown = tables.main_study(scores, run.settings.arms)
    return figures.main_scores(shown, note=scored(run, scores))


def precision_recall(run: Run, scores: pd.DataFrame) -> Figure:
    """Without the reference, which stands at (1, 1), and the twins, which stand near (0, 0)."""
    shown = tables.main_study(scores, run.settings.arms)
    shown = shown[(shown["kind"] != "images shuffled") & (shown["arm"] != "reference")]
    return figures.precision_recall(shown, note=scored(run, scores))


def observation_f1(run: Run, intervals: pd.DataFrame) -> Figure:
    """F1 of each observation, from the table `observation_intervals`."""
    return figures.observation_f1(intervals, note=scored(run, intervals))


def ablation_forest(run: Run, ablations: pd.DataFrame) -> Figure:
    """Each arm's difference to the paper's, from the table `ablations`."""
    title = f"CE micro-F1 (13), difference to MCCS, 95 % interval ({run.scale})"
    return figures.forest(ablations, title, note=scored(run, ablations))


def reward_heatmap(run: Run, table: pd.DataFrame) -> Figure:
    """Each arm's reports under each reward, from the table `reward_scores`."""
    shown = tables.labelled(table.set_index("arm").drop(columns="split"))
    title = "score of each arm's held-out reports under each reward"
    return figures.heatmap(shown, title, note=scored(run, table), digits=3)


def seed_curves(run: Run) -> Figure:
    """Training of SFT and of the scale's first arm, seed by seed."""
    arm = run.settings.arms[0]
    sft, srl = (validation_logs(run, (each,)) for each in ("sft", arm))
    panels = {
        "SFT: validation loss": (sft, "epoch", "loss"),
        "SFT: validation F1": (sft, "epoch", "f1"),
        "SRL: weighted reward": (training_logs(run, (arm,)), "step", "reward"),
        "SRL: validation F1": (srl, "step", "f1"),
    }
    return figures.seed_curves(panels, note=run.note, window=WINDOW)


def srl_curves(run: Run) -> Figure:
    """Training logs of the arms with other rewards."""
    arms = reward_arms(run)
    log = training_logs(run, arms)
    return figures.by_arm(log, "step", CURVES, arms, [PAPER], note=run.note, window=WINDOW)


def validation_curves(run: Run) -> Figure:
    """The validation split along training, of the same arms and the control."""
    arms, beside = reward_arms(run), ["sft_continued", PAPER]
    log = validation_logs(run, ("sft_continued", *arms))
    note = f"{run.note}; validation split"
    return figures.by_arm(log, "share", EVALUATIONS, arms, beside, note=note)


def reward_hacking(run: Run) -> Figure:
    """Each arm's own reward and the F1 of its sampled reports along training."""
    closed = reward_scores.gap_closed(run, window=min(25, run.settings.srl.steps // 2))
    return figures.reward_hacking(closed, note=f"{run.note}; sampled training reports")


def scored(run: Run, table: pd.DataFrame) -> str:
    """The note of a figure of scores: what is real and drawn, scale and split."""
    return f"{run.note}; {run.scale} scale, {table['split'].iloc[0]} split"
