"""No text from a file, a document or a name steers the terminal, through any verb."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.bench.config import BenchConfig
from edgeconv.devices.bench.run import bench
from edgeconv.report import jsondoc
from edgeconv.runtime.open import open_session
from edgeconv.runtime.timing import TimingConfig
from tests.helpers.machines.command_server import CommandServer, Done
from tests.helpers.tflite_edits import edited
from tests.helpers.tiny_models import TinyNet

#: Clears the screen, sets the title, C1's introducer, turns the reading direction, ends the line.
STEERING = "\x1b[2J\x1b]0;title\x07\x9b31m\u202e\u2066\u2028\x7f\x08\r\nerror: forged"
HOSTILE = STEERING + 100_000 * "long"
DOCUMENTED = {0, 1, 2, 3, 4}
MOST_BYTES = 2000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    started = CommandServer(tmp_path_factory.mktemp("place"))
    yield started
    started.stop()


def check(done: Done) -> None:
    assert done.code in DOCUMENTED, done.err[-500:]
    for stream in (done.out, done.err):
        assert {c for c in stream if not c.isprintable()} <= {"\n", "\t"}, stream[:500]
        assert "\nerror: forged" not in stream
    assert all(len(line.encode()) < MOST_BYTES for line in done.err.splitlines())
    if done.code == 0 and "--json" in done.words:
        json.loads(done.out)


def hostile_onnx(path: Path, operator: str | None = None) -> Path:
    """The tiny net with every name hostile; `operator` in the place of its last one."""
    model = onnx.load(path)
    graph = model.graph
    for node in graph.node:
        node.name += HOSTILE
        node.input[:] = [name + HOSTILE for name in node.input]
        node.output[:] = [name + HOSTILE for name in node.output]
    for held in (*graph.input, *graph.output, *graph.initializer):
        held.name += HOSTILE
    graph.name = model.producer_name = HOSTILE
    if operator is not None:
        graph.node[-1].op_type = operator
    onnx.save(model, path)
    return path


def reads_nothing(path: Path) -> Path:
    """The tiny net whose last node reads a tensor that nothing makes, of which onnx_ir warns."""
    model = onnx.load(path)
    model.graph.node[-1].input[0] = HOSTILE
    onnx.save(model, path)
    return path


def rename_tensors(model: Any) -> None:
    for graph in model.subgraphs:
        for number, tensor in enumerate(graph.tensors):
            tensor.name = f"{number}{HOSTILE}".encode()
    model.description = HOSTILE.encode()


@pytest.mark.parametrize("words", [["audit"], ["inspect"], ["inspect", "--json"], ["diagnose"]])
@pytest.mark.parametrize("kind", ["names", "operator", "nothing", "tflite"])
def test_names_in_model_files(
    server: CommandServer, tmp_path: Path, words: list[str], kind: str
) -> None:
    files = TinyNet().write_all(tmp_path)
    path = files["int8.tflite"] if kind == "tflite" else files["int8.onnx"]
    if kind == "tflite":
        edited(path, rename_tensors)
    elif kind == "nothing":
        reads_nothing(path)
    else:
        hostile_onnx(path, HOSTILE if kind == "operator" else None)
    check(server.run(tmp_path, words[0], path, *words[1:]))


@pytest.mark.parametrize("verb", ["bench", "eval"])
@pytest.mark.parametrize("operator", [None, HOSTILE])
def test_names_in_model_files_that_run(
    server: CommandServer, tmp_path: Path, verb: str, operator: str | None
) -> None:
    path = hostile_onnx(TinyNet().write_all(tmp_path)["onnx"], operator)
    options = ["--runs", 1, "--processes", 1] if verb == "bench" else ["--data", tmp_path]
    check(server.run(tmp_path, verb, path, *options))


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_every_string_of_a_bench_document(
    server: CommandServer, tmp_path: Path, as_json: list[str]
) -> None:
    config = BenchConfig(processes=5, timing=TimingConfig(runs=1, warmup_seconds=0.0))
    files = TinyNet().write_all(tmp_path)
    measured = jsondoc.plain_json(bench(LocalMachine(), {"onnx": files["onnx"]}, config))
    document = jsondoc.plain_json(measured)
    paths = list(strings(document))
    assert len(paths) > 20
    whole = json.dumps(document)
    (tmp_path / "a.json").write_text(whole)
    for path in paths:
        changed = json.loads(whole)
        place = changed
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] += HOSTILE
        (tmp_path / "b.json").write_text(json.dumps(changed))
        check(server.run(tmp_path, "compare", "a.json", "b.json", *as_json))


def strings(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the document holds a string."""
    if isinstance(value, str):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, (*path, index))


class _Called:
    def __reduce__(self) -> Any:
        return eval, ("1",)


@pytest.mark.parametrize("kind", ["safetensors", "pth", "key", "code", "other"])
def test_weights(server: CommandServer, tmp_path: Path, kind: str) -> None:
    values = {f"conv{HOSTILE}": torch.zeros(2)}
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(values, path)
    elif kind == "pth":
        torch.save(values, path)
    elif kind == "key":
        torch.save({HOSTILE: 3}, path)
    elif kind == "code":
        torch.save({"w": _Called()}, path)
    else:
        path.write_bytes(pickle.dumps(_Called()).replace(b"eval", b"e\x1bal"))
    done = server.run(tmp_path, "export", "mobilenet_v2", "--weights", path)
    check(done)
    assert done.code == 4
    if kind in ("code", "other"):
        assert "pickled Python code, which edgeconv does not run" in done.err
        for advice in ("weights_only", "safe_globals", "trust", "torch.load", "eval"):
            assert (advice in done.err) == (advice == "eval" and kind == "code"), done.err


def test_what_the_users_net_says(server: CommandServer, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        f"import sys, warnings\ndef build():\n    hostile = {STEERING!r} + 10**5 * 'long'\n"
        "    print(hostile)\n    warnings.warn(hostile)\n    raise ValueError(hostile)\n"
    )
    done = server.run(tmp_path, "export", "net.py:build", "--weights", "random")
    assert done.code == 4
    assert "\x1b" not in done.out + done.err
    assert {c for c in done.err if not c.isprintable()} <= {"\n", "\t"}
    assert len(done.err.splitlines()[-1].encode()) < MOST_BYTES


@pytest.mark.parametrize(
    "words",
    [
        (STEERING,),
        ("inspect", STEERING),
        ("bench", STEERING),
        ("export", f"{STEERING}.py:x"),
        ("export", "mobilenet_v2", "--calib", STEERING),
        ("parity", "x", "--device", STEERING),
        ("list", f"--{STEERING}"),
        ("bench", "x", "--threads", STEERING),
        ("inspect", 30_000 * "long"),
        ("list", "--" + 30_000 * "long"),
        ("audit", "x.onnx", "--require", 30_000 * "long"),
    ],
)
def test_words_on_the_command_line(server: CommandServer, tmp_path: Path, words: list[str]) -> None:
    done = server.run(tmp_path, *words)
    check(done)
    assert done.code in (2, 3)


def test_a_profile_of_a_board(server: CommandServer, tmp_path: Path) -> None:
    directory = server.place / "edgeconv" / "devices"
    directory.mkdir(parents=True)
    board = directory / "board.toml"
    for text in (f"name = {json.dumps(STEERING)}", f"{json.dumps(STEERING)} = 1", STEERING):
        board.write_text(text, encoding="utf-8")
        check(server.run(tmp_path, "devices", "list"))
        check(server.run(tmp_path, "devices", "check", "board"))
    board.unlink()


def test_what_draws_passes_on_a_terminal_and_nothing_else() -> None:
    script = (
        "import sys; from edgeconv.cli.process import streams; streams.make_safe();"
        "print('\\x1b[1mbold\\x1b[0m \\x1b]0;title\\x07 \\x9b31m \\x1b[2J', file=sys.stderr)"
    )
    environment = {**os.environ, "FORCE_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=environment)
    shown = b"\x1b[1mbold\x1b[0m \\x1b]0;title\\x07 \\x9b31m \\x1b[2J\n"
    assert done.stderr == shown


def test_a_shortened_line_counts_as_written_whole() -> None:
    script = (
        "import sys; from edgeconv.cli.process import streams; streams.make_safe();"
        "print(sys.stderr.write('x' * 9000), sys.stdout.write('y' * 9000))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "y" * 9000 + "9000 9000\n"
    assert 1000 < len(done.stderr) < MOST_BYTES


def test_an_engine_that_fails_writes_no_names_past_the_gate(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """onnxruntime names the node on descriptor 2 when a kernel fails, and raises the same words."""
    nodes = [
        onnx.helper.make_node("Cast", ["x"], ["i"], to=onnx.TensorProto.INT64),
        onnx.helper.make_node("Add", ["i", "ten"], ["far"]),
        onnx.helper.make_node("Gather", ["data", "far"], ["y"], name=STEERING),
    ]
    numbers = onnx.TensorProto.INT64
    constants = [
        onnx.helper.make_tensor("ten", numbers, [1], [10]),
        onnx.helper.make_tensor("data", onnx.TensorProto.FLOAT, [3], [1.0, 2.0, 3.0]),
    ]
    given = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    found = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph(nodes, "g", [given], [found], constants)
    opsets = [onnx.helper.make_opsetid("", 17)]
    onnx.save(
        onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "m.onnx"
    )
    session = open_session(tmp_path / "m.onnx")
    with pytest.raises(Exception, match="Gather"):
        session.run([np.zeros(1, np.float32)])
    assert capfd.readouterr().err == ""
