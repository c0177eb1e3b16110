"""Scoring anybody's files: numbers against scikit-learn, joins, layouts, faults, privacy."""

import csv
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet
from rouge_score.rouge_scorer import RougeScorer
from sklearn.metrics import precision_recall_fscore_support

from mrg_r1_lib.evaluation import score as command
from mrg_r1_lib.evaluation.score import score
from mrg_r1_lib.evaluation.score.files import InputError
from mrg_r1_lib.evaluation.score.output import FORMATS
from mrg_r1_lib.metrics import Efficacy, clinical_efficacy, interval, paired_bootstrap
from mrg_r1_lib.metrics.degeneration import degeneration
from mrg_r1_lib.metrics.resampling import DEFINITIONS, draws, percentiles, scored, scores
from mrg_r1_lib.metrics.text import rouge_l, text_metrics
from mrg_r1_lib.observations import CLASSES, OBSERVATIONS

HEADER = ("study_id", "reference", "generated")
ROWS = [
    ("a", "The heart is enlarged. No pleural effusion.", "Mild cardiomegaly."),
    ("b", "Clear lungs.", "Small left pleural effusion."),
    ("c", "No edema.", "No edema."),
]
OTHER = [(study, reference, "There is a pneumothorax.") for study, reference, _ in ROWS]
SKLEARN = {"micro": "micro", "macro": "macro", "weighted": "weighted", "example": "samples"}


def write_csv(path, rows, header=HEADER, encoding="utf-8", separator=","):
    with path.open("w", newline="", encoding=encoding) as file:
        csv.writer(file, delimiter=separator).writerows([header, *rows])
    return path


def random_codes(seed, n=60):
    codes = np.random.default_rng(seed).choice(4, p=[0.7, 0.15, 0.1, 0.05], size=(n, 14))
    codes[:, 13] %= 2  # No Finding is 0 or 1
    return codes


def write_codes(path, codes, published=False):
    table = pd.DataFrame(codes, columns=list(OBSERVATIONS))
    if published:
        table = table.astype(object).replace({0: None, 2: 0, 3: -1})
    table.to_csv(path, index=False)
    return path


def small(*paths, **options):
    return score(paths, resamples=50, **options)


@pytest.fixture
def codes(tmp_path):
    """Files of the references' and the generated reports' label codes."""
    return [write_codes(tmp_path / f"{seed}.csv", random_codes(seed)) for seed in (0, 1)]


def expected(reference, generated, average, classes, uncertain):
    counted = [1, 3] if uncertain == "positive" else [1]
    columns = list(CLASSES[classes])
    y_true, y_pred = (np.isin(array[:, columns], counted) for array in (reference, generated))
    if average in SKLEARN:
        average = SKLEARN[average]
        return precision_recall_fscore_support(y_true, y_pred, average=average, zero_division=0)[:3]
    values = precision_recall_fscore_support(y_true, y_pred, average=None, zero_division=np.nan)
    with_support = y_true.any(axis=0) | y_pred.any(axis=0)
    f1 = np.where(with_support, np.nan_to_num(values[2]), np.nan)
    return np.nanmean([values[0], values[1], f1], axis=1)


def test_every_definition_agrees_with_scikit_learn_on_random_codes(codes):
    table = small(*codes)["clinical efficacy"]
    assert len(table) == 25
    for row in table.itertuples():
        wanted = expected(random_codes(0), random_codes(1), row.average, row.classes, row.uncertain)
        assert (row.precision, row.recall, row.f1) == pytest.approx(tuple(wanted), abs=1e-12)


def test_a_class_that_nobody_names_is_left_out_of_macro_defined_and_0_in_macro():
    reference, generated = random_codes(2), random_codes(3)
    reference[:, 11] = generated[:, 11] = 0
    reference[:, 9] = generated[:, 10] = 0  # without a recall, without a precision; both F1 are 0
    value = clinical_efficacy(reference, generated, "macro_defined", 14, "negative")
    assert list(value.values()) == pytest.approx(
        list(expected(reference, generated, "macro_defined", 14, "negative"))
    )
    macro = clinical_efficacy(reference, generated, "macro", 14, "negative")
    assert value["f1"] == pytest.approx(macro["f1"] * 14 / 13)
    nothing = np.zeros((2, 14), dtype=int)
    assert clinical_efficacy(nothing, nothing, "macro_defined")["f1"] == 0.0


def test_the_grouped_bootstrap_has_the_interval_of_the_one_over_rows():
    reference, generated = random_codes(4, 300), random_codes(5, 300)
    ((value, drawn),) = scored(reference, [generated], resamples=4000)
    low, high = percentiles(drawn.definitions)
    for place in (0, 8, 14, 20, 24):
        statistic = Efficacy(*DEFINITIONS[place])
        there = interval(reference, generated, statistic, resamples=4000)
        assert value.definitions[place, 2] == pytest.approx(there.value)
        assert (low[place, 2], high[place, 2]) == pytest.approx(there[1:], abs=0.004)


def test_common_groups_are_drawn_as_often_as_rare_ones_per_study():
    sizes = np.array([1, 400, 2, 100, 1])
    weights = np.concatenate(list(draws(sizes, 20_000)))
    assert (weights.sum(axis=1) == sizes.sum()).all()
    assert weights.mean(axis=0) == pytest.approx(sizes, rel=0.05)
    assert weights.var(axis=0) == pytest.approx(sizes * (1 - sizes / sizes.sum()), rel=0.06)


def test_patients_with_four_equal_studies_each_give_an_interval_twice_as_wide():
    reference, generated = (np.repeat(random_codes(seed, 100), 4, axis=0) for seed in (6, 7))
    patients = np.repeat(np.arange(100), 4).astype(str)
    widths = []
    for names in (None, patients):
        ((_, drawn),) = scored(reference, [generated], names, resamples=4000)
        low, high = percentiles(drawn.definitions[:, [2, 20], 2])
        widths.append(high - low)
    assert widths[1] / widths[0] == pytest.approx([2, 2], rel=0.1)


def test_the_order_of_the_rows_changes_no_number():
    reference, generated = random_codes(8), random_codes(9)
    ((_, one),) = scored(reference, [generated], resamples=100)
    ((_, two),) = scored(reference[::-1], [generated[::-1]], resamples=100)
    np.testing.assert_array_equal(one.definitions, two.definitions)


def test_the_paired_difference_is_that_of_the_paired_bootstrap(tmp_path, codes):
    other = write_codes(tmp_path / "other.csv", random_codes(0) * (random_codes(2) != 1))
    table = score([*codes, other], resamples=4000)["difference"]
    row = table.query("average == 'micro' and classes == 13 and uncertain == 'positive'")
    arrays = [pd.read_csv(path).to_numpy() for path in (*codes, other)]
    there = paired_bootstrap(*arrays, resamples=4000)
    found = row[["difference", "difference low", "difference high"]].to_numpy()[0]
    assert found == pytest.approx(there[:3], abs=0.006)
    assert row["p"].item() == pytest.approx(there.p, abs=0.01)


def test_a_system_against_itself_differs_by_0_with_p_1(tmp_path):
    paths = [write_csv(tmp_path / name, ROWS) for name in ("one.csv", "two.csv")]
    results = small(*paths)
    assert (results["difference"][["difference", "p"]].to_numpy() == (0, 1)).all()
    assert "where they part most" not in results.tables


def test_all_formats_of_one_table_give_the_same_scores(tmp_path):
    records = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
    lines = "\n".join(map(json.dumps, records)) + "\n"
    (tmp_path / "a.json").write_text(json.dumps(records))
    (tmp_path / "a.jsonl").write_text(lines)
    pd.DataFrame(records).to_parquet(tmp_path / "a.parquet")
    write_csv(tmp_path / "a.tsv", ROWS, separator="\t")
    write_csv(tmp_path / "semicolons.csv", ROWS, separator=";", encoding="utf-8-sig")
    write_csv(tmp_path / "names.csv", ROWS, header=("Study ID", "Reference", " GENERATED"))
    first = small(write_csv(tmp_path / "a.csv", ROWS))["clinical efficacy"]
    for path in tmp_path.iterdir():
        pd.testing.assert_frame_equal(small(path)["clinical efficacy"], first)


def test_both_published_layouts_of_label_codes_are_told_by_their_values(tmp_path, codes):
    published = [
        write_codes(tmp_path / f"published {seed}.csv", random_codes(seed), published=True)
        for seed in (0, 1)
    ]
    numbers, words = small(*codes), small(*published)
    assert any("0 to 3" in note for note in numbers.notes)
    assert any("1, 0, -1 and empty" in note for note in words.notes)
    for title in ("clinical efficacy", "degeneration"):
        values = [each[title].select_dtypes("number").to_numpy() for each in (numbers, words)]
        np.testing.assert_array_equal(*values)


def test_28_columns_in_one_file_are_the_two_files_of_codes(tmp_path, codes):
    wide = [pd.read_csv(path) for path in codes]
    names = [
        frame.add_prefix(f"{s}_") for frame, s in zip(wide, ("reference", "generated"), strict=True)
    ]
    pd.concat(names, axis=1).to_csv(tmp_path / "wide.csv", index=False)
    one, two = small(tmp_path / "wide.csv"), small(*codes)
    pd.testing.assert_frame_equal(one["clinical efficacy"], two["clinical efficacy"])


def test_files_are_joined_by_study_id_whatever_their_order(tmp_path):
    first = write_csv(tmp_path / "first.csv", ROWS)
    other = write_csv(tmp_path / "other.csv", OTHER)
    (tmp_path / "moved").mkdir()
    moved = write_csv(tmp_path / "moved" / "other.csv", OTHER[::-1])
    one, two = small(first, other), small(first, moved)
    pd.testing.assert_frame_equal(one["difference"], two["difference"])
    pd.testing.assert_frame_equal(one["where they part most"], two["where they part most"])
    assert any("another order" in note for note in two.notes)


def test_where_two_systems_part_each_label_has_its_rule_and_words_only_if_quoted(tmp_path):
    paths = [write_csv(tmp_path / f"{i}.csv", rows) for i, rows in enumerate((ROWS, OTHER))]
    table = small(*paths)["where they part most"]
    assert table.iloc[0].tolist() == [
        *(2, "Cardiomegaly", "positive (statement)", "positive (asserted)", "blank")
    ]
    quoted = small(*paths, quote=True)["where they part most"]
    assert quoted["study_id"].tolist() == ["a", "a", "c"]
    assert "Mild cardiomegaly" in quoted["0.csv"][0]


def test_the_text_in_report_tags_is_scored_and_never_the_think_text(tmp_path):
    tagged = [
        ("a", "Pneumothorax.", "<think>Fracture</think>\n<report>Pneumothorax.</report>"),
        ("b", "Clear lungs.", "<think>Fracture"),
        ("c", "Edema.", "Edema."),
    ]
    path = write_csv(tmp_path / "tags.csv", tagged)
    with pytest.raises(InputError, match=r"row 3: generated has tags and no text in <report>"):
        small(path)
    results = small(path, allow_empty=True)
    observations = results["by observation"].set_index("observation")["generated"]
    assert observations[observations > 0].to_dict() == {"Edema": 1, "Pneumothorax": 1}
    assert any("2 of 3 in generated hold tags" in note for note in results.notes)
    assert any("1 in generated are empty" in note for note in results.notes)


def test_a_reference_whose_tags_hold_no_report_is_never_scored(tmp_path):
    path = write_csv(tmp_path / "a.csv", [("a", "<think>Edema</think> Edema.", "Edema.")])
    with pytest.raises(InputError, match=r"row 2: reference has tags and no text in <report>"):
        small(path, allow_empty=True)


def test_text_of_both_sides_is_scored_though_a_labelers_columns_stand_beside_it(tmp_path):
    header = (*HEADER, *OBSERVATIONS)
    rows = [[(*row, *[1] * 14) for row in rows] for rows in (ROWS, OTHER)]
    paths = [write_csv(tmp_path / f"{i}.csv", each, header) for i, each in enumerate(rows)]
    plain = [write_csv(tmp_path / f"plain{i}.csv", each) for i, each in enumerate((ROWS, OTHER))]
    with_labels, without = small(*paths)["difference"], small(*plain)["difference"]
    np.testing.assert_array_equal(with_labels["difference"], without["difference"])


def test_two_systems_with_codes_of_both_sides_may_have_the_text_of_one(tmp_path):
    names = [f"{side}_{name}" for side in ("reference", "generated") for name in OBSERVATIONS]
    paths = []
    for system in (1, 2):
        table = pd.DataFrame(np.hstack([random_codes(0), random_codes(system)]), columns=names)
        paths.append(tmp_path / f"{system}.csv")
        table.assign(generated="Clear lungs.").to_csv(paths[-1], index=False)
    assert len(small(*paths)["difference"])


def test_the_baselines_are_one_normal_report_and_the_reference_that_fits_most(tmp_path):
    rows = [("a", "Edema.", "x"), ("b", "Edema.", "x"), ("c", "Clear lungs.", "x")]
    table = small(write_csv(tmp_path / "a.csv", rows))["clinical efficacy"]
    micro = table[table["average"] == "micro"].set_index(["classes", "uncertain"])
    assert micro.loc[(13, "positive"), "single"] == pytest.approx(2 * 2 / (3 + 2))
    assert micro.loc[(13, "positive"), "normal"] == 0
    assert micro.loc[(14, "positive"), "normal"] == pytest.approx(2 * 1 / (3 + 3))


FAULTS = {
    "missing": (ROWS[:2], "first.csv, row 4: study_id 'c' is not in"),
    "added": ([*ROWS, ("d", "x", "y")], "other.csv, row 5: study_id 'd' is not in"),
    "doubled": ([*ROWS, ROWS[0]], "row 5: study_id 'a' stands in row 2, too"),
    "empty id": ([("", "x", "y")], "row 2: study_id is empty"),
    "other reference": ([("a", "x", "y"), *ROWS[1:]], "row 2: another reference than row 2"),
    "empty": ([("a", "x", " "), ("b", "x", "")], r"row 2 \(and 1 more\): generated is empty"),
    "empty reference": ([("a", "", "x")], "row 2: reference is empty"),
    "NaN": ([("a", "x", "nan")], "row 2: generated is 'nan'.*pass --allow-empty"),
    "too few cells": ([("a", "x")], r"row 2 \(line 2\) has 2 cells, the header 3"),
    "empty line": ([(), *ROWS], "row 2: the line is empty"),
    "no rows": ([], "has columns and no rows"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_alignment_is_one_sentence_with_file_and_row(tmp_path, fault):
    rows, message = FAULTS[fault]
    first = write_csv(tmp_path / "first.csv", ROWS)
    with pytest.raises(InputError, match=message) as error:
        small(first, write_csv(tmp_path / "other.csv", rows))
    assert "\n" not in str(error.value) and ".csv" in str(error.value)


def test_without_ids_another_order_or_length_is_a_fault(tmp_path):
    first = write_csv(tmp_path / "first.csv", ROWS)
    plain = [row[1:] for row in OTHER]
    with pytest.raises(InputError, match="add a study_id"):
        small(first, write_csv(tmp_path / "moved.csv", plain[::-1], HEADER[1:]))
    with pytest.raises(InputError, match=r"has 2 rows and .*first\.csv 3"):
        small(first, write_csv(tmp_path / "short.csv", plain[:2], HEADER[1:]))


CONTENT = {
    "utf-16.csv": ("reference,generated\nx,y\n".encode("utf-16"), "row 1: is UTF-16"),
    "latin-1.csv": ("reference,generated\nx,\xe9\n".encode("latin-1"), "line 2: byte 0xe9"),
    "empty.csv": (b"\n\n", "is empty"),
    "names.csv": (b"truth,prediction\nx,y\n", "no 'reference' in 'truth', 'prediction'"),
    "double.csv": (b"reference,generated,Generated\nx,y,z\n", "two columns are named 'generated'"),
    "quote.csv": (b'reference,generated\n"x,y\n', "row 2 .*: the quotes do not match"),
    "object.json": (b'{"reference": "x"}', "holds one dict"),
    "broken.json": (b"[{", "line 1: is not JSON"),
    "broken.jsonl": (b'{"reference": "x", "generated": "y"}\n{', "line 2: is not JSON"),
    "number.json": (b'[{"reference": "x", "generated": 3}]', "record 1: generated is 3, not text"),
    "null.json": (b'[{"reference": "x", "generated": null}]', "record 1: generated is empty"),
    "list.json": (b"[1]", "record 1: is no record"),
    "broken.parquet": (b"x", "cannot be read as Parquet"),
    "sheet.xlsx": (b"x", "ends in '.xlsx'"),
}


@pytest.mark.parametrize("name", CONTENT)
def test_each_fault_of_a_file_is_one_sentence(tmp_path, name):
    content, message = CONTENT[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=message):
        small(tmp_path / name)


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        (
            ("reference", "generated"),
            pa.array([b"\xff\xfe", b"b"], pa.binary()).view(pa.string()),
            "cannot be read as Parquet",
        ),
        (
            ("reference", "generated", "study_id"),
            pa.array([1, 2**62], pa.timestamp("us")),
            "cannot be read as Parquet",
        ),
        (
            ("reference", "generated", "generated"),
            pa.array(["x", "y"]),
            "two columns are named 'generated'",
        ),
    ],
)
def test_what_no_reader_of_parquet_can_mean_is_one_sentence(tmp_path, names, values, message):
    columns = [pa.array(["x", "y"])] * (len(names) - 1) + [values]
    parquet.write_table(pa.Table.from_arrays(columns, names), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=rf"a\.parquet.*{message}"):
        small(tmp_path / "a.parquet")


def test_where_files_of_codes_part_the_row_is_that_of_the_first_file(tmp_path):
    references = write_codes(tmp_path / "references.csv", random_codes(0))
    rows = []
    for kind in ("csv", "jsonl"):
        paths = [tmp_path / f"{i}.{kind}" for i in (1, 2)]
        for i, path in enumerate(paths, start=1):
            frame = pd.DataFrame(random_codes(i), columns=list(OBSERVATIONS))
            if kind == "csv":
                frame.to_csv(path, index=False)
            else:
                frame.to_json(path, orient="records", lines=True)
        rows.append(small(references, *paths)["where they part most"]["row"].tolist())
    assert rows[0] == rows[1] and min(rows[0]) >= 2


def test_a_folder_and_a_file_that_is_not_there_are_named(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        small(tmp_path)
    with pytest.raises(InputError, match="is not there"):
        small(tmp_path / "none.csv")


def test_label_codes_of_both_layouts_or_of_none_are_a_fault(tmp_path, codes):
    for value, message in ((7, "row 4: lung_opacity is 7"), (-1, "use 1, 0, -1 and empty")):
        wrong = random_codes(0)
        wrong[2, 2] = value
        with pytest.raises(InputError, match=message):
            small(write_codes(tmp_path / "wrong.csv", wrong), codes[1])
    with pytest.raises(InputError, match="name the references' file first"):
        small(codes[0])


def test_an_empty_report_is_scored_where_it_is_allowed(tmp_path):
    path = write_csv(tmp_path / "a.csv", [("d", "Edema.", ""), *ROWS])
    with pytest.raises(InputError, match="--allow-empty"):
        small(path)
    table = small(path, allow_empty=True)["degeneration"].set_index("sign")
    assert table.loc["share of empty reports", "a.csv"] == 0.25


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_written_score_holds_no_words_of_reports_and_no_id_unless_quoted(
    tmp_path, suffix, monkeypatch, capsys
):
    rows = [[(f"study{row[0]}", *row[1:]) for row in rows] for rows in (ROWS, OTHER)]
    paths = [write_csv(tmp_path / f"{i}.csv", each) for i, each in enumerate(rows)]
    out = tmp_path / f"out{suffix}"
    arguments = ["score", *map(str, paths), "--out", str(out), "--resamples", "50"]
    words = ("Mild cardiomegaly", "The heart is enlarged", "There is a pneumothorax", "studya")
    monkeypatch.setattr(sys, "argv", arguments)
    command.main()
    printed = capsys.readouterr().out
    assert not any(word in text for word in words for text in (printed, out.read_text()))
    assert "PromptMRG" in printed and "PromptMRG" in out.read_text()
    monkeypatch.setattr(sys, "argv", [*arguments, "--quote"])
    command.main()
    assert all(word in out.read_text() for word in words)


def test_a_fault_ends_the_command_with_its_sentence_and_leaves_the_files(
    tmp_path, monkeypatch, capsys
):
    path = write_csv(tmp_path / "a.csv", [("a", "x", "")])
    before = path.read_bytes()
    monkeypatch.setenv("HOME", str(tmp_path))
    own = [["--out", str(path)], ["--out", "~/a.csv"], ["--resamples", "0"], ["--seed", "-1"]]
    for options, code in (([], 1), *((options, 2) for options in own)):
        monkeypatch.setattr(sys, "argv", ["score", str(path), *options])
        with pytest.raises(SystemExit) as ended:
            command.main()
        assert ended.value.code == code and "Traceback" not in capsys.readouterr().err
    assert path.read_bytes() == before


def test_scoring_with_the_rules_does_not_wait_for_torch(tmp_path):
    path = write_csv(tmp_path / "a.csv", ROWS)
    code = (
        "import sys; from mrg_r1_lib.evaluation.score import score; "
        f"score([{str(path)!r}], resamples=10); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_rouge_l_is_rouge_scores_own_on_texts_that_repeat_words():
    draw = np.random.default_rng(0)
    texts = [[" ".join(draw.choice(list("abcde"), size=n)) for n in range(30)] for _ in range(2)]
    scorer = RougeScorer(["rougeL"])
    own = [scorer.score(*pair)["rougeL"].fmeasure for pair in zip(*texts, strict=True)]
    np.testing.assert_array_equal(rouge_l(*texts), own)


def test_bleu_of_many_parts_is_that_of_the_whole_and_never_above_1(monkeypatch):
    reference, generated = ["a b c d e", "f g", "a b"] * 3, ["a b c d f", "f", "a b"] * 3
    whole = text_metrics(reference, generated)
    monkeypatch.setattr("mrg_r1_lib.metrics.text.BATCH", 2)
    assert text_metrics(reference, generated) == whole
    assert text_metrics(["Normal."], ["Normal."])["bleu_1"] == 1.0


def test_the_signs_of_degeneration_by_hand():
    edema, denied, nothing = [0] * 4 + [1] + [0] * 9, [0] * 4 + [2, 2] + [0] * 7 + [1], [0] * 14
    reports = ["a b c d a b c d", "x", "x", ""]  # 5 4-grams, the last as the first
    assert degeneration(reports, np.array([edema, denied, denied, nothing])) == {
        "distinct reports": 3,
        "share of the most frequent report": 0.5,
        "share of empty reports": 0.25,
        "repeated 4-grams": 0.2,
        "words per report": 2.5,
        "findings of the 13 per report": 0.25,
        "denials per report": 1.0,
        "share neither normal nor of the 13": 0.25,
    }


def test_scores_without_intervals_are_clinical_efficacy():
    reference, generated = random_codes(10), random_codes(11)
    found = scores(reference, generated).definitions
    for values, key in zip(found, DEFINITIONS, strict=True):
        assert list(clinical_efficacy(reference, generated, *key).values()) == pytest.approx(values)
