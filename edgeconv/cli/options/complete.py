"""What the shell offers for a word half typed: nets, devices, bundles and model files.

Where nothing here fits, shells offer files of their own accord. Each press of the key starts a
process, so nothing heavy is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from edgeconv.nets.registry import NETS


def net(incomplete: str) -> list[str]:
    """Nets of the registry."""
    return [name for name in NETS if name.startswith(incomplete)]


def family(incomplete: str) -> list[str]:
    """Families of the registry."""
    names = dict.fromkeys(net.family for net in NETS.values())
    return [name for name in names if name.startswith(incomplete)]


def device(incomplete: str) -> list[str]:
    """Devices, the user's own among them."""
    from edgeconv.devices.profile.read import names

    return [name for name in names() if name.startswith(incomplete)]


def emulated(incomplete: str) -> list[str]:
    """Emulated devices."""
    return [name for name in device(incomplete) if name.endswith("-emulated")]


def bundle(incomplete: str) -> list[str]:
    """Bundles beside what is typed."""
    from edgeconv.bundle.manifest import FILE_NAME

    return [path for path in _beside(incomplete) if (Path(path) / FILE_NAME).is_file()]


def model_file(incomplete: str) -> list[str]:
    """Model files beside what is typed."""
    return [path for path in _beside(incomplete) if path.endswith((".onnx", ".tflite"))]


def bundle_or_file(incomplete: str) -> list[str]:
    """Bundles and model files."""
    return bundle(incomplete) + model_file(incomplete)


def net_or_file(incomplete: str) -> list[str]:
    """Nets and model files."""
    return net(incomplete) + model_file(incomplete)


def _beside(incomplete: str) -> Iterator[str]:
    """Every path that begins with the word, as it would be typed on; hidden ones are no target."""
    before, slash, name = incomplete.rpartition("/")
    with suppress(OSError):  # a folder that is not there, or closed, offers nothing
        for path in sorted(Path(before + slash).iterdir()):
            if path.name.startswith(name) and not path.name.startswith("."):
                yield f"{before}{slash}{path.name}"
