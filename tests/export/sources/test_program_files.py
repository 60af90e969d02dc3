"""Programs of torch.export in files: exported as their module is, and read without their code."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import edgeconv
from edgeconv.data.stated import Stated
from edgeconv.errors import ArtifactRefused, EdgeconvError, NetRefused, UsageError
from edgeconv.export.options import ExportOptions
from edgeconv.nets.program_files import read_program
from tests.export.sources.foreign_files import SIDE, Twin

STATED = Stated((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), 36)
MODEL, WEIGHTS = "models/model.json", "data/weights/model_weights_config.json"


def saved(path: Path, *, dynamic: bool = False, batch: int = 1) -> Path:
    shapes = {"x": {0: torch.export.Dim("batch", min=1, max=64)}} if dynamic else None
    given = torch.zeros(3 if dynamic else batch, 3, SIDE, SIDE)
    torch.export.save(torch.export.export(Twin(), (given,), dynamic_shapes=shapes), path)
    return path


def exported(path: Path, out: Path, **options: Any) -> edgeconv.Bundle:
    chosen = ExportOptions(**{"stated": STATED, "formats": ("onnx",), **options})
    return edgeconv.export_bundle(str(path), chosen, out=out)


@pytest.mark.parametrize(("dynamic", "batch"), [(False, 1), (True, 2)])
def test_a_program_computes_what_its_net_does(dynamic: bool, batch: int, tmp_path: Path) -> None:
    path = saved(tmp_path / "twin.pt2", dynamic=dynamic)
    bundle = exported(path, tmp_path / "out", batch=batch, formats=("onnx", "tflite"))
    assert bundle.parity_passed
    assert bundle.manifest["net"]["name"] == "twin"
    assert list(bundle.manifest["graph"]["inputs"].values()) == [[batch, 3, SIDE, SIDE]]
    assert bundle.manifest["weights"]["source"] == "twin.pt2"
    x = torch.randn(batch, 3, SIDE, SIDE)
    made = read_program(path).module(check_guards=False)(x)
    assert torch.equal(made, Twin()(x))


def test_a_programs_own_inputs_are_its_nets(tmp_path: Path) -> None:
    program = torch.export.export(torch.nn.Linear(5, 3), (torch.zeros(1, 5),))
    torch.export.save(program, tmp_path / "linear.pt2")
    samples = tmp_path / "samples"
    samples.mkdir()
    for number in range(8):
        np.save(samples / f"{number}.npy", np.full(5, number, np.float32))
    bundle = exported(
        tmp_path / "linear.pt2", tmp_path / "out", stated=Stated(), calib=samples, int8=True
    )
    assert [spec.shape for spec in bundle.intake.inputs] == [(5,)]
    assert bundle.parity_passed


def test_a_program_of_numbers_is_refused(tmp_path: Path) -> None:
    class Times(torch.nn.Module):
        def forward(self, x: torch.Tensor, n: int) -> torch.Tensor:
            return x * n

    program = torch.export.export(
        Times(), (torch.zeros(1, 5), 3), dynamic_shapes=(None, torch.export.Dim.DYNAMIC)
    )
    torch.export.save(program, tmp_path / "times.pt2")
    with pytest.raises(NetRefused, match="takes numbers or nothing"):
        exported(tmp_path / "times.pt2", tmp_path / "out")


@pytest.mark.parametrize(
    ("dynamic", "options", "words"),
    [
        (False, {"batch": 4}, "made for 1 along axis 0, not --batch 4"),
        (True, {"batch": 65}, "takes 1 to 64 along axis 0"),
        (False, {"input_size": (40, 40)}, "made for 32 along axis 2, not --input-size 40"),
        (False, {"stated": Stated()}, "--mean, --std, --resize"),
        (False, {"weights": "random"}, "leave --weights out"),
    ],
)
def test_what_does_not_fit_a_program_is_refused(
    dynamic: bool, options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    path = saved(tmp_path / "twin.pt2", dynamic=dynamic)
    with pytest.raises(UsageError, match=words):
        exported(path, tmp_path / "out", **options)


def changed(path: Path, record: str, change: Callable[[Any], Any], **more: bytes) -> Path:
    """The archive with one JSON record changed, and with others."""
    with zipfile.ZipFile(path) as archive:
        held = {member.filename: archive.read(member) for member in archive.infolist()}
    folder = next(iter(held)).partition("/")[0]
    document = json.loads(held[f"{folder}/{record}"])
    change(document)
    held[f"{folder}/{record}"] = json.dumps(document).encode()
    held |= {f"{folder}/{name}": content for name, content in more.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return path


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def first_node(document: Any) -> Any:
    return document["graph_module"]["graph"]["nodes"][0]


def by_python(document: Any) -> None:
    node = first_node(document)
    node["target"] = "torch.hub.load"


def opening_a_file(document: Any) -> None:
    first_node(document)["target"] = "torch.ops.aten.from_file.default"


def evaluated(document: Any) -> None:
    sizes = document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"]
    sizes[0] = {"as_expr": {"expr_str": "__import__('os').getpid()", "hint": {"as_int": 1}}}


def of_a_power(document: Any) -> None:
    sizes = document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"]
    sizes[0] = {"as_expr": {"expr_str": "Pow(Integer(9), Pow(Integer(9), Integer(9)))"}}


def nested(document: Any) -> None:
    call = document["graph_module"]["module_call_graph"][0]["signature"]
    call["in_spec"] = call["in_spec"].replace("builtins.tuple", "antigravity.Thing")


def custom(document: Any) -> None:
    document["graph_module"]["graph"]["custom_obj_values"] = {"x": {"name": "x", "class_fqn": "C"}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (by_python, "calls 'torch.hub.load'"),
        (opening_a_file, "from_file"),
        (evaluated, "computes a size by"),
        (of_a_power, "computes a size by"),
        (nested, "nested in a 'antigravity.Thing'"),
        (custom, "custom objects"),
    ],
)
def test_graphs_that_would_run_code_are_refused(
    change: Callable[[Any], Any], words: str, tmp_path: Path
) -> None:
    path = changed(saved(tmp_path / "twin.pt2"), MODEL, change)
    with pytest.raises(ArtifactRefused, match=words):
        read_program(path)


def test_guards_notes_and_examples_are_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    path = saved(tmp_path / "twin.pt2")

    def change(document: Any) -> None:
        document["guards_code"] = [f"open({str(mark)!r}, 'w')"]
        first_node(document)["metadata"]["source_fn_stack"] = "x,torch.hub.load"

    bomb = pickle.dumps(Bomb(mark))
    changed(path, MODEL, change, **{"data/sample_inputs/model.pt": bomb})
    x = torch.zeros(1, 3, SIDE, SIDE)
    assert torch.equal(read_program(path).module(check_guards=False)(x), Twin()(x))
    assert not mark.exists()


def test_pickled_values_and_compiled_code_are_refused(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def pickled(document: Any) -> None:
        next(iter(document["config"].values()))["use_pickle"] = True

    bomb = pickle.dumps(Bomb(mark))
    path = changed(saved(tmp_path / "a.pt2"), WEIGHTS, pickled, **{"data/weights/weight_0": bomb})
    with pytest.raises(ArtifactRefused, match="no plain tensor"):
        read_program(path)
    code = {"data/aotinductor/model/x.so": b"\x7fELF"}
    with pytest.raises(ArtifactRefused, match="compiled code"):
        read_program(changed(saved(tmp_path / "b.pt2"), MODEL, lambda _: None, **code))
    assert not mark.exists()


def test_values_past_their_record_are_refused(tmp_path: Path) -> None:
    def longer(document: Any) -> None:
        meta = next(iter(document["config"].values()))["tensor_meta"]
        meta["sizes"][0] = {"as_int": 2**40}

    path = changed(saved(tmp_path / "twin.pt2"), WEIGHTS, longer)
    with pytest.raises(ArtifactRefused, match="past the end"):
        read_program(path)


class Spectrum(torch.nn.Module):
    """Holds an operator that no file has, and one that TFLite lacks."""

    def __init__(self, *, lacks: str) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 4, 3)
        self.kernel = torch.nn.Parameter(torch.ones(4, 4, 2, 3, 3))
        self.lacks = lacks

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Computes with one of them."""
        y = self.conv(x)
        if self.lacks == "fft2":
            return torch.fft.fft2(y).real.relu()
        return torch.conv_transpose3d(y.unflatten(2, (5, 6)), self.kernel)


@pytest.mark.parametrize("lacks", ["fft2", "conv_transpose3d"])
def test_a_refusal_names_the_line_that_a_program_was_made_from(lacks: str, tmp_path: Path) -> None:
    given = (torch.zeros(1, 3, SIDE, SIDE),)
    torch.export.save(torch.export.export(Spectrum(lacks=lacks), given), tmp_path / "net.pt2")
    number, _ = next(
        (number, text)
        for number, text in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), 1)
        if text.lstrip().startswith("return torch.") and f".{lacks}(" in text
    )
    with pytest.raises(EdgeconvError, match=re.escape(f"{Path(__file__)}:{number}")):
        exported(tmp_path / "net.pt2", tmp_path / "out", formats=("tflite",))


def test_a_refusal_names_the_node_of_a_program_without_notes(tmp_path: Path) -> None:
    program = torch.export.export(Spectrum(lacks="fft2"), (torch.zeros(1, 3, SIDE, SIDE),))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, tmp_path / "net.pt2")
    with pytest.raises(NetRefused, match="at node of the program:fft_fft2"):
        exported(tmp_path / "net.pt2", tmp_path / "out")
