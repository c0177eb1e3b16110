"""The bootstrap: its point estimate, its pairing, its fast path against the slow one, its
coverage in simulations.
"""

import numpy as np
import pytest

from mrg_r1_lib.metrics import bootstrap
from mrg_r1_lib.metrics.bootstrap import BootstrapResult, Efficacy, interval, paired_bootstrap
from mrg_r1_lib.metrics.clinical_efficacy import AVERAGES, MEASURES, clinical_efficacy

EDEMA = 4


def edema(*values):
    """Studies whose only label is Edema: (studies, 14) codes."""
    labels = np.zeros((len(values), 14), dtype=np.int8)
    labels[:, EDEMA] = values
    return labels


def systems(seed=0, seeds=3, studies=80):
    """A reference and two systems that blank or invent labels at random, (seeds, studies, 14)."""
    rng = np.random.default_rng(seed)
    reference = rng.choice(4, p=[0.7, 0.15, 0.1, 0.05], size=(studies, 14))
    a = np.where(rng.random((seeds, studies, 14)) < 0.2, 0, reference)
    b = np.where(rng.random((seeds, studies, 14)) < 0.2, 1, reference)
    return reference, a, b


def recall(reference, generated):
    return clinical_efficacy(reference, generated)["recall"]


def test_the_difference_is_a_minus_b_on_the_pooled_counts_of_all_seeds():
    reference = edema(1, 1, 0, 0)
    a = np.stack(
        [edema(1, 1, 0, 0), edema(1, 0, 1, 0)]
    )  # shared 2 + 1, written 2 + 2, wanted 2 + 2: F1 6/8
    b = np.stack(
        [edema(1, 0, 0, 0), edema(0, 0, 0, 0)]
    )  # shared 1 + 0, written 1 + 0, wanted 2 + 2: F1 2/5
    assert paired_bootstrap(reference, a, b).difference == pytest.approx(6 / 8 - 2 / 5)
    assert paired_bootstrap(reference, b, a).difference == pytest.approx(2 / 5 - 6 / 8)
    assert interval(reference, a).value == pytest.approx(6 / 8)


def test_identical_systems_differ_by_0_with_p_1():
    reference, a, _ = systems()
    assert paired_bootstrap(reference, a, a, resamples=200) == BootstrapResult(0.0, 0.0, 0.0, 1.0)


def test_a_system_that_is_better_in_every_resample_gets_the_smallest_p():
    reference = edema(*[1] * 20)
    result = paired_bootstrap(reference, reference, np.zeros((20, 14)), resamples=99)
    assert result == BootstrapResult(1.0, 1.0, 1.0, 1 / 100)


def test_two_studies_resampled_by_hand():
    # a finds study 1 only, b none. Draws of two of two: study 1 twice (1/4) 1, once (1/2) 1/2,
    # never (1/4) 0
    reference, a = edema(1, 1), edema(1, 0)
    result = paired_bootstrap(reference, a, edema(0, 0), Efficacy(measure="recall"), resamples=4000)
    assert (result.difference, result.low, result.high) == (0.5, 0.0, 1.0)
    assert result.p == pytest.approx(2 * 1 / 4, abs=0.04)  # share <= 0 is 1/4
    middle = paired_bootstrap(
        reference, a, edema(0, 0), Efficacy(measure="recall"), resamples=4000, level=0.4
    )
    assert (middle.low, middle.high) == (0.5, 0.5)


def test_systems_are_compared_on_the_same_draws():
    # b misses exactly one study that a finds; unpaired, the interval would span the noise of 30
    # hard studies
    reference = edema(*[1] * 60)
    a, b = edema(*[1] * 31 + [0] * 29), edema(*[1] * 30 + [0] * 30)
    result = paired_bootstrap(reference, a, b, Efficacy(measure="recall"))
    assert result.low >= 0 and result.high <= 4 / 60


def test_seeds_are_drawn_as_blocks():
    # two seeds, one perfect and one blank on every study: only drawing whole seeds can move the
    # recall, to 0, 1/2 or 1
    reference = edema(*[1] * 50)
    generated = np.stack([reference, np.zeros_like(reference)])
    assert interval(reference, generated, Efficacy(measure="recall"), resamples=500) == (
        0.5,
        0.0,
        1.0,
    )
    assert interval(reference, generated[:1], Efficacy(measure="recall"), resamples=500) == (
        1.0,
        1.0,
        1.0,
    )


def test_a_study_is_drawn_for_all_seeds_at_once():
    # five seeds that all find the same half: as wide an interval as one seed, not as five times
    # as many studies
    reference, half = edema(*[1] * 40), edema(*[1] * 20 + [0] * 20)
    one = interval(reference, half, Efficacy(measure="recall"))
    five = interval(reference, np.stack([half] * 5), Efficacy(measure="recall"))
    assert five.high - five.low == pytest.approx(one.high - one.low, rel=0.1)


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("measure", MEASURES)
def test_the_fast_path_equals_the_resampling_of_rows(average, measure):
    reference, a, b = systems(studies=30)
    fast = Efficacy(average, measure=measure)
    slow = lambda wanted, written: clinical_efficacy(wanted, written, average)[measure]  # noqa: E731
    assert paired_bootstrap(reference, a, b, fast, resamples=40) == pytest.approx(
        paired_bootstrap(reference, a, b, slow, resamples=40)
    )


@pytest.mark.parametrize(("classes", "uncertain"), [(14, "negative"), (5, "positive")])
def test_the_fast_path_follows_classes_and_uncertain(classes, uncertain):
    reference, a, _ = systems(studies=30)
    statistic = Efficacy("macro", classes, uncertain)
    slow = interval(reference, a, lambda wanted, written: statistic(wanted, written), resamples=40)
    assert interval(reference, a, statistic, resamples=40) == pytest.approx(slow)


def test_an_efficacy_is_the_number_of_the_metric():
    reference, a, _ = systems()
    expected = clinical_efficacy(reference, a[0], "example", 14, "negative")["recall"]
    assert Efficacy("example", 14, "negative", "recall")(reference, a[0]) == expected


def test_a_statistic_may_be_anything_that_returns_one_number_and_nothing_else():
    reference, a, b = systems()
    length = paired_bootstrap(
        reference, a, b, lambda wanted, written: float(len(written)), resamples=10
    )
    assert length == BootstrapResult(0.0, 0.0, 0.0, 1.0)  # every resample has as many rows
    with pytest.raises(ValueError, match=r"statistic: returned .*expected one number"):
        paired_bootstrap(reference, a, b, clinical_efficacy, resamples=10)


def test_a_seed_decides_the_draws():
    reference, a, b = systems()
    first, again, other = (
        paired_bootstrap(reference, a, b, resamples=200, seed=seed) for seed in (1, 1, 2)
    )
    assert first == again
    assert (first.low, first.high) != (
        other.low,
        other.high,
    ) and first.difference == other.difference


def test_the_order_of_studies_does_not_change_the_difference():
    reference, a, b = systems()
    order = np.random.default_rng(0).permutation(len(reference))
    shuffled = paired_bootstrap(reference[order], a[:, order], b[:, order], resamples=50)
    assert shuffled.difference == pytest.approx(
        paired_bootstrap(reference, a, b, resamples=50).difference
    )


def test_one_reference_and_one_baseline_stand_for_every_seed():
    reference, a, b = systems()
    repeated = paired_bootstrap(np.stack([reference] * 3), a, np.stack([b[0]] * 3), resamples=50)
    assert paired_bootstrap(reference, a, b[0], resamples=50) == repeated
    assert paired_bootstrap(reference[None], a, b[:1], resamples=50) == repeated


@pytest.mark.parametrize(
    ("reference", "a", "b"),
    [
        ((4, 14), (2, 5, 14), (2, 4, 14)),
        ((4, 14), (3, 4, 14), (2, 4, 14)),
        ((0, 14), (1, 0, 14), (1, 0, 14)),
    ],
)
def test_shapes_that_do_not_fit_are_an_error_that_shows_them(reference, a, b):
    with pytest.raises(ValueError, match=r"expected \(seeds, studies, 14\)"):
        paired_bootstrap(np.zeros(reference), np.zeros(a), np.zeros(b))


def test_bad_settings_are_errors_that_name_them():
    reference, a, b = systems()
    with pytest.raises(ValueError, match=r"level: 95 is outside \(0, 1\)"):
        paired_bootstrap(reference, a, b, level=95)
    with pytest.raises(ValueError, match="resamples: 0 is too few"):
        interval(reference, a, resamples=0)
    with pytest.raises(
        ValueError, match="measure: 'accuracy' is unknown; expected one of 'precision'"
    ):
        Efficacy(measure="accuracy")


def simulated(rng, rate_a, rate_b, studies=150):
    """All studies have Edema; each system finds it at its own rate: the difference of recalls is
    rate_a - rate_b.
    """
    a, b = (edema(*(rng.random(studies) < rate)) for rate in (rate_a, rate_b))
    return paired_bootstrap(
        edema(*[1] * studies),
        a,
        b,
        Efficacy(measure="recall"),
        resamples=300,
        seed=int(rng.integers(1e9)),
    )


def test_the_interval_covers_the_true_difference_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    results = [simulated(rng, 0.7, 0.6) for _ in range(200)]
    covered = np.mean([result.low <= 0.1 <= result.high for result in results])
    assert 0.90 <= covered <= 0.985


def test_the_interval_of_several_seeds_covers_the_true_rate_of_all_trainings():
    # a seed finds Edema at its own rate, 0.6 with a deviation of 0.03, in the studies that are easy
    # enough for it: five seeds understate the variance between seeds by a fifth, no more
    rng = np.random.default_rng(0)
    covered = []
    for _ in range(200):
        rates = rng.normal(0.6, 0.03, size=(5, 1))
        seeds = np.stack([edema(*found) for found in rng.random(400) < rates])
        found = interval(edema(*[1] * 400), seeds, Efficacy(measure="recall"), resamples=300)
        covered.append(found.low <= 0.6 <= found.high)
    assert 0.89 <= np.mean(covered) <= 0.98


def test_many_resamples_are_multiplied_in_parts_that_change_nothing(monkeypatch):
    reference, a, _ = systems(studies=30)
    whole = interval(reference, a, resamples=100)
    monkeypatch.setattr(bootstrap, "CHUNK", 7)
    assert interval(reference, a, resamples=100) == whole


def test_the_interval_of_a_proportion_is_as_wide_as_the_normal_approximation():
    # 200 of 400 found: standard error sqrt(0.5 * 0.5 / 400) = 0.025, 95 % within 1.96 of them on
    # either side
    found = interval(
        edema(*[1] * 400), edema(*[1, 0] * 200), Efficacy(measure="recall"), resamples=4000
    )
    assert (found.low, found.high) == pytest.approx((0.5 - 0.049, 0.5 + 0.049), abs=0.005)


def test_p_is_seldom_small_without_a_difference_and_often_with_a_large_one():
    rng = np.random.default_rng(1)
    assert np.mean([simulated(rng, 0.6, 0.6).p < 0.05 for _ in range(150)]) < 0.11
    assert np.mean([simulated(rng, 0.8, 0.6).p < 0.05 for _ in range(50)]) > 0.9
