"""What a credentialed corpus may never leave in a committed file: the writers refuse it, the notebooks do not show it."""

import nbformat
import pandas as pd
import pytest
import trees
from PIL import Image

from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.pipeline import steps
from mrg_r1_lib.reporting import figures
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.files import save_table, write_text
from mrg_r1_lib.storage.privacy import is_credentialed, quotable, require_unquoted

STUDY, IMAGE = "50414267", trees.dicom(50414267, 0)


def test_a_credentialed_corpus_is_known_in_every_preparation():
    assert [
        is_credentialed(name)
        for name in ("mimic_cxr", "mimic_cxr_r2gen", "iu_xray", "iu_xray_r2gen")
    ] == [1, 1, 0, 0]
    assert quotable("iu_xray", [1]) == [1] and quotable("mimic_cxr_r2gen", [1]) == []


@pytest.mark.parametrize(
    "table",
    [
        {"study_id": ["s" + STUDY], "Edema": [1]},
        {"study_id": [int(STUDY)], "Edema": [1]},
        {"report": ["Clear."], "f1": [0.5]},
        {"think": ["Edema"], "f1": [0.5]},
        {"system": ["The heart is enlarged and there is a small left effusion."], "f1": [0.5]},
        {"metric": [IMAGE], "f1": [0.5]},
    ],
    ids=["study id", "bare number", "report", "one word", "sentence as a name", "image id"],
)
def test_a_table_with_text_or_ids_is_refused_below_a_credentialed_corpus_only(tmp_path, table):
    path = tmp_path / "smoke" / "mimic_cxr" / "tables" / "x.csv"
    with pytest.raises(PermissionError, match=r"x\.csv: holds .* keep the rest below runs/"):
        save_table(pd.DataFrame(table), path)
    assert not path.exists()
    save_table(pd.DataFrame(table), tmp_path / "smoke" / "iu_xray" / "x.csv")
    save_table(pd.DataFrame(table), tmp_path / "runs" / "smoke" / "mimic_cxr" / "x.csv")


def test_numbers_and_names_are_written(tmp_path):
    row = {
        "system": "template from the drawn observations",
        "seed": 0,
        "metric": "ce_f1",
        "value": 0.51414267,
        "low": None,
    }
    save_table(pd.DataFrame([row]), tmp_path / "laptop" / "mimic_cxr_r2gen" / "tables" / "x.csv")
    write_text(
        tmp_path / "laptop" / "mimic_cxr" / "sft" / "metrics.json",
        '{"f1": 0.5, "average": "micro"}',
    )


def test_numbers_as_they_are_printed_are_numbers_and_words_between_them_are_not(tmp_path):
    path = tmp_path / "laptop" / "mimic_cxr" / "tables" / "printed" / "x.csv"
    row = {
        "system": "SFT",
        "classes": "unknown",
        "F1": "0.57 [0.50, 0.63]",
        "p": "< 0.001",
        "minutes": "1.5 to 2.0",
        "tokens": "–",
    }
    write_text(path, pd.DataFrame([row]).to_csv(index=False))
    for cell in ("0.57 [small effusion]", "1 to two", "Clear."):
        with pytest.raises(PermissionError, match="text in the column 'F1'"):
            write_text(path, pd.DataFrame([row | {"F1": cell}]).to_csv(index=False))


@pytest.mark.parametrize(
    "text",
    [f'{{"id": "s{STUDY}"}}', '{"a": ["The heart is enlarged, and a small effusion is seen."]}'],
)
def test_a_json_file_with_an_id_or_a_sentence_is_refused(tmp_path, text):
    with pytest.raises(PermissionError, match="holds"):
        write_text(tmp_path / "full" / "mimic_cxr" / "metrics.json", text)


def test_five_words_of_a_report_are_a_quote_and_the_librarys_own_words_are_none(tmp_path):
    reports = ["Moderate cardiomegaly with small bilateral effusions, new since Monday."]
    require_unquoted(tmp_path, ["with small bilateral effusions"], [], reports)
    with pytest.raises(PermissionError, match="5 words in a row"):
        require_unquoted(
            tmp_path, ["<td>cardiomegaly, WITH small\n bilateral effusions</td>"], [], reports
        )
    require_unquoted(
        tmp_path,
        ["cardiomegaly with small bilateral effusions"],
        ["cardiomegaly with small bilateral effusions"],
        reports,
    )
    with pytest.raises(PermissionError, match="id of a patient, study or image"):
        require_unquoted(tmp_path, [f"p{10000032}"], [], [])


def test_figures_refuse_radiographs_of_a_credentialed_corpus_and_show_a_line_for_none(tmp_path):
    image = load_corpus("mimic_cxr", root=trees.mimic(tmp_path, 4))[0].images[0]()
    for shown in (image, image.convert("RGB"), image.resize((9, 9))):
        with pytest.raises(PermissionError, match="credentialed"):
            figures.contact_sheet([shown], [""])
    with pytest.raises(PermissionError, match="credentialed"):
        figures.studies_with_reports([image], [""], [""], [""])
    assert "Not shown" in figures.contact_sheet([], []).axes[0].texts[0].get_text()
    figures.contact_sheet([Image.new("L", (9, 9))], [""])


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """A draft with one output of `kind`, and the step it belongs to; the corpus is a small tree."""
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    trees.mimic(
        tmp_path / "mimic_cxr",
        4,
        findings=lambda number: f"Wombats hide behind the left heart border, number {number}.",
    )
    step = steps.Step(
        "02_supervised_finetuning", Run("mimic_cxr/srl_mccs", "smoke", 0, tmp_path / "results")
    )

    def write(output):
        cell = nbformat.v4.new_code_cell("report", id="report", outputs=[output])
        draft = step.run.make_private() / "x.draft.ipynb"
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), draft)
        return draft, step

    return write


def test_an_executed_notebook_that_quotes_a_report_is_not_published(notebook):
    draft, step = notebook(
        nbformat.v4.new_output("execute_result", {"text/plain": "behind the left heart border"})
    )
    with pytest.raises(PermissionError, match="5 words in a row of a report or completion"):
        steps.publish(draft, step)
    assert draft.exists() and not step.output.exists()


@pytest.mark.parametrize(
    "output",
    [
        nbformat.v4.new_output("stream", name="stdout", text="behind the left heart border"),
        nbformat.v4.new_output(
            "display_data", {"text/html": "<pre>behind the left heart border</pre>"}
        ),
    ],
    ids=["printed", "displayed by a library"],
)
def test_what_was_printed_logged_or_displayed_is_not_published(notebook, output):
    draft, step = notebook(output)
    steps.publish(draft, step)
    assert (
        "border" not in step.output.read_text() and "mimic_cxr/notebooks" in step.output.as_posix()
    )
