"""The documents: links and commands lead somewhere, generated numbers are the saved tables'."""

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from itertools import pairwise
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml

from mrg_r1_lib.experiments import ARMS, PREPARATIONS, parse_experiment
from mrg_r1_lib.policies.registry import POLICIES
from mrg_r1_lib.scales import SCALES
from mrg_r1_lib.storage.paths import REPOSITORY, results_root

LAPTOP = results_root() / "laptop"
PAGES = sorted(REPOSITORY.glob("*.md"))
PAGES += [REPOSITORY / "tests" / folder / "README.md" for folder in ("campaign", "labels")]
PAGES += sorted(results_root().glob("*.md")) + sorted(LAPTOP.glob("*.md"))
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
NOTEBOOKS += sorted((LAPTOP / "notebooks").glob("*.ipynb"))
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
BASH = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]*)`")
LINK = re.compile(r"\]\(([^()\s]+)\)")
FILE = re.compile(r"`((?:mrg_r1_lib|tests|notebooks|results|laptop)/[\w/]+\.[a-z]+)`")
COMMAND = re.compile(r"(\./run_all\.sh|(\.venv/bin/)?python -m|accelerate|tests/\w+\.sh)")
PASSED_ON = ("test", "lab", "benchmark", "score")  # commands of run_all.sh that hand their words on


def text_of(path):
    """The Markdown of a page or notebook."""
    if path.suffix != ".ipynb":
        return path.read_text(encoding="utf-8")
    cells = nbformat.read(path, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def prose(path):
    return FENCE.sub("", text_of(path))


def anchors(path):
    """The headings of a page as GitHub links to them; of a notebook as JupyterLab does."""
    headings = re.findall(r"^#+ (.+?)\s*$", prose(path), re.MULTILINE)
    if path.suffix == ".ipynb":
        return [heading.replace(" ", "-") for heading in headings]
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


def links(path):
    return [urlsplit(link) for link in LINK.findall(CODE.sub("", prose(path)))]


def commands(path):
    """Every shell command in the code of a page or notebook, without comments."""
    text = text_of(path)
    lines = [line for block in BASH.findall(text) for line in block.splitlines()]
    for line in [*lines, *CODE.findall(FENCE.sub("", text))]:
        for command in re.sub(r"\s+# .*", "", line).split(" && "):
            if COMMAND.match(command):
                yield shlex.split(command)


shown = pytest.mark.parametrize(
    "path", [*PAGES, *NOTEBOOKS], ids=lambda path: path.relative_to(REPOSITORY).as_posix()
)


@shown
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(path):
    for link in links(path):
        if link.scheme:
            assert link.scheme == "https" and "." in link.netloc, link
            continue
        target = path.parent / unquote(link.path) if link.path else path
        assert target.exists(), link
        assert not link.fragment or unquote(link.fragment) in anchors(target), link


def test_no_link_leads_to_a_file_that_git_ignores():
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    targets = {
        (path.parent / unquote(link.path)).resolve()
        for path in [*PAGES, *NOTEBOOKS]
        for link in links(path)
        if not link.scheme and link.path
    }
    answer = subprocess.run(
        ["git", "check-ignore", "--stdin"], cwd=REPOSITORY, text=True, capture_output=True,
        input="\n".join(map(str, targets)), check=False,
    )  # fmt: skip
    assert answer.stdout == ""


@shown
def test_every_file_that_a_page_names_is_there(path):
    for name in FILE.findall(prose(path)):
        below = results_root() if name.startswith("laptop/") else REPOSITORY
        assert "NAME" in name or (below / name).exists(), name


@shown
def test_every_command_names_things_that_are_there(path):
    usage = (REPOSITORY / "run_all.sh").read_text(encoding="utf-8")
    added = re.findall(r'^\+ +"(\w+)":', text_of(path), re.MULTILINE)  # in the page's own diffs
    for words in commands(path):
        if words[0] == "./run_all.sh":
            command, *rest = words[1:] or ["laptop"]
            known = command in SCALES or command.isupper()  # capitals: a placeholder
            assert known or re.search(rf"^  {command}\b", usage, re.MULTILINE), words
            require_known([] if command in PASSED_ON else rest, usage, added)
        elif words[0].endswith(".sh"):
            assert (REPOSITORY / words[0]).exists(), words
        following = dict(pairwise(words))
        if following.get("-m", "").startswith("mrg_r1_lib"):
            assert find_spec(following["-m"]), words
        if "--experiment" in following:
            parse_experiment(following["--experiment"])
        assert following.get("--policy", "tiny_llava") in POLICIES
        assert (REPOSITORY / following.get("--config_file", "README.md")).exists(), words


def require_known(words, usage, added):
    """Fail where an option, scale, arm, corpus, policy, seed or notebook of a command is not known."""
    known = {"--arms": [*ARMS, *added], "--corpus": PREPARATIONS, "--scale": SCALES}
    known["--policy"] = POLICIES
    option = ""
    for word in words:
        key, _, value = word.partition("=")
        if word.startswith("-"):
            option = word
            assert option in usage, word
        elif option == "--results":
            option = ""  # any folder
        elif option in known:
            assert word in known[option] or word.isupper(), word
        elif value:
            assert value in SCALES if key == "SCALE" else key in ("SEED", "EXPERIMENT"), word
        else:
            notebook = REPOSITORY / "notebooks" / f"{word}.ipynb"
            assert word in SCALES or word.isdigit() or word.isupper() or notebook.exists(), word


@pytest.mark.skipif(not (LAPTOP / "tables" / "main.csv").exists(), reason="no results/laptop here")
def test_the_generated_numbers_are_those_of_the_saved_tables():
    command = [sys.executable, "-m", "mrg_r1_lib.reporting.pages", "--check"]
    answer = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, f"./run_all.sh readme\n{answer.stdout}{answer.stderr}"


def test_every_committed_figure_stands_on_the_page_of_its_study_with_words_for_the_blind():
    page = LAPTOP / "README.md"
    if not page.exists():
        pytest.skip("results/laptop is not here")
    described = set(re.findall(r"!\[[^\]]{20,}\]\(figures/(\w+)\.png\)", text_of(page)))
    assert described == {path.stem for path in (LAPTOP / "figures").glob("*.png")}


def test_the_citation_has_the_version_of_the_package_and_its_date_in_the_changelog():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] and citation["title"] and citation["authors"]
    package = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    assert citation["version"] == package["project"]["version"]
    released = f"## [{citation['version']}] - {citation['date-released']}\n"
    assert released in (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
