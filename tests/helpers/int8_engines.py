"""What engines really do with an operator between int8 tensors, seen from the outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime
from numpy.typing import NDArray

from edgeconv.errors import UnsupportedOperator
from edgeconv.graph.operators.operator import Does
from edgeconv.quantize.plan.parameters import Plan
from edgeconv.quantize.plan.qdq import insert_qdq
from tests.export.tflite import engines, graphs, plans
from tests.helpers.tflite_bytes import tflite_bytes

Arrays = dict[str, NDArray[Any]]
Run = Callable[[Arrays], Arrays]

#: ARM's kernels take signed activations as they are; x86-64's want them unsigned.
SIGNED = "session.qdqisint8allowed"
#: What XNNPACK's profiler calls an operator that looks integers up.
XNNPACK_TABLE = "Invalid Unary Op"


@dataclass(frozen=True)
class OneOperator:
    """A graph of one node, its inputs, and a plan made from what it gives for them.

    Attributes:
        model: the graph.
        inputs: float values by the names of its inputs.
        steps: how far the integers of an engine may lie from those of the float graph.
    """

    model: ir.Model
    inputs: Arrays
    steps: int = 1

    @cached_property
    def plan(self) -> Plan:
        return plans.minmax(self.model, self.inputs)

    @cached_property
    def integers(self) -> Arrays:
        """The inputs' integers."""
        return {n: plans.quantize(x, self.plan.activations[n]) for n, x in self.inputs.items()}

    @cached_property
    def wanted(self) -> Arrays:
        """The outputs' integers, from the float graph on the reals of the inputs' integers.

        Places and truth values have no grid and are as the graph gives them.
        """
        grids = self.plan.activations
        reals = {name: plans.dequantize(q, grids[name]) for name, q in self.integers.items()}
        found = graphs.reference(plans.on_grid(self.model, self.plan), reals)
        return {
            name: plans.quantize(array, grids[name]) if name in grids else array
            for name, array in found.items()
        }

    @cached_property
    def data(self) -> bytes:
        """The TFLite file, of int8 at its ends."""
        return tflite_bytes(self.model, "int8", self.plan)


def on_onnxruntime(case: OneOperator, path: Path, *, signed: bool = False) -> Does:
    """From the graph that onnxruntime says it runs; `signed` as it does on ARM."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry(SIGNED, "1" if signed else "0")
    proto = ir.to_proto(insert_qdq(case.model, case.plan))
    session = onnxruntime.InferenceSession(
        proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    nodes = onnx.load(path).graph.node
    reals = {name for n in nodes if n.op_type == "DequantizeLinear" for name in n.output}
    if any(reals.intersection(n.input) for n in nodes if n.op_type != "QuantizeLinear"):
        return "float"

    def run(integers: Arrays) -> Arrays:
        grids = case.plan.activations
        feeds = {name: plans.dequantize(q, grids[name]) for name, q in integers.items()}
        names = [output.name for output in session.get_outputs()]
        found = dict(zip(names, session.run(names, feeds), strict=True))
        return {name: plans.quantize(array, grids[name]) for name, array in found.items()}

    replaced = any(n.domain or n.op_type.startswith("QLinear") for n in nodes)
    return "copies" if not replaced and hands_on(case, run) else "kernel"


def on_xnnpack(case: OneOperator) -> Does:
    """Whether the delegate takes all that the operator is lowered to, and what that does."""
    if not is_written(case):
        return "none"
    if computes_in_float(case.data):
        return "table" if engines.profiled(case.data) == [XNNPACK_TABLE] else "float"
    if not engines.is_wholly_delegated(case.data):
        return "none"
    return _of_integers(case, engines.xnnpack)


def on_reference_kernels(case: OneOperator) -> Does:
    """Whether there are kernels for all that the operator is lowered to, and right ones."""
    if not is_written(case):
        return "none"
    if computes_in_float(case.data):
        return "float"
    try:
        return _of_integers(case, engines.reference_kernels)
    except ValueError as error:
        if "Didn't find op" not in str(error):
            raise
        return "none"


def is_written(case: OneOperator) -> bool:
    """Whether there is a TFLite file of it."""
    try:
        return bool(case.data)
    except UnsupportedOperator:
        return False


def computes_in_float(data: bytes) -> bool:
    """Whether operators of an int8 file read float numbers, but to make integers of them."""
    types = {d["index"]: d["dtype"] for d in engines.tensors(data).values()}
    return any(
        types.get(index) is np.float32
        for detail in engines.details(data)
        if detail["op_name"] != "QUANTIZE"
        for index in detail["inputs"]
    )


def _of_integers(case: OneOperator, make: engines.Make) -> Does:
    def run(integers: Arrays) -> Arrays:
        return engines.run(make, case.data, integers)

    return ("copies" if hands_on(case, run) else "kernel") if is_right(case, run) else "none"


def is_right(case: OneOperator, run: Run) -> bool:
    """Whether an engine's integers are within a few steps of the float graph's."""
    given, grids = run(case.integers), case.plan.activations
    return all(
        np.abs(given[n].astype(int) - integers).max() <= (case.steps if n in grids else 0)
        for n, integers in case.wanted.items()
    )


def hands_on(case: OneOperator, run: Run) -> bool:
    """Whether integers come out as they went in, whatever they are: other ones give other ones.

    A maximum fails this, for it asks which is larger. Integers of the operator's own, zero among
    them, stay as they are.
    """
    if not case.plan.activations.keys() >= case.wanted.keys():
        return False
    grids = [case.plan.activations[name] for name in (*case.inputs, *case.wanted)]
    if len({grid.key for grid in grids}) > 1:
        return False
    output = grids[-1]
    own = [v.const_value.numpy() for v in case.model.graph.initializers.values() if v.const_value]
    kept = {int(output.zero_point)}.union(
        *(plans.quantize(a, output).ravel().tolist() for a in own if a.dtype == np.float32)
    )
    others = np.array([i for i in range(-128, 128) if i not in kept])
    table = np.arange(-128, 128)
    table[others + 128] = np.random.default_rng(5).permutation(others)
    swapped = {
        name: table.astype(np.int8)[q.astype(int) + 128] for name, q in case.integers.items()
    }
    before, after = run(case.integers), run(swapped)
    return all(np.array_equal(table[before[n].astype(int) + 128], after[n]) for n in before)
