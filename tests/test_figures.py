"""Figures: what they say and which data they show; that they look well is for eyes."""

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
    RUNS,
    SCORES,
    texts,
)
from matplotlib.figure import Figure

from mrg_r1_lib.reporting import figures
from mrg_r1_lib.reporting.figures.theme import GREY
from mrg_r1_lib.rewards import REWARDS
from mrg_r1_lib.storage.files import save_figure

KINDS = {"Edema.": "right finding", "No edema.": "wrong", "Large edema.": "right finding"}
BY_HAND = pd.DataFrame(
    [
        (reward, step, sentence, 0.3 + 0.1 * step * (sentence == "Edema."))
        for reward in ("mccs", "rouge_l")
        for step in (0, 1)
        for sentence in KINDS
    ],
    columns=["reward", "step", "sentence", "probability"],
)

REAL_AND_DRAWN = {
    "by_arm": lambda: figures.by_arm(LOOKS, "share", {"f1": "F1"}, ["sft", "srl_mccs"], ["sft"]),
    "changes": lambda: figures.changes(
        pd.DataFrame({"mccs": [0.2, -0.1]}, index=["SFT", "x"]), "title", note="real reports"
    ),
    "contact_sheet": lambda: figures.contact_sheet([BLACK], ["one"]),
    "flow": lambda: figures.flow(COUNTS),
    "forest": lambda: figures.forest(DIFFERENCES, "difference"),
    "main_scores": lambda: figures.main_scores(SCORES),
    "margin_curve": lambda: figures.margin_curve(
        pd.DataFrame({"margin": [0.0, 0.3], "reward": [0.5, 0.2], "report": "x"})
    ),
    "method_overview": lambda: figures.method_overview(
        {"mccs": 0.75, "report_tags": 0.25}, 8, 0.04
    ),
    "observation_f1": lambda: figures.observation_f1(OBSERVATION_ROWS),
    "precision_recall": lambda: figures.precision_recall(PAIR),
    "prevalence": lambda: figures.prevalence(PREVALENCE),
    "qualitative": lambda: figures.qualitative(
        [BLACK], ["CXR1"], ["normal"], {"sft": ["Clear."]}, np.zeros((1, 14), dtype=int)
    ),
    "report_lengths": lambda: figures.report_lengths({"FINDINGS": [3, 8, 20]}),
    "reward_hacking": lambda: figures.reward_hacking(GAPS),
    "seed_curves": lambda: figures.seed_curves(
        {"F1": (LOOKS[LOOKS["arm"] == "sft"], "step", "f1")}
    ),
    "sentence_probabilities": lambda: figures.sentence_probabilities(BY_HAND, KINDS),
    "studies_with_reports": lambda: figures.studies_with_reports(
        [BLACK], ["CXR1"], ["normal"], ["Clear."]
    ),
    "training_curves": lambda: figures.training_curves(LOG, {"loss": "loss"}),
    "two_definitions": lambda: figures.two_definitions(RUNS),
    "validation_curve": lambda: figures.validation_curve(EPOCHS),
}


BY_ARM = (
    "by_arm",
    "forest",
    "main_scores",
    "observation_f1",
    "precision_recall",
    "reward_hacking",
    "training_curves",
    "two_definitions",
)


def test_every_figure_is_listed_here():
    others = {"NOTE", "telling_studies", "heatmap"}  # a heatmap's caller gives the note
    assert set(REAL_AND_DRAWN) == set(figures.__all__) - others


@pytest.mark.parametrize("name", REAL_AND_DRAWN)
def test_every_figure_says_in_the_picture_what_is_real_or_drawn(name):
    figure = REAL_AND_DRAWN[name]()
    assert isinstance(figure, Figure)
    assert "real" in figure.get_supxlabel() or "drawn" in figure.get_supxlabel()


@pytest.mark.parametrize("name", BY_ARM)
def test_arms_stand_under_their_labels(name):
    shown = texts(REAL_AND_DRAWN[name]())
    assert any(text.startswith("SFT") for text in shown)
    assert not {"sft", "srl_mccs"} & set(shown)


def test_the_flow_shows_what_remains_what_leaves_and_the_splits():
    shown = texts(figures.flow(COUNTS))
    for text in ("1,200", "1,000", "200", "left out: none", "700", "train, 70%", "test, 20%"):
        assert text in shown
    assert "0" not in shown


def test_the_most_frequent_observation_stands_on_top():
    table = PREVALENCE.copy()
    table.loc[table["observation"] == "Edema", ["share", "low", "high"]] = [1.0, 0.9, 1.0]
    axis = figures.prevalence(table).axes[0]
    assert axis.get_yticklabels()[0].get_text() == "Edema"
    observations = figures.observation_f1(OBSERVATION_ROWS).axes[0]
    names = [name.get_text() for name in observations.get_yticklabels()]
    assert names == ["Fracture (9)", "Edema (3)"]


def test_a_share_of_zero_is_shown_at_the_left_edge():
    axis = figures.prevalence(PREVALENCE).axes[0]
    points = np.concatenate([line.get_xdata() for line in axis.lines])
    assert points.min() == axis.get_xlim()[0]


def test_a_chosen_epoch_is_marked_in_both_panels_and_without_one_nothing_is():
    assert {"chosen: epoch 2, 1.50", "chosen: epoch 2, 0.40"} <= set(
        texts(figures.validation_curve(EPOCHS))
    )
    start = pd.DataFrame({"epoch": [np.nan], "loss": [np.nan], "f1": [0.6], "chosen": [True]})
    kept = pd.concat([start, EPOCHS.assign(chosen=False)])
    marked = [text for text in texts(figures.validation_curve(kept)) if "chosen" in text]
    assert marked == ["chosen: epoch 0, 0.60"]  # the start has no loss
    unmarked = texts(figures.validation_curve(EPOCHS.drop(columns="chosen")))
    assert not [text for text in unmarked if "chosen" in text]


def test_main_scores_put_the_best_first_and_print_values_intervals_and_the_note():
    figure = figures.main_scores(SCORES, note="smoke: says nothing")
    names = [name.get_text() for name in figure.axes[0].get_yticklabels()]
    assert names == ["template from the drawn observations", "SFT", "constant normal report"]
    assert {"0.50", "0.40 to 0.60", "0.80"} <= set(texts(figure))
    assert figure.get_supxlabel() == "smoke: says nothing"


def test_a_policy_with_other_images_is_a_hollow_mark_in_the_policys_row():
    twin = pd.DataFrame([("sft_shuffled", 0.1, 0.0, 0.2, "images shuffled")], columns=list(SCORES))
    axis = figures.main_scores(pd.concat([SCORES, twin])).axes[0]
    assert len(axis.get_yticklabels()) == 3
    (hollow,) = [line for line in axis.lines if line.get_markerfacecolor() == "white"]
    assert (hollow.get_xdata()[0], hollow.get_ydata()[0]) == (0.1, 1)


def test_main_scores_name_an_unknown_kind():
    with pytest.raises(
        ValueError, match="kind: 'other' is unknown; expected one of baseline, policy"
    ):
        figures.main_scores(SCORES.assign(kind="other"))


def test_a_forest_shows_the_rows_that_have_a_difference_with_their_pairs_and_sections():
    figure = figures.forest(DIFFERENCES, "difference")
    names = [name.get_text() for name in figure.axes[0].get_yticklabels()]
    assert names == ["SFT (5)", "SRL, BLEU-4 (2)"]
    assert texts(figure).count("one") == 1 and "two" not in texts(figure)


def test_a_difference_that_may_be_none_is_hollow():
    forest = figures.forest(DIFFERENCES.assign(pairs=3), "difference").axes[0]
    observations = figures.observation_f1(OBSERVATION_ROWS).axes[1]
    for axis, marker in ((forest, "o"), (observations, "s")):
        faces = [line.get_markerfacecolor() for line in axis.lines if line.get_marker() == marker]
        assert [face == "white" for face in faces] == [True, False]


@pytest.mark.parametrize("pairs", [1, 2])
def test_a_difference_of_one_or_two_seeds_is_hollow_and_grey_however_far_from_zero(pairs):
    rows = pd.concat([DIFFERENCES.assign(pairs=3), DIFFERENCES.assign(pairs=pairs)])
    marks = [line for line in figures.forest(rows, "t").axes[0].lines if line.get_marker() == "o"]
    colors = [(line.get_color(), line.get_markerfacecolor()) for line in marks]
    assert colors.count((GREY, "white")) == 2 and len(colors) == 4


def test_each_arm_has_a_column_that_says_how_many_seeds_it_has():
    figure = REAL_AND_DRAWN["by_arm"]()
    assert [axis.get_title() for axis in figure.axes] == ["SFT\n2 seeds", "SRL, MCCS\n1 seed"]


def test_over_seeds_every_seed_is_a_line_beside_their_mean_with_a_ring_where_it_was_chosen():
    *seeds, mean, rings = (
        list(line.get_ydata()) for line in REAL_AND_DRAWN["seed_curves"]().axes[0].lines
    )
    assert seeds == [[0.1, 0.4], [0.2, 0.6]] and rings == [0.4, 0.2]
    assert mean == pytest.approx([0.15, 0.5])


def test_a_heatmap_shows_every_reward_and_says_where_there_is_none():
    table = pd.DataFrame({name: [1.0, 0.5] for name in REWARDS}, index=["exact", "empty"])
    table.loc["empty", "mccs"] = np.nan
    figure = figures.heatmap(table, "title")
    shown = [label.get_text().replace("\n", "") for label in figure.axes[0].get_xticklabels()]
    assert shown == list(REWARDS) and texts(figure).count("none") == 1


def test_policies_that_never_find_anything_can_be_drawn(tmp_path):
    nothing = figures.precision_recall(PAIR.assign(precision=0.0, recall=0.0))
    save_figure(nothing, tmp_path / "nothing")


def test_a_long_report_is_cut_with_an_ellipsis_and_dollars_are_no_mathematics(tmp_path):
    figure = figures.studies_with_reports(
        [BLACK], ["CXR1"], [r"$\frac$"], [r"$\frac$ " + "word " * 200]
    )
    report = next(text for text in texts(figure) if text.endswith("…"))
    assert report.startswith(r"$\frac$ word") and len(report) <= 420
    save_figure(figure, tmp_path / "sheet")


def test_of_a_policy_that_was_adopted_the_panels_say_that_it_was_not_trained():
    empty = pd.DataFrame(columns=["step", "loss", "arm", "seed"])
    figure = figures.training_curves(empty, {"loss": "loss", "mean_token_accuracy": "accuracy"})
    assert [axis.texts[0].get_text() for axis in figure.axes] == ["not trained here"] * 2


@pytest.mark.parametrize("name", ["method_overview", "by_arm", "qualitative"])
def test_a_figure_drawn_twice_is_the_same_file(name, tmp_path):
    for time in ("once", "twice"):
        save_figure(REAL_AND_DRAWN[name](), tmp_path / time)
    for suffix in (".png", ".pdf"):
        once, twice = (tmp_path / f"{time}{suffix}" for time in ("once", "twice"))
        assert once.read_bytes() == twice.read_bytes()


def test_the_sentences_have_a_panel_per_reward_and_share_a_colour_by_kind():
    figure = figures.sentence_probabilities(BY_HAND, KINDS)
    assert [axis.get_title() for axis in figure.axes] == ["mccs", "rouge_l"]
    edema, large, wrong = figure.axes[0].lines  # by kind, right findings first
    np.testing.assert_allclose(edema.get_ydata(), [0.3, 0.4])
    assert edema.get_color() == large.get_color() != wrong.get_color()
    assert edema.get_linestyle() != large.get_linestyle()
    assert "right finding: Large edema." in texts(figure)


def test_a_run_far_below_the_others_is_named_and_the_rest_are_points():
    figure = REAL_AND_DRAWN["two_definitions"]()
    assert [text.get_text() for text in figure.axes[0].texts] == ["SFT, seed 3"]
    points = np.concatenate([each.get_offsets() for each in figure.axes[0].collections])
    np.testing.assert_allclose(points, RUNS[["micro", "example"]])


def test_the_title_of_a_reward_says_how_far_it_and_f1_moved():
    assert "SRL, MCCS (1)\nreward +0.30, F1 −0.10" in texts(REAL_AND_DRAWN["reward_hacking"]())


def test_each_column_of_changes_has_its_own_scale():
    columns = {"mccs": [0.2, -0.1], "bleu": [0.02, 0.0], "net_benefit": [-0.001, 0.0]}
    figure = figures.changes(pd.DataFrame(columns, index=["one", "other"]), "title")
    shades = figure.axes[0].collections[0].get_array().reshape(2, 3)
    np.testing.assert_allclose(shades, [[1, 1, -0.1], [-0.5, 0, 0]])  # a thousandth stays pale
    assert {"+0.200", "−0.100", "+0.020"} <= set(texts(figure))


def test_the_panels_of_one_column_share_their_scale():
    rows = LOOKS[LOOKS["arm"] == "sft"]
    panels = {"F1": (rows, "step", "f1"), "again": (rows.assign(f1=0.9), "share", "f1")}
    one, other = figures.seed_curves(panels).axes
    assert one.get_ylim() == other.get_ylim() and one.get_ylim()[1] > 0.9


def test_points_that_would_hide_the_curve_are_left_out_and_a_mark_has_words():
    few = figures.training_curves(LOG, {"loss": "loss"}, marks={1.5: "reports"}).axes[0]
    many = figures.training_curves(LOG.assign(step=LOG["step"] * 300), {"loss": "loss"}).axes[0]
    points = [len(axis.collections[0].get_offsets()) for axis in (few, many)]
    assert points[0] == len(LOG) and "reports" in few.texts[-1].get_text() and not many.texts
    assert len(few.collections) == len(many.collections) + 1
