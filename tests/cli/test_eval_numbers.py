"""Keypoints, numbers and embeddings by edgeconv eval, beside the same written out in NumPy."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Result, Run
from tests.cli.task_nets import NAMES, bundle_of, outputs_of

Figures = dict[str, dict[tuple[str, str], dict]]


@pytest.fixture(scope="module")
def heads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of("Heads", tmp_path_factory.mktemp("heads"))


def _write(path: Path, header: str, rows: Iterable[Iterable[object]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])
    return path


def _figures(done: object) -> Figures:
    assert done.code == 0, done.err
    return {
        file["artifact"]: {(f["of"], f["name"]): f for f in file["figures"]}
        for file in json.loads(done.out)["evaluations"]
    }


def test_numbers_have_their_errors_in_the_labels_own_units(
    run: Run, heads: Path, ten_photos: Path, tmp_path: Path
) -> None:
    truth = np.random.default_rng(1).normal(0, 0.3, (10, 5)).round(3)
    cells = truth.astype(object)
    cells[4, 1] = ""
    rows = [[name, *row] for name, row in zip(NAMES, cells, strict=True)]
    labels = _write(tmp_path / "numbers.csv", "file,a,b,c,d,e", rows)
    words = ("--task", "regression", "--labels", labels, "--output", "scores")
    found = _figures(run("eval", heads, "--data", ten_photos, *words, "--json"))
    errors = {
        name: np.abs(outputs_of(heads, name, ten_photos)["scores"].astype(np.float64) - truth)
        for name in ("onnx", "int8.onnx")
    }
    for name, error in errors.items():
        for place, column in enumerate("abcde"):
            kept = np.delete(error[:, 1], 4) if column == "b" else error[:, place]
            mae, rmse = (found[name][column, figure]["estimate"] for figure in ("MAE", "RMSE"))
            assert mae["value"] == pytest.approx(kept.mean(), abs=1e-6)
            assert rmse["value"] == pytest.approx(np.sqrt((kept**2).mean()), abs=1e-6)
            assert mae["low"] <= mae["value"] <= mae["high"]
    change = errors["int8.onnx"][:, 0].mean() - errors["onnx"][:, 0].mean()
    assert found["int8.onnx"]["a", "MAE"]["change"]["value"] == pytest.approx(change, abs=1e-6)
    lost = lost_by(run("eval", heads, "--data", ten_photos, *words, "--max-drop", 1, "--json"))
    changes = [found["int8.onnx"][column, "MAE"]["change"]["value"] for column in "abcde"]
    assert lost["int8.onnx"] == pytest.approx(max(changes), abs=1e-9)


def lost_by(done: Result) -> dict[str, float]:
    """What each file loses, of photos too few to show a bound."""
    assert done.code == 1, done.err
    files = json.loads(done.out)["evaluations"]
    return {file["artifact"]: file["bound"]["lost"] for file in files if file["bound"]}


def _to_photo(points: np.ndarray, photo: Path) -> np.ndarray:
    width, height = Image.open(photo).size
    short = min(width, height)
    scaled = np.array([72 if side == short else int(72 * side / short) for side in (width, height)])
    return (points + np.round((scaled - 64) / 2)) * np.array([width, height]) / scaled


FUNCTION = """
import numpy as np

def points(outputs):
    maps = outputs["map"]
    rows, columns = np.unravel_index(maps.reshape(5, -1).argmax(1), maps.shape[1:])
    return np.stack([columns + 0.5, rows + 0.5], 1) * 4
"""


@pytest.mark.parametrize("decode", ["points.toml", "points.py:points"])
def test_points_have_distances_in_the_photos_pixels(
    run: Run, heads: Path, ten_photos: Path, tmp_path: Path, decode: str
) -> None:
    (tmp_path / "points.toml").write_text('[keypoints]\noutput = "map"\nform = "heatmap"\n')
    (tmp_path / "points.py").write_text(FUNCTION)
    rng = np.random.default_rng(2)
    sizes = [Image.open(ten_photos / name).size for name in NAMES]
    truth = np.array([rng.uniform(0, 1, (5, 2)) * size for size in sizes]).round(2)
    cells = truth.reshape(10, 10).astype(object)
    cells[0, 0] = cells[0, 1] = cells[7, 9] = ""
    rows = [[name, *row] for name, row in zip(NAMES, cells, strict=True)]
    header = "file," + ",".join(f"x{i},y{i}" for i in range(5))
    words = ("--task", "keypoints", "--labels", _write(tmp_path / "p.csv", header, rows))
    found = _figures(run("eval", heads, "--data", ten_photos, *words, "--decode", decode, "--json"))
    for name in ("onnx", "int8.onnx"):
        distances = []
        for photo, maps in enumerate(outputs_of(heads, name, ten_photos)["map"]):
            best = [np.unravel_index(one.argmax(), one.shape) for one in maps]
            points = np.array([[4 * (column + 0.5), 4 * (row + 0.5)] for row, column in best])
            points = _to_photo(points, ten_photos / NAMES[photo])
            for point, (one, other) in enumerate(zip(points, truth[photo], strict=True)):
                if (photo, point) not in {(0, 0), (7, 4)}:
                    distances.append(np.hypot(*(one - other)))
        mean, rms = (found[name]["", f"{kind} distance"]["estimate"] for kind in ("mean", "RMS"))
        assert mean["value"] == pytest.approx(np.mean(distances), abs=1e-6)
        assert rms["value"] == pytest.approx(np.sqrt(np.square(distances).mean()), abs=1e-6)


SIGMAS = [0.05, 0.1, 0.2, 0.3, 0.4]


def coco_points(path: Path, photos: Path) -> dict:
    """Points by hand, some of which are not marked, of things of many sizes."""
    rng = np.random.default_rng(2)
    images, annotations = [], []
    for number, name in enumerate(NAMES):
        size = Image.open(photos / name).size
        points = (rng.uniform(0.2, 0.8, (5, 2)) * size).round(2)
        seen = np.full((5, 1), 2)
        seen[: number % 3] = 0
        images.append({"id": 100 + number, "file_name": name})
        annotations.append(
            {
                **{"id": number + 1, "image_id": 100 + number, "category_id": 1, "iscrowd": 0},
                **{"keypoints": np.hstack([points, seen]).reshape(-1).tolist()},
                **{"num_keypoints": int((seen > 0).sum()), "bbox": [0, 0, *size]},
                **{"area": float(size[0] * size[1] * (1 + number) / 3)},
            }
        )
    categories = [{"id": 1, "name": "person"}]
    told = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(told))
    return told


def by_pycocotools(truth: dict, points: list[np.ndarray]) -> dict[str, float]:
    """Of one set of points on each photo."""
    coco = pytest.importorskip("pycocotools.coco", reason="pip install pycocotools")
    evaluation = pytest.importorskip("pycocotools.cocoeval").COCOeval
    with contextlib.redirect_stdout(io.StringIO()):
        annotated = coco.COCO()
        annotated.dataset = truth
        annotated.createIndex()
        results = [
            {
                **{"image_id": 100 + number, "category_id": 1, "score": 1.0},
                "keypoints": np.hstack([one, np.ones((5, 1))]).reshape(-1).tolist(),
            }
            for number, one in enumerate(points)
        ]
        judged = evaluation(annotated, annotated.loadRes(results), "keypoints")
        judged.params.kpt_oks_sigmas = np.array(SIGMAS)
        judged.evaluate()
        judged.accumulate()
        judged.summarize()
    oks = np.mean([judged.ious[100 + number, 1][0, 0] for number in range(10)])
    return {"mean OKS": oks, **dict(zip(("AR", "AR50", "AR75"), judged.stats[5:8], strict=True))}


def test_likeness_of_points_is_pycocotools(
    run: Run, heads: Path, ten_photos: Path, tmp_path: Path
) -> None:
    form = f'[keypoints]\noutput = "map"\nform = "heatmap"\nsigmas = {SIGMAS}\n'
    (tmp_path / "points.toml").write_text(form)
    truth = coco_points(tmp_path / "points.json", ten_photos)
    words = ("--task", "keypoints", "--labels", "points.json", "--decode", "points.toml")
    done = run("eval", heads, "--data", ten_photos, *words, "--json")
    found = _figures(done)
    for name in ("onnx", "int8.onnx"):
        points = []
        for photo, maps in enumerate(outputs_of(heads, name, ten_photos)["map"]):
            best = [np.unravel_index(one.argmax(), one.shape) for one in maps]
            inside = np.array([[4 * (column + 0.5), 4 * (row + 0.5)] for row, column in best])
            points.append(_to_photo(inside, ten_photos / NAMES[photo]))
        for figure, value in by_pycocotools(truth, points).items():
            shown = found[name]["", figure]["estimate"]["value"]
            assert shown == pytest.approx(value, abs=1e-6), figure
        assert 0 < found[name]["", "AR"]["estimate"]["value"] < 1
    lost = lost_by(run("eval", heads, "--data", ten_photos, *words, "--max-drop", 5, "--json"))
    assert lost == {
        name: pytest.approx(-100 * found[name]["", "mean OKS"]["change"]["value"], abs=1e-6)
        for name in ("tflite", "int8.onnx", "int8.tflite")
    }


@pytest.mark.parametrize(
    ("spoil", "sigmas", "code", "said"),
    [
        (lambda told: None, None, 2, "OKS needs a sigma for each of the 5 points, and none are"),
        (lambda told: None, [0.1], 2, "each of the 5 points, and 1 are given: sigmas ="),
        (lambda told: None, "[-1]", 2, "each of sigmas is a number from 1e-06 to 10"),
        (lambda told: told["annotations"][3].update(area=0), SIGMAS, 4, "area is above 0"),
        (
            lambda told: told["annotations"].append(told["annotations"][0]),
            *(SIGMAS, 4, "has points of several things"),
        ),
        (
            lambda told: told["annotations"][3].update(keypoints=[1, 2]),
            *(SIGMAS, 4, "annotations[3]: keypoints is no list of x, y and v"),
        ),
        (
            lambda told: told["annotations"][3].update(keypoints=[1, 2, 2]),
            *(SIGMAS, 4, "has 1 and 5 points"),
        ),
    ],
)
def test_sized_points_that_do_not_fit(
    run: Run,
    heads: Path,
    ten_photos: Path,
    tmp_path: Path,
    spoil: Callable[[dict], None],
    sigmas: object,
    code: int,
    said: str,
) -> None:
    told = coco_points(tmp_path / "points.json", ten_photos)
    spoil(told)
    (tmp_path / "points.json").write_text(json.dumps(told))
    of_points = "" if sigmas is None else f"sigmas = {sigmas}\n"
    (tmp_path / "points.toml").write_text(
        f'[keypoints]\noutput = "map"\nform = "heatmap"\n{of_points}'
    )
    words = ("--task", "keypoints", "--labels", "points.json", "--decode", "points.toml")
    done = run("eval", heads, "--data", ten_photos, *words)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in " ".join(done.err.split())
    assert len(done.err.strip().splitlines()) == 1


def test_embeddings_are_judged_by_pairs_and_by_the_nearest_photo(
    run: Run, heads: Path, ten_photos: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(3)
    pairs = [(*rng.choice(10, 2, replace=False), int(rng.random() < 0.5)) for _ in range(30)]
    rows = [(NAMES[one], NAMES[other], same) for one, other, same in pairs]
    labels = _write(tmp_path / "pairs.csv", "file_a,file_b,same", rows)
    words = ("--task", "embeddings", "--output", "map", "--labels", labels)
    found = _figures(run("eval", heads, "--data", ten_photos, *words, "--json"))
    cosines = {}
    for name in ("onnx", "int8.onnx"):
        vectors = outputs_of(heads, name, ten_photos)["map"].reshape(10, -1).astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1)
        cosines[name] = vectors @ vectors.T / np.outer(lengths, lengths)
    of_pairs = {n: np.array([c[one, other] for one, other, _ in pairs]) for n, c in cosines.items()}
    truth = np.array([same for *_, same in pairs], bool)
    in_float = of_pairs["onnx"]
    best = max(((in_float >= t) == truth).mean() for t in [*in_float, np.inf])
    assert found["onnx"]["", "right pairs"]["estimate"]["value"] == pytest.approx(best)
    values = np.unique(in_float)
    between = [values[0] - 1, *((values[1:] + values[:-1]) / 2), values[-1] + 1]
    threshold = next(t for t in between if ((in_float >= t) == truth).mean() == best)
    right = ((of_pairs["int8.onnx"] >= threshold) == truth).mean()
    shown = found["int8.onnx"]["", "right pairs"]
    assert shown["estimate"]["value"] == pytest.approx(right)
    change = shown["estimate"]["value"] - best
    assert shown["change"]["value"] == pytest.approx(change)
    assert shown["change"]["low"] <= change <= shown["change"]["high"]
    nearest = {
        name: np.where(np.eye(10, dtype=bool), -2, cosine).argmax(1)
        for name, cosine in cosines.items()
    }
    same = (nearest["onnx"] == nearest["int8.onnx"]).mean()
    assert found["int8.onnx"]["", "nearest sample as in float"]["estimate"]["value"] == same
    words = ("--task", "embeddings", "--output", "map")
    alone = run("eval", heads, "--data", ten_photos, *words)
    assert alone.code == 0, alone.err
    assert "right pairs" not in alone.out


ROW = ["camera.png", *"12345"]
POINTS = '[keypoints]\noutput = "map"\nform = "heatmap"\n'


@pytest.mark.parametrize(
    ("task", "header", "rows", "toml", "code", "said"),
    [
        ("regression", "file,a,b", [ROW[:3]], None, 2, "gives 1280 numbers for a sample"),
        ("regression", "file", [ROW[:1]], None, 4, "has 0 columns beside file"),
        ("regression", "name,a", [ROW[:2]], None, 4, "must name the columns file"),
        ("regression", "file,a", [["gone.png", 1]], None, 4, "names 1 files that are not in"),
        ("regression", "file,a", [["camera.png", "x"]], None, 4, "line 2: a is 'x', no number"),
        ("regression", "file,a", [["../camera.png", 1]], None, 4, "must be a path inside"),
        ("regression", "file,a", [ROW[:2]] * 2, None, 4, "lines 2 and 3 both name camera.png"),
        ("regression", "file,a", [], None, 4, "has no rows below its header"),
        ("keypoints", "file,a,b", [ROW[:3]], None, 2, "--task keypoints needs --decode"),
        ("keypoints", "file,a", [ROW[:2]], POINTS, 2, "keypoints have two columns each"),
        ("keypoints", "file,a,b", [ROW[:3]], POINTS, 2, "gives 5 points for a photo"),
        ("keypoints", "file,a,b", [["camera.png", 9999, 1]], POINTS, 4, "lies outside its"),
        ("keypoints", "file,a,b", [ROW[:3]], POINTS + "units = 3", 2, "did you mean unit?"),
        ("keypoints", "file,a,b", [ROW[:3]], "[boxes]", 2, "boxes is no key of the file"),
        (
            *("keypoints", "file,a,b", [ROW[:3]]),
            *(POINTS.replace('"heatmap"', '"xy"'), 4, "points are (points, 2)"),
        ),
        ("embeddings", "file_a,file_b", [], None, 4, "must name the columns file_a, file_b and"),
        ("embeddings", "file_a,file_b,same", [["a", "b", 1]], None, 4, "names 2 files that are"),
        (
            *("embeddings", "file_a,file_b,same", [["camera.png", "chelsea.png", "yes"]]),
            *(None, 4, "line 2: same is 'yes'; it is 1 or 0"),
        ),
        (
            *("embeddings", "file_a,file_b,same", [["camera.png", "chelsea.png", 1]]),
            *(None, 4, "needs pairs that are the same (1), and others that are not (0)"),
        ),
    ],
)
def test_labels_that_do_not_fit(
    run: Run,
    heads: Path,
    ten_photos: Path,
    tmp_path: Path,
    task: str,
    header: str,
    rows: list[list[object]],
    toml: str | None,
    code: int,
    said: str,
) -> None:
    words = ["--task", task, "--labels", _write(tmp_path / "labels.csv", header, rows)]
    if toml is not None:
        (tmp_path / "head.toml").write_text(toml)
        words += ["--decode", "head.toml"]
    done = run("eval", heads, "--data", ten_photos, *words)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err
