"""A session runs on the provider asked for or is refused: never quietly on the CPU.

What onnxruntime does without a GPU is its own doing here; where a GPU would be needed, its module's
surface is faked over the real CPU session.
"""

from __future__ import annotations

import inspect
import os
import sys
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgeconv.errors import ArtifactRefused, UnavailableError, UsageError
from edgeconv.runtime.open import open_session
from edgeconv.runtime.ort_provider import NO_CPU
from edgeconv.runtime.results import read_timed
from edgeconv.runtime.session import SessionOptions
from tests.helpers.tiny_models import TinyNet, photos

CPU, CUDA, TENSORRT = (f"{name}ExecutionProvider" for name in ("CPU", "CUDA", "Tensorrt"))
NET = TinyNet()
ON_CUDA = SessionOptions(provider="cuda")

without_cuda = pytest.mark.skipif(
    CUDA in onnxruntime.get_available_providers(), reason="this onnxruntime has CUDA"
)


class Options(onnxruntime.SessionOptions):
    """Keeps what it is told; the CPU's own check of NO_CPU is the fake session's part."""

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[str, str] = {}

    def add_session_config_entry(self, key: str, value: str) -> None:
        self.entries[key] = value


class Binding:
    """An IOBinding that takes the GPU's memory for the CPU's."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.places: list[tuple[Any, ...]] = []
        self.copied = False
        self.waits = 0

    def bind_ortvalue_input(self, name: str, value: Any) -> None:
        self.places.append(value.place)
        self.real.bind_ortvalue_input(name, value.real)

    def bind_output(self, name: str, *place: Any) -> None:
        self.places.append(place)
        self.real.bind_output(name)

    def synchronize_inputs(self) -> None:
        self.copied = True

    def synchronize_outputs(self) -> None:
        self.waits += 1


class Value:
    """An OrtValue that takes the GPU's memory for the CPU's."""

    @classmethod
    def ortvalue_from_numpy(cls, array: np.ndarray, *place: Any) -> Value:
        value = cls()
        value.real, value.place = onnxruntime.OrtValue.ortvalue_from_numpy(array), place
        return value


class FakeSession:
    """A CPU session that says it has other providers."""

    def __init__(self, machine: FakeOrt, model: Any, options: Options, providers: list[str]):
        machine.opened.append((tuple(providers), options.entries))
        if machine.complaint:
            os.write(2, machine.complaint)
        if machine.left_to_cpu and options.entries.get(NO_CPU) == "1":
            raise RuntimeError("nodes that are assigned to the default CPU EP")
        self.real = onnxruntime.InferenceSession(model, options, providers=[CPU])
        self.machine = machine

    def get_providers(self) -> list[str]:
        return list(self.machine.starts)

    def io_binding(self) -> Binding:
        self.machine.bindings.append(Binding(self.real.io_binding()))
        return self.machine.bindings[-1]

    def run_with_iobinding(self, binding: Binding) -> None:
        self.real.run_with_iobinding(binding.real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class FakeOrt:
    """onnxruntime's module with a GPU: what is built in, and what can be started."""

    SessionOptions = Options
    OrtValue = Value

    def __init__(self, built_in: tuple[str, ...], starts: tuple[str, ...]) -> None:
        self.built_in = built_in
        self.starts = starts
        self.left_to_cpu = False
        self.complaint = b""
        self.opened: list[tuple[tuple[str, ...], dict[str, str]]] = []
        self.bindings: list[Binding] = []

    def get_available_providers(self) -> list[str]:
        return list(self.built_in)

    def InferenceSession(self, model: Any, options: Options, providers: list[str], **_: Any) -> Any:
        return FakeSession(self, model, options, providers)

    def preload_dlls(self) -> None:
        """All libraries are there."""

    def __getattr__(self, name: str) -> Any:
        return getattr(onnxruntime, name)


@pytest.fixture
def model(tmp_path):
    return NET.float_onnx(tmp_path / "model.onnx")


@pytest.fixture
def gpu(monkeypatch) -> FakeOrt:
    fake = FakeOrt((TENSORRT, CUDA, CPU), (CUDA, CPU))
    monkeypatch.setitem(sys.modules, "onnxruntime", fake)
    return fake


@without_cuda
@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_built_in_is_named_with_what_to_install(model, provider):
    with pytest.raises(UnavailableError) as caught:
        open_session(model, SessionOptions(provider=provider))
    assert caught.value.exit_code == 3
    for words in ("CUDAExecutionProvider", "onnxruntime-gpu", "it has", CPU):
        assert words in str(caught.value)


@without_cuda
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_onnxruntimes_own_fall_back_to_the_cpu_is_noticed(model, monkeypatch):
    """This onnxruntime takes CUDA's name, warns, and would run on the CPU."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [CUDA, CPU])
    with pytest.raises(UnavailableError, match=f"cannot start {CUDA}.* used {CPU}"):
        open_session(model, ON_CUDA)


@without_cuda
def test_onnxruntime_itself_keeps_operators_from_the_cpu(model):
    """The option that everything here rests on."""
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry(NO_CPU, "1")
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.Fail, match="CPU EP"):
        onnxruntime.InferenceSession(str(model), options, providers=[], enable_fallback=0)


def test_a_session_is_opened_on_exactly_the_provider_and_says_so(model, gpu):
    session = open_session(model, ON_CUDA)
    assert session.provider == "cuda"
    assert gpu.opened == [((CUDA,), {NO_CPU: "1"})]
    np.testing.assert_allclose(session.run([photos(1)])[0], NET.logits(photos(1)), atol=2e-5)


def test_tensorrt_has_cuda_for_the_rest(model, gpu):
    gpu.starts = (TENSORRT, CUDA, CPU)
    assert open_session(model, SessionOptions(provider="tensorrt")).provider == "tensorrt"
    assert gpu.opened == [((TENSORRT, CUDA), {NO_CPU: "1"})]


def test_tensorrt_that_cannot_be_started_is_not_replaced_by_cuda(model, gpu):
    with pytest.raises(UnavailableError, match=f"cannot start {TENSORRT}.*used {CUDA}"):
        open_session(model, SessionOptions(provider="tensorrt"))


def test_libraries_that_are_missing_are_told_in_onnxruntimes_words(model, gpu):
    gpu.left_to_cpu, gpu.starts = True, (CPU,)
    gpu.complaint = (
        b"\x1b[1;31m[E:onnx] x.cc:1480 Failed to load library with error: libcublasLt.so.12\x1b[m\n"
        b"\x1b[0;93m[W:onnx] Failed to create CUDA. Require cuDNN 9.* and CUDA 12.*\x1b[m\n"
    )
    with pytest.raises(UnavailableError) as caught:
        open_session(model, ON_CUDA)
    for words in ("libcublasLt.so.12; Failed", "cuDNN 9.* and CUDA 12.*; it would have used CPU"):
        assert words in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_file_with_operators_for_the_cpu_is_refused(model, gpu):
    gpu.left_to_cpu = True
    with pytest.raises(ArtifactRefused, match=r"model\.onnx: cuda does not take all"):
        open_session(model, ON_CUDA)


def test_a_broken_file_is_refused_as_such(model, gpu):
    model.write_bytes(b"nonsense")
    with pytest.raises(ArtifactRefused, match="is no ONNX file"):
        open_session(model, ON_CUDA)


def test_bound_values_stay_on_the_gpu_and_every_run_is_waited_for(model, gpu):
    invoke = open_session(model, ON_CUDA).bind([photos(1)])
    (binding,) = gpu.bindings
    assert binding.copied
    invoke()
    invoke()
    assert binding.places == [("cuda", 0), ("cuda", 0)]
    assert binding.waits == 2
    (logits,) = binding.real.copy_outputs_to_cpu()
    np.testing.assert_allclose(logits, NET.logits(photos(1)), atol=2e-5)


@pytest.mark.parametrize(
    ("call", "given"),
    [
        (onnxruntime.IOBinding.bind_output, (None, "y", "cuda", 0)),
        (onnxruntime.IOBinding.bind_ortvalue_input, (None, "x", None)),
        (onnxruntime.IOBinding.synchronize_inputs, (None,)),
        (onnxruntime.IOBinding.synchronize_outputs, (None,)),
        (onnxruntime.OrtValue.ortvalue_from_numpy, (None, "cuda", 0)),
    ],
)
def test_what_is_faked_is_called_as_onnxruntime_takes_it(call, given):
    signature = inspect.signature(call)
    taken = signature.bind(*given).arguments
    assert {name for name in taken if name.startswith("device")} in (
        set(),
        {"device_type", "device_id"},
    )


def test_litert_runs_on_the_cpu_only(tmp_path):
    file = NET.float_tflite(tmp_path / "model.tflite")
    assert open_session(file).provider == "cpu"
    with pytest.raises(UsageError, match=r"not on cuda; give \.onnx"):
        open_session(file, ON_CUDA)


def test_an_unknown_provider_is_wrong_usage(model):
    with pytest.raises(UsageError, match="rocm is no provider; known: cpu, cuda, tensorrt"):
        open_session(model, SessionOptions(provider="rocm"))  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [{"provider": "gpu"}, {"provider": 1}, {"batch": -1}])
def test_results_of_impossible_providers_and_batches_are_nonsense(change):
    told = {
        "engine": "onnxruntime",
        "import_ms": 1,
        "load_ms": 1,
        "timing": {"first_ns": 1, "warmup_runs": 0, "steady": True, "samples_ns": [1]},
        "rss_engine_bytes": None,
        "rss_peak_bytes": None,
        "before": {"temperatures_c": {}, "frequencies_mhz": []},
        "after": {"temperatures_c": {}, "frequencies_mhz": []},
    }
    assert read_timed(told).provider == "cpu"
    with pytest.raises(ValueError, match="is no"):
        read_timed({**told, **change})
