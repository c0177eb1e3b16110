"""The library's own sources: which modules a stage imports, and a digest that says whether its results are of this code.

What a reader sees and a machine does not (docstrings, comments, blank lines) is no part of the code.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable
from pathlib import Path

from mrg_r1_lib.storage.paths import REPOSITORY

# settings are compared by value; what a scale needs, where files lie and what may be written there change no number
BESIDE = ("experiments", "base_models", "runs", "plan", "sources", "files", "paths", "privacy")
BOOKKEEPING = {f"{name}" for name in BESIDE}
PUBLISHED = "mrg_r1_lib.policies.hub"  # a run whose policy is made here does not depend on how others are loaded
REWARDS = "mrg_r1_lib.rewards"  # the registry: of the rewards in it a run depends on its own ones, and not on a new one


def imported_modules(module: str) -> set[str]:
    """The library's modules that `module` imports, itself and all levels below included, read from the sources.

    The registry of rewards is left out, and what it alone imports.
    """
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or name == REWARDS:
            continue
        found.add(name)
        waiting += direct_imports(name)
    return found


def module_file(module: str) -> Path:
    """The source file of a dotted module name of this library."""
    base = REPOSITORY.joinpath(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


def direct_imports(module: str) -> list[str]:
    """The library's modules that a module's source imports directly."""
    names = []
    for node in ast.walk(ast.parse(module_file(module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("mrg_r1_lib"):
            submodules = [f"{node.module}.{alias.name}" for alias in node.names]
            names += [name for name in submodules if module_file(name).exists()] or [node.module]
    return names


def code_of(source: str) -> str:
    r"""A Python source without docstrings, comments and blank lines; the same on every version of Python.

    >>> code_of("'Doc.'\nx = '# no'  # yes\n\n")
    "x = '# no'\n"
    """
    lines, inside = (
        source.splitlines(),
        set(),
    )  # rows inside a string of several lines stay as they are
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        (row, column), (last, _) = token.start, token.end
        inside.update(range(row - 1, last - 1))
        if token.type == tokenize.COMMENT:
            lines[row - 1] = lines[row - 1][:column]
    for node in ast.walk(ast.parse(source)):
        documented = isinstance(
            node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        )
        if documented and ast.get_docstring(node) is not None:
            rows = range(node.body[0].lineno - 1, node.body[0].end_lineno)
            inside.difference_update(rows)
            lines[rows.start : rows.stop] = [""] * len(rows)
    kept = (
        line if row in inside else line.rstrip()
        for row, line in enumerate(lines)
        if row in inside or line.strip()
    )
    return "".join(f"{line}\n" for line in kept)


def source_digest(module: str, rewards: Iterable[str] = (), published: bool = False) -> str:
    """SHA-256 over the code of `module` ("srl"), all of the library that it imports, and their tables.

    Of the rewards those named in `rewards`, each the module of its name, with all that it imports; and what loads `published`
    policies only where one is. Bookkeeping is left out: settings are compared by value, and where files lie changes no number.
    """
    digest = hashlib.sha256()
    modules = set.union(
        imported_modules(module), *(imported_modules(f"{REWARDS}.{reward}") for reward in rewards)
    )
    for name in sorted(modules - BOOKKEEPING - (set() if published else {PUBLISHED})):
        file = module_file(name)
        source = file.read_text(encoding="utf-8")
        digest.update(name.encode() + code_of(source).encode())
        for table in sorted(file.parent.glob("*.csv")):
            if table.name in source:
                digest.update(table.read_bytes())
    return digest.hexdigest()


def library_digest() -> str:
    """SHA-256 over all sources and tables of the library: what an executed notebook depends on."""
    digest = hashlib.sha256()
    for path in sorted((REPOSITORY / "mrg_r1_lib").rglob("*")):
        if path.suffix in (".py", ".csv"):
            digest.update(path.relative_to(REPOSITORY).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
