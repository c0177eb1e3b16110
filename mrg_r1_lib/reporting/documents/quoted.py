"""A choice as the code states it: the source text of what is given to a name, so that a document need not repeat the number.

A place is a dotted name below the library: module, then functions, classes or assigned names, then the name
("srl.config.temperature", "experiments.SRL.rewards").
"""

import ast
from pathlib import Path

from mrg_r1_lib.pipeline.sources import module_file

LIBRARY = "mrg_r1_lib"


def quoted(place: str) -> str:
    """The expressions that the code gives to the name at `place`, "; " between them; "" where it is a function or class.

    ValueError where the code has no such name.

    >>> quoted("experiments.Experiment.margin"), quoted("rewards.mccs.cosine")
    ('0.3', '')
    """
    file, names = file_of(place)
    source = file.read_text(encoding="utf-8")
    nodes: list[ast.AST] = [ast.parse(source)]
    for name in names:
        nodes = [found for node in nodes for found in _given(node, name)]
    if not nodes:
        raise ValueError(
            f"{place}: {file.name} has no {'.'.join(names)}. Name the place where that stands now."
        )
    return "; ".join(
        ast.get_source_segment(source, node) for node in nodes if isinstance(node, ast.expr)
    )


def file_of(place: str) -> tuple[Path, list[str]]:
    """The source file of a place and the names inside it; ValueError where there is no such file."""
    parts = place.split(".")
    for end in range(len(parts) - 1, 0, -1):
        file = module_file(".".join([LIBRARY, *parts[:end]]))
        if file.exists():
            return file, parts[end:]
    raise ValueError(f"{place}: no module of {LIBRARY} has that name.")


def _given(scope: ast.AST, name: str) -> list[ast.AST]:
    """Functions and classes of that name in `scope`, and what is assigned to it or passed by it."""
    found: list[ast.AST] = []
    for node in ast.walk(scope):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            found.append(node)
        elif isinstance(node, ast.Assign) and any(
            isinstance(to, ast.Name) and to.id == name for to in node.targets
        ):
            found.append(node.value)
        elif (
            isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and node.target.id == name
        ):
            found += [node.value] if node.value else []
        elif isinstance(node, ast.keyword) and node.arg == name:
            found.append(node.value)
    return found
