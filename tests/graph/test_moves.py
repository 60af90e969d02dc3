"""Values moved to constant places become the fewest slices and concatenations, and stay right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper
from torch import Tensor, nn
from torch.nn import functional

from edgeconv.export.capture.hub import capture
from edgeconv.graph.passes.bypass import bypass_no_ops
from edgeconv.graph.passes.moves.gathers import settle_gathers
from edgeconv.graph.passes.moves.masks import settle_masks
from edgeconv.graph.passes.moves.scatters import settle_scatters
from edgeconv.graph.passes.moves.slices_of_concats import simplify_slices
from tests.export.tflite.graphs import feeds, of_nodes, reference, weights
from tests.helpers.hub import capture_and_compare, operators, run_hub

Forward = Callable[[Tensor], Tensor]


class Changed(nn.Module):
    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self.conv(x))


def decoded(x: Tensor) -> Tensor:
    """A detector's head as it decodes boxes by assignments to slices."""
    y = x.flatten(2).transpose(1, 2)
    y[..., 0:2] = (y[..., 0:2].sigmoid() * 2 + 0.5) * 8
    y[..., 2:4] = (y[..., 2:4] * 2) ** 2
    return y


def shifted(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, :2, 1:] = x[:, :2, :-1]
    y[:, 2:4, :-1] = x[:, 2:4, 1:]
    y[:, 4:] = x[:, 4:]
    return y


def bordered(x: Tensor) -> Tensor:
    y = x.clone()
    y[..., 0] = 0
    y[..., -1] = 0
    return y


def every_second(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, :, ::2] = 1.5
    return y


CASES: dict[str, tuple[Forward, dict[str, int]]] = {
    "decoded": (decoded, {"Slice": 3, "Concat": 1}),
    "shifted": (shifted, {"Slice": 3, "Concat": 3}),
    "bordered": (bordered, {"Slice": 1, "Concat": 1}),
    "every second row": (every_second, {"Concat": 1, "Gather": 1}),
    "rolled by nothing": (lambda x: torch.roll(x, (0, 1), (2, 3)), {"Slice": 2, "Concat": 1}),
    "joined with nothing": (lambda x: torch.cat([x[:, :0] * 2, x], 1), {}),
    "one row": (lambda x: x[:, :, 3], {"Slice": 1, "Reshape": 1}),
    "a list of rows with a step": (lambda x: x[:, :, [1, 4, 7]], {"Slice": 1}),
    "two ranges of channels": (lambda x: x[:, [5, 6, 7, 0, 1, 2]], {"Slice": 2, "Concat": 1}),
    "a mask of channels": (
        lambda x: torch.where((torch.arange(8) < 3).view(1, 8, 1, 1), x, 2 * x.clamp(min=0)),
        {"Slice": 2, "Concat": 1},
    ),
    "a causal mask": (
        lambda x: x.masked_fill(~torch.ones(12, 12).tril().bool(), -torch.inf).softmax(-1),
        {"Add": 1},
    ),
    "gathered alike": (
        lambda x: torch.gather(x, 2, torch.tensor([1, 3, 5]).view(1, 1, 3, 1).expand(1, 8, 3, 12)),
        {"Slice": 1},
    ),
    "scattered, of which a corner": (
        lambda x: torch.zeros(1, 8, 12, 12).scatter(
            2, torch.arange(6).view(1, 1, 6, 1).expand(1, 8, 6, 12) + 3, x
        ),
        {"Slice": 1, "Concat": 1},
    ),
    "counted repetitions": (
        lambda x: x.repeat_interleave(torch.tensor([1, 0, 2, 1, 1, 0, 0, 3]), 1),
        {"Tile": 0},
    ),
}
#: Spellings of a channel shuffle in two groups.
SHUFFLES: tuple[Forward, ...] = (
    lambda x: x.view(-1, 2, 4, 12, 12).transpose(1, 2).reshape(-1, 8, 12, 12),
    lambda x: x.reshape(-1, 2, 4, 144).permute(0, 2, 1, 3).reshape(-1, 8, 12, 12),
    lambda x: x[:, [0, 4, 1, 5, 2, 6, 3, 7]],
    lambda x: x.unflatten(1, (2, 4)).swapaxes(1, 2).flatten(1, 2),
)


@pytest.mark.parametrize("shuffle", SHUFFLES)
def test_a_shuffle_between_convolutions_costs_nothing_however_it_is_written(
    shuffle: Forward,
) -> None:
    class Shuffled(Changed):
        def __init__(self) -> None:
            super().__init__(lambda x: self.last(shuffle(x.relu())))
            self.last = nn.Conv2d(8, 5, 3)

    assert operators(capture_and_compare(Shuffled(), bound=1e-5)) == ["Conv", "Relu", "Conv"]


MOVING = {"Slice", "Concat", "Gather", "GatherElements", "ScatterND", "ScatterElements", "Where"}


@pytest.mark.parametrize("name", CASES)
def test_moves_are_as_few_as_may_be(name: str) -> None:
    forward, wanted = CASES[name]
    found = Counter(operators(capture_and_compare(Changed(forward))))
    if "Tile" not in wanted:
        assert {kind: n for kind, n in found.items() if kind in MOVING | wanted.keys()} == wanted


def test_a_slice_keeps_its_line_of_code() -> None:
    """`capture` gives each node its place in the net's file."""
    hub = capture_and_compare(Changed(bordered))
    places = {str(node.meta) for node in hub.graph if node.op_type == "Concat"}
    assert all(f"{__file__}:" in place for place in places), places


def test_folding_what_was_unfolded_costs_nothing() -> None:
    hub = capture_and_compare(
        Changed(lambda x: functional.fold(functional.unfold(x, 2, stride=2), 12, 2, stride=2))
    )
    assert operators(hub) == ["Conv"]


class Correlated(nn.Module):
    """A convolution by weights that the image decides, with a bias of its own."""

    def __init__(self, outputs: int, groups: int, **settings: object) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.make = nn.Linear(8, outputs * 8 // groups * 9)
        self.bias = nn.Linear(8, outputs)
        self.outputs, self.groups, self.settings = outputs, groups, settings

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        means = x.mean((2, 3))
        weight = self.make(means).view(self.outputs, 8 // self.groups, 3, 3)
        bias = self.bias(means).view(-1)
        return functional.conv2d(x, weight, bias, groups=self.groups, **self.settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [(6, 1, {}), (8, 8, {"padding": 1}), (4, 2, {"stride": (2, 1), "padding": (0, 2)}),
     (8, 4, {"dilation": 2, "padding": "same"}), (16, 8, {"stride": 3})],
)  # fmt: skip
def test_computed_weights_multiply_what_lies_under_their_windows(
    settings: tuple[int, int, dict[str, object]],
) -> None:
    outputs, groups, more = settings
    torch.manual_seed(0)
    hub = capture_and_compare(Correlated(outputs, groups, **more), bound=1e-5)
    assert "MatMul" in operators(hub)
    assert operators(hub).count("Conv") == 1


@pytest.mark.parametrize("shape", [(1, 3, 8, 12, 12), (1, 24, 12, 12)])
def test_what_a_mask_hides_is_hidden_by_a_finite_number(shape: tuple[int, ...]) -> None:
    """Seen through a reshape; a row of which nothing is left stays what it is."""
    mask = torch.ones(12, 12).tril().bool()

    def hidden(x: Tensor) -> Tensor:
        scores = torch.cat([x, x * 9, -x], 1).view(shape) * 50
        return (
            scores.masked_fill(~mask, torch.finfo(torch.float32).min)
            .view(24, 144)
            .view(24, 12, 12)
            .softmax(-1)
        )

    hub = capture_and_compare(Changed(hidden))
    held = [v.const_value.numpy() for v in hub.graph.initializers.values() if v.const_value]
    assert min(array.min() for array in held if array.dtype == np.float32) == -65504


def test_a_row_of_which_nothing_is_left_is_masked_as_it_was() -> None:
    mask = torch.ones(12, 12).tril(-1).bool()
    hub = capture_and_compare(Changed(lambda x: x.masked_fill(~mask, -1e9).softmax(-1)))
    assert "Where" in operators(hub)


@pytest.mark.parametrize(
    "given_", [lambda x, y: (y, y), lambda x, y: (x, y), lambda x, y: (y, x, x)]
)
def test_a_tensor_is_given_twice(given_: Callable[[Tensor, Tensor], tuple[Tensor, ...]]) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x: Tensor) -> tuple[Tensor, ...]:
            return given_(x, self.conv(x))

    net, x = Twice().eval(), torch.randn(1, 3, 9, 9)
    found = run_hub(capture(net, torch.zeros(1, 3, 9, 9), name="net"), x.numpy())
    for one, other in zip(net(x), found.values(), strict=True):
        assert np.abs(one.detach().numpy() - other).max() <= 1e-6


INDICES = st.one_of(
    st.slices(5), st.integers(-5, 4), st.lists(st.integers(-5, 4), min_size=1, max_size=4)
)


@settings(max_examples=120, derandomize=True, deadline=None)
@given(st.lists(INDICES, min_size=1, max_size=3), st.booleans())
def test_any_assignment_is_what_numpy_makes_of_it(
    index: list[slice | int | list[int]], constant: bool
) -> None:
    shape = (5, 5, 5)
    numbers = np.arange(125).reshape(shape)
    open_mesh = np.ix_(
        *(np.atleast_1d(np.arange(5)[i]) for i in [*index, *[slice(None)] * (3 - len(index))])
    )
    written = numbers[open_mesh]
    if not written.size or len(np.unique(written)) != written.size:
        return
    updates = weights(*written.shape)
    places = np.stack(np.unravel_index(written, shape), -1)
    node = helper.make_node("ScatterND", ["x", "i", "u"], ["y"], name="n")
    constants = {"i": places} | ({"u": updates} if constant else {})
    inputs = {"x": shape} if constant else {"x": shape, "u": written.shape}
    model = of_nodes([node], inputs, constants, ["y"])
    before = settled(model)
    assert "ScatterND" not in operators(model)
    given_ = feeds(model)
    wanted = given_["x"].copy()
    wanted[open_mesh] = updates if constant else given_["u"]
    assert np.array_equal(before(given_), wanted)


def settled(model: ir.Model) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """All passes of moves on a model; gives what runs it afterwards."""
    for change in (settle_scatters, settle_masks, settle_gathers, simplify_slices, bypass_no_ops):
        change(model)
    return lambda inputs: reference(model, inputs)["y"]


class Chain:
    """Random slices, joins, masks and gathers, in ONNX and in NumPy."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.shape = (4, 6)

    def add(self, op_type: str, *inputs: np.ndarray | str, **attributes: int) -> None:
        number = len(self.nodes)
        names = []
        for i, each in enumerate(inputs):
            names.append(each if isinstance(each, str) else f"c{number}_{i}")
            if not isinstance(each, str):
                self.constants[names[-1]] = each
        self.nodes.append(helper.make_node(op_type, names, [f"t{number}"], name=f"n{number}",
                                           **attributes))  # fmt: skip

    @property
    def last(self) -> str:
        return f"t{len(self.nodes) - 1}" if self.nodes else "x"


def cut(chain: Chain, draw: st.DrawFn) -> None:
    axis = draw(st.integers(0, 1))
    length = chain.shape[axis]
    start = draw(st.integers(0, length - 1))
    end, step = draw(st.integers(start + 1, length)), draw(st.integers(1, 2))
    chain.add("Slice", chain.last, *(np.array([n]) for n in (start, end, axis, step)))
    resize(chain, axis, len(range(start, end, step)))


def join(chain: Chain, draw: st.DrawFn) -> None:
    axis = draw(st.integers(0, 1))
    shape = tuple(2 if a == axis else n for a, n in enumerate(chain.shape))
    others = [*([weights(*shape)] if draw(st.booleans()) else []), chain.last]
    chain.add("Concat", *draw(st.permutations([chain.last, *others])), axis=axis)
    resize(chain, axis, chain.shape[axis] * 2 + 2 * (len(others) - 1))


def choose(chain: Chain, draw: st.DrawFn) -> None:
    axis = draw(st.integers(0, 1))
    length = chain.shape[axis]
    indices = draw(st.lists(st.integers(-length, length - 1), min_size=1, max_size=4))
    chain.add("Gather", chain.last, np.array(indices), axis=axis)
    resize(chain, axis, len(indices))


def mask(chain: Chain, draw: st.DrawFn) -> None:
    spread = draw(st.sampled_from([(1, 1), (1, 0), (0, 1)]))
    shape = tuple(n if wide else 1 for n, wide in zip(chain.shape, spread, strict=True))
    bits = draw(st.lists(st.booleans(), min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
    sides = [chain.last, np.float32(draw(st.sampled_from([0.0, 2.5, -np.inf])))]
    chain.add("Where", np.array(bits).reshape(shape), *draw(st.permutations(sides)))


def resize(chain: Chain, axis: int, length: int) -> None:
    chain.shape = tuple(length if a == axis else n for a, n in enumerate(chain.shape))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.data())
def test_any_chain_of_moves_keeps_its_values(data: st.DataObject) -> None:
    chain = Chain()
    for link in data.draw(st.lists(st.sampled_from([cut, join, choose, mask]), max_size=6)):
        link(chain, data.draw)
    chain.nodes.append(helper.make_node("Relu", [chain.last], ["y"], name="last"))
    model = of_nodes(chain.nodes, {"x": (4, 6)}, chain.constants, ["y"])
    inputs = feeds(model)
    wanted = reference(model, inputs)["y"]
    assert np.array_equal(settled(model)(inputs), wanted)


def best_tokens(x: Tensor) -> Tensor:
    y = x.flatten(2).transpose(1, 2)
    best = y.sum(2).topk(5, 1)[1]
    return y.gather(1, best.unsqueeze(-1).expand(-1, -1, 6))


def at_peaks(x: Tensor) -> Tensor:
    cells = x.shape[2] * x.shape[3]
    peaks = x[:, :2].flatten(1).topk(4)[1] % cells
    return x.flatten(2).gather(2, peaks[:, None].expand(-1, 8, -1))


def table_by_largest(x: Tensor) -> Tensor:
    return torch.from_numpy(weights(8, 3))[x.argmax(1)]


@pytest.mark.parametrize("read", [best_tokens, at_peaks, table_by_largest])
def test_what_is_read_at_computed_places_by_whole_rows_is_a_gather(read: Forward) -> None:
    found = operators(capture_and_compare(Changed(read)))
    assert found.count("Gather") == 1
    assert "GatherElements" not in found


@pytest.mark.parametrize(
    "read",
    [
        lambda x: x.gather(3, x.argsort(3)),
        lambda x: torch.take_along_dim(x, x.argmax(1, keepdim=True), 1),
        lambda x: x.gather(1, x[:, :4, :5, :7].argmin(2, keepdim=True)),
        lambda x: x[0, :, 0][:, x[0, 0, 0].argmax(0, keepdim=True) - 12],
    ],
)
def test_what_is_read_at_computed_places_is_what_pytorch_reads(read: Forward) -> None:
    capture_and_compare(Changed(read))


def test_moved_axes_have_a_shape_wherever_they_are_counted_from() -> None:
    capture_and_compare(Changed(lambda x: x.movedim(1, -1).swapaxes(1, 2).moveaxis(-1, 1)))


def added_in_place(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 0:4].add_(1.0)
    y[:, 4:].copy_(y[:, :4] * 0.5)
    y[:, :, 2:5].fill_(0.25)
    y[:, :2][..., torch.arange(144).reshape(12, 12) % 5 == 0] = 3.0
    return y


def test_what_is_written_into_a_view_is_written() -> None:
    capture_and_compare(Changed(added_in_place))
