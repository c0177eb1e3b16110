"""CONTRIBUTING's worked examples: applied to a copy of the library, each gives the numbers that its text states."""

import doctest
import os
import re
import shutil
import subprocess
import sys

import pytest

from mrg_r1_lib.pipeline.sources import source_digest
from mrg_r1_lib.storage.paths import REPOSITORY

TEXT = (REPOSITORY / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}
EXAMPLES = ("A reward", "A corpus", "A labeler", "A policy")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DOCTEST = """
import doctest, sys
import mrg_r1_lib
assert mrg_r1_lib.__file__.startswith(sys.argv[1]), mrg_r1_lib.__file__
tests = doctest.DocTestParser().get_doctest(sys.stdin.read(), {}, "CONTRIBUTING.md", "CONTRIBUTING.md", 0)
sys.exit(doctest.DocTestRunner().run(tests).failed)
"""


def blocks(section, kind):
    return [body for name, body in FENCE.findall(SECTIONS[section]) if name == kind]


def apply(section, root):
    """Write the files of a section's Python blocks and make the changes of its diffs below `root`."""
    for body in blocks(section, "python"):
        head, _, code = body.partition("\n")
        path = root / head.removeprefix("# ")
        assert not path.exists(), f"{head} is there already"
        path.write_text(code, encoding="utf-8")
    for body in blocks(section, "diff"):
        head, _, rest = body.partition("\n")
        path = root / head.removeprefix("--- ")
        for hunk in rest.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            old = "".join(line[1:] for line in lines if line[0] in " -")
            new = "".join(line[1:] for line in lines if line[0] in " +")
            source = path.read_text(encoding="utf-8")
            assert source.count(old) == 1, f"{path.name} has {source.count(old)} times:\n{old}"
            path.write_text(source.replace(old, new), encoding="utf-8")


def copy(folder):
    """A copy of the library and its tests."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("mrg_r1_lib", "tests"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    shutil.copy(REPOSITORY / "pyproject.toml", folder)
    return folder


def python(root, *arguments, text=""):
    """Run Python in the copy, with the copy's library."""
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment,
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def changed(tmp_path_factory):
    """A copy of the library with all four examples applied, one after the other."""
    root = copy(tmp_path_factory.mktemp("changed"))
    for section in EXAMPLES:
        apply(section, root)
    return root


@pytest.mark.parametrize(
    "section", [*EXAMPLES[:-1], pytest.param("A policy", marks=pytest.mark.slow)]
)  # it imports torch
def test_an_example_alone_gives_what_its_text_states(section, tmp_path):
    root = copy(tmp_path)
    apply(section, root)
    session = "\n".join(blocks(section, "pycon"))
    assert doctest.DocTestParser().get_examples(session), "an example shows what it gives"
    answer = python(root, "-c", DOCTEST, str(root), text=session)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.slow
def test_the_contracts_take_new_entries_in_by_themselves(changed):
    new = "label_jaccard or my_hospital or words"
    files = ("tests/test_rewards.py", "tests/test_corpora.py", "tests/test_labelers.py")
    answer = python(changed, "-m", "pytest", "-p", "no:cacheprovider", *files, "-k", new, "-vv")
    assert answer.returncode == 0, answer.stdout
    for name in ("label_jaccard", "my_hospital", "words"):
        assert re.search(rf"\[.*{name}.*\] PASSED", answer.stdout), f"no test took {name} in"


def digest(root):
    """The digest of SRL with the paper's rewards in a copy of the library."""
    code = "from mrg_r1_lib.pipeline.sources import source_digest as d; print(d('mrg_r1_lib.training.srl', ['mccs', 'report_tags']))"
    return python(root, "-c", code).stdout.strip()


def test_a_reward_an_arm_and_a_published_policy_leave_results_as_they_are_and_the_rest_does_not(
    tmp_path,
):
    root = copy(tmp_path)
    before = source_digest("srl", ["mccs", "report_tags"])
    apply("A reward", root)
    published = blocks("A policy", "diff")[0].partition("\n+")[2]
    models = root / "mrg_r1_lib" / "base_models.py"
    models.write_text(models.read_text().replace("POLICIES = {\n", f"POLICIES = {{\n{published}"))
    assert '"my_vlm"' in models.read_text() and digest(root) == before
    apply("A labeler", root)
    assert digest(root) != before


@pytest.mark.slow
def test_the_examples_keep_the_style_of_the_library(changed):
    files = [
        path
        for section in EXAMPLES
        for path in re.findall(r"^# (mrg_r1_lib/\S+\.py)$", SECTIONS[section], re.MULTILINE)
    ]
    assert len(files) == len(EXAMPLES)
    answer = python(changed, "-m", "ruff", "check", *files)
    assert answer.returncode == 0, answer.stdout
    answer = python(changed, "-m", "ruff", "format", "--diff", *files)
    assert answer.returncode == 0, answer.stdout + answer.stderr
