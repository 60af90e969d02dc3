"""A model's values in other files: an honest one runs from anywhere, and none reaches outside."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from edgeconv.devices.agent.local import LocalMachine
from edgeconv.devices.agent.remote import place
from edgeconv.devices.agent.session import DeviceSession
from edgeconv.devices.bench.rebatch import rebatched
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.errors import ArtifactRefused
from edgeconv.files.onnx import load
from edgeconv.files.read import read_operations
from edgeconv.runtime import external_data
from edgeconv.runtime.open import open_session
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.profiling.profile import profile
from edgeconv.runtime.session import SessionOptions
from edgeconv.verify.audit.any_file import audit
from tests.helpers.tiny_models import TinyNet, photos

Change = Callable[[TensorProto], None]

#: Whatever opens an ONNX file, by the way it goes.
READERS: dict[str, Callable[[Path], Any]] = {
    "session": open_session,
    "profile": lambda path: profile(path, threads=1, runs=1),
    "operators": read_operations,
    "audit": audit,
    "graph": load.load,
    "batch": lambda path: rebatched(path, 2, path.parent / "copy.onnx"),
    "device": lambda path: DeviceSession(LocalMachine(), path, SessionOptions()),
}


def split(directory: Path) -> Path:
    """The tiny net with its weights in `values.bin`."""
    directory.mkdir(exist_ok=True)
    whole = TinyNet().float_onnx(directory / "model.onnx")
    model = onnx.load(whole)
    onnx.save(model, whole, save_as_external_data=True, location="values.bin", size_threshold=0)
    return whole


def telling(path: Path, **told: str | None) -> Path:
    """The model with other words about its first tensor's place; None leaves the key out."""
    model = onnx.load(path, load_external_data=False)
    tensor = next(t for t in model.graph.initializer if t.external_data)
    words = {entry.key: entry.value for entry in tensor.external_data} | told
    del tensor.external_data[:]
    for key, value in words.items():
        if value is not None:
            tensor.external_data.add(key=key, value=value)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return split(tmp_path / "model")


@pytest.mark.parametrize("absolute", [True, False])
@pytest.mark.parametrize("reader", READERS)
def test_an_honest_model_works_from_any_directory(
    reader: str, absolute: bool, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent if not absolute else "/")
    READERS[reader](model if absolute else Path(model.name))


def test_an_honest_model_gives_its_values(model: Path, tmp_path: Path) -> None:
    net = TinyNet()
    given = photos(1)
    assert np.allclose(open_session(model).run([given])[0], net.logits(given), atol=1e-4)
    copy = rebatched(model, 3, tmp_path / "copy.onnx")
    given = photos(3)
    assert np.allclose(open_session(copy).run([given])[0], net.logits(given), atol=1e-4)
    held = load.load(model).graph.initializers["w"].const_value
    assert held is not None
    assert np.array_equal(held.numpy(), net.weights)


def test_its_size_counts_all_of_it(model: Path) -> None:
    size = sum(file.stat().st_size for file in model.parent.iterdir())
    assert read_operations(model).bytes == size


def test_a_device_gets_the_values_too(model: Path) -> None:
    given = photos(1)
    with LocalTransport() as transport:
        there = open_session(place(transport, model))
    assert np.allclose(there.run([given])[0], TinyNet().logits(given), atol=1e-4)


OUTSIDE = {
    "absolute": "{outside}/secret.bin",
    "upwards": "../outside/secret.bin",
    "upwards from within": "sub/../../outside/secret.bin",
    "upwards and back": "../model/values.bin",
    "a link": "link.bin",
    "a linked folder": "linked/secret.bin",
    "a link to a link": "second.bin",
    "a fifo": "fifo",
    "a device": "zero",
    "a folder": "sub",
    "itself as a folder": ".",
    "nothing": "",
    "not there": "absent.bin",
    "a loop": "loop",
    "too long": "a" * 5000,
    "a zero byte": "values.bin\0",
    "a drive": "C:values.bin",
    "another system's": "..\\outside\\secret.bin",
    "memory": "*/_ORT_MEM_ADDR_/*",
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", OUTSIDE)
def test_nothing_but_regular_files_in_its_folder_is_opened(
    kind: str, reader: str, model: Path, tmp_path: Path
) -> None:
    folder, outside = model.parent, tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.bin").write_bytes((folder / "values.bin").read_bytes())
    (folder / "sub").mkdir()
    (folder / "link.bin").symlink_to(outside / "secret.bin")
    (folder / "second.bin").symlink_to("link.bin")
    (folder / "linked").symlink_to(outside)
    (folder / "loop").symlink_to("loop")
    (folder / "zero").symlink_to("/dev/zero")
    os.mkfifo(folder / "fifo")
    with pytest.raises(ArtifactRefused, match="external data cannot be used") as refused:
        READERS[reader](telling(model, location=OUTSIDE[kind].format(outside=outside)))
    assert len(str(refused.value)) < 2000
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    "told",
    [
        {"offset": "-4"},
        {"offset": "1e3"},
        {"offset": "9" * 5000},
        {"offset": "100000"},
        {"offset": "\u0664"},
        {"length": "-1"},
        {"length": str(2**62)},
        {"length": "100000"},
        {"location": None},
    ],
    ids=str,
)
def test_only_bytes_that_are_there_are_read(
    told: dict[str, str | None], reader: str, model: Path
) -> None:
    with pytest.raises(ArtifactRefused):
        READERS[reader](telling(model, **told))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("length", [None, str(2**42)])
def test_a_sparse_file_of_terabytes_is_refused_unread(
    length: str | None, reader: str, model: Path
) -> None:
    with (model.parent / "values.bin").open("r+b") as file:
        file.truncate(3 * 2**40)
    with pytest.raises(ArtifactRefused):
        READERS[reader](telling(model, length=length))


def test_a_name_given_twice_is_refused(model: Path) -> None:
    told = onnx.load(model, load_external_data=False)
    told.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    model.write_bytes(told.SerializeToString())
    for read in READERS.values():
        with pytest.raises(ArtifactRefused):
            read(model)


def test_a_model_in_memory_has_no_folder(model: Path) -> None:
    with pytest.raises(ArtifactRefused, match="in other files"):
        OrtSession(model.read_bytes(), SessionOptions())


def test_every_place_of_the_format_is_searched(tmp_path: Path) -> None:
    searched = 0
    for seed in range(200):
        drawn = _random_model(random.Random(seed))
        path = tmp_path / "model.onnx"
        path.write_bytes(drawn.SerializeToString())
        wanted = {t.external_data[0].value for t in _all_tensors(drawn) if t.external_data}
        for name in wanted:
            (tmp_path / name).touch()
        assert {place.file.name for place in external_data.check(path)} == wanted, seed
        searched += len(wanted)
    assert searched > 500


def _all_tensors(message: Any) -> list[TensorProto]:
    """Every tensor, found by protobuf's own description of the format."""
    found = []
    for _, held in message.ListFields():
        for inner in held if hasattr(held, "add") else [held]:
            if isinstance(inner, TensorProto):
                found.append(inner)
            elif hasattr(inner, "ListFields"):
                found += _all_tensors(inner)
    return found


def _random_model(dice: random.Random) -> onnx.ModelProto:
    """Nonsense in the form of a model, whose tensors may stand wherever the format lets them."""
    count = iter(range(10**6))

    def fill(message: Any, depth: int) -> None:
        for field in message.DESCRIPTOR.fields:
            if field.message_type is None or depth > 7:
                continue
            made = getattr(message, field.name)
            if hasattr(made, "add"):
                for _ in range(dice.choice([0, 0, 1, 2])):
                    visit(made.add(), depth)
            elif dice.random() < 0.4:
                made.SetInParent()
                visit(made, depth)

    def visit(message: Any, depth: int) -> None:
        if not isinstance(message, TensorProto):
            fill(message, depth + 1)
            return
        message.raw_data = dice.randbytes(dice.choice([0, 3, 200, 70_000]))
        if dice.random() < 0.5:
            message.external_data.add(key="location", value=f"{next(count)}.bin")
            message.data_location = dice.choice([TensorProto.DEFAULT, TensorProto.EXTERNAL])

    drawn = onnx.ModelProto(producer_name="location", ir_version=8)
    fill(drawn, 0)
    return drawn


@pytest.mark.parametrize("name", sorted(READERS))
@pytest.mark.parametrize("inside", [False, True], ids=["in the graph", "in a branch"])
def test_a_graph_compiled_for_one_processor_is_refused(
    name: str, inside: bool, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(b"secret")
    path = TinyNet().float_onnx(tmp_path / "model.onnx")
    model = onnx.load(path)
    words: dict[str, Any] = {"ep_cache_context": "../secret.bin", "embed_mode": 0}
    node = onnx.helper.make_node("EPContext", [], ["x"], domain="com.microsoft", **words)
    if inside:
        output = onnx.helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
        branch = onnx.helper.make_graph([node], "branch", [], [output])
        branches = {"then_branch": branch, "else_branch": branch}
        node = onnx.helper.make_node("If", ["input"], ["y"], **branches)
    model.graph.node.append(node)
    onnx.save(model, path)
    with pytest.raises(ArtifactRefused, match="compiled for one processor"):
        READERS[name](path)


def test_a_name_with_that_word_is_no_such_graph(tmp_path: Path) -> None:
    path = TinyNet().float_onnx(tmp_path / "model.onnx")
    model = onnx.load(path)
    model.graph.node[0].name = model.graph.doc_string = "EPContext"
    onnx.save(model, path)
    assert open_session(path).run(photos(1)[None])
