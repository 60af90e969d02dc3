"""Random command lines of every verb: none ends in a traceback (`pytest --fuzz N` tries N)."""

from __future__ import annotations

import inspect
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np
import pytest
import typer
from PIL import Image

from edgeconv.cli.main import app
from tests.cli.fuzzing import check_promises
from tests.helpers.machines.command_server import CommandServer

NET = """
import torch
from torch import nn

class Net(nn.Module):
    preprocessing = {"input_size": (16, 16), "resize": 16}

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3))

    def forward(self, x):
        return self.body(x).mean((2, 3))

def build(width=4):
    torch.manual_seed(1)
    return Net()
"""
#: As file names go: odd, hostile, and no text at all.
ODD_NAMES = (
    *("a b", "-x", "n\udcffet", "\u202egpj", "new\nline", "'quote\"", "n" * 200, "%s%n", "[red]"),
)
NUMBERS = (
    *("-1", "0", "1", "2", "3.5", "nan", "inf", "-inf", "1e400", "9" * 40, "\u0661", "", "x"),
    *("1,1", "1,", "16x16", "16x", "1_0"),
)
WORDS = (
    *("int8", "onnx", "tflite", "onnx,tflite", "local", "nosuch", "cuda", "", ",", "a=b", "=", "x"),
    *("width=[", "random", "float16", "all", "litert", "0", "layer", "body.0", "net.py:build"),
)
#: They start emulated machines, a daemon, or a shell.
LEFT_OUT = {"start", "stop", "shell", "login"}
#: Ways out of this machine.
NEVER_GIVEN = {"host", "serial", "port", "user", "identity"}


@dataclass(frozen=True)
class Parameter:
    """Of a verb: its name on the command line, None for an argument."""

    name: str
    option: str | None
    kind: Any
    required: bool


def _parameters(callback: Any) -> list[Parameter]:
    found = []
    hints = get_type_hints(callback)
    for name, given in inspect.signature(callback).parameters.items():
        info = given.default
        if info is given.empty:  # Typer's own context
            continue
        words = [word for word in info.param_decls or () if word.startswith("--")]
        option = words[0] if words else f"--{name.replace('_', '-')}"
        if isinstance(info, typer.models.ArgumentInfo):
            option = None
        found.append(Parameter(name, option, hints[name], info.default is ...))
    return found


def _verbs(root: typer.Typer, before: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """The parameters of every command by its words."""
    found: dict[tuple[str, ...], Any] = {}
    for command in root.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__.replace("_", "-")
        if name not in LEFT_OUT:
            found[(*before, name)] = _parameters(command.callback)
    for group in root.registered_groups:
        assert group.typer_instance is not None
        found |= _verbs(group.typer_instance, (*before, str(group.name)))
    return found


VERBS = _verbs(app)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandServer]:
    server = CommandServer(tmp_path_factory.mktemp("caches"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def things(program: CommandServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle, what may lie about besides, and files of every kind with damage."""
    place = tmp_path_factory.mktemp("things")
    (place / "net.py").write_text(NET)
    words = ("export", "net.py:build", "--weights", "random", "--int8", "--recipe", "fast")
    done = program.run(place, *words, "--calib-samples", 2, "--out", "bundle")
    assert done.code in (0, 1), done.err
    rng = random.Random(0)
    for path in sorted(filter(Path.is_file, (place / "bundle").iterdir())):
        whole = path.read_bytes()
        (place / f"cut-{path.name}").write_bytes(whole[: len(whole) // 2])
        flipped = bytearray(whole)
        for _ in range(1 + len(whole) // 500):
            flipped[rng.randrange(len(whole))] ^= 1 << rng.randrange(8)
        (place / f"flipped-{path.name}").write_bytes(flipped)
    for suffix in ("onnx", "tflite", "safetensors", "pth", "json", "csv", "png", "py", "toml"):
        (place / f"empty.{suffix}").touch()
        (place / f"noise.{suffix}").write_bytes(rng.randbytes(500))
    for name in ("altered", "hollow"):
        shutil.copytree(place / "bundle", place / name)
    (place / "altered" / "model.onnx").write_bytes(b"altered")
    (place / "hollow" / "model.tflite").unlink()
    (place / "photos" / "0").mkdir(parents=True)
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(place / "photos" / "0" / "black.png")
    (place / "labels.csv").write_text("file,label\n0/black.png,1\nmissing.png,2\n")
    for name in ODD_NAMES:
        (place / name).write_bytes(b"odd")
    return place


def _paths(place: Path) -> list[str]:
    inside = [f"bundle/{path.name}" for path in (place / "bundle").iterdir()]
    odd = ["", ".", "..", "/", "/dev/null", "/dev/full", "/proc/self/mem", "missing", "m" * 300]
    nets = [f"{file}:build" for file in ("net.py", "empty.py", "noise.py", "missing.py")]
    nets += ["net.py:nothing", "net.py", "os:getcwd"]
    return sorted(path.name for path in place.iterdir()) + sorted(inside) + odd + 3 * nets


def _value(parameter: Parameter, rng: random.Random, paths: list[str]) -> str:
    """One for the parameter, mostly of its own kind."""
    kinds = [parameter.kind, *get_args(parameter.kind)]
    choices = [word for kind in kinds if get_origin(kind) is Literal for word in get_args(kind)]
    if choices and rng.random() < 0.8:
        return str(rng.choice(choices))
    if {int, float} & set(kinds) or parameter.name in ("threads", "batch", "input_size", "pin"):
        return rng.choice(NUMBERS)
    return rng.choice(paths if rng.random() < 0.7 else list(WORDS))


def words_of(seed: int, place: Path) -> list[str]:
    """A random command line; some are almost right, and some are all noise."""
    rng = random.Random(seed)
    verb = rng.choice(sorted(VERBS))
    words = list(verb)
    paths = _paths(place)
    likely = rng.random()
    for parameter in VERBS[verb]:
        if parameter.name in NEVER_GIVEN:
            continue
        if parameter.name == "device" and parameter.option:
            words += rng.choice(
                [[], [], ["--device", rng.choice(["local", "nosuch", "/", "cuda"])]]
            )
        elif parameter.option is None:
            good = ["bundle", "net.py:build", "bundle/model.onnx", "bundle/model.int8.tflite"]
            pool = good if rng.random() < likely else paths
            words += [rng.choice(pool) for _ in range(rng.choice([0, 1, 1, 1, 1, 2]))]
        elif parameter.required or rng.random() < 0.15:
            words.append(parameter.option)
            if parameter.kind is not bool:
                right = parameter.required and rng.random() < likely
                words.append("photos" if right else _value(parameter, rng, paths))
    if rng.random() < 0.1:
        words.insert(rng.randrange(len(words) + 1), rng.choice([*WORDS, *ODD_NAMES, *NUMBERS]))
    if verb == ("bench",):
        words += ["--runs", "1", "--processes", "1"]
    if verb == ("export",):
        words += ["--weights", "random", "--calib-samples", "2"]
    return words


def test_no_command_line_ends_in_a_traceback(
    program: CommandServer, things: Path, tmp_path: Path, fuzz_seed: int
) -> None:
    place = tmp_path / "here"
    shutil.copytree(things, place)
    check_promises(program.run(place, *words_of(fuzz_seed, place)), place)
