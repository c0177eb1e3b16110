import pandas as pd

from mrg_r1_lib.experiments import ARMS
from mrg_r1_lib.reporting.tables import (
    PRIMARY,
    precision_recall_table,
    readable_log,
    score_table,
    validation_logs,
)


def row(arm, seed, value, low=None, high=None, metric="ce_f1"):
    return {
        "system": ARMS[arm].label,
        "seed": seed,
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
    }


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
    assert scores["system"].tolist() == [ARMS[arm].label for arm in arms]
    assert scores["kind"].tolist() == ["trivial", "ceiling", "policy", "images shuffled"]
    assert (
        scores["value"].round(6).tolist() == [0.0, 0.8, 0.6, 0.1]
        and round(scores["low"][2], 6) == 0.5
    )


def test_precision_and_recall_are_of_the_primary_definition_without_reference_and_twins():
    rows = [
        row(arm, 0, value, metric=metric) | definition
        for arm in ("reference", "sft", "sft_shuffled")
        for metric, value in (("ce_precision", 0.5), ("ce_recall", 0.25))
        for definition in (PRIMARY, PRIMARY | {"classes": 14})
    ]
    table = precision_recall_table(pd.DataFrame(rows))
    assert table[["system", "precision", "recall"]].to_numpy().tolist() == [["SFT", 0.5, 0.25]]


def test_a_log_is_read_with_precision_and_recall_of_running_sums():
    counts = {"hits": [1.0, 1.0], "positives": [1.0, 3.0], "wanted": [2.0, 2.0], "mccs": [0.1, 0.2]}
    log = pd.DataFrame({f"rewards/{name}/mean": values for name, values in counts.items()})
    read = readable_log(log.assign(**{"completions/mean_length": 9.0}))
    assert read["precision"].tolist() == [1.0, 0.5] and read["recall"].tolist() == [0.5, 0.5]
    assert read["mccs"].tolist() == [0.1, 0.2] and read["tokens"].tolist() == [9.0, 9.0]


def test_looks_of_several_runs_lie_on_one_axis(tmp_path):
    for arm, steps in (("sft_continued", (300, 600)), ("srl_mccs", (0, 40, 80, 160))):
        folder = tmp_path / "smoke" / "iu_xray" / arm / "seed1"
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text("{}")
        pd.DataFrame({"step": steps, "f1": 0.5}).to_csv(folder / "validation.csv", index=False)
    looks = validation_logs(tmp_path, "smoke", ("srl_mccs", "sft_continued", "srl_rouge_l"))
    assert looks["share"].tolist() == [0.5, 1.0, 0.0, 0.25, 0.5, 1.0] and set(looks["seed"]) == {1}
