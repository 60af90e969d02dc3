"""Opens a model file with the engine that its ending names."""

from __future__ import annotations

from pathlib import Path

from edgeconv.errors import ArtifactRefused, UsageError
from edgeconv.installed import is_installed
from edgeconv.runtime import litert, ort
from edgeconv.runtime.session import PROVIDERS, BindableSession, EngineName, SessionOptions

ENGINE_OF_SUFFIX: dict[str, EngineName] = {".tflite": "litert", ".onnx": "onnxruntime"}
#: What each engine is installed as, and imported as.
PACKAGES: dict[EngineName, str] = {"litert": "ai-edge-litert", "onnxruntime": "onnxruntime"}
MODULES: dict[EngineName, str] = {"litert": "ai_edge_litert", "onnxruntime": "onnxruntime"}
#: A description of a net, which torch's own agent builds and runs.
TORCH_SUFFIX = ".torchnet"


def engine_of(path: Path) -> EngineName:
    """The engine that opens a file; raises UsageError where no engine does."""
    if path.suffix == TORCH_SUFFIX:
        return "torch"
    engine = ENGINE_OF_SUFFIX.get(path.suffix.lower())
    if engine is None:
        raise UsageError(f"{path} is no model file; known endings: {', '.join(ENGINE_OF_SUFFIX)}")
    return engine


def has_engine(path: Path) -> bool:
    """Whether the engine that opens a file is installed here; raises UsageError as `engine_of`."""
    return is_installed(MODULES.get(engine_of(path), "torch"))


def open_session(path: Path | str, options: SessionOptions | None = None) -> BindableSession:
    """Opens a model file.

    Raises:
        ArtifactRefused: the file cannot be read, is damaged, or the engine cannot run it.
        UnavailableError: the engine is not installed.
        UsageError: no such file, an unknown ending, or options the engine does not have.
    """
    path = Path(path)
    options = options or SessionOptions()
    engine = engine_of(path)
    if options.threads < 1:
        raise UsageError(f"threads must be at least 1, not {options.threads}")
    if options.provider not in PROVIDERS:
        raise UsageError(f"{options.provider} is no provider; known: {', '.join(PROVIDERS)}")
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if engine == "torch":
        raise UsageError(f"{path} is no model file but a net for torch, which only bench runs")
    if engine == "litert" and options.provider != "cpu":
        raise UsageError(
            f"{path}: LiteRT runs on the CPU here, not on {options.provider}; give .onnx files"
        )
    try:
        if engine == "litert":
            return litert.LiteRtSession(path, options)
        return ort.OrtSession(path, options)
    except OSError as error:
        raise ArtifactRefused(f"{path} cannot be read: {error.strerror or error}") from error


def import_engine(path: Path) -> None:
    """Imports the engine that opens a file, so that its cost can be told from the file's.

    Raises:
        UnavailableError: it is not installed.
        UsageError: no engine opens such a file.
    """
    engine = engine_of(path)
    if engine == "litert":
        litert.import_engine(str(path))
    elif engine == "onnxruntime":
        ort.import_engine(str(path))
