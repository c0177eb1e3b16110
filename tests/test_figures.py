"""Figures: what they draw, read from the figure's own objects; that they look well is for eyes."""

import numpy as np
import pandas as pd
import pytest
from figure_frames import (
    BLACK,
    COUNTS,
    DIFFERENCES,
    EPOCHS,
    GAPS,
    LOG,
    LOOKS,
    OBSERVATION_ROWS,
    PAIR,
    PREVALENCE,
    SCORES,
    texts,
)
from matplotlib.figure import Figure

from mrg_r1_lib.reporting import figures
from mrg_r1_lib.storage.files import save_figure

REAL_AND_DRAWN = {
    "by_system": lambda: figures.by_system(LOOKS, "share", {"f1": "F1"}, ["a", "b"], ["b"]),
    "contact_sheet": lambda: figures.contact_sheet([BLACK], ["one"]),
    "flow": lambda: figures.flow(COUNTS),
    "forest": lambda: figures.forest(DIFFERENCES, "difference"),
    "hacking": lambda: figures.hacking(GAPS),
    "main_scores": lambda: figures.main_scores(SCORES),
    "margin_curve": lambda: figures.margin_curve(
        pd.DataFrame({"margin": [0.0, 0.3], "reward": [0.5, 0.2], "report": "x"})
    ),
    "method_overview": lambda: figures.method_overview(
        {"mccs": 0.75, "report_tags": 0.25}, 8, 0.04
    ),
    "observation_f1": lambda: figures.observation_f1(OBSERVATION_ROWS),
    "over_seeds": lambda: figures.over_seeds({"F1": (LOOKS[LOOKS["system"] == "a"], "step", "f1")}),
    "precision_recall": lambda: figures.precision_recall(PAIR),
    "prevalence": lambda: figures.prevalence(PREVALENCE),
    "qualitative": lambda: figures.qualitative(
        [BLACK], ["CXR1"], ["normal"], {"SFT": ["Clear."]}, np.zeros((1, 14), dtype=int)
    ),
    "report_lengths": lambda: figures.report_lengths({"FINDINGS": [3, 8, 20]}),
    "studies_with_reports": lambda: figures.studies_with_reports(
        [BLACK], ["CXR1"], ["normal"], ["Clear."]
    ),
    "training_curves": lambda: figures.training_curves(LOG, {"loss": "loss"}),
    "validation_curve": lambda: figures.validation_curve(EPOCHS),
}


def test_every_figure_is_listed_here():
    no_figure = {"NOTE", "telling_studies"}
    assert set(REAL_AND_DRAWN) == set(figures.__all__) - no_figure - {
        "heatmap"
    }  # a heatmap's caller gives the note


@pytest.mark.parametrize("name", REAL_AND_DRAWN)
def test_every_figure_says_in_the_picture_what_is_real_or_drawn(name):
    figure = REAL_AND_DRAWN[name]()
    assert isinstance(figure, Figure)
    assert "real" in figure.get_supxlabel() or "drawn" in figure.get_supxlabel()


def test_the_flow_shows_what_remains_what_leaves_and_the_splits():
    shown = texts(figures.flow(COUNTS))
    for text in ("1,200", "1,000", "200 left out", "none", "700", "train, 70%", "test, 20%"):
        assert text in shown
    assert "0 left out" not in shown


def test_prevalence_has_a_panel_a_source_and_the_most_frequent_observation_on_top():
    table = PREVALENCE.copy()
    table.loc[table["observation"] == "Edema", ["share", "low", "high"]] = [1.0, 0.9, 1.0]
    figure = figures.prevalence(table)
    assert [axis.get_title() for axis in figure.axes] == ["index", "labeler"]
    assert figure.axes[0].get_yticklabels()[0].get_text() == "Edema"


def test_a_share_of_zero_is_shown_at_the_left_edge():
    figure = figures.prevalence(PREVALENCE)
    points = np.concatenate([line.get_xdata() for line in figure.axes[0].lines])
    assert points.min() == figure.axes[0].get_xlim()[0]


def test_the_chosen_epoch_is_marked_in_both_panels():
    figure = figures.validation_curve(EPOCHS)
    assert {"chosen: epoch 2, 1.50", "chosen: epoch 2, 0.40"} <= set(texts(figure))


def test_without_a_chosen_epoch_nothing_is_marked():
    assert not [
        text
        for text in texts(figures.validation_curve(EPOCHS.drop(columns="chosen")))
        if "chosen" in text
    ]


def test_main_scores_keep_the_order_and_print_values_and_the_note():
    figure = figures.main_scores(SCORES, note="smoke: says nothing")
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == SCORES[
        "system"
    ].tolist()
    assert {"0.50", "0.40 to 0.60", "0.80"} <= set(texts(figure))
    assert figure.get_supxlabel() == "smoke: says nothing"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "trivial",
        "policy",
        "ceiling",
    ]


def test_main_scores_name_an_unknown_kind():
    with pytest.raises(
        ValueError, match="kind: 'baseline' is unknown; expected one of trivial, policy"
    ):
        figures.main_scores(SCORES.assign(kind="baseline"))


def test_a_long_report_is_cut_with_an_ellipsis_and_dollars_are_no_mathematics(tmp_path):
    figure = figures.studies_with_reports(
        [BLACK], ["CXR1"], [r"$\frac$"], [r"$\frac$ " + "word " * 200]
    )
    report = next(text for text in texts(figure) if text.endswith("…"))
    assert report.startswith(r"$\frac$ word") and len(report) <= 420
    save_figure(figure, tmp_path / "sheet")


def test_of_a_policy_that_was_adopted_the_panels_say_that_it_was_not_trained():
    empty = pd.DataFrame(columns=["step", "loss", "system", "seed"])
    figure = figures.training_curves(
        empty, {"loss": "loss a token", "mean_token_accuracy": "token accuracy"}
    )
    assert [axis.texts[0].get_text() for axis in figure.axes] == ["not trained here"] * 2


@pytest.mark.parametrize("name", ["method_overview", "by_system", "qualitative"])
def test_a_figure_drawn_twice_is_the_same_file(name, tmp_path):
    for time in ("once", "twice"):
        save_figure(REAL_AND_DRAWN[name](), tmp_path / time)
    for suffix in (".png", ".pdf"):
        assert (tmp_path / f"once{suffix}").read_bytes() == (
            tmp_path / f"twice{suffix}"
        ).read_bytes()
