"""A net of the user's own is imported as its author would, and its errors show their line."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import NetRefused, UnknownName, UsageError, WeightsRefused
from edgeconv.nets.load import load_net

NET = """
from torch import nn

class Net(nn.Module):
    def __init__(self, width=4, num_classes=3):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3)
        self.head = nn.Linear(width, num_classes)
    def forward(self, x):
        return self.head(self.conv(x).mean((2, 3)))
"""

Write = Callable[..., str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes text to a file in an empty current directory; returns its path."""
    monkeypatch.chdir(tmp_path)

    def write_file(text: str, name: str = "net.py") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return str(path)

    return write_file


def test_a_class_is_built_with_options_and_classes(write: Write) -> None:
    net = load_net(f"{write(NET)}:Net", net_options={"width": 6}, classes=5)
    assert net.name == "Net"
    assert net.spec is None
    assert not net.module.training
    assert net.preprocessing == Preprocessing()
    assert net.weights.kind == "module"
    assert net.trained
    assert net.module(torch.zeros(1, 3, 8, 8)).shape == (1, 5)
    assert net.module.conv.out_channels == 6


@pytest.mark.parametrize("target", ["net.py:ready", "./net.py:ready", "net:ready"])
def test_a_ready_module_is_found_by_path_or_by_name(target: str, write: Write) -> None:
    write(NET + "ready = Net()")
    assert isinstance(load_net(target).module, nn.Module)
    sys.modules.pop("net", None)


@pytest.mark.parametrize("line", ["import parts", "from . import parts", "from .parts import size"])
def test_a_file_imports_its_neighbours(line: str, write: Write) -> None:
    write("size = 7", "model/parts.py")
    body = "size" if "size" in line else "parts.size"
    path = write(f"{line}\n{NET}\ndef make():\n    return Net({body})\n", "model/net.py")
    assert load_net(f"{path}:make").module.conv.out_channels == 7


def test_two_directories_with_files_of_one_name_do_not_mix(write: Write) -> None:
    for number in (3, 9):
        write(f"size = {number}", f"in{number}/parts.py")
        path = write(
            f"import parts\n{NET}\ndef make():\n    return Net(parts.size)", f"in{number}/net.py"
        )
        assert load_net(f"{path}:make").module.conv.out_channels == number


def test_an_edited_file_is_read_again(write: Write) -> None:
    for number in (3, 99):
        path = write(f"{NET}\ndef make():\n    return Net({number})")
        assert load_net(f"{path}:make").module.conv.out_channels == number


def test_the_path_of_imports_is_left_as_it_was(write: Write) -> None:
    before = list(sys.path)
    load_net(f"{write(NET)}:Net")
    assert sys.path == before


def test_preprocessing_and_labels_are_taken_from_module_or_factory(write: Write) -> None:
    text = f"""{NET}
def make():
    net = Net()
    net.labels = ["cat", "dog", "bird"]
    return net
make.preprocessing = {{"input_size": [96, 128], "resize": 140, "mean": [0, 0, 0]}}
"""
    net = load_net(f"{write(text)}:make")
    assert net.labels == ("cat", "dog", "bird")
    assert net.preprocessing == Preprocessing((96, 128), 140, (0.0, 0.0, 0.0))
    smaller = load_net(f"{write(text)}:make", input_size=(48, 64))
    assert smaller.preprocessing.resize == 70


def test_random_values_follow_the_seed(write: Write) -> None:
    path = write(NET)
    first, again, other = (
        load_net(f"{path}:Net", weights="random", seed=seed).module.conv.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_net_whose_batchnorms_are_new_is_untrained(write: Write) -> None:
    text = f"{NET}\ndef make():\n    return nn.Sequential(nn.BatchNorm2d(3), Net())\n"
    net = load_net(f"{write(text)}:make")
    assert not net.trained
    assert net.weights.note is not None
    assert "looks untrained" in net.weights.note


def test_weights_from_a_file_go_into_a_users_module(write: Write, tmp_path: Path) -> None:
    path = write(NET)
    state = load_net(f"{path}:Net", seed=5).module.state_dict()
    torch.save(state, tmp_path / "w.pth")
    net = load_net(f"{path}:Net", weights=str(tmp_path / "w.pth"), seed=6)
    assert torch.equal(net.module.state_dict()["conv.weight"], state["conv.weight"])
    assert net.weights.kind == "file"
    with pytest.raises(WeightsRefused, match=r"conv\.weight is \(4, 3, 3, 3\) in the file"):
        load_net(f"{path}:Net", weights=str(tmp_path / "w.pth"), net_options={"width": 5})


@pytest.fixture
def wide_file(write: Write, tmp_path: Path) -> tuple[str, Path]:
    """A net, and weights for another width than its default that say so."""
    target = f"{write(NET)}:Net"
    path = tmp_path / "wide.safetensors"
    state = load_net(target, net_options={"width": 6}, seed=5).module.state_dict()
    save_file(state, path, {"net_options": json.dumps({"width": 6})})
    return target, path


def test_options_in_a_weights_file_go_to_the_factory(wide_file: tuple[str, Path]) -> None:
    target, path = wide_file
    for options in ({}, {"width": 6}, {"num_classes": 3}):
        net = load_net(target, weights=str(path), net_options=options)
        assert net.module.conv.out_channels == 6
        assert net.net_options == {"width": 6, **options}


def test_options_that_contradict_a_weights_file_are_wrong_usage(
    wide_file: tuple[str, Path],
) -> None:
    target, path = wide_file
    with pytest.raises(UsageError, match=r"width=4 was asked for, but .* for width=6"):
        load_net(target, weights=str(path), net_options={"width": 4})


def test_options_of_a_weights_file_that_the_factory_lacks_are_the_files_fault(
    wide_file: tuple[str, Path], write: Write
) -> None:
    _, path = wide_file
    narrow = write(f"{NET}\ndef make():\n    return Net()\n", "narrow.py")
    with pytest.raises(WeightsRefused, match=r"net_options in its metadata: width is no option"):
        load_net(f"{narrow}:make", weights=str(path))
    with pytest.raises(UnknownName, match="depth is no option"):
        load_net(f"{narrow}:make", weights=str(path), net_options={"depth": 2})


def test_a_factory_with_any_keywords_takes_any_option(write: Write) -> None:
    path = write(f"{NET}\ndef make(**options):\n    return Net(**options)\n")
    net = load_net(f"{path}:make", net_options={"width": 7})
    assert net.module.conv.out_channels == 7


def test_what_the_users_code_prints_stays_off_stdout(
    write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    load_net(f"{write(NET + 'print(123456)')}:Net")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "123456" in printed.err


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("none.py:make", r"none\.py: there is no such file"),
        ("no_such_package.net:make", r"there is no module no_such_package\.net"),
        ("torch.no_such_module:make", r"there is no module torch\.no_such_module"),
        ("a b:make", "there is no module a b"),
        (".:make", r"there is no module \."),
        ("net.py:", "is not path/to/file.py:factory"),
        (":make", "is not path/to/file.py:factory"),
        ("net.py:ten", "is a int; it must be an nn.Module or a function"),
    ],
)
def test_a_target_that_is_not_there_is_wrong_usage(target: str, says: str, write: Write) -> None:
    write("ten = 10")
    with pytest.raises(UsageError, match=says):
        load_net(target)


def test_a_wrong_attribute_suggests_what_the_file_has(write: Write) -> None:
    path = write(f"{NET}\ndef make_net():\n    return Net()\n")
    with pytest.raises(
        UnknownName, match=r"did you mean make_net.* The file offers: Net, make_net"
    ):
        load_net(f"{path}:make_nett")


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (
            {"net_options": {"widht": 3}},
            r"widht is no option of .*:Net; did you mean width\? The factory takes \(width=4",
        ),
        ({"weights": "pretrained"}, "nobody publishes weights for"),
    ],
)
def test_a_factory_asked_for_what_it_cannot_is_wrong_usage(
    asked: dict[str, object], says: str, write: Write
) -> None:
    with pytest.raises(UsageError, match=says):
        load_net(f"{write(NET)}:Net", **asked)  # type: ignore[arg-type]


def test_a_factory_without_classes_says_what_it_takes(write: Write) -> None:
    path = write(f"{NET}\ndef make(width=3):\n    return Net(width)\nready = Net()\n")
    with pytest.raises(UsageError, match=r"no parameter called classes or num_classes"):
        load_net(f"{path}:make", classes=5)
    with pytest.raises(UsageError, match="is a module already"):
        load_net(f"{path}:ready", classes=5)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise KeyError('lost')", r"failed: KeyError: 'lost'\n  .*net\.py:2: raise KeyError"),
        ("import no_such_thing", r"No module named 'no_such_thing'\n  .*net\.py:2: import no_such"),
        ("raise SystemExit(3)", r"failed: SystemExit: 3\n  .*net\.py:2"),
        ("return 3", "returned a int, not an nn.Module"),
        ("import torch; return torch.nn.Linear(-1, 2)", r"failed: .*\n  .*net\.py:2: import torch"),
        ("from torch import nn; return nn.LazyLinear(3)", "weight has no shape yet"),
        (
            "from torch import nn; return nn.Linear(2, 3, device='meta')",
            "weight is on the meta device",
        ),
    ],
)
def test_a_factory_that_fails_shows_the_users_own_line(body: str, says: str, write: Write) -> None:
    path = write(f"def make():\n    {body}\n")
    with pytest.raises(NetRefused, match=says):
        load_net(f"{path}:make")


def test_a_file_that_is_no_python_shows_the_line(write: Write) -> None:
    path = write("x = 1\ndef make(:\n")
    with pytest.raises(NetRefused, match=r"SyntaxError: .*\n  .*net\.py:2: def make\(:"):
        load_net(f"{path}:make")


def test_values_that_are_not_finite_are_refused(write: Write) -> None:
    path = write(
        f"{NET}\ndef make():\n    net = Net()\n    net.head.bias.data[0] /= 0\n    return net"
    )
    with pytest.raises(WeightsRefused, match=r"head\.bias holds NaN or infinity in 1 of 3"):
        load_net(f"{path}:make")


@pytest.mark.parametrize("wrong", ["{'mean': [1]}", "{'size': 3}"])
def test_a_preprocessing_that_cannot_be_is_wrong_usage(wrong: str, write: Write) -> None:
    path = write(f"{NET}\nready = Net()\nready.preprocessing = {wrong}\n")
    with pytest.raises(UsageError, match="ready: preprocessing"):
        load_net(f"{path}:ready")


def test_a_users_file_may_import_torchvision(write: Write) -> None:
    text = "from torchvision.models import resnet18\ndef make():\n    return resnet18()\n"
    net = load_net(f"{write(text)}:make", weights="random")
    assert type(net.module).__name__ == "ResNet"
