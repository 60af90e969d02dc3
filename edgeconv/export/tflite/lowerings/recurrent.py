"""Recurrent layers, written out step by step; float only.

TFLite's own sequence operators keep their state from one run of a file to the next, so that a
second photo would get another answer than the first, and none of them is a GRU. So the gates of
what a layer reads are one FULLY_CONNECTED over all steps, and each step adds those of its state.
The weights are stored once, however many steps multiply by them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx_ir as ir
from numpy.typing import NDArray

from edgeconv.export.tflite.builder import Builder, CannotLower, Lowering
from edgeconv.export.tflite.layout import Shape, plain
from edgeconv.export.tflite.program import Tensor, computed
from edgeconv.export.tflite.schema import schema
from edgeconv.graph.view import constant_of, input_of, integer, require_constant, shape_of, string

Array = NDArray[Any]

#: Steps that one layer is written out for, both directions together: each is about a dozen
#: operators, and XNNPACK packs the weights of each anew.
MOST_STEPS = 512

#: Inputs of the ONNX operators.
_X, _W, _R, _B, _LENGTHS, _HIDDEN, _CELL, _PEEPHOLES = range(8)
#: Their outputs: all hidden states, the last one, the last cell state.
_ALL, _LAST, _LAST_CELL = range(3)


@dataclass(frozen=True, eq=False)
class _State:
    """What a step hands to the next, float32 (1, N, hidden) each; None is zero."""

    hidden: Tensor | None
    cell: Tensor | None = None


@dataclass(frozen=True, eq=False)
class _Direction:
    """One direction of a layer, as it is written.

    Attributes:
        node: the ONNX operator.
        b: writes.
        index: 0 forwards, 1 backwards; of an only direction 0.
        weight: of the gates on the hidden state, (gates x hidden, hidden).
        bias: (gates x hidden) that a GRU's reset takes part in, None of others and without biases.
        hidden: values in a state.
    """

    node: ir.Node
    b: Builder
    index: int
    weight: Tensor
    bias: Tensor | None
    hidden: int

    def of_state(self, state: Tensor) -> Tensor:
        """FULLY_CONNECTED: what a state adds to the gates, (1, N, gates x hidden)."""
        inputs = [state, self.weight, self.bias]
        shape = (*state.shape[:2], self.weight.shape[0])
        options = schema.FullyConnectedOptionsT(keepNumDims=True)
        return self.step("gates", "FULLY_CONNECTED", inputs, shape, options)

    def apart(self, gates: Tensor) -> list[Tensor]:
        """SPLIT: (1, N, hidden) a gate."""
        count = gates.shape[2] // self.hidden
        shape = (*gates.shape[:2], self.hidden)
        name = f"{self.node.name}/gate"
        parts = [computed(self.b.unique(name), shape, gates.dtype) for _ in range(count)]
        axis = self.b.ints(f"{self.node.name}/axis", np.array(2))
        self.b.emit("SPLIT", [axis, gates], parts, schema.SplitOptionsT(numSplits=count))
        return parts

    def add(self, x: Tensor, y: Tensor) -> Tensor:
        """ADD of tensors of one shape, like all that follow."""
        return self.step("sum", "ADD", [x, y], x.shape, schema.AddOptionsT())

    def subtract(self, x: Tensor, y: Tensor) -> Tensor:
        """SUB."""
        return self.step("difference", "SUB", [x, y], x.shape, schema.SubOptionsT())

    def multiply(self, x: Tensor, y: Tensor) -> Tensor:
        """MUL."""
        return self.step("product", "MUL", [x, y], x.shape, schema.MulOptionsT())

    def sigmoid(self, x: Tensor) -> Tensor:
        """LOGISTIC."""
        return self.step("sigmoid", "LOGISTIC", [x], x.shape)

    def tanh(self, x: Tensor) -> Tensor:
        """TANH."""
        return self.step("tanh", "TANH", [x], x.shape)

    def relu(self, x: Tensor) -> Tensor:
        """RELU."""
        return self.step("relu", "RELU", [x], x.shape)

    def step(
        self,
        suffix: str,
        code: str,
        inputs: Sequence[Tensor | None],
        shape: Shape,
        options: Any = None,
    ) -> Tensor:
        """Writes one operator."""
        return self.b.step(self.node, suffix, code, inputs, shape, options=options)


#: Writes one step from the gates of its input, (1, N, gates x hidden), and the state before it.
_Step = Callable[[_Direction, Tensor, _State], _State]


def lstm(node: ir.Node, b: Builder) -> None:
    """LSTM: gates i, o, f, c; cell' = f * cell + i * c and hidden' = o * tanh(cell')."""
    _require_activations(node, ("Sigmoid", "Tanh", "Tanh"))
    if _has(node, _PEEPHOLES) or integer(node, "input_forget", 0):
        raise CannotLower("has peepholes or coupled gates; an LSTM as PyTorch's is supported")
    _write(node, b, _lstm_step, of_state=())


def _lstm_step(d: _Direction, given: Tensor, state: _State) -> _State:
    gates = given if state.hidden is None else d.add(given, d.of_state(state.hidden))
    inward, outward, forget, new = d.apart(gates)
    cell = d.multiply(d.sigmoid(inward), d.tanh(new))
    if state.cell is not None:
        cell = d.add(d.multiply(d.sigmoid(forget), state.cell), cell)
    return _State(d.multiply(d.sigmoid(outward), d.tanh(cell)), cell)


def gru(node: ir.Node, b: Builder) -> None:
    """GRU: gates z, r, n; hidden' = (hidden - n) * z + n, and r is a factor of the state's n."""
    _require_activations(node, ("Sigmoid", "Tanh"))
    if integer(node, "linear_before_reset", 0) != 1:
        raise CannotLower("resets its state before the product; a GRU as PyTorch's is supported")
    _write(node, b, _gru_step, of_state=(2,))


def _gru_step(d: _Direction, given: Tensor, state: _State) -> _State:
    update, reset, new = d.apart(given)
    hidden = state.hidden
    if hidden is None:
        hidden = d.b.floats(f"{d.node.name}/zeros", np.zeros(update.shape))
    of_update, of_reset, of_new = d.apart(d.of_state(hidden))
    update, reset = d.sigmoid(d.add(update, of_update)), d.sigmoid(d.add(reset, of_reset))
    new = d.tanh(d.add(new, d.multiply(reset, of_new)))
    return _State(d.add(d.multiply(d.subtract(hidden, new), update), new))


def rnn(node: ir.Node, b: Builder) -> None:
    """RNN: hidden' = tanh or relu of the one gate."""
    activation = _activations(node) or ["Tanh"]
    if set(activation) not in ({"Tanh"}, {"Relu"}):
        raise CannotLower(f"has the activations {', '.join(activation)}; Tanh or Relu is supported")

    def step(d: _Direction, given: Tensor, state: _State) -> _State:
        gate = given if state.hidden is None else d.add(given, d.of_state(state.hidden))
        return _State(d.relu(gate) if activation[0] == "Relu" else d.tanh(gate))

    _write(node, b, step, of_state=())


def _write(node: ir.Node, b: Builder, step: _Step, of_state: Sequence[int]) -> None:
    """Writes a layer.

    Args:
        node: the ONNX operator.
        b: writes.
        step: one step of it.
        of_state: gates whose bias on the state's side stays there.
    """
    steps, batch, _ = shape_of(input_of(node, _X))
    directions, _, hidden = shape_of(input_of(node, _R))
    _require_form(node, steps, directions)
    x = b.read(node, _X, plain(3))
    backwards = string(node, "direction", "forward") == "reverse"
    found: list[list[_State]] = []
    for index in range(directions):
        biases = _biases(node, index, hidden, of_state)
        d = _direction(node, b, index, biases[1])
        states = _states(d, _gates(d, x, biases[0]), step, backwards or index == 1)
        found.append(states)
    everything = [states[t].hidden for t in range(steps) for states in found]
    ends = [states[0 if backwards or i else -1] for i, states in enumerate(found)]
    _give(node, b, _ALL, everything, (steps, directions, batch, hidden))
    _give(node, b, _LAST, [end.hidden for end in ends], (directions, batch, hidden))
    _give(node, b, _LAST_CELL, [end.cell for end in ends], (directions, batch, hidden))


def _direction(node: ir.Node, b: Builder, index: int, bias: Array | None) -> _Direction:
    weight = b.constant(node, _R, lambda r: r[index])
    kept = None if bias is None else b.floats(f"{node.name}.bias_hh", bias)
    return _Direction(node, b, index, weight, kept, weight.shape[1])


def _biases(
    node: ir.Node, index: int, hidden: int, of_state: Sequence[int]
) -> tuple[Array | None, Array | None]:
    """(gates x hidden) to add to the input's gates and to the state's; None where there is none.

    ONNX has a bias for each; they are added up but for the gates that the state's side keeps.
    """
    if not _has(node, _B):
        return None, None
    of_input, state = require_constant(node, _B)[index].reshape(2, -1, hidden)
    kept = np.zeros_like(state)
    kept[list(of_state)] = state[list(of_state)]
    return (of_input + (state - kept)).reshape(-1), kept.reshape(-1) if kept.any() else None


def _gates(d: _Direction, x: Tensor, bias: Array | None) -> Tensor:
    """FULLY_CONNECTED: what every step's input gives, (T, N, gates x hidden)."""
    weight = d.b.constant(d.node, _W, lambda w: w[d.index])
    offset = None if bias is None else d.b.floats(f"{d.node.name}.bias", bias)
    options = schema.FullyConnectedOptionsT(keepNumDims=True)
    shape = (*x.shape[:2], weight.shape[0])
    return d.step("inputs", "FULLY_CONNECTED", [x, weight, offset], shape, options)


def _states(d: _Direction, gates: Tensor, step: _Step, backwards: bool) -> list[_State]:
    """The state behind every step, in the order of the sequence."""
    state = _State(_initial(d, _HIDDEN), _initial(d, _CELL))
    steps, shape = gates.shape[0], (1, *gates.shape[1:])
    found: dict[int, _State] = {}
    for t in reversed(range(steps)) if backwards else range(steps):
        box = [d.b.ints(f"{d.node.name}/{t}", [t, 0, 0]), d.b.ints(f"{d.node.name}/size", shape)]
        given = d.step("given", "SLICE", [gates, *box], shape, schema.SliceOptionsT())
        state = found[t] = step(d, given, state)
    return [found[t] for t in range(steps)]


def _initial(d: _Direction, slot: int) -> Tensor | None:
    """The state that a sequence begins with, (1, N, hidden)."""
    if not _has(d.node, slot):
        return None
    if constant_of(d.node.inputs[slot]) is not None:
        return d.b.constant(d.node, slot, lambda state: state[d.index : d.index + 1])
    given = d.b.read(d.node, slot, plain(3))
    shape = (1, *given.shape[1:])
    box = [d.b.ints("begin", [d.index, 0, 0]), d.b.ints("size", shape)]
    return d.step("initial", "SLICE", [given, *box], shape, schema.SliceOptionsT())


def _give(
    node: ir.Node, b: Builder, index: int, parts: Sequence[Tensor | None], shape: Shape
) -> None:
    """CONCATENATION and RESHAPE: states put together as an output, where anything reads it."""
    if index >= len(node.outputs) or not node.outputs[index].name:
        return
    tensors = [part for part in parts if part is not None]
    joined = (len(tensors), *shape[-2:])
    options = schema.ConcatenationOptionsT(axis=0)
    whole = b.step(node, "states", "CONCATENATION", tensors, joined, options=options)
    sizes = b.ints(f"{node.name}/shape", shape)
    reshape = schema.ReshapeOptionsT(newShape=np.array(shape, np.int32))
    layout = plain(len(shape))
    b.write_values(node, [node.outputs[index]], "RESHAPE", [whole, sizes], layout, reshape)


def _require_form(node: ir.Node, steps: int, directions: int) -> None:
    if steps * directions > MOST_STEPS:
        raise CannotLower(
            f"takes {steps * directions} steps; TFLite files have up to {MOST_STEPS} of one layer, "
            "for each is written out: shorten the sequence (a smaller input, a longer stride), or "
            "export with --format onnx"
        )
    if _has(node, _LENGTHS) and (require_constant(node, _LENGTHS) != steps).any():
        raise CannotLower("ends before its sequence does; give it that part of the sequence alone")
    if "clip" in node.attributes or integer(node, "layout", 0):
        raise CannotLower("clips its gates or has photos first; neither is supported")


def _require_activations(node: ir.Node, usual: tuple[str, ...]) -> None:
    found = _activations(node)
    if any(name != usual[i % len(usual)] for i, name in enumerate(found)):
        raise CannotLower(f"has the activations {', '.join(found)}; {usual} are supported")


def _activations(node: ir.Node) -> list[str]:
    given = node.attributes.get("activations")
    return [] if given is None else list(given.as_strings())


def _has(node: ir.Node, slot: int) -> bool:
    return slot < len(node.inputs) and node.inputs[slot] is not None


LOWERINGS: Mapping[str, Lowering] = MappingProxyType({"LSTM": lstm, "GRU": gru, "RNN": rnn})
