"""The worked examples of CHANGE and CONTRIBUTING: made as shown and registered, each gives the stated values."""

import doctest
import re
import sys
from types import ModuleType

import pytest

from mrg_r1_lib.corpora import CORPORA
from mrg_r1_lib.labelers import LABELERS
from mrg_r1_lib.rewards import REWARDS
from mrg_r1_lib.storage.paths import REPOSITORY

PAGES = [REPOSITORY / "CHANGE.md", REPOSITORY / "CONTRIBUTING.md"]
TEXT = "".join(page.read_text(encoding="utf-8") for page in PAGES)
SECTIONS = {part.partition("\n")[0]: part for part in TEXT.split("\n## ")[1:]}
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = {"1 · The reward": REWARDS, "A corpus": CORPORA, "A labeler": LABELERS}


def blocks(section, kind):
    return [body for name, body in FENCE.findall(SECTIONS[section]) if name == kind]


@pytest.mark.parametrize("section", EXAMPLES)
def test_an_example_gives_the_values_that_its_text_states(section, monkeypatch):
    (code,) = blocks(section, "python")
    name = re.match(r"# mrg_r1_lib/(\S+)\.py\n", code)[1].replace("/", ".")
    module = ModuleType(f"mrg_r1_lib.{name}")
    exec(compile(code, name, "exec"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    (line,) = re.findall(r'^add `"(\w+)": \w+\.(\w+)`', SECTIONS[section], re.MULTILINE)
    monkeypatch.setitem(EXAMPLES[section], line[0], getattr(module, line[1]))
    session = "\n".join(blocks(section, "pycon"))
    test = doctest.DocTestParser().get_doctest(session, {}, section, "a worked example", 0)
    said = []
    result = doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert result.attempted and not result.failed, "".join(said)
