"""Figures that are made of words: the overview's texts and arrows keep apart, reports are marked
as the labels say.
"""

from itertools import combinations, pairwise

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from mrg_r1_lib.labelers import load_labeler
from mrg_r1_lib.observations import OBSERVATIONS, Label
from mrg_r1_lib.reporting import figures
from mrg_r1_lib.reporting.figures.marks import judged, marked, outcomes, wrapped
from mrg_r1_lib.reporting.figures.overview import (
    ARROWS,
    FORMAT_LANE,
    HALF_HEIGHT,
    HALF_WIDTH,
    boxes,
)

WEIGHTS = {"mccs": 0.75, "report_tags": 0.25}
CODES = np.array(
    [Label.POSITIVE if name in ("Cardiomegaly", "Edema") else Label.BLANK for name in OBSERVATIONS]
)
REPORT = "The heart is enlarged. Left pleural effusion. No pneumothorax."
IMAGE = Image.new("L", (8, 8))


def extents(figure, artists):
    FigureCanvasAgg(figure).draw()
    return [artist.get_window_extent() for artist in artists]


def crosses(one, other):
    """Whether two straight lines cross in their insides."""
    (a, b), (c, d) = np.array(one), np.array(other)
    sides = [
        np.sign(np.linalg.det([q - p, r - p]))
        for p, q, r in ((a, b, c), (a, b, d), (c, d, a), (c, d, b))
    ]
    return sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0


@pytest.fixture
def overview():
    return figures.method_overview(WEIGHTS, 8, 0.04)


def test_the_overview_names_every_reward_with_its_weight_and_the_size_of_a_group(overview):
    shown = " ".join(text.get_text() for text in overview.axes[0].texts)
    for text in (
        "0.75 mccs",
        "0.25 report_tags",
        "8 completions",
        "0.04",
        "Policy",
        "Advantages",
        "Metrics",
        "Reference",
    ):
        assert text in shown


def test_no_text_of_the_overview_overlaps_another_or_leaves_its_box(overview):
    axis = overview.axes[0]
    written = [text for text in axis.texts if text.get_text()]
    areas = extents(overview, written)
    for (one, first), (other, second) in combinations(zip(written, areas, strict=True), 2):
        assert not first.overlaps(second), (one.get_text(), other.get_text())
    for patch in extents(overview, axis.patches):
        for area in areas:
            if patch.overlaps(area):
                assert (
                    patch.x0 < area.x0
                    and area.x1 < patch.x1
                    and patch.y0 < area.y0
                    and area.y1 < patch.y1
                )
    assert min(text.get_fontsize() for text in written) >= 6.5


def test_no_arrow_of_the_overview_crosses_another_or_runs_through_a_box(overview):
    lines = [np.column_stack(line.get_data()) for line in overview.axes[0].lines]
    assert len(lines) == len(ARROWS) + 1
    pieces = [piece for line in lines for piece in pairwise(line)]
    assert not [pair for pair in combinations(pieces, 2) if crosses(*pair)]
    for box in boxes(WEIGHTS, 8, 0.04):
        for start, end in pieces:
            middle = (np.asarray(start) + end) / 2
            assert max(abs(middle - (box.column, box.row)) / (HALF_WIDTH, HALF_HEIGHT)) > 1, (
                box.name,
                start,
                end,
            )
    assert tuple(FORMAT_LANE[0]) == (
        3.5,
        2,
    )  # it leaves the arrow that runs from the completions to the report text


def test_what_a_report_found_invented_and_missed_is_named_below_it():
    assert outcomes(REPORT, CODES) == {
        "Cardiomegaly": "found",
        "Edema": "missed",
        "Pleural Effusion": "invented",
    }
    below = ["".join(letter for letter, _ in line) for line in judged(REPORT, CODES, 60)[-3:]]
    assert below == ["✓ found: Cardiomegaly", "✗ invented: Pleural Effusion", "○ missed: Edema"]


def test_outcomes_agree_with_the_labeler():
    labels = load_labeler("rules")([REPORT])[0]
    said = {
        name
        for name, code in zip(OBSERVATIONS[:13], labels, strict=False)
        if code in (Label.POSITIVE, Label.UNCERTAIN)
    }
    assert said == {
        name for name, outcome in outcomes(REPORT, CODES).items() if outcome != "missed"
    }


def test_the_deciding_words_are_marked_with_a_sign_behind_them_and_the_rest_is_plain():
    text = marked(REPORT, CODES)
    assert "".join(letter for letter, _ in text).startswith(
        "The heart is enlarged✓. Left pleural effusion✗. No pneumothorax."
    )
    assert "".join(letter for letter, kind in text if kind == "invented") == "pleural effusion✗"
    assert not [kind for letter, kind in text[-14:] if kind]


def test_lines_break_between_words():
    lines = wrapped([(letter, "") for letter in "one two three four"], 9)
    assert ["".join(letter for letter, _ in line) for line in lines] == ["one two", "three", "four"]


def test_a_report_of_nothing_says_so():
    for report in ("", "The lungs are clear."):
        assert "asserts nothing" in "".join(
            letter for line in judged(report, np.zeros(14, dtype=int), 60) for letter, _ in line
        )


def test_no_line_of_a_report_reaches_into_the_next_column_or_over_the_edge():
    report = (
        f"{REPORT} There is mild interstitial edema with opacities in both lower lungs and an "
        "enlarged mediastinum. " * 2
    )
    figure = figures.qualitative(
        [IMAGE], ["CXR1"], ["term; " * 40], {"sft": [report], "srl_mccs": [report]}, CODES[None]
    )
    areas = extents(figure, figure.axes[0].texts)
    assert not [
        pair
        for pair in combinations(areas, 2)
        if pair[0].shrunk(0.98, 0.7).overlaps(pair[1].shrunk(0.98, 0.7))
    ]
    assert (
        max(area.x1 for area in areas) <= figure.bbox.x1 + 1 and min(area.y0 for area in areas) >= 0
    )


def test_the_telling_studies_are_the_first_that_find_invent_and_miss_more():
    nothing, edema = (
        np.zeros(14, dtype=int),
        np.where(np.arange(14) == 4, Label.POSITIVE, Label.BLANK),
    )
    reference = np.array([nothing, nothing, edema, edema])
    before, after = (
        np.array([nothing, nothing, edema, nothing]),
        np.array([nothing, edema, nothing, edema]),
    )
    assert figures.telling_studies(reference, before, after) == [3, 1, 2]
    assert figures.telling_studies(reference, before, before) == [0, 1, 2]


def test_of_a_credentialed_corpus_nothing_is_drawn():
    assert (
        "Not shown"
        in figures.qualitative([], [], [], {"sft": []}, CODES[None][:0]).axes[0].texts[0].get_text()
    )
    secret = Image.new("L", (8, 8))
    secret.info["credentialed"] = True
    with pytest.raises(PermissionError, match="credentialed"):
        figures.qualitative([secret], ["1"], [""], {"sft": ["Clear."]}, CODES[None])
