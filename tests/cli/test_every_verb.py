"""Every verb takes the bundles of the published nets, by either recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgeconv
from edgeconv.quantize.recipe.recipes import RecipeName
from tests.cli.conftest import Run
from tests.conftest import RealData

_PHOTO = "4fc263d35a3ad3ee.jpg"
_EVALUATED = 8
_NETS = {
    "mobilenet_v1": "mobilenet_v1_075",
    "mobilenet_v2": "mobilenet_v2",
    "squeezenet1_1": "squeezenet1_1",
}


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bundles")


def exported(net: str, recipe: RecipeName, data: RealData, out: Path) -> Path:
    options = edgeconv.ExportOptions(
        int8=True,
        recipe=recipe,
        weights=str(data.weights / f"{_NETS[net]}.safetensors"),
        calib=data.calibration,
        calib_samples=12,
        input_size=(96, 96),
    )
    return edgeconv.export_bundle(net, options, out=out / f"{net}-{recipe}").directory


@pytest.mark.parametrize("recipe", ["fast", "default"])
@pytest.mark.parametrize("net", list(_NETS))
def test_a_bundle_passes_every_verb(
    run: Run, net: str, recipe: RecipeName, real_data: RealData, bundles: Path
) -> None:
    bundle = exported(net, recipe, real_data, bundles)
    listed = real_data.validation.with_suffix(".csv").read_text(encoding="utf-8").splitlines()
    labels = bundles / "few.csv"
    labels.write_text("\n".join(listed[: 1 + _EVALUATED]), encoding="utf-8")
    weights = real_data.weights / f"{_NETS[net]}.safetensors"
    int8 = bundle / "model.int8.onnx"
    commands: list[tuple[object, ...]] = [
        ("parity", bundle),
        ("eval", bundle, "--data", real_data.validation, "--labels", labels),
        ("diagnose", bundle, "--photos", 1),
        (
            "explain",
            real_data.calibration / _PHOTO,
            "--bundle",
            bundle,
            *("--net", net, "--weights", weights, "--out", "seen.png", "--force"),
        ),
        ("audit", int8),
        ("inspect", int8),
        ("bench", bundle, "--runs", 3, "--processes", 1),
    ]
    for words in commands:
        result = run(*words)
        assert result.code == 0, (words, result.err)
