"""edgeconv eval in tasks that are no classification, as a user runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from edgeconv.bundle.bundle import Bundle
from edgeconv.data.builtin import FOLDER
from edgeconv.errors import RefusedError, UsageError
from edgeconv.runtime.session import Session, SessionOptions
from edgeconv.verify.accuracy.evaluate import open_exact
from edgeconv.verify.tasks.agreement import Agreement
from edgeconv.verify.tasks.run import evaluate
from tests.cli.conftest import Run
from tests.cli.task_nets import NAMES, bundle_of, outputs_of


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of("Heads", tmp_path_factory.mktemp("heads"))


def test_a_net_without_labels_is_judged_by_its_agreement_with_float(
    run: Run, ten_photos: Path, heads: Path
) -> None:
    done = run("eval", heads, "--data", ten_photos, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["task"], told["photos"], told["reference"]) == ("agreement", 10, "onnx")
    found = {
        (file["artifact"], figure["of"], figure["name"]): figure["estimate"]
        for file in told["evaluations"]
        for figure in file["figures"]
    }
    exact, rounded = (outputs_of(heads, name, ten_photos) for name in ("onnx", "int8.onnx"))
    for output in ("map", "scores"):
        noise = np.square(exact[output].astype(np.float64) - rounded[output]).sum()
        sqnr_db = 10 * np.log10(np.square(exact[output].astype(np.float64)).sum() / noise)
        shown = found["int8.onnx", output, "SQNR"]
        assert shown["value"] == pytest.approx(sqnr_db, abs=1e-6)
        assert shown["low"] <= shown["value"] <= shown["high"]
    same = (exact["scores"].argmax(1) == rounded["scores"].argmax(1)).mean()
    assert found["int8.onnx", "scores", "top-1 as in float"]["value"] == same
    equal = (exact["best"] == rounded["best"]).mean()
    assert found["int8.onnx", "best", "values as in float"]["value"] == pytest.approx(equal)
    assert found["tflite", "best", "values as in float"]["value"] > 0.99
    assert found["tflite", "map", "SQNR"]["value"] > 90
    assert "10 photos; against onnx" in run("eval", heads, "--data", ten_photos).out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--task", "classification"), 4, "it is no classifier"),
        (("--labels", "a.csv"), 2, "--labels a.csv says nothing to --task agreement; name another"),
        (("--task", "chess"), 2, "'chess' is not one of"),
    ],
)
def test_options_of_another_task(
    run: Run, ten_photos: Path, heads: Path, words: tuple[object, ...], code: int, said: str
) -> None:
    done = run("eval", heads, "--data", ten_photos, *words)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in " ".join(done.err.split())


def test_a_file_without_a_float_file_beside_it_has_nothing_to_agree_with(
    run: Run, ten_photos: Path, heads: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "alone.onnx"
    alone.write_bytes((heads / "model.onnx").read_bytes())
    done = run("eval", alone, "--data", ten_photos, "--task", "agreement")
    assert done.code == 2
    assert "no float file beside it" in done.err


def test_on_a_device_the_other_files_run_there_and_float_here(
    heads: Path, ten_photos: Path
) -> None:
    held = Bundle.load(heads)
    opened: list[str] = []

    def there(path: Path, options: SessionOptions) -> Session:
        opened.append(path.name)
        return open_exact(path, options.threads)[0]

    paths = [ten_photos / name for name in NAMES]
    chosen = {name: held.artifacts[name] for name in ("onnx", "int8.onnx", "int8.tflite")}
    here, far = (
        evaluate(chosen, "onnx", paths, held.intake, lambda specs: Agreement(specs, {}), **way)
        for way in ({}, {"elsewhere": there})
    )
    assert opened == ["model.int8.onnx", "model.int8.tflite"]
    assert [file.figures for file in here] == [file.figures for file in far]


def test_files_of_two_nets_do_not_compare(heads: Path, dense: Path, ten_photos: Path) -> None:
    chosen = {name: Bundle.load(of).artifacts["onnx"] for name, of in (("a", heads), ("b", dense))}
    paths = [ten_photos / name for name in NAMES]
    with pytest.raises((RefusedError, UsageError), match="outputs"):
        evaluate(chosen, "a", paths, Bundle.load(heads).intake, lambda specs: Agreement(specs, {}))


@pytest.fixture(scope="module")
def dense(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of("Dense", tmp_path_factory.mktemp("dense"))


@pytest.fixture
def masks(tmp_path: Path, ten_photos: Path) -> Path:
    """Four classes drawn by hand on each photo, and a frame that is ignored."""
    folder = tmp_path / "masks"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        with Image.open(ten_photos / name) as photo:
            width, height = photo.size
        mask = Image.new("L", (width, height), 0)
        pen = ImageDraw.Draw(mask)
        pen.rectangle((width // 4, height // 5, width // 2, height - 9 * number), fill=1)
        pen.ellipse((width // 3, height // 3, width - 20, height - 10), fill=2)
        if number % 2:
            pen.polygon([(0, 0), (width // 2, 0), (0, height // 2)], fill=3)
        pen.rectangle((0, 0, width - 1, height - 1), outline=255, width=12)
        mask.save(folder / Path(name).with_suffix(".png"))
    return folder


def _confusion(logits: np.ndarray, masks: Path, shown: tuple[int, int]) -> np.ndarray:
    """As torchvision's references/segmentation counts: (truth, prediction), by PyTorch."""
    classes = logits.shape[1]
    counts = torch.zeros(classes, classes, dtype=torch.float64)
    for name, row in zip(NAMES, logits, strict=True):
        mask = Image.open(masks / Path(name).with_suffix(".png"))
        ratio = 72 / min(mask.size)
        size = [72 if side == min(mask.size) else int(ratio * side) for side in mask.size]
        seen = np.asarray(mask.resize(size, Image.Resampling.NEAREST))
        top, left = round((size[1] - shown[0]) / 2), round((size[0] - shown[1]) / 2)
        truth = torch.from_numpy(seen[top : top + shown[0], left : left + shown[1]].astype(int))
        large = torch.nn.functional.interpolate(
            torch.from_numpy(row[None]).double(), size=shown, mode="bilinear", align_corners=False
        )
        made = large.argmax(1)[0]
        known = truth != 255
        pairs = classes * truth[known] + made[known]
        counts += torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    return counts.numpy()


def test_masks_are_judged_as_torchvisions_reference_does(
    run: Run, ten_photos: Path, masks: Path, dense: Path
) -> None:
    words = ("--task", "segmentation", "--labels", masks, "--output", "logits")
    done = run("eval", dense, "--data", ten_photos, *words, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["task"], told["photos"]) == ("segmentation", 10)
    found = {f["artifact"]: {g["name"]: g for g in f["figures"]} for f in told["evaluations"]}
    expected = {}
    for artifact in ("onnx", "int8.onnx"):
        counts = _confusion(outputs_of(dense, artifact, ten_photos)["logits"], masks, (64, 64))
        iou = np.diag(counts) / (counts.sum(0) + counts.sum(1) - np.diag(counts))
        expected[artifact] = (iou.mean(), np.diag(counts).sum() / counts.sum())
        for name, value in zip(("mean IoU", "pixel accuracy"), expected[artifact], strict=True):
            shown = found[artifact][name]["estimate"]
            assert shown["value"] == pytest.approx(value, abs=1e-6)
            assert shown["low"] <= value <= shown["high"]
    change = found["int8.onnx"]["mean IoU"]["change"]
    assert change["value"] == pytest.approx(
        expected["int8.onnx"][0] - expected["onnx"][0], abs=1e-6
    )
    assert change["low"] <= change["value"] <= change["high"]
    assert "change" not in found["onnx"]["mean IoU"] or not found["onnx"]["mean IoU"]["change"]
    assert 0.9 < found["int8.tflite"]["pixels as in float"]["estimate"]["value"] < 1
    assert (
        "masks compared at the input's size" in run("eval", dense, "--data", ten_photos, *words).out
    )


def _small(masks: Path) -> None:
    Image.new("L", (10, 10)).save(masks / f"{Path(NAMES[3]).stem}.png")


def _other_class(masks: Path) -> None:
    path = masks / f"{Path(NAMES[3]).stem}.png"
    changed = np.array(Image.open(path))
    changed[100, 100] = 9
    Image.fromarray(changed).save(path)


def _coloured(masks: Path) -> None:
    path = masks / f"{Path(NAMES[3]).stem}.png"
    Image.open(path).convert("RGB").save(path)


def _nameless(masks: Path) -> None:
    Image.new("L", (10, 10)).save(masks / "nobody.png")


@pytest.mark.parametrize(
    ("spoiled", "words", "code", "said"),
    [
        (_small, (), 4, f"{Path(NAMES[3]).stem}.png has 10 x 10 pixels, its photo"),
        (_other_class, (), 4, "holds the number 9; the net has the classes 0 to 3"),
        (_coloured, (), 4, "it is no PNG of one channel of numbers (PNG, Pillow's mode RGB)"),
        (_nameless, (), 2, "1 masks in"),
        (None, ("--output", "row"), 4, "output row gives float32 of shape (4,) for a photo"),
        (None, ("--output", "logit"), 2, "logit is no output of the net; did you mean logits?"),
        (None, ("--labels", "nowhere"), 2, "nowhere is no folder; give one of masks"),
    ],
)
def test_masks_that_do_not_fit(
    run: Run,
    ten_photos: Path,
    masks: Path,
    dense: Path,
    spoiled: Callable[[Path], None] | None,
    words: tuple[object, ...],
    code: int,
    said: str,
) -> None:
    if spoiled is not None:
        spoiled(masks)
    given = ("--task", "segmentation", "--output", "logits", "--labels", masks, *words)
    done = run("eval", dense, "--data", ten_photos, *given)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in " ".join(done.err.split())
    assert len(done.err.strip().splitlines()) == 1


def test_masks_are_asked_for(run: Run, ten_photos: Path, dense: Path) -> None:
    done = run("eval", dense, "--data", ten_photos, "--task", "segmentation")
    assert done.code == 2
    assert "needs --labels: a folder of masks" in done.err


@pytest.mark.parametrize(("bound", "code"), [(99, 0), (1e-4, 1)])
def test_a_bound_is_judged_for_each_file(
    run: Run, ten_photos: Path, heads: Path, tmp_path: Path, bound: float, code: int
) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for number in range(60):
        (many / f"{number}.png").symlink_to(FOLDER / NAMES[number % 10])
    xml = tmp_path / "eval.xml"
    words = ("--task", "agreement", "--max-drop", bound, "--junit", xml)
    done = run("eval", heads, "--data", many, *words, "--json")
    assert done.code == code, done.err
    found = {file["artifact"]: file["bound"] for file in json.loads(done.out)["evaluations"]}
    assert found["onnx"] is None
    int8 = found["int8.onnx"]
    assert (int8["of"], int8["unit"], int8["judged"]) == ("difference from float", "percent", 60)
    exact, rounded = (outputs_of(heads, name, ten_photos) for name in ("onnx", "int8.onnx"))
    far = [
        100 * np.linalg.norm(rounded[name] - exact[name]) / np.linalg.norm(exact[name])
        for name in ("map", "scores")
    ]
    far.append(100 * (rounded["best"] != exact["best"]).mean())
    assert int8["lost"] == pytest.approx(max(far), rel=1e-5)
    assert int8["shown"] == (code == 0)
    failures = ElementTree.parse(xml).getroot().findall(".//failure")
    assert bool(failures) == (code == 1)
    if code:
        assert "int8.onnx: --max-drop 0.0001 is NOT SHOWN: difference from float" in done.err
        assert len(done.err.strip().splitlines()) == 1


def test_few_photos_show_no_bound_and_say_how_many_would(
    run: Run, ten_photos: Path, dense: Path, masks: Path
) -> None:
    words = ("--task", "segmentation", "--labels", masks, "--output", "logits", "--max-drop", 20)
    done = run("eval", dense, "--data", ten_photos, *words, "--json")
    assert done.code == 1
    assert "of 10 judged" in done.err
    for file in json.loads(done.out)["evaluations"][1:]:
        (mean_iou,) = (figure for figure in file["figures"] if figure["name"] == "mean IoU")
        assert file["bound"]["lost"] == pytest.approx(-100 * mean_iou["change"]["value"], abs=1e-9)
    assert "59 at least, if nothing is lost" in done.err
    refused = run("eval", dense, "--data", ten_photos, *words[:-1], 0)
    assert (refused.code, refused.out) == (2, "")
    assert "--max-drop 0: give a number above 0" in refused.err
