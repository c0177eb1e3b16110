"""What a guarded corpus may never leave in a committed file."""

import json
from dataclasses import replace
from urllib.parse import quote

import nbformat
import pandas as pd
import pytest
import trees
from PIL import Image

from mrg_r1_lib import experiments, scales
from mrg_r1_lib.corpora import load_corpus
from mrg_r1_lib.pipeline import steps
from mrg_r1_lib.reporting import figures
from mrg_r1_lib.runs.run import Run
from mrg_r1_lib.storage.privacy import (
    guarded,
    quotable,
    require_publishable,
    require_unquoted,
)

STUDY, PATIENT = 50414267, 10000032
IMAGE = trees.dicom(STUDY, 0)
IDS = [
    f"s{STUDY}",
    f"S{STUDY}",
    f"p{PATIENT}",
    f"{STUDY}.dcm",
    f"s{STUDY}.txt",
    f"Study s{STUDY}.",
    f"study{STUDY}",
    f"files/p10/p{PATIENT}/s{STUDY}/",
    f"mimic_{STUDY}_x",
    f"{STUDY}.0",
    "５0414267",  # a digit of full width
    IMAGE,
    IMAGE.upper(),
    f"{IMAGE}.jpg",
    "1.2.840.113619.2.5.1762583153.215519",
]
SENTENCE = "The heart is enlarged and there is a small left effusion."


def refused(name, text, **how):
    try:
        require_publishable(name, text, **how)
    except PermissionError:
        return True
    return False


def test_every_corpus_but_those_declared_public_is_guarded(monkeypatch):
    assert [guarded(name) for name in ("mimic_cxr", "mimic_cxr_r2gen", "iu_xray_r2gen")] == [
        1,
        1,
        0,
    ]
    assert quotable("iu_xray", [1]) == [1] and quotable("mimic_cxr_r2gen", [1]) == []
    monkeypatch.setitem(experiments.PREPARATIONS, "new", experiments.Preparation("new"))
    assert guarded("new")


@pytest.mark.parametrize("parent", ["results", "runs", "home/runs/results"])
@pytest.mark.parametrize("scale", ["smoke", "a_new_scale"])
def test_no_folder_and_no_scale_switches_the_guard_off(tmp_path, monkeypatch, parent, scale):
    monkeypatch.setitem(scales.SCALES, scale, scales.SCALES["smoke"])
    private, public = (
        Run(f"{corpus}/sft", scale, 0, tmp_path / parent) for corpus in ("mimic_cxr", "iu_xray")
    )
    table = pd.DataFrame({"study_id": [f"s{STUDY}"], "Edema": [1]})
    with pytest.raises(PermissionError, match=r"x\.csv: holds text .* the rest below runs/"):
        private.save_table("x.csv", table)
    assert not (private.folder / "x.csv").exists()
    public.save_table("x.csv", table)
    private.save_table("x.csv", table.assign(study_id=[0]))


@pytest.mark.parametrize("spelled", IDS)
def test_an_id_is_found_in_every_spelling_and_every_kind_of_file(spelled):
    assert refused("x.json", json.dumps({"id": spelled}))
    assert refused("x.json", json.dumps([{spelled: 1}]))
    assert refused("x.csv", f"system,f1\n{spelled},0.5\n", names=["system"])
    assert refused("x.csv", f"system,{spelled}\nSFT,0.5\n", names=["system"])
    for kind in ("md", "tex", "html", "txt"):
        assert refused(f"x.{kind}", f"As in {spelled} shown,")
    with pytest.raises(PermissionError, match="id of a patient, study or image"):
        require_unquoted("x.ipynb", [f"<td>{spelled}</td>"], [], [])


def test_counts_and_digests_are_no_ids(tmp_path):
    run = Run("mimic_cxr/srl_mccs", "full", 0, tmp_path)
    run.update_manifest("srl", trained_parameters=14966784, parameters=16515072)
    assert '"trained_parameters": 14966784' in (run.folder / "manifest.json").read_text()
    run.save_table("x.csv", pd.DataFrame({"tokens": [14966784, 5], "rate": [0.50414267, 1e-5]}))
    digests = {"commit": f"c1cb{STUDY}", "lock": f"ab{STUDY}cd" * 5, "share": "0.50414267"}
    require_publishable("x.json", json.dumps(digests))
    for numbers in ("[1 0 0 0 0 0 0 0]", "12 345 678 910", "9 12 345 678", "1985 2010", "0x7f3a2c"):
        require_publishable("x.md", numbers)
    require_publishable("x.md", f"colour #{STUDY:x}, 5 %14 267, 0x{'5' * 5000}")
    require_publishable(
        "x.html", f"<img src='data:image/png;base64,iVBOR{STUDY}/a+5=='> 14,966,784"
    )


def test_a_column_that_is_named_for_ids_holds_row_numbers_only():
    require_publishable("x.csv", "study_id,Edema\n0,1\n1,0\n")
    for column in ("study_id", "subject_id", "Study", "patient", "dicom", ""):
        assert refused("x.csv", f"{column},Edema\n{STUDY},1\n"), column


@pytest.mark.parametrize("cell", ["Clear.", "Edema", SENTENCE, "0.57 [small effusion]", "1 to two"])
def test_words_stand_only_in_columns_of_names_and_a_sentence_in_none(cell):
    assert refused("x.csv", f"f1\n{cell}\n") and refused("x.tsv", f"seed\tf1\n1\t{cell}\n")
    assert refused("x.csv", f"system,f1\n{cell},1\n", names=["system"]) == (cell == SENTENCE)
    assert refused("x.csv", f"f1\n1,{cell}\n")  # beside the named columns


def test_numbers_as_they_are_printed_are_numbers():
    cells = [
        "0.57 [0.50, 0.63]",
        "0.57 [-0.50; 0.63]",
        "< 0.001",
        "1.5 to 2.0",
        "–",
        "1e-05",
        "nan",
    ]
    text = pd.DataFrame([["SFT", *cells, "True", None]]).to_csv(
        index=False, header=list("abcdefghij")
    )
    require_publishable("x.csv", text, names=["a"])


def test_a_sentence_is_refused_in_json_and_in_the_table_cells_of_documents():
    assert refused("x.json", json.dumps({"a": [SENTENCE]}))
    require_publishable("x.json", json.dumps({"label": "template from the drawn observations"}))
    for kind, row in (
        ("md", f"| SFT | {SENTENCE} |"),
        ("tex", rf"SFT & {SENTENCE} \\"),
        ("html", f"<tr><td>SFT<td class='x'>{SENTENCE}</td></tr>"),
        ("txt", f"SFT\t{SENTENCE}"),
    ):
        assert refused(f"x.{kind}", row), kind
        require_publishable(f"x.{kind}", row.replace(SENTENCE, "0.57 [0.50, 0.63]"))


def test_a_document_that_quotes_a_report_and_an_unknown_kind_of_file_are_refused():
    report = "Moderate cardiomegaly with small bilateral effusions, new since Monday."
    page = "<p>It wrote: cardiomegaly with <b>small</b>\nbilateral&nbsp;effusions, and more.</p>"
    for kind in ("html", "md", "tex", "txt"):
        assert refused(f"x.{kind}", page, private=["Clear.", report])
        assert not refused(f"x.{kind}", page, private=["Clear.", "Small effusions."])
    assert refused("x.yaml", "a: 1") and refused("README", "a")


def test_five_words_of_a_report_are_a_quote_and_the_librarys_own_words_are_none():
    reports = ["Moderate cardiomegaly with small bilateral effusions, new since Monday."]
    own = ["cardiomegaly with small bilateral effusions"]
    require_unquoted("x", ["with small bilateral effusions"], [], reports)
    with pytest.raises(PermissionError, match="5 words in a row"):
        require_unquoted(
            "x", ["<td>cardiomegaly, WITH small\n bilateral effusions</td>"], [], reports
        )
    require_unquoted("x", own, own, reports)


def test_figures_refuse_radiographs_of_a_credentialed_corpus_and_show_a_line_for_none(tmp_path):
    image = load_corpus("mimic_cxr", root=trees.mimic(tmp_path, 4))[0].images[0]()
    for shown in (image, image.convert("RGB"), image.resize((9, 9))):
        with pytest.raises(PermissionError, match="credentialed"):
            figures.contact_sheet([shown], [""])
    assert "Not shown" in figures.contact_sheet([], []).axes[0].texts[0].get_text()
    figures.contact_sheet([Image.new("L", (9, 9))], [""])


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Publish an executed notebook with one output and return its step; MIMIC is a small tree."""
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path))
    hidden = "Wombats hide behind the left heart border, number {}."
    trees.mimic(tmp_path / "mimic_cxr", 4, findings=hidden.format)

    def call(corpus, output, results=tmp_path / "results", text="", notebook=steps.SFT):
        step = steps.Step(notebook, Run(f"{corpus}/srl_mccs", "smoke", 0, results))
        cell = nbformat.v4.new_code_cell("report", id="report", outputs=[output])
        book = nbformat.v4.new_notebook(cells=[cell, nbformat.v4.new_markdown_cell(text, id="a")])
        nbformat.write(book, step.run.make_private() / "x.draft.ipynb")
        steps.publish(step.run.private / "x.draft.ipynb", step)
        return step

    return call


def shown(text, kind="execute_result"):
    return nbformat.v4.new_output(kind, {"text/plain": text})


def test_an_executed_notebook_that_quotes_a_report_is_not_published(publish, tmp_path):
    with pytest.raises(PermissionError, match="5 words in a row of a report or completion"):
        publish("mimic_cxr", shown("behind the left heart border"))
    assert list(tmp_path.rglob("x.draft.ipynb")) and not list(tmp_path.rglob("02_*.ipynb"))


def test_notebook_00_may_share_phrases_with_a_guarded_corpus_that_it_does_not_read(publish):
    phrase = shown("behind the left heart border")
    step = publish("mimic_cxr", phrase, notebook=steps.METHOD)
    assert "border" in step.output.read_text()
    with pytest.raises(PermissionError, match="the id of a patient"):
        publish("mimic_cxr", shown("study 50414267"), notebook=steps.METHOD)


@pytest.mark.parametrize(
    "output",
    [
        nbformat.v4.new_output("stream", name="stdout", text="behind the left heart border"),
        shown("behind the left heart border", "display_data"),
    ],
    ids=["printed", "displayed by a library"],
)
def test_what_was_printed_logged_or_displayed_is_not_published(publish, output):
    step = publish("mimic_cxr", output)
    assert "border" not in step.output.read_text() and "mimic_cxr" in step.output.as_posix()


def test_an_executed_notebook_keeps_no_path_with_a_users_name(publish, tmp_path, monkeypatch):
    results = tmp_path / "home" / "zoë" / "out"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    relative = steps.Step(steps.SFT, Run("iu_xray/sft", "smoke", 0, results)).parameters["RESULTS"]
    text = f"{results}/smoke, {relative}, {tmp_path}/home/data, {steps.REPOSITORY}/tests"
    saved = publish("iu_xray", shown(text), results).output.read_text()
    assert "zoë" not in saved and str(tmp_path) not in saved and str(steps.REPOSITORY) not in saved
    assert "<results>/smoke, <results>, <home>/data, <repository>/tests" in saved


def test_the_labels_of_arms_are_short_enough_for_a_guarded_corpus():
    table = pd.DataFrame({"arm": [arm.label for arm in experiments.ARMS.values()]})
    require_publishable("x.csv", table.to_csv(index=False), ["arm"])
    long = replace(experiments.ARMS["sft"], label=SENTENCE)
    assert refused("x.csv", f'arm\n"{long.label}"\n', names=["arm"])


HIDDEN = [
    "٥٠٤١٤٢٦٧",  # digits of another script
    f"5041\u200b{STUDY % 10**4}",  # an invisible character
    f"5041\u00ad{STUDY % 10**4}",
    f"&#53;{STUDY % 10**7:07}",  # an entity
    f"<b>5041</b>{STUDY % 10**4}",
    "".join(f"&#x{ord(digit):x};" for digit in str(STUDY)),
    "".join(f"%{ord(digit):x}" for digit in str(STUDY)),  # as in an address
    IMAGE.replace("-", "%2D"),
    hex(STUDY),
    hex(PATIENT).upper(),
    "50_414_267",
    "5041_4267",
    "50 414 267",
    "50\u202f414\u202f267",  # narrow spaces
    "50’414’267",
    IMAGE.replace("-", " "),
    IMAGE.replace("-", "–"),
    IMAGE.replace("-", "/"),
]


@pytest.mark.parametrize("spelled", HIDDEN)
def test_an_id_is_found_behind_markup_and_characters_that_nobody_sees(spelled):
    assert refused("x.json", json.dumps({"a": f"As in {spelled} shown,"}))
    assert refused("x.csv", f"system,f1\n{spelled},0.5\n", names=["system"])
    for kind in ("md", "tex", "html", "txt"):
        assert refused(f"x.{kind}", f"As in {spelled} shown,")
    with pytest.raises(PermissionError, match="id of a patient, study or image"):
        require_unquoted("x.ipynb", [f"<td>{spelled}</td><td>1</td>"], [], [])


def test_an_id_is_found_as_a_number_under_a_name_for_ids_and_in_a_files_name():
    for value in ({"study_id": STUDY}, {"a": [{"ids": [1, [STUDY]]}]}, {"Subject": float(PATIENT)}):
        assert refused("x.json", json.dumps(value)), value
    require_publishable("x.json", json.dumps({"studies": STUDY, "ids": [1, 2], "image": [None, 9]}))
    for spelled in ("5.0414267e7", "5.0414267e+07", "50,414,267", "50414267e0", f"0{STUDY}"):
        assert refused("x.csv", f'study_id,Edema\n"{spelled}",1\n'), spelled
    assert refused(f"s{STUDY}.csv", "f1\n0.5\n") and refused(f"a/{IMAGE}.md", "")
    require_publishable(f"job{STUDY}/x.csv", "f1\n0.5\n")  # a folder of the user's


def test_a_short_report_is_refused_where_names_may_stand():
    report = "No acute cardiopulmonary abnormality is seen."
    for name, text in (
        ("x.json", json.dumps({"a": [report]})),
        ("x.csv", f"system\n{report}\n"),
        ("x.csv", f"{report}\n1\n"),
        ("x.tsv", f"system\tf1\n{report}\t1\n"),
    ):
        assert refused(name, text, names=["system"], private=["Clear.", report]), name
        assert not refused(name, text, names=["system"], private=["Clear."]), name


@pytest.mark.parametrize("joint", ["&#32;", "&nbsp;", "<br>", "\u00ad ", "\u200b "])
def test_a_quote_is_found_behind_markup_and_characters_that_nobody_sees(joint):
    report = "Moderate cardiomegaly with small bilateral effusions, new since Monday."
    for kind in ("md", "tex", "html", "txt"):
        assert refused(f"x.{kind}", report.replace(" ", joint), private=[report])


def test_no_texts_of_the_corpus_are_read_for_a_file_of_numbers_and_names():
    def private():
        pytest.fail("the corpus was read")
        yield

    text = 'system,f1\nSFT,"0.57 [0.50, 0.63]"\nMCCS,1.5 to 2.0\n'
    require_publishable("x.csv", text, ["system"], private())
    require_publishable(
        "x.json", json.dumps({"a": ["new/srl_net_gain_of_it", "3.11.7"]}), private=private()
    )


def test_a_drawing_that_is_text_is_not_published_with_a_report_in_it(publish):
    drawing = {"image/svg+xml": "<svg><text>behind the left heart border</text></svg>"}
    with pytest.raises(PermissionError, match="5 words in a row"):
        publish("mimic_cxr", nbformat.v4.new_output("execute_result", drawing))


def test_an_executed_notebook_keeps_no_name_of_a_data_folder_link_or_sibling(
    publish, tmp_path, monkeypatch
):
    monkeypatch.setattr(steps, "REPOSITORY", tmp_path / "zoë" / "mrg")
    monkeypatch.setattr(steps, "NOTEBOOKS", tmp_path / "zoë" / "mrg" / "notebooks")
    monkeypatch.setenv("MRG_R1_DATA", str(tmp_path / "zoë data"))
    (tmp_path / "disk of zoë").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk of zoë")
    texts = [tmp_path / "zoë data" / "x", tmp_path / "disk of zoë" / "smoke", "../../../out"]
    texts += [quote(str(texts[0])), ascii(str(texts[1]))]
    link = "[reward](../mrg_r1_lib/rewards/mccs.py)"
    saved = publish("iu_xray", shown("; ".join(map(str, texts))), tmp_path / "out", link)
    text = saved.output.read_text()
    for name in ("zoë", "zo%C3%AB", "zo\\xeb", str(tmp_path)):
        assert name not in text, text
    assert (
        "<data>/x; <results>/smoke; <results>; <data>/x; '<results>/smoke'" in text
        and "](<repository>/mrg_r1_lib" in text
    )
