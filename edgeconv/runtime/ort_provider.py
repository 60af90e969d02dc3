"""Opens a model with the onnxruntime provider that was asked for, or not at all.

onnxruntime itself goes on with the CPU where a GPU's libraries are missing, and puts operators the
GPU does not take on the CPU. Both are ruled out here: its own fall-back is switched off, and the
session is asked afterwards what it has.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeconv.errors import ArtifactRefused, MemoryRefused, UnavailableError
from edgeconv.runtime.chatter import stderr_in
from edgeconv.runtime.session import Provider

#: Provider -> onnxruntime's names, in the order they may take operators.
NAMES: dict[Provider, tuple[str, ...]] = {
    "cpu": ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider",),
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider"),
}
#: With it, onnxruntime fails where an operator would run on the CPU.
NO_CPU = "session.disable_cpu_ep_fallback"
#: What to install where a provider is missing.
INSTALL: dict[Provider, str] = {
    "cpu": "pip install onnxruntime",
    "cuda": "pip uninstall onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]'",
    "tensorrt": "pip uninstall onnxruntime; pip install 'onnxruntime-gpu[cuda,cudnn]' tensorrt, "
    "with TensorRT's libraries on LD_LIBRARY_PATH",
}
_COMPLAINT = re.compile(r"Failed to (?:create|load)[^\n]*")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
#: How onnxruntime, and C++ itself, say that there is no more memory.
_NO_MEMORY = ("Failed to allocate memory", "bad_alloc", "bad allocation")
_MOST_COMPLAINTS = 3
#: onnxruntime's levels; of a GPU that does not start, its warnings tell why.
_FATAL, _WARNINGS = 4, 2
_MOST_STDERR = 64 * 2**10


@dataclass(frozen=True)
class Opening:
    """A model about to be opened.

    Attributes:
        ort: the onnxruntime package.
        model: a file, or its bytes.
        make_options: gives fresh session options.
        provider: what computes.
        failures: what onnxruntime may raise.
        label: the model's name, for messages.
    """

    ort: Any
    model: Path | bytes
    make_options: Callable[[], Any]
    provider: Provider
    failures: tuple[type[Exception], ...]
    label: str

    def session(self) -> Any:
        """An InferenceSession all of whose operators run on the provider.

        Raises:
            ArtifactRefused: onnxruntime cannot load it, or the provider does not take all of it.
            UnavailableError: the provider is not there, or cannot be started.
        """
        # What is no session's own goes to the process's log, coloured, with names out of the file.
        self.ort.set_default_logger_severity(_FATAL if self.provider == "cpu" else _WARNINGS)
        options = self.make_options()
        if self.provider != "cpu":
            _require(self.ort, self.provider)
            options.add_session_config_entry(NO_CPU, "1")
        try:
            session = self._opened(options)
        except self.failures as error:
            raise self._why(error) from error
        if not self._is_on(session):
            raise _not_started(self.provider, session.get_providers(), "")
        return session

    def _opened(self, options: Any) -> Any:
        return self.ort.InferenceSession(
            self.model if isinstance(self.model, bytes) else str(self.model),
            options,
            providers=list(NAMES[self.provider]),
            enable_fallback=0,  # it would print to standard output and try the same again
        )

    def _is_on(self, session: Any) -> bool:
        """Whether the providers asked for come first; onnxruntime adds the CPU's at the end."""
        wanted = NAMES[self.provider]
        return tuple(session.get_providers()[: len(wanted)]) == wanted

    def _why(self, error: Exception) -> ArtifactRefused | UnavailableError:
        """What a refusal means: it is opened once more with the CPU allowed, and thrown away."""
        said = one_line(error)
        refused = refusal(self.label, "load", error)
        if self.provider == "cpu":
            return refused
        try:
            with tempfile.TemporaryFile() as held:
                with stderr_in(held):
                    found = self._opened(self.make_options())
                held.seek(0)
                told = held.read(_MOST_STDERR).decode(errors="replace")
        except self.failures:  # not even then: the model itself is wrong
            return refused
        if not self._is_on(found):
            return _not_started(self.provider, found.get_providers(), told)
        return ArtifactRefused(
            f"{self.label}: {self.provider} does not take all of its operators, and onnxruntime "
            f"would run the others on the CPU ({said}); give files without them, such as the float "
            "one"
        )


def _require(ort: Any, provider: Provider) -> None:
    """Loads CUDA's libraries where pip installed them; the provider must have been built in."""
    there = ort.get_available_providers()
    missing = [name for name in NAMES[provider] if name not in there]
    if missing:
        raise UnavailableError(
            f"this onnxruntime ({ort.__version__}) has no {' and no '.join(missing)}; "
            f"{INSTALL[provider]}; it has {', '.join(there)}"
        )
    if hasattr(ort, "preload_dlls"):  # since onnxruntime 1.21
        ort.preload_dlls()


def _not_started(provider: Provider, got: list[str], told: str) -> UnavailableError:
    plain = _COLOURS.sub("", told)
    complaints = dict.fromkeys(one_line(found[0]) for found in _COMPLAINT.finditer(plain))
    said = f": {'; '.join(list(complaints)[:_MOST_COMPLAINTS])}" if complaints else ""
    return UnavailableError(
        f"onnxruntime cannot start {NAMES[provider][0]}{said}; it would have used "
        f"{', '.join(got)}. {INSTALL[provider]}; `nvidia-smi` tells whether the driver works"
    )


def refusal(label: str, what: str, error: Exception) -> ArtifactRefused:
    """The error for what onnxruntime says against loading or running a model."""
    if any(words in str(error) for words in _NO_MEMORY):
        return MemoryRefused(
            f"{label}: onnxruntime cannot {what} it: it asks for more memory than is free"
        )
    return ArtifactRefused(f"{label}: onnxruntime cannot {what} it: {one_line(error)}")


def one_line(words: object) -> str:
    """An error's words on one line, its beginning."""
    return " ".join(str(words).split())[:300]
