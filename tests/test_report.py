"""The page of a study: one file that stands alone, says of every figure how to read it, and depends on the results alone."""

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

import pytest
from matplotlib.figure import Figure

from mrg_r1_lib.reporting.documents.captions import FIGURES, PARTS
from mrg_r1_lib.reporting.documents.contents import NOTEBOOKS
from mrg_r1_lib.reporting.documents.markdown import render
from mrg_r1_lib.reporting.documents.report import main, report
from mrg_r1_lib.storage.files import save_figure, write_text
from mrg_r1_lib.storage.paths import REPOSITORY, results_root
from mrg_r1_lib.storage.privacy import require_publishable

VOID = {"meta", "img", "br", "link", "input", "hr"}
LIMIT = 6e6  # bytes
PLANNED = """system,against,measure,difference,low,high,p,p_holm,seeds
"SRL, MCCS",SFT,f1,0.03,0.006,0.056,0.023,0.046,2
"SRL, MCCS",SFT,precision,-0.01,-0.05,0.03,0.5,,2
"SRL, MCCS",SFT continued,f1,0.01,-0.02,0.04,0.0001,0.0002,2
"""
NOTE = """<!-- written by hand -->
# Assumptions & choices

### Margin <script>alert(1)</script>

See [the table](laptop/tables/planned.csv), [nothing](gone.md), [below](#margin) and [the paper](https://arxiv.org/abs/2512.16145).
![a picture](laptop/figures/hacking.png)

| name | value |
|---|---:|
| margin | 0.3 |
"""


class Page(HTMLParser):
    """The elements of a page; ValueError where one is closed that is not the last one opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.found, self.text = [], [], []
        self.feed(html)
        self.close()
        if self.open:
            raise ValueError(f"never closed: {self.open}")

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            raise ValueError(f"</{tag}> at {self.getpos()} closes something else")

    def handle_data(self, data):
        self.text.append(data)

    def of(self, tag):
        return [attrs for name, attrs in self.found if name == tag]

    def headings(self):
        return [int(tag[1]) for tag, _ in self.found if re.fullmatch("h[1-6]", tag)]


@pytest.fixture
def results(tmp_path):
    """A small study: two figures with words and one without, tables, printed ones, a document and a manifest."""
    folder = tmp_path / "results" / "laptop"
    for name in ("main_scores", "data_flow", "something_new"):
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([0, 1])
        save_figure(figure, folder / "figures" / name)
    write_text(folder / "tables" / "planned.csv", PLANNED)
    write_text(
        folder / "tables" / "printed" / "main.csv",
        'system,"F1 [95 %]",words\nSFT & <b>,"0.5 [0.4, 0.6]",as it is\n',
    )
    write_text(folder / "tables" / "printed" / "main.md", "| system |\n")
    write_text(folder / "notebooks" / "05_tables_and_figures.ipynb", "{}")
    write_text(folder.parent / "assumptions.md", NOTE)
    entry = {
        "seconds": 120.0,
        "steps": 100,
        "parameters": 3500000,
        "trained_parameters": 2000000,
        "commit": "abc",
    }
    entry |= {
        "versions": {"torch": "2.0"},
        "hardware": {"system": "Linux", "cores": 2, "host": "SECRET"},
    }
    manifest = {
        "srl": entry,
        "scale": {"srl_steps": 100, "seconds": {"03": 1}},
        "seed": 0,
    }
    write_text(folder / "iu_xray" / "srl_mccs" / "seed0" / "manifest.json", json.dumps(manifest))
    write_text(folder / "iu_xray" / "srl_mccs" / "seed0" / "metrics.json", "{}")
    return folder.parent


@pytest.fixture
def html(results):
    return report(results, "laptop", "iu_xray")


def links(page):
    """Targets of all links, images and the like, but for data and parts of the page itself."""
    found = [
        attrs[name]
        for _, attrs in page.found
        for name in ("href", "src", "srcset", "data", "poster")
        if name in attrs
    ]
    return [each for each in found if not each.startswith(("data:", "#"))]


def require_standing_alone(html, folder):
    page = Page(html)
    assert (
        not page.of("script")
        and not page.of("link")
        and "@import" not in html
        and "url(" not in html
    )
    assert all(
        attrs["src"].startswith("data:image/png;base64,") and attrs["alt"]
        for attrs in page.of("img")
    )
    for target in links(page):
        if target.startswith("http"):
            assert target.startswith("https://"), target
        else:
            assert (folder / unquote(target.partition("#")[0])).exists(), target
    identifiers = [attrs["id"] for _, attrs in page.found if "id" in attrs]
    assert len(identifiers) == len(set(identifiers))
    assert {attrs["href"][1:] for attrs in page.of("a") if attrs["href"].startswith("#")} <= set(
        identifiers
    )
    levels = page.headings()
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
    assert page.of("html") == [{"lang": "en"}]
    assert all(figure["alt"] for figure in page.of("img")) and len(page.of("figcaption")) == len(
        page.of("figure")
    )


def test_the_page_is_well_formed_stands_alone_and_its_links_resolve(results, html):
    require_standing_alone(html, results / "laptop")


def test_each_figure_appears_once_in_the_order_of_the_study_with_those_without_words_at_the_end(
    html,
):
    assert re.findall(r'<figure id="figure-([\w-]+)"', html) == [
        "data-flow",
        "main-scores",
        "something-new",
    ]
    assert html.count("data:image/png;base64,") == 3
    assert "Further right is better; intervals are over studies." in html


def test_the_same_results_give_the_same_bytes(results, html):
    assert report(results, "laptop", "iu_xray") == html


def test_what_was_planned_is_said_in_words_and_digits(html):
    text = re.sub(r"\s+", " ", "".join(Page(html).text))
    assert (
        "SRL, MCCS − SFT: +0.030 [+0.006, +0.056], p = 0.046, 2 seeds: the interval lies above zero."
        in text
    )
    assert "Precision −0.010 [−0.050, +0.030]." in text
    assert (
        "SRL, MCCS − SFT continued: +0.010 [−0.020, +0.040], p < 0.001, 2 seeds: the interval covers zero."
        in text
    )


def test_what_is_real_and_what_is_drawn_stands_at_the_top(html):
    top = "".join(Page(html).text).split("Contents")[0]
    for words in (
        "Real, with their language",
        "Drawn, from the collection's",
        "Tiny: 3,500,000 parameters",
        "not run",
    ):
        assert words in top


def test_a_printed_table_is_shown_as_it_is_with_numbers_to_the_right(html):
    assert (
        '<th scope="row">SFT &amp; &lt;b&gt;</th><td class="n">0.5 [0.4, 0.6]</td><td>as it is</td>'
        in html
    )


def test_manifests_give_times_and_settings_and_nothing_else(html):
    assert "2,000,000" in html and "system Linux, cores 2" in html and "SECRET" not in html
    assert '<th scope="row">srl_steps</th><td>scale</td><td class="n">100</td>' in html


def test_a_document_has_its_title_on_its_fold_and_its_markup_made_harmless(html):
    assert "<h3>Assumptions &amp; choices</h3>" in html and "written by hand" not in html
    assert "alert(1)" in html and "<script" not in html
    assert (
        '<a href="tables/planned.csv">the table</a>, nothing, <a href="../assumptions.md#margin">below</a>'
        in html
    )


def test_what_is_absent_is_listed_and_breaks_nothing(results, html):
    assert (
        "<code>laptop/tables/printed/ablations.csv</code>" in html
        and "<code>checklists.md</code>" in html
    )
    shutil.rmtree(results / "laptop" / "tables")
    page = report(results, "laptop", "iu_xray")
    require_standing_alone(page, results / "laptop")
    assert "<code>laptop/tables/planned.csv</code>" in page and 'id="claim"' not in page


def test_a_study_without_tables_and_figures_names_the_command_that_makes_them(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"neither tables nor figures.*\./run_all\.sh smoke"
    ):
        report(tmp_path, "smoke", "iu_xray")


def test_the_command_writes_the_page_beside_the_tables(results, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["report", "laptop", "--results", str(results)])
    main()
    assert "report.html" in capsys.readouterr().out
    assert (results / "laptop" / "report.html").read_text(encoding="utf-8") == report(
        results, "laptop", "iu_xray"
    )


def test_a_page_of_a_credentialed_corpus_may_be_written_with_the_documents_of_this_project(
    tmp_path,
):
    figure = Figure(figsize=(1, 1))
    save_figure(figure, tmp_path / "laptop" / "mimic_cxr" / "figures" / "main_scores")
    for path in results_root().glob("*.md"):
        if path.name != "README.md":
            shutil.copy(path, tmp_path)
    page = report(tmp_path, "laptop", "mimic_cxr")
    assert "Indiana University's chest X-ray collection" not in page.partition("Contents")[0]
    require_publishable(tmp_path / "laptop" / "mimic_cxr" / "report.html", page)


def test_a_document_without_a_title_has_its_files_name(tmp_path):
    (tmp_path / "model_card.md").write_text("## Use\n- [x] done\n- [ ] open\n")
    title, part = render(tmp_path / "model_card.md", tmp_path)
    assert title == "model card"
    assert "<h4>Use</h4>" in part and "☑ done" in part and "☐ open" in part and "<input" not in part


def test_no_torch_is_needed():
    code = "import sys, mrg_r1_lib.reporting.documents.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_figure_that_is_committed_has_words_and_every_notebook_a_name():
    committed = {path.stem for path in (results_root() / "laptop" / "figures").glob("*.png")}
    assert not committed - set(FIGURES), (
        "mrg_r1_lib/reporting/documents/captions.py says nothing of these"
    )
    assert {path.stem for path in (REPOSITORY / "notebooks").glob("*.ipynb")} == set(NOTEBOOKS)
    assert {each.part for each in FIGURES.values()} <= set(PARTS)


def test_the_committed_page_is_that_of_the_committed_results():
    path: Path = results_root() / "laptop" / "report.html"
    if not path.exists():
        pytest.skip("results/laptop/report.html is not there: ./run_all.sh report")
    saved, now = path.read_text(encoding="utf-8"), report(results_root(), "laptop", "iu_xray")
    require_standing_alone(saved, path.parent)
    assert len(saved.encode()) < LIMIT
    words = re.compile(r"base64,[^\"]*")  # pictures are compressed otherwise elsewhere
    assert words.sub("", saved) == words.sub("", now), (
        "stale: write it anew with ./run_all.sh report"
    )
    assert not re.search(
        rf"{re.escape(str(REPOSITORY))}|(?<![\w.])(/home/|/root/|/tmp/|/Users/)",
        words.sub("", saved),
    )
