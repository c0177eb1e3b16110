import pandas as pd

from mrg_r1_lib.experiments import EXPERIMENTS
from mrg_r1_lib.tables import score_table


def row(arm, seed, value, low=None, high=None, metric="ce_f1"):
    return {"system": EXPERIMENTS[arm].label, "seed": seed, "metric": metric, "value": value, "low": low, "high": high}


def test_scores_are_means_over_seeds_of_the_measure_with_an_interval_and_know_their_kind():
    arms = ("constant_normal", "drawn_template", "sft", "sft_shuffled")
    rows = [row("constant_normal", 0, 0.0, 0.0, 0.0), row("drawn_template", 0, 0.8, 0.7, 0.9)]
    rows += [
        row("sft", 0, 0.5, 0.4, 0.6),
        row("sft", 1, 0.7, 0.6, 0.8),
        row("sft", 0, 0.9),
        row("sft", 0, 0.9, metric="bleu_1"),
    ]
    scores = score_table(pd.DataFrame([*rows, row("sft_shuffled", 0, 0.1, 0.0, 0.2)]))
    assert scores["system"].tolist() == [EXPERIMENTS[arm].label for arm in arms]
    assert scores["kind"].tolist() == ["trivial", "ceiling", "policy", "images shuffled"]
    assert scores["value"].round(6).tolist() == [0.0, 0.8, 0.6, 0.1] and round(scores["low"][2], 6) == 0.5
