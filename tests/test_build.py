"""The registry of tables and figures: what it builds, saves, reads and describes."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from figure_frames import texts
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.pylabtools import select_figure_formats
from IPython.utils.capture import capture_output
from saved_scores import codes, write, write_log

from mrg_r1_lib.metrics.bootstrap import Efficacy
from mrg_r1_lib.metrics.clinical_efficacy import PRIMARY, clinical_efficacy
from mrg_r1_lib.observations import OBSERVATIONS
from mrg_r1_lib.reporting import build, comparisons, drawings, schema
from mrg_r1_lib.reporting.figures.captions import CAPTIONS
from mrg_r1_lib.runs.run import Run

REFERENCE = codes(12, Edema=6)


@pytest.fixture
def saved(tmp_path):
    write(tmp_path, "reference", 0, REFERENCE, REFERENCE)
    for seed in (0, 1):
        write(tmp_path, "sft", seed, codes(12, Edema=2 + seed), REFERENCE)
        write(tmp_path, "srl_mccs", seed, codes(12, Edema=4 + seed), REFERENCE)
    return tmp_path


@pytest.fixture
def held_out(saved):
    table = pd.DataFrame(codes(12), columns=list(OBSERVATIONS))
    table.insert(0, "study_id", [f"CXR{number}" for number in range(12)])
    table.insert(0, "verbatim", False)
    folder = saved / "smoke" / "tables"
    folder.mkdir()
    table.assign(split="test").to_csv(folder / "held_out.csv", index=False)


def test_the_primary_measure_is_the_default_of_metric_and_bootstrap():
    statistic = Efficacy()
    assert {name: getattr(statistic, name) for name in PRIMARY} == PRIMARY
    assert clinical_efficacy(REFERENCE, REFERENCE) == clinical_efficacy(
        REFERENCE, REFERENCE, **PRIMARY
    )


def test_no_name_is_both_a_table_and_a_figure_and_every_figure_has_a_caption():
    assert not build.TABLES.keys() & build.FIGURES.keys()
    assert build.FIGURES.keys() == CAPTIONS.keys()


@pytest.mark.parametrize("call", [build.table, build.figure, build.show, build.read])
def test_an_unknown_name_is_refused_with_the_known_ones(call, run):
    with pytest.raises(ValueError, match=r"'scoers'; known: (main, scores|method_overview)"):
        call("scoers", run)


def test_a_shown_table_is_saved_and_read_back(saved, run):
    shown = build.show("scores", run)
    assert (saved / "smoke" / "tables" / "scores.csv").exists()
    pd.testing.assert_frame_equal(build.read("scores", run), shown, rtol=1e-5)


def test_results_may_be_named_by_a_relative_path(saved, monkeypatch):
    monkeypatch.chdir(saved)
    build.show("scores", Run("iu_xray/srl_mccs", "smoke", 0, "."))
    assert (saved / "smoke" / "tables" / "scores.csv").exists()


def test_another_seed_leaves_the_saved_files_of_seed_0(saved, run):
    other = dataclasses.replace(run, seed=1)
    shown = build.show("scores", other)
    assert not (saved / "smoke" / "tables").exists()
    assert (other.private / "tables" / "scores.csv").exists()
    write(saved, "srl_bleu", 0, codes(12, Edema=1), REFERENCE)
    build.show("scores", run)  # of other runs than the table of seed 1, whose figure keeps its own
    assert build.read("scores", other)["arm"].tolist() == shown["arm"].tolist()
    assert "srl_bleu" in build.read("scores", run)["arm"].tolist()


def test_table_and_figure_have_one_interval(saved, run):
    row = build.show("scores", run).set_index("arm").loc["srl_mccs"]
    shown = texts(build.show("main_scores", run).figure)
    assert f"{row['value']:.2f}" in shown
    assert f"{row['low']:.2f} to {row['high']:.2f}" in shown
    assert (saved / "smoke" / "figures" / "main_scores.png").exists()
    pooled = build.table("ablations", run).set_index("arm").loc["srl_mccs"]
    assert (pooled["f1"], pooled["recall"]) == (row["value"], row["recall"])


def test_a_notebook_shows_a_figure_as_the_value_of_its_cell_below_its_caption(saved, run):
    shell = InteractiveShell.instance()
    select_figure_formats(shell, {"png"})  # as %matplotlib inline does
    with capture_output() as captured:
        data, _ = shell.display_formatter.format(build.show("two_definitions", run))
    (caption,) = captured.outputs
    assert CAPTIONS["two_definitions"].text in caption.data["text/markdown"]
    assert data["image/png"]


def test_a_figure_whose_table_is_not_saved_names_the_notebook(saved, run):
    with pytest.raises(FileNotFoundError, match=r"scores\.csv is not there.*05_tables_and_figures"):
        build.figure("main_scores", run)


def test_all_tables_but_those_of_the_corpus_are_built_into_a_folder(
    saved, held_out, run, tmp_path_factory
):
    into = tmp_path_factory.mktemp("built")
    build.build_all(run, into)
    names = build.OF_SCORES
    assert {f"{name}.csv" for name in names} == {path.name for path in into.iterdir()}
    of_corpus = {"held_out", "prevalence", "agreement", "attribute_agreement", "reward_choices"}
    assert build.TABLES.keys() - set(names) == of_corpus
    for name in names:
        assert list(pd.read_csv(into / f"{name}.csv")) == list(build.TABLES[name].columns)


def test_the_command_leaves_out_a_figure_whose_arm_did_not_run_and_says_so(
    saved, held_out, run, monkeypatch, capsys
):
    drawn = {name: build.FIGURES[name] for name in ("validation_sft_continued", "main_scores")}
    monkeypatch.setattr(build, "FIGURES", drawn)
    argv = ["build", "--scale", "smoke", "--results", str(saved)]
    monkeypatch.setattr("sys.argv", argv)
    build.main()
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("Left out, validation_sft_continued: ")
    assert said[-1].startswith(f"{len(build.OF_SCORES) + 1} tables and figures")
    assert (saved / "smoke" / "figures" / "main_scores.png").exists()


def test_row_numbers_of_a_private_corpus_are_read_back_as_numbers(saved, held_out, run):
    for path in saved.glob("smoke/iu_xray/*/seed*/labels_per_study.csv"):
        table = pd.read_csv(path)
        table.assign(study_id=range(len(table))).to_csv(path, index=False)
    path = saved / "smoke" / "tables" / "held_out.csv"
    pd.read_csv(path).assign(study_id=range(12)).to_csv(path, index=False)
    assert len(build.table("checked_scores", run)) > 0


def test_every_figure_that_needs_no_corpus_is_drawn_from_a_small_study(saved, run):
    for name in ("scores", "observation_intervals", "ablations", "reward_scores"):
        build.show(name, run)
    rows = {"observation": OBSERVATIONS, "source": "index", "split": "train", "positives": 1}
    rows |= {"studies": 2, "share": 0.5, "low": 0.1, "high": 0.9}
    pd.DataFrame(rows).to_csv(saved / "smoke" / "tables" / "prevalence.csv", index=False)
    steps = np.arange(1, 11)
    counts = dict.fromkeys(("hits", "positives", "wanted", "mccs"), 0.5)
    log = {f"rewards/{name}/mean": value for name, value in counts.items()}
    log |= dict.fromkeys(drawings.CURVES, 0.5) | {"step": steps, "loss": 1.0 / steps}
    validation = dict.fromkeys(drawings.EVALUATIONS, 0.5)
    validation |= {"step": [5, 10], "epoch": [1, 2], "loss": 1.0, "chosen": [False, True]}
    for arm in ("sft", "sft_continued", "srl_mccs"):
        write_log(saved, arm, 0, **log)
        write_log(saved, arm, 0, "validation.csv", **validation)
    for name, entry in build.FIGURES.items():
        if not entry.elsewhere:
            assert build.figure(name, run).axes, name


def test_the_dictionary_describes_every_column_once():
    table = build.columns()
    assert not table.duplicated(["table", "column"]).any()
    assert (table["description"].str.len() > 0).all()
    assert list(build.TABLES) == list(dict.fromkeys(table["table"]))


def test_a_value_outside_its_range_and_an_unknown_arm_are_not_saved(saved, run, monkeypatch):
    columns = build.TABLES["scores"].columns
    good = build.table("scores", run)
    with pytest.raises(ValueError, match="value"):
        schema.validated(good.assign(value=1.5), columns, "scores")
    with pytest.raises(ValueError, match="ARMS"):
        schema.validated(good.assign(arm="SFT"), columns, "scores")
    with pytest.raises(ValueError, match="extra"):
        schema.validated(good.assign(extra=1), columns, "scores")


def test_columns_of_words_are_told_apart_from_numbers_and_ids():
    names = schema.names(build.TABLES["held_out"].columns)
    assert names == ["split"]
    assert schema.names(comparisons.COMPARISONS) == ["split", "family", "arm", "against", "measure"]


def test_a_note_says_what_is_drawn_at_which_scale_and_on_which_split(saved, run):
    build.show("scores", run)
    note = build.figure("main_scores", run).get_supxlabel()
    assert "drawn" in note and "smoke scale" in note and "test split" in note


def test_figures_take_what_a_notebook_has_made(run):
    table = pd.DataFrame({"mccs": [1.0, np.nan]}, index=["exact", "empty"])
    assert "none" in texts(build.figure("reward_gallery", run, table=table))
