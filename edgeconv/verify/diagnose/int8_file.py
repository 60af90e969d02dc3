"""One int8 file, tensor by tensor: what each operator adds, and whether the engine computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.files.read import read_operations
from edgeconv.graph.fusion import written_output, written_outputs
from edgeconv.graph.operators.table import operator_of
from edgeconv.graph.view import activation_inputs, input_names, name_of, require_constant
from edgeconv.quantize.observe.statistics import TensorStatistics, combine, measure
from edgeconv.quantize.observe.targets import targets
from edgeconv.quantize.plan.affine import dequantize, quantize
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.planner import PIXELS
from edgeconv.quantize.plan.ranges import PLAIN
from edgeconv.quantize.plan.readings import readings
from edgeconv.quantize.plan.shared import tied_tensors
from edgeconv.quantize.plan.weights import layer_of
from edgeconv.quantize.simulate import Simulator
from edgeconv.runtime.adapt import Samples
from edgeconv.verify.diagnose import file_plan, weights
from edgeconv.verify.diagnose.diagnosis import Finding, OwnError, PoorGrid
from edgeconv.verify.diagnose.grids import Grids, thinned
from edgeconv.verify.diagnose.hub import with_constants
from edgeconv.verify.diagnose.noise import ChannelErrors, ChannelFit, Noise
from edgeconv.verify.diagnose.runs import FloatGraph, OnnxIntegers, TfliteTensors, Values
from edgeconv.verify.steps import Steps
from edgeconv.verify.thresholds import DIAGNOSIS


@dataclass(frozen=True, eq=False)
class Int8File:
    """A file with all that is read from it.

    Attributes:
        artifact: its short name.
        net: the hub graph, with a pixel input where the file has one.
        model: the same with what the file holds in float: the weights of its islands.
        plan: read back from the file.
    """

    artifact: str
    path: Path
    net: ir.Model
    model: ir.Model
    plan: Plan

    @classmethod
    def open(
        cls,
        artifact: str,
        path: Path,
        hub: ir.Model,
        with_pixels: Callable[[ir.Model], ir.Model] | None,
    ) -> Int8File:
        """Reads a file's plan; raises ArtifactRefused where it is none of this net's."""
        lite = path.suffix == ".tflite"
        read = file_plan.of_tflite if lite else file_plan.of_onnx
        floats = file_plan.floats_of_tflite if lite else file_plan.floats_of_onnx
        fed = [end.dtype for end in read_operations(path).inputs]
        lacks = fed[:1] == ["uint8"] and input_names(hub) != [PIXELS]
        net = with_pixels(hub) if with_pixels is not None and lacks else hub
        model = with_constants(net, floats(net, path))
        return cls(artifact, path, net, model, read(model, path))

    def weight_findings(self) -> Iterator[Finding]:
        """Layers whose integers, or whose weights in float, are not the net's."""
        for node, held in zip(self.net.graph, self.model.graph, strict=True):
            layer = layer_of(node)
            if layer is None:
                continue
            stored = self.plan.constants.get(name_of(layer.weight))
            exact = require_constant(node, 1)
            if stored is None:
                found = weights.fit_floats(node, exact, require_constant(held, 1), layer.axis)
            else:
                found = weights.fit(node, exact, stored)
            if found.is_bad:
                what = "weights" if stored is None else "integers"
                yield Finding(
                    name_of(written_output(node)),
                    self.artifact,
                    "constants",
                    f"the {what} of {name_of(layer.weight)} are not the net's weights in "
                    f"{found.describe()}: no scaling of channels brings them nearer than "
                    f"{found.sqnr_db:.1f} dB (transposed, swapped, or of another net)",
                    "export the net again from its own weights",
                )

    def in_float(self) -> ir.Model:
        """The graph with the file's integers as float weights."""
        return with_constants(
            self.model,
            {n: dequantize(c.values, c.params) for n, c in self.plan.constants.items()},
        )


@dataclass(eq=False)
class Measured:
    """What was measured of one int8 file, by tensor.

    Attributes:
        own: what each operator adds.
        totals: against the float net, after all that came before.
        weights_only: the same with float activations.
        statistics: of the values.
        steps: how far engine and simulator are apart on the same integers.
    """

    own: dict[str, ChannelErrors]
    grids: dict[str, Grids]
    totals: dict[str, ChannelFit | Noise]
    weights_only: dict[str, ChannelFit | Noise]
    statistics: dict[str, TensorStatistics]
    steps: dict[str, Steps]

    def own_error(self, name: str) -> OwnError:
        """The figures of one tensor."""
        grids, own = self.grids[name], self.own[name]
        return OwnError(
            own.total.sqnr_db,
            grids.grid_db,
            grids.ideal_db,
            grids.clipped_share,
            own.mean_share,
            *grids.span,
        )


def measure_file(
    file: Int8File, exact: FloatGraph, photos: Iterable[Samples], *, like: Measured | None = None
) -> Measured:
    """Runs a file, its float twin and the simulator on the photos.

    Args:
        file: to be measured.
        exact: the float net.
        photos: in batches.
        like: what was measured of another file with the same plan: the engine alone is new.
    """
    chunks = list(photos)
    twin = FloatGraph(file.in_float())
    statistics = _statistics(file, twin, chunks) if like is None else like.statistics
    simulator = Simulator(file.model, file.plan)
    lite = TfliteTensors(file.path, file.model) if file.path.suffix == ".tflite" else None
    engine = lite or OnnxIntegers(file.path, file.plan)
    found = Measured(
        own={} if like is None else like.own,
        grids=_grids(file, statistics) if like is None else like.grids,
        totals={},
        weights_only={},
        statistics=statistics,
        steps={},
    )
    for images in chunks:
        floats, values, integers = exact.run(images), twin.run(images), engine.run(images)
        if like is None:
            for name, grids in found.grids.items():
                grids.add(values[name])
            _alone(found, simulator, file.plan, values)
        _compare(found, file, floats, values, integers)
        explained = {} if lite is None else lite.explained()
        _engine_steps(found, simulator, file.plan, integers, explained)
    return found


def poor_grids(file: Int8File, measured: Measured) -> Iterator[PoorGrid]:
    """Tensors whose grid loses much of the photos' values.

    That is not broken: calibration saw other photos, and a range may be chosen by what its readers
    make of the values (a swish forgets most of what is far below zero).
    """
    free = _free_tensors(file.model)
    for name, grids in measured.grids.items():
        lost = grids.ideal_db - grids.grid_db
        clips = grids.clipped_share > DIAGNOSIS.clipped_share
        is_coarse = grids.grid_db < DIAGNOSIS.coarse_db
        if name in free and lost > DIAGNOSIS.lost_db and (clips or is_coarse):
            seen = measured.statistics[name]
            yield PoorGrid(
                name,
                file.artifact,
                f"its grid spans {_span(file.plan, name)} and clips {grids.clipped_share:.1%} of "
                f"values in {seen.minimum:.4g} to {seen.maximum:.4g}: {grids.grid_db:.1f} dB where "
                f"8 bits allow {grids.ideal_db:.1f}",
            )


def kernel_findings(file: Int8File, measured: Measured) -> Iterator[Finding]:
    """Operators that an engine computes otherwise than the plan."""
    for name, steps in measured.steps.items():
        if steps.most > DIAGNOSIS.kernel_steps:
            yield Finding(
                name,
                file.artifact,
                "kernel",
                f"the engine's integers are up to {steps.most} steps from what the file's "
                f"parameters give on the same inputs ({steps.share_differing:.1%} of them differ)",
                "an operator of the file is not the net's, or its attributes were changed",
            )


def _compare(
    found: Measured, file: Int8File, floats: Values, values: Values, integers: Values
) -> None:
    """Twin and file against the float net; outputs as they are, the rest up to channel factors."""
    outputs = {name_of(value) for value in file.model.graph.outputs}
    for name, exact in floats.items():
        kind = Noise if name in outputs else ChannelFit
        sample = thinned(exact)
        if name in values:
            found.weights_only.setdefault(name, kind()).add(sample, thinned(values[name]))
        if name in integers:
            reals = _reals(file.plan, name, integers[name])
            found.totals.setdefault(name, kind()).add(sample, thinned(reals))


def _alone(found: Measured, simulator: Simulator, plan: Plan, values: Values) -> None:
    """Each operator by itself, on exact inputs."""
    for node in simulator.nodes:
        reads, names = _ends(node)
        if not all(name in values for name in (*reads, *names)):
            continue
        fed = [_integers(plan, name, values[name]) for name in reads]
        for name, made in zip(names, simulator.apply(str(node.name), fed), strict=True):
            if name in found.grids:
                reals = _reals(plan, name, made)
                found.own.setdefault(name, ChannelErrors()).add(values[name], reals)


def _engine_steps(
    found: Measured, simulator: Simulator, plan: Plan, integers: Values, explained: Values
) -> None:
    """Each operator on the integers the engine gave it, against what the engine made of them.

    Less the steps that the engine's own way of placing pixels explains, by tensor.
    An operator in float that reads what another one wrote reads it unrounded: no integers tell.
    """
    exact: set[str] = set()
    for node in simulator.nodes:
        reads, names = _ends(node)
        in_float = node.name in plan.islands
        exact |= set(names) & set(plan.activations) if in_float else set()
        if in_float and not exact.isdisjoint(reads):
            continue
        if all(name in integers for name in (*reads, *names)):
            given = simulator.apply(str(node.name), [integers[name] for name in reads])
            for name, made in zip(names, given, strict=True):
                held = integers[name]
                if made.shape == held.shape and made.dtype == held.dtype == np.int8:
                    steps = found.steps.setdefault(name, Steps())
                    steps.add(made, held, explained.get(name, 0))


def _ends(node: ir.Node) -> tuple[list[str], list[str]]:
    """Names of what a node reads and writes at run time."""
    reads = [name_of(value) for _, value in activation_inputs(node)]
    return reads, [name_of(value) for value in written_outputs(node)]


def _statistics(
    file: Int8File, twin: FloatGraph, chunks: list[Samples]
) -> dict[str, TensorStatistics]:
    found: dict[str, TensorStatistics] = {}
    for turn, images in enumerate(chunks):
        values = twin.run(images)
        for target in targets(file.model):
            seen = measure(target, values[target.name], turn)
            name = target.name
            found[name] = combine(found[name], seen) if name in found else seen
    return found


def _grids(file: Int8File, statistics: dict[str, TensorStatistics]) -> dict[str, Grids]:
    read = readings(file.model, targets(file.model))
    held = {name: params for name, params in file.plan.activations.items() if name in statistics}
    return {n: Grids(statistics[n], params, read.get(n, PLAIN)) for n, params in held.items()}


def _free_tensors(model: ir.Model) -> set[str]:
    """Tensors whose grid is chosen for their own values: no prescription, no tie to another."""
    found = {target.name for target in targets(model) if target.name != "pixels"}
    for node in model.graph:
        found -= {name for pair in tied_tensors(node) for name in pair}
        if operator_of(node).scales == "joined":
            found -= {name_of(v) for v in (*node.inputs, *node.outputs) if v is not None}
        if operator_of(node).prescribed:
            found.discard(name_of(written_output(node)))
    return found


def _integers(plan: Plan, name: str, values: NDArray[Any]) -> NDArray[Any]:
    params = plan.activations.get(name)
    return values if params is None else quantize(values, params)


def _reals(plan: Plan, name: str, array: NDArray[Any]) -> NDArray[Any]:
    params = plan.activations.get(name)
    return array if params is None or array.dtype != np.int8 else dequantize(array, params)


def _span(plan: Plan, name: str) -> str:
    params = plan.activations[name]
    low, high = (float(params.scale) * (end - int(params.zero_point)) for end in (-128, 127))
    return f"{low:.4g} to {high:.4g}"
