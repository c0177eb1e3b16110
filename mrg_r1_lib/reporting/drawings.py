"""Saved figures: each is a function of the run that names the study, and of saved tables.
`build.FIGURES` calls them.
"""

from collections.abc import Callable

import pandas as pd
from matplotlib.figure import Figure

from mrg_r1_lib.corpora import data_card
from mrg_r1_lib.corpora.splits import load_split, load_studies
from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.reporting import corpus_tables, figures, reward_scores, tables
from mrg_r1_lib.reporting.ablations import PAPER
from mrg_r1_lib.reporting.logs import WINDOW, training_logs, validation_logs
from mrg_r1_lib.reporting.needed import missing
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.privacy import quotable

CURVES = {  # columns of SRL's training log -> what a figure calls them
    "reward": "weighted reward",
    "kl": "KL to SFT",
    "entropy": "entropy",
    "completions/mean_length": "tokens per report",
    "frac_reward_zero_std": "equal groups",
}
EVALUATIONS = {  # columns of the validation log -> the same
    "f1": "F1 (micro, 13)",
    "precision": "precision",
    "recall": "recall",
    "negatives": "denials per report",
}
SHEET = 24  # radiographs of the contact sheet
LEXICAL = "lexical reward"  # the section of arms whose reward compares words


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
        log = validation_logs(run, (arm,)).query("seed == @run.seed")
        if log.empty:
            raise missing(run, f"{arm} has no validation log of seed {run.seed}")
        return figures.validation_curve(log, note=run.note)

    return draw


def main_scores(run: Run, scores: pd.DataFrame) -> Figure:
    """The primary measure of the default study's arms and the run's, from the table `scores`."""
    shown = tables.main_study(scores, _shown(run))
    return figures.main_scores(shown, note=scored(run, scores))


def precision_recall(run: Run, scores: pd.DataFrame) -> Figure:
    """Without the reference, which stands at (1, 1), and the twins, which stand near (0, 0)."""
    shown = tables.main_study(scores, _shown(run))
    shown = shown[(shown["kind"] != "images shuffled") & (shown["arm"] != "reference")]
    return figures.precision_recall(shown, note=scored(run, scores))


def observation_f1(run: Run, intervals: pd.DataFrame) -> Figure:
    """F1 of each observation, from the table `observation_intervals`."""
    if intervals.empty:
        raise missing(run, f"SFT and {run.settings.arms[0]} have no scores of one seed")
    return figures.observation_f1(intervals, note=scored(run, intervals))


def ablation_forest(run: Run, ablations: pd.DataFrame) -> Figure:
    """Each arm's difference to the paper's, from the table `ablations`."""
    title = "clinical F1 (micro, 13): difference to MCCS, 95 % interval"
    return figures.forest(ablations, title, note=scored(run, ablations))


def reward_heatmap(run: Run, table: pd.DataFrame) -> Figure:
    """What each arm's reports gained over SFT's of the same seeds under each reward, from the
    table `reward_scores`, the number of seeds behind each name; the highest F1 first.
    """
    if table.empty:
        raise missing(run, "No finetuned arm has scores")
    values = table.set_index("arm").drop(columns="split")
    start = values[values.index == "sft"].set_index("seeds")
    others = values[values.index != "sft"]
    shown = others.drop(columns="seeds") - start.loc[others["seeds"]].to_numpy()
    shown = shown.sort_values("f1", ascending=False)
    counts = others["seeds"].astype(str).str.split().str.len()
    shown.index = [f"{tables.label(arm)} ({counts[arm]})" for arm in shown.index]
    title = "held-out reports: change of each score against SFT"
    return figures.changes(shown, title, note=scored(run, table))


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
    """Training logs of the scale's arms and the run's own."""
    log = training_logs(run, _shown(run))
    arms = [arm for arm in _shown(run) if arm in set(log["arm"])]
    return figures.by_arm(log, "step", CURVES, arms, [PAPER], note=run.note, window=WINDOW)


def validation_curves(run: Run) -> Figure:
    """The validation split along training, of the same arms and the control."""
    beside, note = ["sft_continued", PAPER], f"{run.note}; validation split"
    log = validation_logs(run, ("sft_continued", *_shown(run)))
    arms = [arm for arm in _shown(run) if arm in set(log["arm"])]
    return figures.by_arm(log, "share", EVALUATIONS, arms, beside, note=note)


def _shown(run: Run) -> list[str]:
    """The reinforced arms of the scale, and the run's own: few, so that panels stay readable."""
    return [arm for arm in dict.fromkeys([*run.settings.arms, run.arm]) if ARMS[arm].stage == "srl"]


def reward_hacking(run: Run) -> Figure:
    """The paper's reward beside rewards of wording: own reward and F1 along training."""
    arms = [PAPER, *(arm for arm, each in ARMS.items() if each.section == LEXICAL)][:3]
    moved = reward_scores.since_start(run, arms, window=min(25, run.settings.srl.steps // 2))
    return figures.reward_hacking(moved, note=f"{run.note}; sampled training reports")


def two_definitions(run: Run) -> Figure:
    """Every finetuned run: micro F1 over 13 and example-based F1 over 14."""
    main = tables.main_table(run).query("metric == 'ce_f1' and uncertain == 'positive'")
    main = main[[ARMS[arm].stage in ("pretrain", "sft", "srl") for arm in main["arm"]]]
    if main.empty:
        raise missing(run, "No policy has scores")
    named = main["average"] + "-" + main["classes"].astype(str)
    wide = main.assign(name=named).pivot(index=["arm", "seed"], columns="name", values="value")
    wide = wide.rename(columns={"micro-13": "micro", "example-14": "example"}).reset_index()
    wide["group"] = wide["arm"].map(_rewarded)
    return figures.two_definitions(wide, note=scored(run, main))


def _rewarded(arm: str) -> str:
    if ARMS[arm].stage != "srl":
        return "no reward"
    return "reward of wording" if ARMS[arm].section == LEXICAL else "reward of findings"


def scored(run: Run, table: pd.DataFrame) -> str:
    """The note of a figure of scores: what is real and drawn, scale and split."""
    return f"{run.note}; {run.scale} scale, {table['split'].iloc[0]} split"
