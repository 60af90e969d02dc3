"""Operators are named where they are said to be what they are, and hardly anywhere else.

A name counts where code holds it: as a string, or as a word in one ("no Conv before it"), under
whatever constant; docstrings and comments explain, and do not count. A table of names is an
outermost set, list, tuple or dictionary that is written out with three operators or more in it;
those of `graph/operators` say what operators are, those of `files` what other tools and TFLite call
theirs, those of `graph/passes` are the patterns a pass matches, and those of the lowerings name
each operator's function, beside it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import onnx

import edgeconv

PACKAGE = Path(edgeconv.__file__).parent
OPERATORS = {schema.name for schema in onnx.defs.get_all_schemas() if not schema.domain}
OWN_TABLES = ("graph/operators", "graph/passes", "files/", "export/tflite/lowerings/")


@cache
def modules() -> dict[str, ast.Module]:
    """Every module outside `nets`, by its path in the package."""
    paths = {str(path.relative_to(PACKAGE)): path for path in sorted(PACKAGE.rglob("*.py"))}
    return {
        name: ast.parse(path.read_text("utf-8"))
        for name, path in paths.items()
        if not name.startswith("nets/")
    }


def strings(tree: ast.AST) -> Iterator[str]:
    """The strings of some code that are no docstrings."""
    nodes = list(ast.walk(tree))
    documenting = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    constants = (node for node in nodes if isinstance(node, ast.Constant))
    yield from (c.value for c in constants if isinstance(c.value, str) and id(c) not in documenting)


def files_naming(operator: str) -> list[str]:
    """The modules whose strings hold an operator's name as a word."""
    word = re.compile(rf"\b{operator}\b")
    return [name for name, tree in modules().items() if any(map(word.search, strings(tree)))]


def tables(tree: ast.AST) -> Iterator[int]:
    """The lines at which tables of operators begin."""
    displayed = isinstance(tree, ast.Set | ast.List | ast.Tuple | ast.Dict)
    if displayed and len(OPERATORS.intersection(strings(tree))) >= 3:
        yield tree.lineno
        return
    for child in ast.iter_child_nodes(tree):
        yield from tables(child)


def test_what_counts_as_a_name_and_as_a_table() -> None:
    code = ast.parse(
        '"""Conv, Add and Mul."""\n'
        'A = {"Conv": 1, **dict.fromkeys(("Add", "Mul"))}\n'
        'B = ("Conv", "Add")\n'
        'C = f"no Conv before {B}"\n'
    )
    assert list(tables(code)) == [2]
    assert [s for s in strings(code) if "Conv" in s] == ["Conv", "Conv", "no Conv before "]


def test_hard_sigmoid_is_named_in_few_files() -> None:
    found = files_naming("HardSigmoid")
    assert len(found) <= 5, found


def test_conv_is_named_in_few_files() -> None:
    found = files_naming("Conv")
    assert len(found) <= 15, found


def test_few_tables_of_operators_stand_beside_the_table() -> None:
    found = [
        f"{name}:{line}"
        for name, tree in modules().items()
        if not name.startswith(OWN_TABLES)
        for line in tables(tree)
    ]
    assert len(found) <= 5, found
