"""`export` of nets that cannot be had as asked, and of nets nobody here has seen."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from ai_edge_litert.interpreter import Interpreter
from safetensors.torch import save_file

from edgeconv.nets.load import load_net
from tests.cli.conftest import Run, left_behind

NET = """
import torch
from torch import nn

class Net(nn.Module):
    preprocessing = {{"input_size": (32, 32), "resize": 36}}

    def __init__(self, width=4, num_classes=3):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, stride=2, padding=1)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x):
        y = self.conv(x)
        {body}
"""


def write(directory: Path, body: str = "return self.head(y.mean((2, 3)))") -> str:
    (directory / "net.py").write_text(NET.format(body=body))
    return "net.py:Net"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("squeezenet1_1", "--net-option", "width=0.5"), "width is no option of squeezenet1_1"),
        (("squeezenet1_1", "--net-option", "width=0.5"), "squeezenet1_1 has these options: none"),
        (("mobilenet_v1", "--net-option", "widht=0.5"), "did you mean width?"),
        (("mobilenet_v1", "--net-option", "width=9"), "width is a number from 0.25 to 2"),
        (("shufflenet_v1", "--net-option", "groups=5"), "groups is one of 1, 2, 3, 4, 8"),
        (("mobilenet_v2", "--fully-convolutional"), "fully_convolutional is no option of"),
        (("resnet18", "--input-size", "16"), "cannot take 16 x 16 pixels; each side must be at"),
        (("vgg11", "--input-size", "64x31"), "cannot take 64 x 31 pixels; each side must be at"),
        (("inception_v3", "--input-size", "74"), "each side must be at least 75"),
        (("mobilenet_v2", "--classes", "0"), "classes=0 cannot be; a net has at least 1"),
    ],
)
def test_what_a_net_cannot_be_is_wrong_usage(
    run: Run, tmp_path: Path, words: tuple[str, ...], said: str
) -> None:
    result = run("export", *words, "--weights", "random")
    assert result.code == 2
    assert said in result.err
    assert "Traceback" not in result.err
    assert left_behind(tmp_path) == []


def test_classes_that_contradict_the_weights_are_wrong_usage(run: Run, tmp_path: Path) -> None:
    state = load_net("squeezenet1_1", weights="random", classes=7).module.state_dict()
    save_file(state, tmp_path / "seven.safetensors")
    result = run("export", "squeezenet1_1", "--weights", "seven.safetensors", "--classes", 10)
    assert result.code == 2
    assert "10 classes were asked for, but seven.safetensors was trained for 7" in result.err
    assert left_behind(tmp_path) == ["seven.safetensors"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--net-option", "depth=3"), 2, "depth is no option of net.py:Net"),
        (("--net-option", "depth=3"), 2, "The factory takes (width=4, num_classes=3)"),
        (("--net-option", "width=wide"), 4, "net.py:"),
        (("--input-size", "9000"), 2, "1 to 8192 pixels"),
        (("--weights", "pretrained"), 2, "nobody publishes weights for net.py:Net"),
        (("--features", "nowhere"), 2, "nowhere"),
    ],
)
def test_what_a_factory_cannot_is_said_with_its_signature(
    run: Run, tmp_path: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    result = run("export", write(tmp_path), *words)
    assert result.code == code, result.err
    assert said in result.err
    assert left_behind(tmp_path) == ["net.py"]


def test_options_on_the_command_line_reach_the_factory(run: Run, tmp_path: Path) -> None:
    words = ("--net-option", "width=6", "--classes", 5, "--json", "--format", "onnx")
    result = run("export", write(tmp_path), *words)
    assert result.code == 0, result.err
    assert json.loads(result.out)["net"]["options"] == {"width": 6}
    shapes = {
        tensor.name: list(tensor.dims) for tensor in onnx.load("Net/model.onnx").graph.initializer
    }
    assert shapes["conv.weight"] == [6, 3, 3, 3]
    assert shapes["head.weight"] == [5, 6]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return y if y.mean() > 0 else -y", "a Python truth value at"),
        ("return y[:, : int(y.sum())]", "a Python integer at"),
        ("return y * y.max().item()", "a Python number at"),
    ],
)
def test_a_decision_by_the_inputs_values_is_refused_with_its_line(
    run: Run, tmp_path: Path, body: str, said: str
) -> None:
    result = run("export", write(tmp_path, body))
    line = 1 + (tmp_path / "net.py").read_text().splitlines().index(f"        {body}")
    assert result.code == 4
    assert said in result.err
    assert f"net.py:{line};" in result.err
    assert left_behind(tmp_path) == ["net.py"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return y, 'done'", "gives a str as output_1"),
        ("return None", "gives no tensor"),
        ("return y + torch.randn_like(y)", "it draws random numbers in torch.randn_like at"),
        ("return torch.fft.fft2(y).abs()", "calls torch.fft.fft2 at"),
        ("return nn.functional.max_pool2d(y, 32)", "cannot take an input of 1 x 3 x 32 x 32"),
        ("raise ValueError('not this one')", "ValueError: not this one"),
        (
            "return nn.functional.conv_transpose3d(y[:, None], torch.ones(1, 1, 1, 2, 2))[:, 0]",
            "works along 3 spatial axes",
        ),
    ],
)
def test_what_is_no_graph_of_known_operators_is_refused(
    run: Run, tmp_path: Path, body: str, said: str
) -> None:
    result = run("export", write(tmp_path, body), "--int8")
    assert result.code == 4
    assert said in result.err
    assert "Traceback" not in result.err
    assert left_behind(tmp_path) == ["net.py"]


def test_operators_that_tflite_lacks_can_go_to_onnx_alone(run: Run, tmp_path: Path) -> None:
    turned = "nn.functional.conv_transpose3d(y[:, None], torch.ones(1, 1, 1, 2, 2))[:, 0]"
    target = write(tmp_path, f"return self.head({turned}.mean((2, 3)))")
    assert "--format onnx" in run("export", target).err
    assert run("export", target, "--format", "onnx", "--int8").code == 0


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("return {'scores': self.head(y.mean((2, 3))), 'map': y}", ["scores", "map"]),
        ("return self.head(y.mean((2, 3))), y", ["output_0", "output_1"]),
        ("return {'out': (y, [y * 2])}", ["out_0", "out_1_0"]),
    ],
)
def test_several_outputs_keep_their_names_in_every_file(
    run: Run, tmp_path: Path, body: str, names: list[str]
) -> None:
    result = run("export", write(tmp_path, body), "--int8", "--calib-samples", 4)
    assert result.code == 0, result.err
    for name in ("model.onnx", "model.int8.onnx"):
        outputs = onnx.load(f"Net/{name}").graph.output
        assert [output.name for output in outputs] == names
    for name in ("model.tflite", "model.int8.tflite"):
        runner = Interpreter(f"Net/{name}").get_signature_runner("serving_default")
        assert sorted(runner.get_output_details()) == sorted(names)


def test_a_failing_factory_is_told_with_its_line_below(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "fails.py"
    source.write_text('def build():\n    raise ValueError("no\\nway")\n')
    result = run("export", f"{source}:build")
    assert result.code == 4
    said, place = result.err.splitlines()[-2:]
    assert said.startswith("error: ")
    assert said.endswith(r"ValueError: no\nway")
    assert place == rf'  {source}:2: raise ValueError("no\nway")'
