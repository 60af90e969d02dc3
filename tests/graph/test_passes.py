"""Each pass changes the form of a graph and none of its values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from edgeconv.graph.metrics import depth, multiply_adds
from edgeconv.graph.passes.names import Scope, scope_of
from tests.helpers.hub import capture_and_compare, node_named, operators, unsettle


class Apply(nn.Module):
    def __init__(self, function, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(layers or (nn.Conv2d(3, 4, 3),)))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.layers(x))


def same(y: Tensor) -> Tensor:
    return y


def of(function, *layers: nn.Module) -> list[str]:
    return operators(capture_and_compare(unsettle(Apply(function, *layers))))


class TestBatchNorm:
    def test_after_a_convolution_it_is_folded(self):
        assert of(same, nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)) == ["Conv"]

    def test_after_a_linear_layer_it_is_folded(self):
        layers = (nn.Flatten(), nn.Linear(3 * 12 * 12, 5), nn.BatchNorm1d(5))
        assert of(same, *layers) == ["Flatten", "Gemm"]

    @pytest.mark.parametrize("bias", [True, False])
    def test_of_the_rows_of_tokens_it_is_folded_into_their_linear_layer(self, bias):
        class Rows(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.linear = nn.Linear(12, 5, bias=bias)
                self.norm = nn.BatchNorm1d(5)

            def forward(self, x: Tensor) -> Tensor:
                y = self.linear(x.flatten(1, 2))
                return self.norm(y.flatten(0, 1)).reshape_as(y)

        assert not {"Mul", "Add"} & set(operators(capture_and_compare(unsettle(Rows()))))

    def test_of_other_rows_than_a_linear_layers_it_is_a_mul_and_an_add(self):
        class Turned(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.linear = nn.Linear(12, 4)
                self.norm = nn.BatchNorm1d(9)

            def forward(self, x: Tensor) -> Tensor:
                return self.norm(self.linear(x.flatten(1, 2)).reshape(-1, 9))

        found = operators(capture_and_compare(unsettle(Turned())))
        assert {"Mul", "Add"} <= set(found)

    def test_after_a_convolution_with_another_reader_it_is_a_depthwise_convolution(self):
        class Both(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.conv = nn.Conv2d(3, 4, 3)
                self.norm = nn.BatchNorm2d(4)

            def forward(self, x: Tensor) -> Tensor:
                y = self.conv(x)
                return torch.cat([y, self.norm(y)], 1)

        assert operators(capture_and_compare(unsettle(Both()))) == ["Conv", "Conv", "Concat"]

    def test_before_a_convolution_it_is_a_factor_and_an_offset_a_channel(self):
        net = unsettle(nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(), nn.Conv2d(3, 4, 3)))
        model = capture_and_compare(net)
        assert [n.name for n in model.graph] == ["0", "1", "2"]
        assert operators(model) == ["Conv", "Relu", "Conv"]
        norm = model.graph[0]
        assert tuple(norm.inputs[1].shape) == (3, 1, 1, 1)
        assert norm.attributes["group"].as_int() == 3

    def test_after_another_it_joins_it(self):
        net = unsettle(nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.ReLU()))
        assert operators(capture_and_compare(net)) == ["Conv", "Relu"]

    def test_of_rows_that_linear_layers_read_it_is_folded_into_them(self):
        class Heads(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.norm = nn.BatchNorm1d(3)
                self.one, self.other = nn.Linear(3, 5), nn.Linear(3, 5, bias=False)

            def forward(self, x: Tensor) -> Tensor:
                y = self.norm(x.mean((2, 3)))
                return self.one(y) + self.other(y).relu()

        found = operators(capture_and_compare(unsettle(Heads())))
        assert "Mul" not in found
        assert found.count("Gemm") == 2

    def test_of_rows_that_others_read_too_it_is_a_mul_and_an_add(self):
        class Both(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.norm, self.head = nn.BatchNorm1d(3), nn.Linear(3, 3)

            def forward(self, x: Tensor) -> Tensor:
                y = self.norm(x.mean((2, 3)))
                return self.head(y) + y.relu()

        assert "Mul" in operators(capture_and_compare(unsettle(Both())))

    def test_of_what_is_no_image_it_is_a_mul_and_an_add(self):
        net = unsettle(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(3 * 12 * 12)))
        assert operators(capture_and_compare(net)) == ["Flatten", "Mul", "Add"]

    def test_it_is_no_layer_and_no_work(self):
        net = unsettle(nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 4, 1)))
        model = capture_and_compare(net)
        assert operators(model) == ["Conv", "Conv"]
        assert depth(model) == 1
        assert multiply_adds(model) == 3 * 4 * 12 * 12


class TestPads:
    def test_zeros_go_into_every_convolution_that_reads_them(self):
        class Fork(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.a, self.b = nn.Conv2d(3, 4, 3, 2), nn.Conv2d(3, 4, 3, 2, padding=1)

            def forward(self, x: Tensor) -> Tensor:
                x = F.pad(x, (0, 1, 2, 3))
                return torch.cat([self.a(x).flatten(1), self.b(x).flatten(1)], 1)

        model = capture_and_compare(Fork())
        assert "Pad" not in operators(model)
        assert tuple(node_named(model, "b").attributes["pads"].as_ints()) == (3, 1, 4, 2)

    @pytest.mark.parametrize("pad", [nn.ReflectionPad2d(1), nn.ConstantPad2d(1, 0.5)])
    def test_anything_but_zeros_stays(self, pad):
        assert of(same, pad, nn.Conv2d(3, 4, 3)) == ["Pad", "Conv"]

    def test_zeros_before_a_max_pool_stay(self):
        assert of(same, nn.Conv2d(3, 4, 1), nn.ZeroPad2d(1), nn.MaxPool2d(3)) == [
            *("Conv", "Pad", "MaxPool")
        ]


class TestPooling:
    @pytest.mark.parametrize(
        ("function", "expected"),
        [
            (lambda y: y.mean((2, 3)), ["GlobalAveragePool", "Flatten"]),
            (lambda y: y.mean((-1, -2), keepdim=True), ["GlobalAveragePool"]),
            (lambda y: F.adaptive_avg_pool2d(y, 1), ["GlobalAveragePool"]),
            (lambda y: F.avg_pool2d(y, y.shape[2]), ["GlobalAveragePool"]),
            (lambda y: F.adaptive_max_pool2d(y, 1), ["MaxPool"]),
        ],
    )
    def test_pooling_over_the_whole_image_has_one_form(self, function, expected):
        assert of(function) == ["Conv", *expected]

    def test_a_mean_over_channels_stays(self):
        assert of(lambda y: y.mean(1)) == ["Conv", "ReduceMean"]

    def test_a_mean_over_a_part_of_the_image_stays(self):
        assert of(lambda y: F.avg_pool2d(y, 5)) == ["Conv", "AveragePool"]


class TestHardActivations:
    @pytest.mark.parametrize(
        "function",
        [
            F.hardswish,
            lambda y: y * F.hardsigmoid(y),
            lambda y: F.hardsigmoid(y) * y,
            lambda y: y * F.relu6(y + 3) / 6,
            lambda y: y * (F.relu6(y + 3) / 6),
            lambda y: y * F.relu6(3 + y) * (1 / 6),
        ],
    )
    def test_every_spelling_of_hard_swish_is_one_operator(self, function):
        assert of(function) == ["Conv", "HardSwish"]

    def test_a_hard_sigmoid_spelled_out_is_one_operator(self):
        assert of(lambda y: F.relu6(y + 3) / 6) == ["Conv", "HardSigmoid"]

    def test_a_hard_sigmoid_of_something_else_is_no_hard_swish(self):
        assert of(lambda y: y * F.hardsigmoid(y + 1)) == ["Conv", "Add", "HardSigmoid", "Mul"]

    def test_another_shift_is_no_hard_sigmoid(self):
        assert of(lambda y: F.relu6(y + 2) / 6) == ["Conv", "Add", "Clip", "Mul"]

    def test_a_swish_stays_a_sigmoid_and_a_product(self):
        assert of(F.silu) == ["Conv", "Sigmoid", "Mul"]

    def test_a_clamp_at_zero_alone_is_a_relu(self):
        assert of(lambda y: y.clamp(min=0)) == ["Conv", "Relu"]


class TestGemm:
    @pytest.mark.parametrize(
        "function",
        [
            lambda y: y @ WEIGHT,
            lambda y: y @ WEIGHT + BIAS,
            lambda y: BIAS + y @ WEIGHT,
            lambda y: torch.addmm(BIAS, y, WEIGHT, beta=0.5, alpha=2.0),
            lambda y: F.linear(y, WEIGHT.T, BIAS),
        ],
    )
    def test_every_product_with_a_constant_matrix_has_one_form(self, function):
        model = capture_and_compare(Apply(function, nn.Flatten()), bound=1e-5)
        assert operators(model) == ["Flatten", "Gemm"]
        gemm = list(model.graph)[1]
        assert [tuple(v.shape) for v in gemm.inputs[1:]] == [(5, 432), (5,)]
        assert gemm.attributes["transB"].as_int() == 1
        assert not {"alpha", "beta", "transA"} & set(gemm.attributes)

    def test_a_bias_that_differs_between_rows_stays_an_add(self):
        table = torch.randn(2, 5)
        model = capture_and_compare(
            Apply(lambda y: y @ WEIGHT + table, nn.Flatten()), (2, 3, 12, 12), bound=1e-5
        )
        assert operators(model) == ["Flatten", "Gemm", "Add"]


WEIGHT = torch.randn(432, 5, generator=torch.Generator().manual_seed(0))
BIAS = torch.randn(5, generator=torch.Generator().manual_seed(1))


class TestReshapes:
    @pytest.mark.parametrize(
        "function",
        [
            lambda y: y.mean((2, 3), keepdim=True).squeeze(3).unsqueeze(3).squeeze(-1).squeeze(-1),
            lambda y: y.mean((2, 3), keepdim=True).view(y.shape[0], -1),
        ],
    )
    def test_all_of_them_are_reshapes_to_constant_shapes(self, function):
        model = capture_and_compare(Apply(function))
        assert set(operators(model)) <= {"Conv", "GlobalAveragePool", "Reshape", "Flatten"}

    def test_a_shuffle_of_rows_spells_its_shapes_out(self):
        def shuffle(y: Tensor) -> Tensor:
            n, c, h, w = y.shape
            return y.view(n, c, 2, h // 2, w).transpose(2, 3).reshape(n, c, h, w)

        model = capture_and_compare(Apply(shuffle))
        assert operators(model) == ["Conv", "Reshape", "Transpose", "Reshape"]
        shape = node_named(model, "reshape").inputs[1]
        assert shape.const_value.numpy().tolist() == [1, 4, 2, 5, 10]


class TestNoOps:
    @pytest.mark.parametrize(
        "function",
        [
            lambda y: nn.Identity()(y),
            lambda y: F.dropout(y, training=False),
            lambda y: y.view(y.shape),
            lambda y: y.float(),
            lambda y: torch.cat([y], 1),
            lambda y: F.pad(y, (0, 0, 0, 0)),
            lambda y: y.permute(0, 1, 2, 3),
        ],
    )
    def test_they_leave_no_trace(self, function):
        assert of(function, nn.Conv2d(3, 4, 3), nn.Identity()) == ["Conv"]
        assert of(lambda y: function(y) + 1) == ["Conv", "Add"]


MODULES = {"features", "features.1", "features.1.conv", "features.1.conv.0", "heads", "heads.main"}


@pytest.mark.parametrize(
    ("traced", "shown", "module"),
    [
        ("/features/features.1/conv/conv.0/Conv", "features.1.conv.0", "features.1.conv.0"),
        ("/features/features.1/conv/conv.0_2/Conv", "features.1.conv.0_2", "features.1.conv.0"),
        ("/main/Conv", "heads.main", "heads.main"),
        ("/Flatten", "", ""),
        ("/elsewhere/Relu", "elsewhere", "elsewhere"),
        ("", "", ""),
    ],
)
def test_a_traced_name_tells_the_module(traced, shown, module):
    assert scope_of(traced, MODULES) == Scope(shown, module)


class TestGelu:
    @pytest.mark.parametrize("approximate", ["none", "tanh"])
    def test_pytorchs_own_is_one_operator_of_opset_20(self, approximate):
        model = capture_and_compare(Apply(nn.GELU(approximate)), bound=1e-6)
        assert operators(model) == ["Conv", "Gelu"]
        assert model.opset_imports[""] == 20

    @pytest.mark.parametrize(
        "spelled",
        [
            lambda y: y * 0.5 * (1.0 + torch.erf(y / 2**0.5)),
            lambda y: 0.5 * (y * (torch.erf(y * 0.5**0.5) + 1)),
            lambda y: 0.5 * y * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (y + 0.044715 * y**3))),
        ],
    )
    def test_spelled_out_forms_are_recognised(self, spelled):
        assert of(spelled) == ["Conv", "Gelu"]

    def test_half_of_it_is_not_folded_into_the_convolution_behind(self):
        net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.Conv2d(4, 4, 1))
        assert operators(capture_and_compare(net)) == ["Conv", "Gelu", "Conv"]

    @pytest.mark.parametrize(
        "other",
        [
            lambda y: 0.5 * y * (1 + torch.erf(y)),
            lambda y: 0.5 * y * (1 + torch.erf(y.flip(3) / 2**0.5)),
            lambda y: 0.5 * y * (2 + torch.erf(y / 2**0.5)),
            lambda y: 0.5 * y * (1 + torch.tanh(0.8 * (y + 0.044715 * y**3))),
        ],
    )
    def test_other_functions_stay_as_they_are(self, other):
        assert "Gelu" not in of(other)

    def test_reductions_beside_it_move_their_axes_to_an_input(self):
        model = capture_and_compare(Apply(lambda y: F.gelu(y).mean(1) + F.gelu(y).amax(1)))
        assert {"ReduceMean", "ReduceMax"} <= set(operators(model))


class TestPixelShuffles:
    def test_the_convolution_before_gives_its_channels_in_the_other_order(self):
        net = nn.Sequential(nn.Conv2d(3, 12, 3), nn.ReLU(), nn.PixelShuffle(2))
        model = capture_and_compare(net)
        assert operators(model) == ["Conv", "Relu", "DepthToSpace"]
        assert model.graph[2].attributes["mode"].as_string() == "DCR"

    def test_the_convolution_behind_reads_the_other_order(self):
        net = nn.Sequential(nn.PixelUnshuffle(3), nn.Conv2d(27, 4, 1))
        assert operators(capture_and_compare(net)) == ["SpaceToDepth", "Conv"]

    def test_channels_that_must_keep_their_order_do(self):
        model = capture_and_compare(nn.Sequential(nn.Conv2d(3, 3, 1), nn.PixelUnshuffle(2)))
        assert "Transpose" in operators(model)
        grouped = nn.Sequential(nn.Conv2d(4, 8, 1, groups=2), nn.PixelShuffle(2))
        net = nn.Sequential(nn.Conv2d(3, 4, 1), grouped)
        model = capture_and_compare(net)
        assert model.graph[-1].attributes["mode"].as_string() == "CRD"

    def test_another_permutation_is_left_alone(self):
        def swapped(y: Tensor) -> Tensor:
            n, c, h, w = y.shape
            apart = y.reshape(n, c, h // 2, 2, w // 2, 2).permute(0, 3, 1, 5, 2, 4)
            return apart.reshape(n, 4 * c, h // 2, w // 2)

        net = nn.Sequential(Apply(swapped), nn.Conv2d(16, 4, 1))
        assert "SpaceToDepth" not in operators(capture_and_compare(net))


class TestExpand:
    @pytest.mark.parametrize(
        "function",
        [
            lambda y: y * y.mean((2, 3), keepdim=True).expand_as(y),
            lambda y: y.amax(1, keepdim=True).expand_as(y) - y,
            lambda y: F.normalize(y, dim=1),
        ],
    )
    def test_it_goes_where_its_reader_broadcasts(self, function):
        assert "Expand" not in of(function)

    @pytest.mark.parametrize(
        "function",
        [
            lambda y: torch.cat([y, y.mean((2, 3), keepdim=True).expand_as(y)], 1),
            lambda y: torch.sigmoid(y.mean((2, 3), keepdim=True).expand_as(y)),
        ],
    )
    def test_it_stays_for_any_other_reader(self, function):
        assert "Expand" in of(function)

    def test_it_stays_where_both_operands_are_expanded(self):
        model = capture_and_compare(
            Apply(lambda y: y.mean(2, keepdim=True).expand_as(y) * y.mean(3, keepdim=True))
        )
        assert operators(model)[-1] == "Mul"
        twice = Apply(lambda y: y.mean(2, keepdim=True).expand_as(y).square())
        assert "Expand" in operators(capture_and_compare(twice))


class TestFlatConvolutions:
    @pytest.mark.parametrize(
        "conv",
        [
            nn.Conv1d(4, 6, 3, stride=2, padding=1),
            nn.Conv1d(4, 4, 5, padding=4, dilation=2, groups=4, bias=False),
        ],
    )
    def test_they_become_convolutions_of_images_one_row_high(self, conv):
        net = Apply(lambda y: conv(y.flatten(2)))
        net.conv = conv
        model = capture_and_compare(net)
        assert set(operators(model)) == {"Conv", "Reshape"}
        assert [len(n.inputs[0].shape) for n in model.graph if n.op_type == "Conv"] == [4, 4]

    def test_the_batchnorm_behind_is_in_their_weights(self):
        layers = nn.Sequential(nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6))
        net = Apply(lambda y: layers(y.flatten(2)))
        net.flat = layers
        assert operators(capture_and_compare(unsettle(net))).count("Conv") == 2
