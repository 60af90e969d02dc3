"""How long an ONNX file is once its own functions are unfolded, as engines unfold them.

A function may call others twice, and those again: forty of them in a file of some kilobytes make
more nodes than any memory holds. They are counted here off the file's bytes, before an engine opens
it, with nothing but Python: a device has no onnx package.
"""

from __future__ import annotations

import mmap
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from edgeconv.errors import ArtifactRefused
from edgeconv.runtime.protobuf import Damaged, Reader, Span

#: The largest nets have a fifth.
MOST_NODES = 50_000
#: Calls within calls: more than this are followed by no engine, and not by Python.
_MOST_DEPTH = 100

#: Domain and name of an operator or a function.
Name = tuple[bytes | str, bytes | str]

#: ModelProto.graph and .functions.
_GRAPH, _FUNCTIONS = 7, 25
#: GraphProto.node, FunctionProto.node, and a function's name and domain.
_GRAPH_NODE, _FUNCTION_NODE, _FUNCTION_NAME, _FUNCTION_DOMAIN = 1, 7, 1, 10
#: NodeProto.op_type, .attribute, .domain; AttributeProto.g and .graphs.
_NODE_KIND, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_SUBGRAPHS = (6, 11)


def check(source: Path | bytes, label: str) -> None:
    """Raises ArtifactRefused for a file whose functions unfold to more than `MOST_NODES`."""
    try:
        if isinstance(source, bytes):
            _check(source)
            return
        with source.open("rb") as file:
            if os.fstat(file.fileno()).st_size:
                with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                    _check(content)
    except Damaged as error:
        raise ArtifactRefused(f"{label} is no ONNX file: {error}") from error


def require_few_nodes(bodies: Mapping[Name, Counter[Name]], calls: Counter[Name]) -> None:
    """Counts nodes with each call of a function in place of its body.

    Args:
        bodies: how often each function has what nodes.
        calls: how often the graph has.

    Raises:
        Damaged: they are more than `MOST_NODES`, or a function calls itself.
    """
    lengths: dict[Name, int] = {}

    def length(function: Name, depth: int) -> int:
        if function not in bodies:
            return 1
        if function not in lengths:
            lengths[function] = MOST_NODES + 1  # of one that calls itself
            within = depth < _MOST_DEPTH
            lengths[function] = unfolded(bodies[function], depth) if within else MOST_NODES + 1
        return lengths[function]

    def unfolded(nodes: Counter[Name], depth: int) -> int:
        return sum(times * length(called, depth + 1) for called, times in nodes.items())

    if unfolded(calls, 0) > MOST_NODES:
        raise Damaged(f"it has more than {MOST_NODES:,} nodes, or a function that calls itself")


def merged(bodies: Iterable[tuple[Name, Counter[Name]]]) -> dict[Name, Counter[Name]]:
    """Bodies by name; where several share one, which engines tell apart, as if all were called."""
    found: dict[Name, Counter[Name]] = {}
    for name, nodes in bodies:
        found[name] = found.get(name, Counter()) + nodes
    return found


def _check(content: bytes | mmap.mmap) -> None:
    reader = Reader(content)
    fields = list(reader.inner(reader.whole))
    functions = [span for number, span in fields if number == _FUNCTIONS]
    if not functions:
        return  # what is not unfolded is as long as the file
    graphs = [span for number, span in fields if number == _GRAPH]
    calls = Counter(name for graph in graphs for name in _nodes(reader, graph, _GRAPH_NODE))
    require_few_nodes(merged(_function(reader, span) for span in functions), calls)


def _function(reader: Reader, function: Span) -> tuple[Name, Counter[Name]]:
    told = {_FUNCTION_NAME: b"", _FUNCTION_DOMAIN: b""}
    for number, span in reader.inner(function):
        if number in told:
            told[number] = reader.bytes_of(span)
    nodes = Counter(_nodes(reader, function, _FUNCTION_NODE))
    return (told[_FUNCTION_DOMAIN], told[_FUNCTION_NAME]), nodes


def _nodes(reader: Reader, holder: Span, field: int) -> Iterator[Name]:
    """What the nodes of a graph or function call, those of graphs inside of them too."""
    for number, node in reader.inner(holder):
        if number != field:
            continue
        told = {_NODE_KIND: b"", _NODE_DOMAIN: b""}
        for part, span in reader.inner(node):
            if part in told:
                told[part] = reader.bytes_of(span)
            elif part == _NODE_ATTRIBUTE:
                for inner, graph in reader.inner(span):
                    if inner in _SUBGRAPHS:
                        yield from _nodes(reader, graph, _GRAPH_NODE)
        yield told[_NODE_DOMAIN], told[_NODE_KIND]
