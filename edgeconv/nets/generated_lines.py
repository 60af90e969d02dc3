"""Where the lines of a program of torch.export come from: its own code is generated."""

from __future__ import annotations

import linecache
import re
from collections.abc import Mapping
from types import FrameType

from torch import nn
from torch.fx import GraphModule, Node

Line = tuple[str, int | str]
"""A file and a line in it."""

_ASSIGNMENT = re.compile(r"\s*(\w+)(?: : .+?)? = ")
_FRAME = re.compile(r'File "([^"\n]+)", line (\d+)')
#: PyTorch's own folder, wherever it was when the program was made.
_PYTORCH = re.compile(r"[/\\]torch[/\\]")


def user_lines(module: nn.Module) -> dict[Line, Line]:
    """For each generated line of a module, and of what is in it, the net's line it was made from.

    Of a module that nobody generated: nothing.
    """
    found: dict[Line, Line] = {}
    for graph in (child for child in module.modules() if isinstance(child, GraphModule)):
        file, nodes = _file(graph), _nodes(graph)
        for number, text in enumerate(linecache.getlines(file), 1):
            if (line := _written(text, nodes)) is not None:
                found[file, number] = line
    return found


def user_line(frame: FrameType, number: int) -> Line:
    """File and line of a frame; of generated code, those of the net it was made from."""
    file, owner = frame.f_code.co_filename, frame.f_locals.get("self")
    if not isinstance(owner, GraphModule) or file != _file(owner):
        return file, number
    return _written(linecache.getline(file, number), _nodes(owner)) or (file, number)


def _file(graph: GraphModule) -> str:
    return type(graph).forward.__code__.co_filename


def _nodes(graph: GraphModule) -> Mapping[str, Node]:
    return {node.name: node for node in graph.graph.nodes}


def _written(text: str, nodes: Mapping[str, Node]) -> Line | None:
    """The innermost line that is not PyTorch's; of a node without a note, its name."""
    assigned = _ASSIGNMENT.match(text)
    if assigned is None or (node := nodes.get(assigned[1])) is None:
        return None
    noted = _FRAME.findall(node.stack_trace or "")
    frames: list[Line] = [(file, int(number)) for file, number in noted]
    own = [frame for frame in frames if not _PYTORCH.search(frame[0])]
    return (own or frames or [("node of the program", node.name)])[-1]
