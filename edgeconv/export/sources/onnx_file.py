"""An ONNX file of any tool as what is exported."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray
from onnx import TensorProto

from edgeconv.data.inputs import IMAGE, Intake
from edgeconv.data.stated import Stated, of_stated
from edgeconv.disk import sha256_of
from edgeconv.export.calibration import fitting, own_samples
from edgeconv.export.capture.simplify import simplify
from edgeconv.export.options import ExportOptions
from edgeconv.export.progress import ExportProgress
from edgeconv.export.sources import foreign_graph, foreign_inputs
from edgeconv.export.sources.foreign_graph import TO_NCHW, TO_NHWC, ForeignGraph
from edgeconv.export.sources.rows import rows_by_name
from edgeconv.graph.check import require_inputs
from edgeconv.graph.parts import Joined
from edgeconv.graph.passes.names import modules_of
from edgeconv.nets.weights import WeightsInfo
from edgeconv.runtime.feeds import Batch, by_name
from edgeconv.runtime.memory import within_free_memory
from edgeconv.runtime.metrics import Whole
from edgeconv.runtime.ort import OrtSession
from edgeconv.runtime.session import SessionOptions
from edgeconv.verify.parity.expected import Float64
from edgeconv.verify.thresholds import Thresholds

_WHY_NO_FLOAT64 = "onnxruntime computes no convolution in float64"


@dataclass(frozen=True, eq=False)
class OnnxRun:
    """A file's own graph in onnxruntime, its optimizations off, beside the hub graph.

    Attributes:
        graph: as the file has it.
        model: the hub graph.
        former: how the file's own outputs were split, if they were.
        batch: samples a run.
    """

    graph: ForeignGraph
    model: ir.Model
    former: Sequence[Joined] | None
    batch: int

    def outputs(self, samples: Batch) -> dict[str, NDArray[Any]]:
        """As `Reference.outputs`."""
        return rows_by_name(self._run, samples, self.batch, self.model, self.former)

    def float64(self, _samples: Batch, /) -> Float64:
        """As `Reference.float64`."""
        return Float64(why_not=_WHY_NO_FLOAT64)

    def doubts(
        self,
        _samples: Batch,
        _outputs: Mapping[str, NDArray[Any]],
        _thresholds: Thresholds,
        /,
    ) -> dict[str, Whole]:
        """As `Reference.doubts`: none, for such files give reals alone."""
        return {}

    def _run(self, given: Batch) -> list[NDArray[Any]]:
        arrays = list(by_name(given, [spec.name for spec in self.graph.inputs]).values())
        if not self.graph.is_nhwc:
            return self._session.run(arrays)
        turned = [array.transpose(TO_NHWC) if array.ndim == 4 else array for array in arrays]
        made = self._session.run([np.ascontiguousarray(array) for array in turned])
        return [array.transpose(TO_NCHW) if array.ndim == 4 else array for array in made]

    @cached_property
    def _session(self) -> OrtSession:
        return _opened(self.graph)


@dataclass(frozen=True, eq=False)
class OnnxSource:
    """An ONNX file.

    Attributes:
        graph: the file's graph, of fixed sizes.
        intake: its inputs, and what a photo must have gone through as the user stated it.
        labels: likewise.
        weights: names the file.
        trained: always: whether values were learned cannot be seen.
        net_options: none.
    """

    graph: ForeignGraph
    intake: Intake
    labels: tuple[str, ...] | None
    weights: WeightsInfo
    trained: bool = True
    net_options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's, without its ending."""
        return self.graph.path.stem

    @property
    def parameters(self) -> int:
        """Numbers in its float constants of more than one value."""
        held = self.graph.proto.graph.initializer
        counts = (math.prod(one.dims) for one in held if one.data_type == TensorProto.FLOAT)
        return sum(count for count in counts if count > 1)

    def captured(self, _options: ExportOptions, _progress: ExportProgress, /) -> ir.Model:
        """As `Source.captured`."""
        proto = foreign_graph.prepared(self.graph, self.intake.inputs)
        modules = modules_of(node.name for node in proto.graph.node)
        with within_free_memory():
            model = simplify(proto, name=self.name, modules=modules)
        require_inputs(model, [spec.name for spec in self.intake.inputs])
        return model

    def reference(self, model: ir.Model, former: Sequence[Joined] | None, batch: int) -> OnnxRun:
        """As `Source.reference`."""
        return OnnxRun(self.graph, model, former, batch)


def load_onnx(target: str, options: ExportOptions) -> OnnxSource:
    """Reads a file.

    Raises:
        ArtifactRefused, NetRefused: it is no ONNX file, or none that can be exported.
        UsageError: the batch, the image's size or its preprocessing is not told, or cannot be.
    """
    path = Path(target)
    graph = foreign_graph.read(path, options.batch, options.input_size)
    intake = _intake(graph, options.stated, target)
    own = own_samples(options.calib)
    if own is not None or intake.preprocessing is None:
        fitting(own, intake, target)
    _try_out(graph)
    return OnnxSource(
        graph=graph,
        intake=intake,
        labels=options.stated.labels,
        weights=WeightsInfo(kind="file", source=path.name, sha256=sha256_of(path)),
    )


def _intake(graph: ForeignGraph, stated: Stated, target: str) -> Intake:
    """What a file takes, and how a photo becomes it where the user states that."""
    inputs = graph.inputs
    if stated.is_of_photos:
        image = replace(inputs[0], name=IMAGE)
        return of_stated((image, *inputs[1:]), stated, target)
    foreign_inputs.require_names(inputs, foreign_graph.LOGITS, graph.path)
    return Intake(inputs)


def _try_out(graph: ForeignGraph) -> None:
    """Raises ArtifactRefused where onnxruntime, which gives the reference, does not run a file."""
    with within_free_memory():
        session = _opened(graph)
        session.run([np.zeros(spec.shape, spec.dtype) for spec in session.inputs])


def _opened(graph: ForeignGraph) -> OrtSession:
    content = graph.proto.SerializeToString()
    return OrtSession(content, SessionOptions(kernels="reference"), label=str(graph.path))
