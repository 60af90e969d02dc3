"""What can be judged of a command before PyTorch is started is judged before."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.cli.conftest import Run, left_behind

LONG = "a" * 260


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, a folder of others' files, plain files and a user's net, to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "net.py").write_text(f"raise SystemExit('it was run')\n{LONG} = 1")
    for folder, count in (("few", 2), ("many", 56)):
        (tmp_path / folder).mkdir()
        for index in range(count):
            (tmp_path / folder / f"{index}.png").touch()
    for folder, spoilt in (("broken", 0), ("cut", 9)):
        (tmp_path / folder).mkdir()
        for index in range(10):
            Image.effect_noise((40, 40), 90).save(tmp_path / folder / f"{index}.jpg")
        photo = tmp_path / folder / f"{spoilt}.jpg"
        photo.write_bytes(b"no photo" if folder == "broken" else photo.read_bytes()[:500])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "manifest.json").write_text("{}")
    return tmp_path


EXPORT = [
    ("--calib nosuchdir", 2, "nosuchdir does not exist"),
    ("--calib empty --int8", 2, "hold no image"),
    ("--precision fp16", 2, "fp16 is no precision"),
    ("--format tf", 2, "tf is no format"),
    ("--io float32", 2, "add --int8"),
    ("--batch 0", 2, "batch is 0"),
    ("--classes 0", 2, "classes=0 cannot be"),
    ("--input-size 4", 2, "cannot take 4 x 4 pixels"),
    ("--net-option width=2", 2, "width is no option"),
    ("--weights nosuch.pth", 2, "no such file"),
    ("--weights file", 2, "is no weights file"),
    ("--weights empty.pth", 4, "is empty"),
    ("--out file", 2, "is no directory"),
    ("--out other", 2, "is nothing that edgeconv wrote"),
    ("--out mine", 2, "exists already; --force"),
    ("--out file/x", 3, "is not a writable directory"),
    (f"--out {LONG}", 2, "has 260 bytes; the name of a bundle's directory has at most"),
    ("--calib broken --int8", 4, "broken/0.jpg is no image that can be read"),
    ("--calib cut --int8", 4, "cut/9.jpg is broken"),
    ("--int8 --max-drop 1 --calib few", 2, "2 are too few: give at least 56"),
    ("--int8 --labels labels.csv", 2, "add --max-drop"),
    ("--int8 --max-drop 1 --labels labels.csv", 2, "add --calib DIR"),
    ("--int8 --max-drop 1 --calib many --labels nosuch.csv", 2, "there is no such file"),
    ("--int8 --max-drop 1 --calib many --labels few", 2, "is another folder than --calib many"),
    ("--int8 --golden-from-calib", 2, "name the folder with --calib DIR"),
    ("--float-error nan", 2, "must be a finite number"),
    (f"--seed {2**63}", 2, "no number of 64 bits"),
    ("--float-error -1", 2, "at least 0"),
    ("--int8-sqnr-db -1", 2, "at least 0"),
    ("--int8 --max-drop nan", 2, "above 0"),
    ("--float-error=-1", 2, "float_error is -1; it must be a finite number, at least 0"),
]
OTHERS = [
    ("export nosuch.py:f", 2, "nosuch.py: there is no such file"),
    ("export net.py", 2, "give net.py:FACTORY"),
    (f"export net.py:{LONG}", 2, "choose one with --out"),
    ("export mine", 2, "mine is a directory, no net"),
    ("export file", 2, "file is a file, no net"),
    ("inspect nosuch.py:f", 2, "there is no such file"),
    ("inspect squeezenet1_1 --input-size 4", 2, "cannot take 4 x 4 pixels"),
    ("inspect mine", 2, "is no .onnx or .tflite file"),
    ("explain file --net nosuch", 2, "nosuch is no net"),
    ("explain file --net squeezenet1_1 --weights nosuch.pth", 2, "no such file"),
    ("eval mine --data nosuchdir", 2, "--data nosuchdir is no folder"),
    ("audit nosuch.onnx", 2, "nosuch.onnx does not exist"),
]
JUDGED = [(f"export squeezenet1_1 {words}", code, said) for words, code, said in EXPORT] + OTHERS


@pytest.mark.parametrize(("words", "code", "said"), JUDGED)
def test_it_is_told_with_its_exit_code_and_leaves_nothing(
    words: str, code: int, said: str, run: Run, places: Path
) -> None:
    before = left_behind(places)
    result = run(*words.split())
    assert result.code == code
    assert said in result.err
    assert len(result.err.splitlines()) == 1
    assert left_behind(places) == before


def test_none_of_it_starts_pytorch(places: Path) -> None:
    code = (
        "import sys\n"
        "from edgeconv.cli.main import app\n"
        f"for words in {[words for words, _, _ in JUDGED]!r}:\n"
        "    sys.argv = ['edgeconv', *words.split()]\n"
        "    try: app(standalone_mode=False)\n"
        "    except Exception: pass\n"
        "    if 'torch' in sys.modules: sys.exit(words)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("verb", ["parity", "diagnose", "bench"])
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("nosuch", "there is no bundle at nosuch; a bundle is a directory that"),
        ("min", "there is no bundle at min (did you mean mine?)"),
        ("mobilenet_v3", "mobilenet_v3_small?)"),
        ("mobilenet_v2", "export it first: edgeconv export mobilenet_v2 --int8"),
        ("empty", "empty is no bundle: it is empty"),
        ("other", "other is no bundle: it holds no manifest.json"),
        ("file", "file is a file, no bundle"),
    ],
)
def test_a_path_that_is_no_bundle_says_what_it_is(
    verb: str, target: str, said: str, run: Run, places: Path
) -> None:
    result = run(verb, target)
    assert result.code == 2
    assert said in result.err
    assert len(result.err.splitlines()) == 1


DRAWN = """
from edgeconv.cli.export import Drawn
from edgeconv.report.progress import Steps
from edgeconv.report.tables import Column, Table, show
show(Table((Column("a"),), [("b",)], title="t"))
with Drawn() as drawn:
    drawn.step("load", 3)
    drawn.advance(2)
    drawn.warn("[x]")
with Steps(lasting=False) as steps:
    steps.step("run", 3)
    steps.advance(2)
"""
PLAIN = [{"NO_COLOR": "1"}, {"TERM": "dumb"}]


@pytest.mark.parametrize("environment", [*PLAIN, {}, {"NO_COLOR": ""}])
def test_escape_sequences_are_left_out_where_they_are_not_wanted(
    environment: dict[str, str], places: Path
) -> None:
    shown = b"".join(
        on_a_terminal(environment, code)
        for code in (
            "from edgeconv.cli.main import main; import sys; sys.argv[1:] = ['eval', '-h']; main()",
            "from edgeconv.cli.main import main; import sys; sys.argv[1:] = ['export']; main()",
            DRAWN,
        )
    )
    assert b"warning: [x]" in shown.replace(b"\x1b[33m", b"").replace(b"\x1b[0m", b"")
    assert (b"\x1b" in shown) == (environment not in PLAIN)


def on_a_terminal(environment: dict[str, str], code: str) -> bytes:
    """What Python shows of a piece of code where all its streams are one terminal."""
    ours, its = pty.openpty()
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "TERM")}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=its,
        stdout=its,
        stderr=its,
        env={**kept, "TERM": "xterm", **environment},
    ):
        os.close(its)
        parts = []
        while part := _read(ours):
            parts.append(part)
    os.close(ours)
    return b"".join(parts)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # the other end is closed
        return b""
