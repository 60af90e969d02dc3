"""Parity on a device: a device that computes as this machine passes, one that errs is named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgeconv.bundle.bundle import Bundle
from edgeconv.errors import UsageError
from edgeconv.runtime.litert import LiteRtSession
from edgeconv.runtime.open import open_session
from edgeconv.runtime.session import EngineName, Session, SessionOptions
from edgeconv.verify.parity import reference_work
from edgeconv.verify.parity.cut_tflite import isolate
from edgeconv.verify.thresholds import DEFAULTS
from tests.verify.diagnose.test_diagnose import exported

ENGINES: tuple[EngineName, ...] = ("litert", "onnxruntime")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return Bundle.load(exported(tmp_path_factory.mktemp("on-device")))


def check(bundle: Bundle, opener: Any, engines: tuple[EngineName, ...] = ENGINES) -> Any:
    return bundle.parity_on(opener, device="board", engines=engines)


def test_a_device_that_computes_alike_passes_with_every_operator_bit_identical(
    bundle: Bundle,
) -> None:
    found = check(bundle, open_session)
    assert found.report.passed
    assert {operator.engine for operator in found.operators} == {"litert", "onnxruntime"}
    assert all(operator.identical for operator in found.operators)
    assert all(operator.max_steps <= 1 for operator in found.operators)
    names = [stage.name for stage in found.report.stages]
    assert "int8.tflite on board" in names
    assert "int8.onnx: board against here" in names


def test_the_floor_of_a_large_net_is_of_the_photos_that_reference_kernels_saw(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_work, "WORK", 1)
    found = check(bundle, open_session)
    assert found.report.passed
    (stage,) = (s for s in found.report.stages if s.name == "int8.tflite: board against here")
    assert stage.thresholds
    assert stage.outputs == tuple(bundle.golden.reference)


@dataclass
class Off:
    """A session that adds to one output."""

    session: Session
    name: str
    by: float

    def __post_init__(self) -> None:
        self.engine = self.session.engine
        self.inputs, self.outputs = self.session.inputs, self.session.outputs

    def run(self, feeds: Any) -> list[NDArray[Any]]:
        results = self.session.run(feeds)
        at = next((i for i, s in enumerate(self.outputs) if s.name == self.name), None)
        if at is not None:
            spec = self.outputs[at]
            moved = results[at].astype(np.float64) + self.by
            if np.issubdtype(spec.dtype, np.integer):
                moved = np.clip(moved, np.iinfo(spec.dtype).min, np.iinfo(spec.dtype).max)
            results[at] = moved.astype(spec.dtype)
        return results


def test_one_operator_that_is_two_steps_off_is_named(bundle: Bundle) -> None:
    operator = isolate(bundle.artifacts["int8.tflite"]).operators[1]

    def opener(path: Path, options: SessionOptions) -> Session:
        session = open_session(path, options)
        return Off(session, operator.name, 2) if path.name == "operators.tflite" else session

    found = check(bundle, opener)
    assert found.report.failed == ("int8 operators on board",)
    (worst,) = [o for o in found.operators if o.max_steps > 1]
    assert (worst.engine, worst.name, worst.identical) == ("litert", operator.name, False)


def test_a_float_file_that_is_off_there_fails_both_comparisons(bundle: Bundle) -> None:
    def opener(path: Path, options: SessionOptions) -> Session:
        session = open_session(path, options)
        off = path.name == "model.onnx"
        return Off(session, session.outputs[0].name, 1.0) if off else session

    failed = check(bundle, opener).report.failed
    assert failed == ("onnx on board", "onnx: board against here")


def test_the_float_error_that_the_user_names_is_the_bound_there_too(bundle: Bundle) -> None:
    tight = DEFAULTS.with_stated(float_error=1e-12, int8_sqnr_db=10)
    found = bundle.parity_on(open_session, device="board", engines=ENGINES, thresholds=tight)
    assert {"onnx on board", "tflite on board"} <= set(found.report.failed)

    def opener(path: Path, options: SessionOptions) -> Session:
        session = open_session(path, options)
        off = path.name == "model.onnx"
        return Off(session, session.outputs[0].name, 1.0) if off else session

    loose = DEFAULTS.with_stated(float_error=1e3, int8_sqnr_db=10)
    found = bundle.parity_on(opener, device="board", engines=ENGINES, thresholds=loose)
    assert found.report.passed


def test_only_the_devices_engines_are_asked(bundle: Bundle) -> None:
    def opener(path: Path, options: SessionOptions) -> Session:
        assert path.suffix == ".tflite"
        return open_session(path, options)

    found = check(bundle, opener, engines=("litert",))
    assert {operator.engine for operator in found.operators} == {"litert"}


def test_without_a_tflite_file_there_is_no_floor_and_int8_only_informs(bundle: Bundle) -> None:
    from edgeconv.verify.parity import on_device

    found = on_device.check(
        {name: bundle.artifacts[name] for name in ("onnx", "int8.onnx")},
        bundle.expected,
        open_session,
        device="board",
        engines=ENGINES,
    )
    stages = {stage.name: stage for stage in found.report.stages}
    assert stages["onnx: board against here"].passed
    informing = stages["int8.onnx: board against here"]
    assert not informing.judged
    assert "no floor" in informing.note
    assert informing.figures[0].sqnr_db == float("inf")


def test_a_bundle_without_a_file_for_the_device_is_wrong_usage(
    bundle: Bundle, tmp_path: Path
) -> None:
    from edgeconv.verify.parity import on_device

    with pytest.raises(UsageError, match="no file for litert"):
        on_device.check(
            {"onnx": bundle.artifacts["onnx"]},
            bundle.expected,
            open_session,
            device="board",
            engines=("litert",),
        )


def test_the_cut_file_computes_what_the_whole_one_computes(bundle: Bundle, tmp_path: Path) -> None:
    isolated = isolate(bundle.artifacts["int8.tflite"])
    (tmp_path / "cut.tflite").write_bytes(isolated.data)
    whole = LiteRtSession(
        bundle.artifacts["int8.tflite"], SessionOptions(kernels="reference", keep_tensors=True)
    )
    spec = whole.inputs[0]
    whole.run([np.random.default_rng(0).integers(-128, 128, spec.shape, np.int8)])
    cut = open_session(tmp_path / "cut.tflite", SessionOptions(kernels="reference"))
    for operator, made in zip(isolated.operators, cut.run(isolated.feeds(whole)), strict=True):
        np.testing.assert_array_equal(made, whole.read_tensor(operator.name), operator.name)
