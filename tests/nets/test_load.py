"""`load_net` gives a net its values, or says what contradicts what."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import (
    EdgeconvError,
    UnknownName,
    UsageError,
    WeightsRefused,
    WeightsUnavailable,
)
from edgeconv.nets import registry
from edgeconv.nets.apply_state import check_finite
from edgeconv.nets.labels import categories
from edgeconv.nets.load import load_net
from edgeconv.nets.registry import find

NARROW = {"width": 0.25}


@pytest.fixture(scope="module")
def narrow_state() -> dict[str, Tensor]:
    """A state dict of a narrow MobileNetV1 for ten classes."""
    torch.manual_seed(3)
    return find("mobilenet_v1").build(10, {"width": 0.25, "padding": "same"}).state_dict()


@pytest.fixture
def narrow_file(narrow_state: dict[str, Tensor], tmp_path: Path) -> Path:
    return write(tmp_path, narrow_state)


def write(directory: Path, state: dict[str, Tensor], **metadata: str) -> Path:
    stated = {
        "net": "mobilenet_v1",
        "net_options": json.dumps({"width": 0.25, "padding": "same"}),
        "mean": "[0.5, 0.5, 0.5]",
        "std": "[0.5, 0.5, 0.5]",
        "input_size": "160",
        "resize": "183",
        "source": "somewhere",
        "license": "Apache-2.0",
        **metadata,
    }
    path = directory / "w.safetensors"
    save_file(state, path, metadata={key: value for key, value in stated.items() if value})
    return path


def same_state(module: torch.nn.Module, state: dict[str, Tensor]) -> bool:
    got = module.state_dict()
    return list(got) == list(state) and all(torch.equal(got[name], state[name]) for name in state)


class TestFile:
    def test_metadata_brings_options_preprocessing_and_origin(
        self, narrow_file: Path, narrow_state: dict[str, Tensor]
    ) -> None:
        net = load_net("mobilenet_v1", weights=str(narrow_file))
        assert same_state(net.module, narrow_state)
        assert not net.module.training
        assert net.trained
        assert net.net_options == {"width": 0.25, "padding": "same"}
        assert net.preprocessing == Preprocessing((160, 160), 183, (0.5,) * 3, (0.5,) * 3)
        assert net.labels is None
        assert (net.weights.kind, net.weights.source) == ("file", "somewhere")
        assert net.weights.license == "Apache-2.0"
        assert net.weights.sha256 == hashlib.sha256(narrow_file.read_bytes()).hexdigest()

    def test_an_explicit_option_may_repeat_the_files(self, narrow_file: Path) -> None:
        net = load_net("mobilenet_v1", weights=str(narrow_file), net_options={"width": "0.25"})
        assert net.net_options["padding"] == "same"

    def test_an_explicit_option_may_not_contradict_the_files(self, narrow_file: Path) -> None:
        with pytest.raises(UsageError, match=r"width=0\.5 was asked for, but .* width=0\.25"):
            load_net("mobilenet_v1", weights=str(narrow_file), net_options={"width": 0.5})

    def test_a_file_of_another_net_is_refused_naming_both(self, narrow_file: Path) -> None:
        with pytest.raises(WeightsRefused, match=r"weights of mobilenet_v1, not of resnet18"):
            load_net("resnet18", weights=str(narrow_file))

    def test_without_metadata_the_first_wrong_keys_and_shapes_are_named(
        self, narrow_state: dict[str, Tensor], tmp_path: Path
    ) -> None:
        path = tmp_path / "w.pth"
        torch.save(narrow_state, path)
        with pytest.raises(WeightsRefused) as caught:
            load_net("mobilenet_v1", weights=str(path))
        message = str(caught.value)
        assert "another net than mobilenet_v1 (width=1.0, padding=symmetric)" in message
        shape = "features.0.0.weight is (8, 3, 3, 3) in the file, (32, 3, 3, 3) in mobilenet_v1"
        assert shape in message
        assert "more" in message
        with pytest.raises(WeightsRefused, match=r"conv1\.weight \(64, 3, 7, 7\) is missing"):
            load_net("resnet18", weights=str(path))

    def test_keys_the_net_lacks_are_named(
        self, narrow_state: dict[str, Tensor], tmp_path: Path
    ) -> None:
        path = write(tmp_path, {**narrow_state, "extra.weight": torch.ones(2, 3)})
        with pytest.raises(WeightsRefused, match=r"extra\.weight \(2, 3\) is not in mobilenet_v1"):
            load_net("mobilenet_v1", weights=str(path))

    def test_the_file_decides_the_number_of_classes(self, narrow_file: Path) -> None:
        net = load_net("mobilenet_v1", weights=str(narrow_file), classes=10)
        assert net.module(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
        with pytest.raises(UsageError, match=r"7 classes were asked for, .* trained for 10"):
            load_net("mobilenet_v1", weights=str(narrow_file), classes=7)

    def test_labels_come_from_the_file(
        self, narrow_state: dict[str, Tensor], tmp_path: Path
    ) -> None:
        names = [f"class {number}" for number in range(10)]
        path = write(tmp_path, narrow_state, labels=json.dumps(names))
        assert load_net("mobilenet_v1", weights=str(path)).labels == tuple(names)

    @pytest.mark.parametrize(
        ("key", "value", "says"),
        [
            ("labels", '["one"]', "names 1 labels in its metadata for 10 classes"),
            ("labels", json.dumps(["two\nlines", *"123456789"]), "longer than one line"),
            ("labels", '{"a": 1}', "labels in its metadata is no JSON list"),
            ("net_options", "[1]", "net_options in its metadata is no JSON object"),
            ("net_options", '{"depth": 3}', "depth is no option of mobilenet_v1"),
            ("net_options", '{"width": 99}', "width=99 cannot be"),
            ("mean", "0.5, 0.5", "mean in its metadata is no JSON"),
            ("mean", "[0.5, 0.5]", "mean is .* it must be three numbers"),
            ("std", "[0, 0, 0]", "std is .* greater than 0"),
            ("input_size", "99999999", "input_size is 99999999 pixels"),
            ("input_size", "null", "input_size is None"),
            ("interpolation", "nearest", "interpolation is 'nearest'"),
        ],
    )
    def test_metadata_that_cannot_be_is_refused(
        self, key: str, value: str, says: str, narrow_state: dict[str, Tensor], tmp_path: Path
    ) -> None:
        path = write(tmp_path, narrow_state, **{key: value})
        with pytest.raises(WeightsRefused, match=says) as caught:
            load_net("mobilenet_v1", weights=str(path))
        assert str(path) in str(caught.value)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_a_value_that_is_not_finite_names_its_tensor(
        self, value: float, narrow_state: dict[str, Tensor], tmp_path: Path
    ) -> None:
        state = {name: tensor.clone() for name, tensor in narrow_state.items()}
        state["features.3.1.0.weight"][0, 0] = value
        path = write(tmp_path, state)
        says = r"features\.3\.1\.0\.weight holds NaN or infinity in 1 of"
        with pytest.raises(WeightsRefused, match=says):
            load_net("mobilenet_v1", weights=str(path))

    def test_a_negative_variance_names_its_tensor(
        self, narrow_state: dict[str, Tensor], tmp_path: Path
    ) -> None:
        state = {name: tensor.clone() for name, tensor in narrow_state.items()}
        state["features.0.1.running_var"][0] = -1
        with pytest.raises(WeightsRefused, match=r"features\.0\.1\.running_var holds a negative"):
            load_net("mobilenet_v1", weights=str(write(tmp_path, state)))

    def test_half_precision_and_missing_counters_are_taken(
        self, narrow_state: dict[str, Tensor], tmp_path: Path
    ) -> None:
        state = {
            name: tensor.half()
            for name, tensor in narrow_state.items()
            if not name.endswith("num_batches_tracked")
        }
        net = load_net("mobilenet_v1", weights=str(write(tmp_path, state)))
        weight = net.module.state_dict()["features.0.0.weight"]
        assert weight.dtype == torch.float32
        assert torch.equal(weight, state["features.0.0.weight"].float())

    def test_integer_weights_are_refused(
        self, narrow_state: dict[str, Tensor], tmp_path: Path
    ) -> None:
        state = {**narrow_state, "features.0.0.weight": torch.ones(8, 3, 3, 3, dtype=torch.int8)}
        with pytest.raises(WeightsRefused, match=r"features\.0\.0\.weight is int8"):
            load_net("mobilenet_v1", weights=str(write(tmp_path, state)))


class TestUntrained:
    def test_the_seed_decides_and_the_callers_generator_is_left_alone(self) -> None:
        torch.manual_seed(11)
        expected = torch.rand(3)
        torch.manual_seed(11)
        first = load_net("mobilenet_v1", weights="random", net_options=NARROW, seed=1)
        assert torch.equal(torch.rand(3), expected)
        again = load_net("mobilenet_v1", weights="random", net_options=NARROW, seed=1)
        other = load_net("mobilenet_v1", weights="random", net_options=NARROW, seed=2)
        assert same_state(again.module, dict(first.module.state_dict()))
        assert not same_state(other.module, dict(first.module.state_dict()))
        assert not first.trained
        assert first.labels is None
        assert (first.weights.kind, first.weights.source) == ("random", "seed 1")

    def test_auto_without_published_weights_says_why_and_what_to_do(self) -> None:
        net = load_net("mobilenet_v1", net_options=NARROW)
        assert net.weights.kind == "random"
        assert net.weights.note is not None
        assert "nobody publishes" in net.weights.note
        assert "--weights FILE" in net.weights.note

    def test_auto_at_an_unpublished_width_says_which_is_published(self) -> None:
        note = load_net("mobilenet_v2", net_options={"width": 0.35}).weights.note
        assert note is not None
        assert "published for width=1.0 only" in note

    def test_auto_with_other_classes_is_untrained(self) -> None:
        net = load_net("squeezenet1_1", classes=10)
        assert not net.trained
        assert net.weights.note is not None
        assert "published for 1000 classes only" in net.weights.note
        assert net.module(torch.zeros(1, 3, 32, 32)).shape == (1, 10)


class TestPublished:
    @pytest.fixture
    def served(self, file_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
        """SqueezeNet 1.1 published by the local server."""
        monkeypatch.setenv("TORCH_HOME", str(tmp_path / "home"))
        torch.manual_seed(4)
        state = find("squeezenet1_1").build(1000, {}).state_dict()
        torch.save(state, tmp_path / "made.pth")
        file_server.content = (tmp_path / "made.pth").read_bytes()
        file_server.state = state
        self.publish(file_server, "good", monkeypatch)
        return file_server

    @staticmethod
    def publish(server: Any, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
        digest = hashlib.sha256(server.content).hexdigest()[:8]
        spec = find("squeezenet1_1")
        assert spec.pretrained is not None
        url = server.url(way, f"squeezenet1_1-{digest}.pth")
        moved = replace(spec, pretrained=replace(spec.pretrained, url=url))
        known = MappingProxyType({**registry.NETS, spec.name: moved})
        monkeypatch.setattr(registry, "NETS", known)

    @pytest.mark.parametrize("weights", ["auto", "pretrained"])
    def test_published_weights_arrive_with_all_that_belongs_to_them(
        self, weights: str, served: Any
    ) -> None:
        net = load_net("squeezenet1_1", weights=weights)
        assert same_state(net.module, served.state)
        assert net.trained
        assert net.labels == categories("imagenet1k")
        assert net.weights.kind == "pretrained"
        assert net.weights.sha256 == hashlib.sha256(served.content).hexdigest()
        assert net.weights.license is not None

    def test_auto_falls_back_and_pretrained_does_not(
        self, served: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.publish(served, "missing", monkeypatch)
        net = load_net("squeezenet1_1")
        assert not net.trained
        assert net.weights.note is not None
        assert "HTTP 404" in net.weights.note
        with pytest.raises(WeightsUnavailable, match="HTTP 404") as caught:
            load_net("squeezenet1_1", weights="pretrained")
        assert caught.value.exit_code == 3

    def test_pretrained_where_nobody_publishes_is_unavailable(self) -> None:
        with pytest.raises(WeightsUnavailable, match="nobody publishes weights"):
            load_net("mobilenet_v1", weights="pretrained")

    @pytest.mark.parametrize("asked", [{"classes": 10}, {"net_options": {"width": 0.5}}])
    def test_pretrained_that_contradicts_the_weights_is_wrong_usage(
        self, asked: dict[str, Any]
    ) -> None:
        with pytest.raises(UsageError, match=r"are published for .* only"):
            load_net("mobilenet_v2", weights="pretrained", **asked)


class TestOtherTasks:
    def test_a_file_of_torchvisions_names_the_classes_it_was_trained_for(
        self, tmp_path: Path
    ) -> None:
        spec = find("lraspp_mobilenet_v3_large")
        torch.save(spec.build(21, {}).state_dict(), tmp_path / "lraspp.pth")
        net = load_net(spec.name, weights=str(tmp_path / "lraspp.pth"), input_size=(64, 64))
        assert net.labels is not None
        assert (len(net.labels), net.labels[0], net.labels[15]) == (21, "__background__", "person")

    def test_a_file_with_other_classes_says_how_many_and_no_names(self, tmp_path: Path) -> None:
        spec = find("ssdlite320_mobilenet_v3_large")
        torch.save(spec.build(5, {}).state_dict(), tmp_path / "ssd.pth")
        net = load_net(spec.name, weights=str(tmp_path / "ssd.pth"))
        assert net.labels is None
        assert net.module(torch.zeros(1, 3, 32, 32))["scores"].shape[2] == 5
        with pytest.raises(UsageError, match=r"7 classes were asked .* trained for 5 .*30 rows"):
            load_net(spec.name, weights=str(tmp_path / "ssd.pth"), classes=7)

    def test_a_classifier_that_only_training_runs_may_be_in_the_file(self, tmp_path: Path) -> None:
        spec = find("deeplabv3_mobilenet_v3_large")
        state = spec.build(21, {}).state_dict()
        state["aux_classifier.4.bias"] = torch.zeros(21)
        torch.save(state, tmp_path / "deeplab.pth")
        net = load_net(spec.name, weights=str(tmp_path / "deeplab.pth"), input_size=(64, 64))
        assert net.trained


class TestInputSize:
    @pytest.mark.parametrize(
        ("size", "resize"), [((224, 224), 256), ((112, 112), 128), ((160, 320), 366)]
    )
    def test_the_resize_keeps_its_proportion_to_the_longer_side(
        self, size: tuple[int, int], resize: int
    ) -> None:
        net = load_net("squeezenet1_1", weights="random", input_size=size)
        assert net.preprocessing == Preprocessing(size, resize)

    @pytest.mark.parametrize(("name", "minimum"), [("mobilenet_v1", 32), ("squeezenet1_0", 21)])
    def test_a_size_the_net_cannot_take_names_the_smallest(self, name: str, minimum: int) -> None:
        with pytest.raises(UsageError, match=f"224 x 16 pixels; each side .* at least {minimum}"):
            load_net(name, weights="random", input_size=(224, 16))

    @pytest.mark.parametrize("size", [(0, 224), (-1, 224), (10**6, 224)])
    def test_a_size_no_photo_has_is_refused(self, size: tuple[int, int]) -> None:
        with pytest.raises(UsageError):
            load_net("mobilenet_v1", weights="random", input_size=size)


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        ({"target": "mobilenet_v9"}, UnknownName, "did you mean .*mobilenet_v2"),
        ({"target": "net.py"}, UsageError, r"give net\.py:FACTORY"),
        ({"target": "resnet18", "weights": "nowhere.pth"}, UsageError, "there is no such file"),
        ({"target": "resnet18", "weights": "pretraned"}, UsageError, "auto, pretrained, random"),
        ({"target": "resnet18", "classes": 0}, UsageError, "classes=0 cannot be"),
        ({"target": "resnet18", "net_options": {"width": 2}}, UnknownName, "no option of resnet18"),
        (
            {"target": "ssdlite320_mobilenet_v3_large", "classes": 1},
            UsageError,
            "counts the background as one, so 2 are the fewest",
        ),
    ],
)
def test_wrong_usage_is_named(asked: dict[str, Any], error: type[EdgeconvError], says: str) -> None:
    with pytest.raises(error, match=says):
        load_net(**{"weights": "random", **asked})


def test_finite_values_whose_sum_is_not_are_taken() -> None:
    layer = torch.nn.Linear(4, 1)
    torch.nn.init.constant_(layer.weight, 3e38)
    check_finite(layer, "here")
