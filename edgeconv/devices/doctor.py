"""What is installed on this machine for edgeconv, what of it works, and what to do about the rest.

Versions are read from the packages' metadata; only the engines are loaded, in processes of their
own, for an engine that is broken may end the process that loads it.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgeconv import child
from edgeconv.devices.state.gpu import gpus_here
from edgeconv.devices.transport.local import LocalTransport
from edgeconv.disk import cache_directory
from edgeconv.documents import NotJson, parse
from edgeconv.emulated import requirements
from edgeconv.emulated.boards import BOARDS
from edgeconv.errors import CRASHES, SIGNALLED, DeviceFailed, DeviceUnreachable
from edgeconv.installed import EXPORTS_WITH, installed_as, is_installed, versions
from edgeconv.runtime.host import host_facts
from edgeconv.runtime.open import MODULES, PACKAGES
from edgeconv.runtime.plain import foreign
from edgeconv.runtime.session import EngineName

State = Literal["ok", "absent", "warning", "broken"]

#: As distributions, what `edgeconv` brings beside what runs bundles.
_EXPORTING = ("torch", "torchvision", "onnx", "onnx-ir", "onnxsim")
_DEADLINE_S = 60.0
_MOST_BYTES = 2**16
#: Of a folder, so that a cache somebody filled by other means costs no minutes.
_MOST_FILES = 50_000
#: What /proc/cpuinfo calls instructions that int8 kernels use, in the order they are shown.
_INT8 = {
    "avx2": "AVX2",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX",
    "asimddp": "dot product",
    "i8mm": "int8 matrices",
    "sve": "SVE",
}


@dataclass(frozen=True)
class Row:
    """One thing that edgeconv uses.

    Attributes:
        what: such as "engines".
        value: what is there; None for nothing.
        state: "ok"; "absent" (what is not needed for everything); "warning" (works, but ...);
            "broken" (installed, and does not work; of engines also: none there).
        advice: what to do about it; "" for nothing.
    """

    what: str
    value: str | None
    state: State = "ok"
    advice: str = ""


def rows() -> tuple[Row, ...]:
    """All of them, in the order they are shown."""
    tried = {engine: _tried(engine) for engine in PACKAGES if is_installed(MODULES[engine])}
    return (
        _edgeconv(),
        Row("Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}"),
        _exporting(),
        _engines(tried),
        _cpu(tried.get("onnxruntime", {})),
        _gpu(),
        _program("adb", ["adb", "version"], "phones: apt install adb"),
        _program("ssh", ["ssh", "-V"], "boards: apt install openssh-client"),
        _emulation(),
        _folder("cache", cache_directory(), "what is in it is made again when it is missing"),
        _folder("weights", _checkpoints(), ""),
    )


def _edgeconv() -> Row:
    found = installed_as()
    value = _in_words(found) or "a checkout, not installed"
    if len(set(found.values())) > 1:
        return Row("edgeconv", value, "warning", "edgeconv is what runs; pip install one version")
    return Row("edgeconv", value)


def _exporting() -> Row:
    """What exports nets, by the packages that decide over a bundle's bytes."""
    found = versions(_EXPORTING)
    absent = [name for name in _EXPORTING if name not in found]
    value = _in_words(found)
    if not absent and all(map(is_installed, EXPORTS_WITH)):
        return Row("to export", value)
    if "edgeconv" in installed_as():
        gone = ", ".join(absent) or "a package"
        return Row("to export", value, "broken", f"{gone} is missing: pip install edgeconv")
    return Row("to export", value, "absent", "bundles run without; pip install edgeconv exports")


def _engines(tried: dict[EngineName, dict[str, Any]]) -> Row:
    found = versions(("numpy", "pillow", *PACKAGES.values()))
    value = _in_words(found)
    broken = [f"{name}: {told.get('why')}" for name, told in tried.items() if not told.get("opens")]
    if broken:
        packages = " ".join(PACKAGES[name] for name in tried if not tried[name].get("opens"))
        again = f"pip install --force-reinstall {packages}"
        return Row("engines", value, "broken", f"{'; '.join(broken)}; {again}")
    absent = [package for engine, package in PACKAGES.items() if engine not in tried]
    advice = f"pip install {' '.join(absent)} to run its files" if absent else ""
    state: State = "absent" if absent else "ok"
    return Row("engines", value, "broken" if not tried else state, advice)


def _tried(engine: EngineName) -> dict[str, Any]:
    """What `engine_trial` says of an engine, or what ended it."""
    done = _ran([*child.command("edgeconv.devices.engine_trial"), engine])
    if done is None:
        return {"opens": False, "why": f"no answer within {_DEADLINE_S:g} s"}
    code, text = done
    if code - SIGNALLED in CRASHES:
        return {"opens": False, "why": "it crashes when it is loaded: not built for this CPU"}
    try:
        answer = parse((text.splitlines() or [""])[-1].encode())
    except NotJson:
        answer = None
    if isinstance(answer, dict):
        return {**answer, "why": foreign(answer.get("why"))}
    return {"opens": False, "why": f"it ended with exit code {code}"}


def _cpu(onnxruntime: dict[str, Any]) -> Row:
    facts = host_facts()
    kernels = ", ".join(_int8_instructions()) or "none known for int8"
    value = f"{facts.cpu}, {facts.usable_cores} cores; {kernels}"
    if onnxruntime.get("saturates"):
        advice = "onnxruntime's int8 kernels saturate here: use TFLite, or ORT_DISABLE_ALL"
        return Row("CPU", value, "warning", advice)
    return Row("CPU", value)


def _int8_instructions() -> list[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    found = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.M)
    flags = set(found[1].split()) if found else set()
    return [name for flag, name in _INT8.items() if flag in flags]


def _gpu() -> Row:
    found = ", ".join(f"{gpu.name} (driver {gpu.driver})" for gpu in gpus_here())
    if not found:
        return Row("GPU", None, "absent", "none that nvidia-smi tells of")
    return Row("GPU", found, advice="edgeconv devices check cuda says whether engines use it")


def _program(name: str, command: Sequence[str], brings: str) -> Row:
    """A program on the search path by its version; nothing but that is asked of it."""
    if shutil.which(name) is None:
        return Row(name, None, "absent", brings)
    done = _ran(command)
    if done is None or done[0] != 0:
        return Row(name, shutil.which(name), "broken", f"`{' '.join(command)}` does not answer")
    return Row(name, foreign(next(iter(done[1].splitlines()), "")))


def _emulation() -> Row:
    lacking = {m.what: None for board in BOARDS.values() for m in requirements.missing(board)}
    if lacking:
        return Row(
            "emulation", None, "absent", f"lacks {', '.join(lacking)}: docs/emulated-devices.md"
        )
    return Row("emulation", "arm64 boards and phones")


def _folder(what: str, path: Path, advice: str) -> Row:
    if not path.is_dir():
        return Row(what, f"{path}: nothing yet")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Row(what, str(path), "broken", f"you may not write there: chown it to {_user()}")
    count, size = _size(path)
    more = "more than " if count >= _MOST_FILES else ""
    return Row(what, f"{path}: {more}{count} files, {size / 1e6:.0f} MB", advice=advice)


def _size(path: Path) -> tuple[int, int]:
    """Files and their bytes, as far as they can be read; links count as nothing."""
    count = size = 0
    for directory, _, names in os.walk(path):
        for name in names:
            try:
                size += os.lstat(os.path.join(directory, name)).st_size  # noqa: PTH118
            except OSError:
                continue
            count += 1
            if count >= _MOST_FILES:
                return count, size
    return count, size


def _checkpoints() -> Path:
    """Where published weights are kept: as `torch.hub.get_dir` says, without torch."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("TORCH_HOME") or f"{cache}/torch"
    return Path(home).expanduser() / "hub" / "checkpoints"


def _user() -> str:
    return os.environ.get("USER") or str(os.getuid())


def _in_words(found: dict[str, str]) -> str | None:
    return ", ".join(f"{name} {number}" for name, number in found.items()) or None


def _ran(command: Sequence[str]) -> tuple[int, str] | None:
    """Exit code and what a program wrote; None where it gives no answer."""
    environment = child.environment()
    words = ["env", f"PYTHONPATH={environment['PYTHONPATH']}", *command]
    try:
        with LocalTransport() as transport:
            done = transport.run(words, deadline_s=_DEADLINE_S, most_output=_MOST_BYTES)
    except (DeviceFailed, DeviceUnreachable):
        return None
    return done.code, (done.stdout or done.stderr).decode(errors="replace")
