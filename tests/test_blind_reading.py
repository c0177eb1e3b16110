"""The page of a blind reading hides whose a report is, and two readers' answers are counted right."""

import base64
import hashlib
import json
import math
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pytest

from mrg_r1_lib.evaluation.blind_reading import __main__ as command
from mrg_r1_lib.evaluation.blind_reading import compare, exchanged, make_page, page, write_page
from mrg_r1_lib.report_format import render_target
from mrg_r1_lib.runs.run import Run

ODD = [
    '</p></form><script>alert("x")</script><img src=x onerror=alert(1)>',
    "\"quotes\" 'single' & &amp; <report> &lt;b&gt; <!-- -->",
    "İ edema, 肺水腫, \u202e right to left, é, 💀, e\u0301\nand a new line",
]
KEY = {"page": "abc", "systems": ["sft", "srl_mccs"], "exchanged": [False, True, False, True]}
# by system, worked by hand in the test
MISSED = ([[0, 1], [0, 2], [1, 1], [0, 1]], [[0, 1], [0, 1], [1, 1], [0, 3]])
PREFERRED = ([0, 0, 1, 2], [0, 1, 1, 2])
DOM = """
const text = require("fs").readFileSync(process.argv[2], "utf8"), stored = {}, heard = {}, fields = {};
const names = [...text.matchAll(/(?:select|input) name="([^"]+)"/g)].map(found => found[1]);
for (const name of names) fields[name] = {value: ""};
const data = Object.fromEntries([...text.matchAll(/data-(\\w+)="([^"]+)"/g)].map(f => [f[1], f[2]]));
globalThis.localStorage = {getItem: key => stored[key] ?? null, setItem: (key, value) => stored[key] = value};
globalThis.FormData = class { *[Symbol.iterator]() { for (const name of names) yield [name, fields[name].value]; } };
globalThis.Blob = class { constructor(parts) { console.log(parts[0]); } };
URL.createObjectURL = () => "";
const button = {addEventListener: (_, act) => heard.export = act};
globalThis.document = {
  forms: [{dataset: data, elements: {namedItem: name => fields[name] ?? null}, addEventListener: (kind, act) => heard[kind] = act,
           querySelectorAll: () => names.filter(name => name !== "reader").map(name => fields[name])}],
  getElementById: id => id === "export" ? button : {}, createElement: () => ({click() {}}),
};
const script = text.match(/<script>([^]*)<\\/script>/)[1];
(0, eval)(`{${script}}`);
names.forEach((name, place) => fields[name].value = name === "reader" ? "A" : String(place % 3));
heard.input();
names.forEach(name => fields[name].value = "");
(0, eval)(`{${script}}`);  // the page is opened again
heard.export();
"""


class Shown(HTMLParser):
    """What a browser sees: reports, all visible text, scripts, fields and tags."""

    def __init__(self, text):
        super().__init__()
        self.reports, self.visible, self.scripts, self.fields, self.tags = [], "", [], [], set()
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.add(tag)
        self.inside = attributes.get("class", tag)
        if self.inside == "report":
            self.reports.append("")
        if tag in ("select", "input"):
            self.fields.append(attributes["name"])

    def handle_data(self, data):
        if self.inside == "report":
            self.reports[-1] += data
        if self.inside in ("script", "style"):
            self.scripts += [data] * (self.inside == "script")
        else:
            self.visible += data

    def handle_endtag(self, tag):
        self.inside = ""


@pytest.fixture
def studies(monkeypatch):
    """Six studies, and two systems whose reports say which study they are of."""
    made = [SimpleNamespace(findings=f"reference {number}") for number in range(6)]
    monkeypatch.setattr(page, "load_split", lambda *_: made)
    monkeypatch.setattr(Run, "finished", lambda *_: True)
    return made


def runs(results, corpus="iu_xray"):
    made = [Run(f"{corpus}/{arm}", "smoke", 0, results) for arm in ("sft", "srl_mccs")]
    for run, letter in zip(made, "ab", strict=True):
        texts = [render_target("", f"{letter}{number}") for number in range(6)]
        (run.make_private() / "completions_validate.json").write_text(json.dumps(texts))
    return made


def answers(path, reader, missed, preferred, changes=None):
    """A reader's file, as exported: by place on the page."""
    listed = []
    for pair, which, turned in zip(missed, preferred, KEY["exchanged"], strict=True):
        by_place = {"missed": pair[::-1] if turned else pair, "invented": [0, 0]}
        listed.append(by_place | {"preferred": 1 - which if turned and which < 2 else which})
    path.write_text(
        json.dumps({"page": "abc", "reader": reader, "answers": listed} | (changes or {}))
    )
    return path


@pytest.fixture
def files(tmp_path):
    (tmp_path / "key.json").write_text(json.dumps(KEY))
    both = zip("AB", MISSED, PREFERRED, strict=True)
    return [tmp_path / "key.json", *(answers(tmp_path / f"{one[0]}.json", *one) for one in both)]


def test_text_of_any_kind_is_shown_as_it_is_and_never_becomes_a_tag():
    text, _ = make_page(ODD, ODD[::-1], ["", *ODD[:2]], [False, True, False])
    shown = Shown(text)
    a, b, c = ODD
    assert shown.reports == [a, c, "", b, a, b, c, a, b]
    assert len(shown.scripts) == 1 and not shown.tags & {"img", "b", "a", "iframe", "link"}


def test_the_page_lets_its_own_script_run_and_nothing_load():
    text, _ = make_page(["x"], ["y"], ["z"], [False])
    digest = hashlib.sha256(Shown(text).scripts[0].encode()).digest()
    assert f"script-src 'sha256-{base64.b64encode(digest).decode()}'" in text
    assert "default-src 'none'" in text and "http:" not in text and "https:" not in text


def test_each_study_asks_what_each_report_misses_and_invents_and_which_is_preferred():
    fields = Shown(make_page(["x"] * 2, ["y"] * 2, ["z"] * 2, [False] * 2)[0]).fields
    counts = [f"{q}_{study}_{place}" for study in (0, 1) for place in (0, 1) for q in ("missed", "invented")]  # fmt: skip
    assert sorted(fields) == sorted([*counts, "preferred_0", "preferred_1", "reader"])


def test_the_order_comes_from_the_seed_and_each_system_stands_first_equally_often():
    orders = [exchanged(20, seed) for seed in range(50)]
    assert all(sum(order) == 10 for order in orders) and len(set(map(tuple, orders))) > 45
    assert exchanged(20, 7) == exchanged(20, 7)
    assert {sum(exchanged(5, seed)) for seed in range(50)} == {2, 3}
    assert len({exchanged(5, seed)[0] for seed in range(50)}) == 2


def test_the_page_does_not_say_whose_a_report_is_and_its_key_does(studies, tmp_path):
    path = write_page(runs(tmp_path), "validate", 5, seed=3)
    text, key = path.read_text(), json.loads(path.with_suffix(".key.json").read_text())
    assert not any(word in text for word in (*key["systems"], "exchanged", "seed", "smoke", "SRL"))
    reports = Shown(text).reports
    for number, (place, turned) in enumerate(zip(key["places"], key["exchanged"], strict=True)):
        pair = [f"a{place}", f"b{place}"]
        expected = [f"reference {place}", *(pair[::-1] if turned else pair)]
        assert reports[3 * number :][:3] == expected
    again = write_page(runs(tmp_path), "validate", 5, seed=3)
    assert (again, again.read_text()) == (path, text)
    assert write_page(runs(tmp_path), "validate", 5, seed=4) != path


def test_page_and_key_lie_where_git_ignores_them(studies, tmp_path):
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    path = write_page(runs(tmp_path / "anywhere"), "validate", 6, seed=0)
    new = ["git", "ls-files", "--others", "--exclude-standard"]
    assert len(list(path.parent.glob("blind_reading_*"))) == 2
    assert not subprocess.run(new, cwd=tmp_path, check=True, capture_output=True).stdout


def test_a_guarded_corpus_has_no_page_without_the_word(studies, tmp_path, monkeypatch, capsys):
    both = runs(tmp_path, "mimic_cxr")
    with pytest.raises(PermissionError, match=r"mimic_cxr is guarded.*--allow-guarded"):
        write_page(both, "validate", 2, seed=0)
    assert not list(tmp_path.rglob("blind_reading*"))
    words = ["make", "sft", "srl_mccs", "--corpus", "mimic_cxr", "--scale", "smoke", "--studies=2"]
    monkeypatch.setattr(sys, "argv", ["blind_reading", *words, f"--results={tmp_path}"])
    with pytest.raises(SystemExit, match="1"):
        command.main()
    assert "--allow-guarded" in capsys.readouterr().err
    sys.argv.append("--allow-guarded")
    command.main()
    assert len(list(tmp_path.rglob("blind_reading*.html"))) == 1


@pytest.mark.parametrize("count", [0, 7])
def test_too_few_and_too_many_studies_are_refused(studies, tmp_path, count):
    with pytest.raises(ValueError, match="expected two arms, and 1 to 6 studies of validate"):
        write_page(runs(tmp_path), "validate", count, seed=0)


def test_a_run_without_reports_is_named(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"iu_xray/sft, scale smoke.*no reports of validate"
    ):
        write_page(runs(tmp_path), "validate", 2, seed=0)


def test_two_readers_agreement_and_the_sign_test_are_those_worked_by_hand(files):
    table = compare(*files).set_index("question")
    # 3 steps apart in 8 pairs; by the margins (3, 4, 1, 0) and (3, 4, 0, 1) 52 in 64 by chance
    assert math.isclose(table.loc["missed", "kappa"], 1 - (3 / 8) / (52 / 64))
    # 3 of 4 agree; by the margins (2, 1, 1) and (1, 2, 1) 5 in 16 by chance
    assert math.isclose(table.loc["preferred", "kappa"], (3 / 4 - 5 / 16) / (1 - 5 / 16))
    assert math.isnan(table.loc["invented", "kappa"])
    counted = ["sft better", "srl_mccs better", "equal", "p"]
    assert table.loc["missed", counted].tolist() == [3, 0, 1, 0.25]
    assert table.loc["preferred", counted].tolist() == [1, 1, 2, 1.0]
    assert table.loc["invented", counted].tolist() == [0, 0, 4, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"page": "other"}, "B.json holds no answers to the page abc"),
        ({"reader": "A"}, "are by one reader, 'A'"),
        ({"answers": []}, "B.json: study 1, 'missed' is None"),
        ({"answers": [{"missed": [0, None]}]}, r"B.json: study 1, 'missed' is \[0, None\]"),
        ({"answers": [{"missed": [0, 4]}]}, r"B.json: study 1, 'missed' is \[0, 4\]; expected one"),
        ({"answers": [{"missed": [0, 0], "invented": 0}]}, "B.json: study 1, 'invented' is 0"),
        ({"answers": None}, "B.json: study 1, 'missed' is None"),
    ],
)
def test_answers_that_cannot_be_counted_are_named(files, changes, message):
    answers(files[2], "B", MISSED[1], PREFERRED[1], changes)
    with pytest.raises(ValueError, match=message):
        compare(*files)


def test_a_key_that_stands_behind_the_answers_is_named(files):
    with pytest.raises(ValueError, match=r"B\.json is no key of a page; name the key first"):
        compare(files[2], files[0], files[1])


def test_a_cut_file_of_answers_is_named(files):
    files[2].write_text(files[2].read_text()[:50])
    with pytest.raises(ValueError, match=r"B\.json is damaged"):
        compare(*files)


def test_the_command_prints_the_comparison(files, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["blind_reading", "compare", *map(str, files)])
    command.main()
    assert "0.538" in capsys.readouterr().out


@pytest.mark.skipif(not shutil.which("node"), reason="no JavaScript here")
def test_answers_survive_a_reload_of_the_page_and_are_exported_as_they_are_read(tmp_path):
    (tmp_path / "dom.js").write_text(DOM)
    text, name = make_page(["x"] * 2, ["y"] * 2, ["z"] * 2, [False] * 2)
    (tmp_path / "page.html").write_text(text)
    node = ["node", "dom.js", "page.html"]
    done = subprocess.run(node, cwd=tmp_path, check=False, capture_output=True, text=True)
    exported = json.loads(done.stdout or done.stderr)
    # the fields in their order on the page hold 1, 2, 0, 1, 2, and again from 0
    assert exported == {
        "page": name,
        "reader": "A",
        "answers": [
            {"missed": [1, 0], "invented": [2, 1], "preferred": 2},
            {"missed": [0, 2], "invented": [1, 0], "preferred": 1},
        ],
    }
