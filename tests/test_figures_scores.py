"""Figures of training and scores: what stands in which panel, and what is hollow, grey or ringed."""

import numpy as np
import pandas as pd
import pytest
from figure_frames import DIFFERENCES, LOOKS, OBSERVATION_ROWS, PAIR, texts

from mrg_r1_lib.reporting import figures
from mrg_r1_lib.rewards import REWARDS
from mrg_r1_lib.storage.files import save_figure


def test_every_system_has_a_column_that_says_how_many_seeds_it_has_and_a_band_from_the_lowest_to_the_highest():
    figure = figures.by_system(LOOKS, "share", {"f1": "F1", "step": "steps"}, ["a", "b"], ["b"])
    assert [axis.get_title() for axis in figure.axes[:2]] == ["a\n2 seeds", "b\n1 seed"] and len(
        figure.axes
    ) == 4
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == 0.1 and band[:, 1].max() == 0.6
    assert [list(line.get_ydata()) for line in figure.axes[0].lines] == [
        [0.5, 0.5],
        [pytest.approx(0.15), 0.5],
    ]  # b, then a


def test_a_reference_is_not_drawn_beside_itself():
    figure = figures.by_system(LOOKS, "share", {"f1": "F1"}, ["a", "b"], ["b"])
    assert [len(axis.lines) for axis in figure.axes] == [2, 1]


def test_over_seeds_every_seed_is_a_line_with_a_ring_where_it_was_chosen():
    axis = figures.over_seeds({"F1": (LOOKS[LOOKS["system"] == "a"], "step", "f1")}).axes[0]
    *seeds, mean, rings = (list(line.get_ydata()) for line in axis.lines)
    assert (
        seeds == [[0.1, 0.4], [0.2, 0.6]]
        and mean == pytest.approx([0.15, 0.5])
        and rings == [0.4, 0.2]
    )


def test_observations_stand_by_frequency_and_a_difference_that_may_be_none_is_hollow():
    figure = figures.observation_f1(OBSERVATION_ROWS)
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "Fracture (9)",
        "Edema (3)",
    ]
    fracture, edema = (line for line in figure.axes[1].lines if line.get_marker() == "s")
    assert fracture.get_markerfacecolor() == "white" != edema.get_markerfacecolor()
    assert figure.axes[1].get_xlabel() == "difference, SRL − SFT"


def test_a_heatmap_shows_every_reward_and_says_where_there_is_none():
    table = pd.DataFrame({name: [1.0, 0.5] for name in REWARDS}, index=["exact", "empty"])
    table.loc["empty", "mccs"] = np.nan
    figure = figures.heatmap(table, "title")
    shown = [label.get_text().replace("\n", "") for label in figure.axes[0].get_xticklabels()]
    assert shown == list(REWARDS) and texts(figure).count("none") == 1


def test_what_is_no_policy_is_grey_and_policies_lie_within_the_near_view():
    table = PAIR.assign(kind=["policy", "trivial"])
    figure = figures.precision_recall(table)
    assert figure.axes[0].lines[1].get_color() == "0.4" != figure.axes[0].lines[0].get_color()
    (low, high), (left, right) = figure.axes[1].get_ylim(), figure.axes[1].get_xlim()
    assert low < 0.5 < high and left < 0.4 < right


def test_policies_that_never_find_anything_can_be_drawn(tmp_path):
    save_figure(
        figures.precision_recall(PAIR.assign(precision=0.0, recall=0.0)), tmp_path / "nothing"
    )


def test_a_forest_names_each_section_once_and_fills_what_leaves_out_zero():
    rows = pd.concat(
        [DIFFERENCES.assign(section="one"), DIFFERENCES.assign(low=0.05, section="one")],
        ignore_index=True,
    )
    figure = figures.forest(rows, "difference")
    assert texts(figure).count("one") == 1
    assert [
        line.get_markerfacecolor() == "white"
        for line in figure.axes[0].lines
        if line.get_marker() == "o"
    ] == [True, False]


def test_a_long_log_is_smoothed_over_more_steps():
    log = pd.DataFrame(
        {"step": np.arange(1, 1001), "loss": np.tile([0.0, 1.0], 500), "system": "a", "seed": 0}
    )
    spread = [
        np.ptp(
            figures.training_curves(log, {"loss": "loss"}, window=window)
            .axes[0]
            .lines[0]
            .get_ydata()[50:]
        )
        for window in (5, 0)
    ]
    assert spread[0] == pytest.approx(0.2) and spread[1] < 0.01
