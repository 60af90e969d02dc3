"""Whatever a hostile bundle says: no file is opened but its own, the engines' and Python's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

import edgeconv
from edgeconv.bundle import manifest
from tests.helpers.straced import require_strace

ROOT = Path(__file__).resolve().parents[2]
NET = """
from torch import nn

class Net(nn.Sequential):
    preprocessing = {"input_size": (16, 16), "resize": 16}

def build():
    return Net(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
OPTIONS = edgeconv.ExportOptions(weights="random", precisions=("int8",), calib_samples=8)
#: Runs a list of command lines in one process, and tells what each ends with.
RUNNER = """
import json, sys
from edgeconv.cli.main import main
ends = []
told, done = sys.argv[1], False
for words in json.load(open(told)):
    if not done and "bundles/1" in " ".join(words):
        done = True
        open(told).close()
    sys.argv = ["edgeconv", *words]
    try:
        main()
    except SystemExit as end:
        ends.append(end.code)
print(json.dumps(ends), file=sys.stderr)
"""
OF_BUNDLES = (
    ["parity", "{}"],
    ["diagnose", "{}", "--altered"],
    ["eval", "{}", "--data", "photos"],
    ["eval", "{}/model.onnx", "--data", "photos"],
    ["diagnose", "{}"],
)
#: Of files; a link that a user names is followed.
OF_FILES = (
    ["audit", "{}/model.onnx"],
    ["audit", "{}/model.tflite"],
    ["inspect", "{}/model.onnx"],
)
#: Where Python, the engines, what they are linked with and the system's own facts are.
SYSTEM = (
    *{sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent)},
    *("/usr", "/lib", "/lib64", "/bin", "/proc", "/sys", "/dev"),
    "/etc/ld.so.cache",
)
#: A call that opened something, but no directory, and its path with links resolved.
OPENED = re.compile(r"^(?:\d+ +)?\w+\((?!.*O_DIRECTORY).* = \d+<(.*)>$")


def sign(bundle: Path) -> None:
    """Makes the manifest true of the files that it names."""
    path = bundle / manifest.FILE_NAME
    document = json.loads(path.read_text())
    document["files"] = manifest.file_table(bundle)
    path.write_text(json.dumps(document))


def told(bundle: Path, name: str) -> None:
    """The manifest names a file of this name, as if it were model.onnx."""
    path = bundle / manifest.FILE_NAME
    document = json.loads(path.read_text())
    document["files"][name] = document["files"]["model.onnx"]
    path.write_text(json.dumps(document))


def linked(bundle: Path, name: str, outside: Path, *, signed: bool) -> None:
    """A link in the place of a file, named in the manifest or not."""
    path = bundle / name
    if path.exists():
        shutil.copy(path, outside / name)
        path.unlink()
    path.symlink_to(outside / name if (outside / name).exists() else outside / "secret")
    document = json.loads((bundle / manifest.FILE_NAME).read_text())
    if not signed and name != manifest.FILE_NAME:
        document["files"].pop(name, None)
        (bundle / manifest.FILE_NAME).write_text(json.dumps(document))


def elsewhere(bundle: Path, location: str) -> None:
    """A constant of the float ONNX file lies in another file."""
    path = bundle / "model.onnx"
    model = onnx.load(path)
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in {"location": location, "offset": "0", "length": "864"}.items():
        tensor.external_data.add(key=key, value=value)
    onnx.save(model, path)
    sign(bundle)


def compiled(bundle: Path, outside: Path) -> None:
    path = bundle / "model.onnx"
    model = onnx.load(path)
    words = {"ep_cache_context": str(outside / "secret"), "embed_mode": 0}
    node = onnx.helper.make_node("EPContext", [], ["x"], domain="com.microsoft", **words)
    model.graph.node.append(node)
    onnx.save(model, path)
    sign(bundle)


def link_inside(bundle: Path, outside: Path) -> None:
    (bundle / "values").symlink_to(outside / "secret")
    elsewhere(bundle, "values")


def named(bundle: Path, *names: str) -> None:
    """Files of these names beside the others."""
    for name in names:
        (bundle / name).write_bytes(b"odd")
    sign(bundle)


#: The name of a bundle's own directory.
ODD = "-rf; $(touch it) \x1b[2J\n`touch it`"
HARMLESS = ("honest", "names that a shell reads", ODD)
#: Each makes an honest bundle hostile; the second folder is not its own.
HOSTILE: dict[str, Callable[[Path, Path], None]] = {
    "honest": lambda bundle, outside: None,
    "a file above": lambda bundle, outside: told(bundle, f"../{outside.name}/secret"),
    "an absolute file": lambda bundle, outside: told(bundle, str(outside / "secret")),
    "names that a terminal does not show": lambda bundle, _: named(bundle, "\x1b[2J", "a\nb"),
    "names that a shell reads": lambda bundle, _: named(bundle, "-rf", "$(touch it)", "ü;b"),
    ODD: lambda bundle, outside: None,
    "compiled": compiled,
    "values above": lambda bundle, outside: elsewhere(bundle, f"../{outside.name}/secret"),
    "values by an absolute name": lambda bundle, outside: elsewhere(bundle, f"{outside}/secret"),
    "values through a link": link_inside,
    **{
        f"{name} is a link{'' if signed else ', unnamed'}": (
            lambda bundle, outside, name=name, signed=signed: linked(
                bundle, name, outside, signed=signed
            )
        )
        for signed in (True, False)
        for name in ("model.onnx", "model.int8.tflite", "golden.npz", "labels.txt", "manifest.json")
    },
}


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Bundles by what is hostile in them, photos, and files that are none of theirs."""
    (tmp_path / "net.py").write_text(NET)
    honest = tmp_path / "bundles" / "honest"
    edgeconv.export_bundle(f"{tmp_path}/net.py:build", OPTIONS, out=honest)
    outside = tmp_path / "bundles" / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(bytes(4096))
    (tmp_path / "photos" / "0").mkdir(parents=True)
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photos" / "0" / "photo.png")
    made = {name: honest.parent / str(number) for number, name in enumerate(HOSTILE)}
    made[ODD] = honest.parent / ODD
    for (name, bundle), change in zip(made.items(), HOSTILE.values(), strict=True):
        shutil.copytree(honest, bundle)
        own = tmp_path / "bundles" / f"outside {len(name)}"
        own.mkdir(exist_ok=True)
        shutil.copy(outside / "secret", own)
        change(bundle, own)
    shutil.copy(honest / "model.onnx", outside)
    return made


def verbs_for(name: str, number: int, *, whole: bool) -> Iterator[list[str]]:
    """All of them, or two in turn."""
    suited = OF_BUNDLES if "link" in name else OF_BUNDLES + OF_FILES
    yield from suited if whole or name == "honest" else islice(cycle(suited), number, number + 2)


def opened_by(commands: list[list[str]], place: Path) -> tuple[list[int], list[str]]:
    """What each command ends with, and every file that was opened, links resolved."""
    (place / "commands.json").write_text(json.dumps(commands))
    log = place / "opened.log"
    kept = {"TMPDIR": str(place / "temporary"), "XDG_CACHE_HOME": str(place / "cache")}
    for directory in kept.values():
        Path(directory).mkdir(exist_ok=True)
    words = ["strace", "--seccomp-bpf", "-f", "-y", "-z", "-s", "4096", "-o", str(log)]
    words += ["-e", "trace=open,openat,openat2,creat,execve"]
    done = subprocess.run(
        [*words, sys.executable, "-c", RUNNER, str(place / "commands.json")],
        cwd=place,
        env=os.environ | kept | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = log.read_text(errors="replace").splitlines()
    found = [match[1] for line in lines if (match := OPENED.match(line))]
    plain = [path.encode().decode("unicode_escape").encode("latin1").decode() for path in found]
    return json.loads(done.stderr.splitlines()[-1]), [p for p in plain if not Path(p).is_dir()]


def test_no_file_is_opened_outside_a_hostile_bundle(
    places: dict[str, Path], tmp_path: Path, kills: int
) -> None:
    require_strace()
    tried = [
        (name, [word.format(bundle.relative_to(tmp_path)) for word in verb])
        for number, (name, bundle) in enumerate(places.items())
        for verb in verbs_for(name, number, whole=kills >= 100)
    ]
    outside = tmp_path / "bundles" / "outside" / "model.onnx"
    ends, opened = opened_by([*(words for _, words in tried), ["audit", str(outside)]], tmp_path)
    for (name, words), end in zip(tried, ends[:-1], strict=True):
        assert end in ((0, 1) if name in HARMLESS else (0, 1, 4)), words
    told = str(tmp_path / "commands.json")
    assert opened.count(told) == 2, "read, and once more when the honest bundle was done with"
    of_an_honest_one = set(opened[: opened.index(told, opened.index(told) + 1)])
    own = [*map(str, places.values()), f"{tmp_path}/photos", f"{tmp_path}/commands.json"]
    own += [f"{tmp_path}/temporary", f"{tmp_path}/cache/edgeconv", str(ROOT)]
    allowed = tuple(own) + SYSTEM
    foreign = {path for path in opened if not path.startswith(tuple(f"{one}/" for one in allowed))}
    foreign -= {path for path in of_an_honest_one if not path.startswith(str(tmp_path))}
    assert foreign - set(allowed) == {str(outside)}, "the one that was asked for"
    assert not list(tmp_path.rglob("it"))
    print(f"{len(tried)} commands on {len(places)} bundles")
