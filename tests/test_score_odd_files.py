"""Odd files for a score: each is one sentence, and no quote hides a row."""

import csv
import io
import json
import os
import random
import sys

import pytest

from mrg_r1_lib.evaluation.score import main
from mrg_r1_lib.evaluation.score.files import InputError
from mrg_r1_lib.evaluation.score.inputs import read_systems
from mrg_r1_lib.evaluation.score.readers import read_table
from mrg_r1_lib.observations import OBSERVATIONS

DIGITS = "1" * 5000
RECORD = '[{"study_id": "a", "reference": "No edema.", "generated": "Edema."}]'


def put(path, kind):
    """A pipe, device, link to itself or endless file at a path."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "loop":
        path.symlink_to(path.name)
    else:
        with path.open("wb") as file:
            file.truncate(3 << 30)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".json", ".jsonl", ".parquet"])
@pytest.mark.parametrize("kind", ["pipe", "device", "loop", "endless"])
def test_what_cannot_be_read_to_its_end_is_one_sentence(
    tmp_path, suffix, kind, monkeypatch, capsys
):
    path = put(tmp_path / f"reports{suffix}", kind)
    monkeypatch.setattr(sys, "argv", ["score", str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 1 and said.startswith(str(path)) and said.count("\n") == 1


def test_a_name_of_any_length_is_not_there(tmp_path):
    with pytest.raises(InputError, match="is not there"):
        read_table(tmp_path / f"{'x' * 5000}.csv")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"generated":', '"generated": "No edema.", "generated":', "names 'generated' twice"),
        ('"Edema."', "[" * 100_000, "is not JSON"),
        ('"Edema."', r'"Edema \ud800."', "half a letter"),
        ('"a"', r'"\ud800"', "half a letter"),
        ('"Edema."', "12", "not text"),
    ],
    ids=["a name twice", "nesting", "text", "id", "number"],
)
@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_a_record_that_no_reader_can_mean_is_named(tmp_path, suffix, old, new, said):
    text = RECORD.replace(old, new)
    path = tmp_path / f"reports{suffix}"
    path.write_text(text if suffix == ".json" else text.removeprefix("[").removesuffix("]"))
    with pytest.raises(InputError, match=f"{path}.*{said}"):
        read_systems([path])


def test_a_number_of_any_length_is_an_id_or_no_label_code(tmp_path):
    path = tmp_path / "reports.json"
    path.write_text(RECORD.replace('"a"', DIGITS))
    assert read_table(path).columns["study_id"] == [DIGITS]
    record = {f"{side}_{name}": 0 for side in ("reference", "generated") for name in OBSERVATIONS}
    path.write_text(json.dumps([record]).replace("0", "1" * 400, 1))
    with pytest.raises(InputError, match=r"record 1: .* is inf"):
        read_systems([path])


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "columns", [("reference", "generated"), ("study_id", "reference", "generated", "model")]
)
def test_no_pair_of_quotes_hides_a_row(tmp_path, separator, columns):
    file = io.StringIO()
    rows = [[f"{name[0]}{row} is clear" for name in columns] for row in range(12)]
    csv.writer(file, delimiter=separator, lineterminator="\n").writerows([columns, *rows])
    text, draw = file.getvalue(), random.Random(0)
    edges = [at for at in range(1, len(text)) if {separator, "\n"} & {text[at], text[at - 1]}]
    path = tmp_path / "reports.tsv" if separator == "\t" else tmp_path / "reports.csv"
    joined = 0
    for _ in range(60):
        one, two = sorted(draw.sample([0, *edges], 2))
        path.write_text(f'{text[:one]}"{text[one:two]}"{text[two:]}')
        try:
            assert len(read_table(path)) == 12
        except InputError as error:
            joined += "joins it with later rows" in str(error)
    assert joined > 1


def test_a_report_of_several_lines_is_one_cell(tmp_path):
    path = tmp_path / "reports.csv"
    path.write_text('reference,generated\n"Heart,\nlungs, 1,000 ml\n","No edema,\r\nclear"\n')
    assert read_table(path).columns["reference"] == ["Heart,\nlungs, 1,000 ml\n"]
