"""torchvision is imported with or without its native library, and left alone where that loads."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

REAL = """
    from edgeconv.nets.torchvision_shim import import_torchvision
    vision = import_torchvision()
    assert import_torchvision() is vision
    assert len(vision.models.ResNet18_Weights.DEFAULT.meta["categories"]) == 1000
"""

# Stands for a torchvision whose native library loads and registers the operators itself.
WORKING = """
    import torch
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

    @torch.library.register_fake("torchvision::nms")
    def nms(dets, scores, iou_threshold):
        return dets
"""

# Stands for one whose native library does not load: it counts how often it is imported.
BROKEN = """
    import os, pathlib, torch
    with pathlib.Path(os.environ["COUNT"]).open("a") as file:
        file.write("x")
    from torchvision import part

    @torch.library.register_fake("torchvision::nms")
    def nms(dets, scores, iou_threshold):
        return dets
"""

OUT_OF_DATE = """
    raise RuntimeError("compiled against another CUDA")
"""


def run(code: str, directory: Path, package: str | None) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter, perhaps with another torchvision before the real one."""
    if package is not None:
        (directory / "torchvision").mkdir()
        (directory / "torchvision" / "__init__.py").write_text(textwrap.dedent(package))
        (directory / "torchvision" / "part.py").write_text("")
    first = f"import sys; sys.path.insert(0, {str(directory)!r})\n"
    return subprocess.run(
        [sys.executable, "-c", first + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={"COUNT": str(directory / "count"), "PYTHONPATH": ":".join(sys.path)},
    )


def test_the_installed_torchvision_imports(tmp_path: Path) -> None:
    done = run(REAL, tmp_path, None)
    assert done.returncode == 0, done.stderr


IMPORT = """
    import sys
    from edgeconv.nets import torchvision_shim
    registered = []
    original = torchvision_shim._register_schemas
    torchvision_shim._register_schemas = lambda: (registered.append(1), original())
    vision = torchvision_shim.import_torchvision()
    assert sys.modules["torchvision"] is vision
    print(len(registered))
"""


def test_nothing_is_registered_beside_a_working_library(tmp_path: Path) -> None:
    done = run(IMPORT, tmp_path, WORKING)
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_missing_operators_are_registered_and_the_import_is_repeated(tmp_path: Path) -> None:
    done = run(IMPORT, tmp_path, BROKEN)
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr
    assert (tmp_path / "count").read_text() == "xx"


def test_another_failure_is_told_and_nothing_is_registered(tmp_path: Path) -> None:
    code = """
        from edgeconv.errors import UnavailableError
        from edgeconv.nets import torchvision_shim
        torchvision_shim._register_schemas = lambda: 1 / 0
        try:
            torchvision_shim.import_torchvision()
        except UnavailableError as error:
            print(error)
    """
    done = run(code, tmp_path, OUT_OF_DATE)
    assert "torchvision cannot be imported: compiled against another CUDA" in done.stdout


def test_an_absent_torchvision_says_how_to_get_it(tmp_path: Path) -> None:
    code = """
        import sys
        sys.modules["torchvision"] = None
        from edgeconv.errors import UnavailableError
        from edgeconv.nets.torchvision_shim import import_torchvision
        try:
            import_torchvision()
        except UnavailableError as error:
            print(error)
    """
    assert "pip install torchvision" in run(code, tmp_path, None).stdout


def test_a_users_file_that_imports_torchvision_itself_is_helped(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(
        "from torchvision.models import resnet18\ndef make():\n    return resnet18(num_classes=3)\n"
    )
    code = f"""
        from edgeconv.nets.load import load_net
        net = load_net({str(tmp_path / "net.py")!r} + ":make", weights="random")
        assert net.module.fc.out_features == 3
    """
    done = run(code, tmp_path, None)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", ["load", "registry", "weights", "user"])
def test_loading_nets_does_not_import_torchvision(module: str, tmp_path: Path) -> None:
    code = f"import sys, edgeconv.nets.{module}; assert 'torchvision' not in sys.modules"
    done = run(code, tmp_path, OUT_OF_DATE)
    assert done.returncode == 0, done.stderr
