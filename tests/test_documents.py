"""The documents: every link leads somewhere, every file that they name is there, and a test answers for every command."""

import ast
import re
import shlex
import subprocess
import tomllib
from itertools import pairwise
from urllib.parse import unquote, urlsplit

import nbformat
import pytest
import yaml

from mrg_r1_lib.base_models import POLICIES
from mrg_r1_lib.experiments import EXPERIMENTS, PREPARATIONS, SCALES, parse_experiment
from mrg_r1_lib.paths import REPOSITORY
from mrg_r1_lib.sources import module_file

PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "tests/labels/README.md")]
PAGES += [*sorted((REPOSITORY / "results").glob("*.md")), *sorted((REPOSITORY / "results" / "laptop").glob("*.md"))]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
NOTEBOOKS += sorted((REPOSITORY / "results" / "laptop" / "notebooks").glob("*.ipynb"))
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
BASH = re.compile(r"^```bash\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ROW = re.compile(r"^\| `(\./run_all\.sh[^`]*)` \|", re.MULTILINE)
LINK = re.compile(r"\]\(([^()\s]+)\)")
CODE = re.compile(r"`[^`\n]*`")
NAMED = re.compile(r"`((?:mrg_r1_lib|tests|notebooks|results|laptop)/[\w/]+\.(?:py|csv|md|ipynb|yaml))`")

# who answers for a command: a test, the checks of every change, or nobody but a person, and why
COMMANDS = {
    "git clone <this repository> mrg-r1 && cd mrg-r1": "by hand: the address is the reader's",
    "./run_all.sh": "tests/test_committed_results.py::test_there_is_an_executed_copy_of_every_notebook",
    "./run_all.sh smoke": ".ci/run",
    "./run_all.sh test": ".ci/run",
    './run_all.sh test -m "not slow"': ".ci/run",
    ".ci/run": ".ci/run",
    "./run_all.sh setup": "tests/test_setup.py::test_a_broken_download_says_to_run_the_same_command_again",
    "./run_all.sh list smoke": "tests/test_pipeline.py::test_the_listed_steps_are_plain_commands",
    "./run_all.sh list laptop --seeds 0 1 --arms srl_margin_50 srl_bleu": (
        "tests/test_pipeline.py::test_seeds_and_arms_choose_what_is_trained_and_the_comparing_notebooks_stay_those_of_seed_0"
    ),
    "./run_all.sh laptop --seeds 0 1 --arms srl_margin_50 srl_bleu": (
        "tests/test_pipeline.py::test_seeds_and_arms_choose_what_is_trained_and_the_comparing_notebooks_stay_those_of_seed_0"
    ),
    "./run_all.sh laptop --seeds 1 2 --arms srl_mccs sft_continued": (
        "tests/test_pipeline.py::test_other_seeds_alone_leave_out_the_notebooks_that_compare_with_seed_0"
    ),
    "./run_all.sh notebook 02_supervised_finetuning SCALE=smoke SEED=1": (
        "tests/test_pipeline.py::test_an_executed_copy_carries_values_but_no_progress_bar_time_or_path"
    ),
    "tests/on_gpu.sh": "tests/test_gpu_measurements.py::test_the_script_for_a_gpu_measures_every_group",
    "python -m mrg_r1_lib.benchmark srl --policy qwen25_vl_7b --steps 5 --micro-batch 8": (
        "tests/test_benchmark.py::test_a_variant_is_timed_as_the_policy_with_one_change_and_under_a_name_of_its_own"
    ),
    "./run_all.sh verify --tables-only": "tests/test_audit.py::test_the_command_names_the_table_and_its_exit_status_tells",
    "./run_all.sh report": "tests/test_report.py::test_the_command_writes_the_page_beside_the_tables",
    "./run_all.sh readme": "tests/test_readme.py::test_check_says_that_the_numbers_are_stale_and_changes_nothing",
    "./run_all.sh smoke --corpus mimic_cxr": (
        "tests/test_private_study.py::test_no_marker_of_a_credentialed_corpus_is_in_anything_that_git_would_add"
    ),
    "./run_all.sh benchmark": "by hand: a minute of this machine's own times",
    "./run_all.sh lab": "by hand: a server",
    "./run_all.sh full --plan": "tests/test_plan.py::test_hours_without_a_benchmark_are_not_measured",
    "./run_all.sh full --corpus iu_xray_files": (
        "tests/test_plan.py::test_the_paper_s_policy_without_a_gpu_is_refused_with_its_size_and_a_way_out"
    ),
    "./run_all.sh full --corpus mimic_cxr": (
        "tests/test_plan.py::test_the_paper_s_policy_without_a_gpu_is_refused_with_its_size_and_a_way_out"
    ),
    "source .venv/bin/activate": "by hand: it changes a shell",
    "accelerate launch --config_file mrg_r1_lib/accelerate/eight_gpus.yaml -m mrg_r1_lib.srl "
    "--experiment iu_xray_files/srl_mccs --scale full": (
        "tests/test_processes.py::test_of_two_processes_one_writes_and_all_that_one_process_leaves_is_there"
    ),
    "python -m mrg_r1_lib.benchmark srl --policy qwen25_vl_7b --steps 20 --group-size 8 --completion-length 512": (
        "tests/test_benchmark.py::test_the_command_times_the_laptops_policy_and_saves_and_shows_it"
    ),
    ".venv/bin/python -m mrg_r1_lib.documents.model_card && .venv/bin/python -m mrg_r1_lib.documents.assumptions": (
        "tests/test_record.py::test_check_says_that_a_document_is_stale_and_changes_nothing"
    ),
    ".venv/bin/ruff check . && .venv/bin/ruff format --check .": "by hand: the hooks of .pre-commit-config.yaml are the same",
}


def shown(path):
    return path.relative_to(REPOSITORY).as_posix()


def commands():
    """Every command of the fenced blocks and the table of README and CONTRIBUTING, without its comment."""
    for page in PAGES[:2]:
        text = page.read_text(encoding="utf-8")
        for block in BASH.findall(text):
            yield from (re.sub(r"\s+# .*", "", line) for line in block.splitlines() if line and not line.startswith("#"))
        yield from ROW.findall(text)


def texts(path):
    """The Markdown of a page or notebook, without code."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    else:
        text = path.read_text(encoding="utf-8")
    return FENCE.sub("", text)


def anchors(path):
    """What a link may name in a page, as GitHub writes headings, or in a notebook, as JupyterLab does."""
    headings = re.findall(r"^#+ (.+?)\s*$", texts(path), re.MULTILINE)
    if path.suffix == ".ipynb":
        return [heading.replace(" ", "-") for heading in headings]
    return [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=shown)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(path):
    broken = []
    for link in LINK.findall(CODE.sub("", texts(path))):
        parts = urlsplit(link)
        if parts.scheme:
            if parts.scheme != "https" or "." not in parts.netloc:
                broken.append(link)
            continue
        target = path.parent / unquote(parts.path) if parts.path else path
        if not target.exists() or (parts.fragment and unquote(parts.fragment) not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_no_link_leads_to_a_file_that_git_ignores():
    targets = {
        (path.parent / urlsplit(link).path).resolve()
        for path in [*PAGES, *NOTEBOOKS]
        for link in LINK.findall(CODE.sub("", texts(path)))
        if not urlsplit(link).scheme and urlsplit(link).path
    }
    if not (REPOSITORY / ".git").exists():
        pytest.skip("not a git checkout")
    answer = subprocess.run(
        ["git", "check-ignore", "--stdin"],
        cwd=REPOSITORY, input="\n".join(map(str, sorted(targets))), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert len(targets) > 20 and answer.stdout.split() == []


@pytest.mark.parametrize("path", PAGES, ids=shown)
def test_every_file_that_a_page_names_is_there(path):
    named = NAMED.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    below = {name: REPOSITORY / "results" / name if name.startswith("laptop/") else REPOSITORY / name for name in named}
    assert [name for name, file in below.items() if not file.exists()] == []


def test_a_test_or_a_reason_stands_beside_every_command_and_no_other():
    assert sorted(set(commands()) - set(COMMANDS)) == [], "a new command: say in COMMANDS which test answers for it"
    assert sorted(set(COMMANDS) - set(commands())) == [], "a command that no page shows"


@pytest.mark.parametrize("answer", sorted(set(COMMANDS.values())))
def test_the_test_that_answers_for_a_command_is_there(answer):
    if answer == ".ci/run":
        assert re.findall(r"^\./run_all\.sh (\w+)$", (REPOSITORY / ".ci" / "run").read_text(), re.MULTILINE) == [
            "test",
            "smoke",
        ]
    elif not answer.startswith("by hand: "):
        file, _, name = answer.partition("::")
        tree = ast.parse((REPOSITORY / file).read_text(encoding="utf-8"))
        assert name in [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("command", [command for command in COMMANDS if "run_all.sh" in command])
def test_run_all_knows_every_word_of_its_commands(command):
    words = shlex.split(command)[1:] or ["laptop"]
    known = re.search(r"^  (smoke \| .*?)\) ;;$", (REPOSITORY / "run_all.sh").read_text(), re.MULTILINE)[1].split(" | ")
    assert words[0] in known
    option = ""
    for word in words[1:]:
        option = word if word.startswith("-") else option
        if word == option or option == "-m":
            continue
        if option == "--arms":
            assert word in EXPERIMENTS
        elif option == "--corpus":
            assert word in PREPARATIONS
        elif option == "--seeds":
            assert word.isdigit()
        elif "=" in word:
            key, _, value = word.partition("=")
            assert value in SCALES if key == "SCALE" else key in ("SEED", "EXPERIMENT")
        else:
            assert word in SCALES or (REPOSITORY / "notebooks" / f"{word}.ipynb").exists()


def test_modules_experiments_policies_and_files_of_commands_are_there():
    for command in COMMANDS:
        words = command.split()
        following = dict(pairwise(words))
        if following.get("-m", "").startswith("mrg_r1_lib"):
            assert module_file(following["-m"]).exists()
        if "--experiment" in following:
            assert parse_experiment(following["--experiment"])
        if "--policy" in following:
            assert following["--policy"] in POLICIES
        if "--config_file" in following:
            assert (REPOSITORY / following["--config_file"]).exists()


def test_the_citation_is_complete_and_of_the_version_that_the_changelog_and_the_package_have():
    citation = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {"cff-version", "message", "title", "authors", "type", "version", "date-released", "license"} <= set(citation)
    assert citation["cff-version"] == "1.2.0" and citation["type"] == "software"
    for entry in (citation, *citation["references"]):
        assert entry["title"] and entry["authors"]
        assert all({"name"} <= set(author) or {"family-names"} <= set(author) for author in entry["authors"])
    released = re.search(r"^## \[(\d[\d.]*)\] - (\d{4}-\d{2}-\d{2})$", PAGES[2].read_text(encoding="utf-8"), re.MULTILINE)
    assert released.groups() == (citation["version"], str(citation["date-released"])) == (project["version"], released[2])
    assert citation["license"] == project["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in (REPOSITORY / "LICENSE").read_text()
