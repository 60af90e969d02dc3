"""Detection by edgeconv eval: equal to pycocotools, and to AP written out by hand."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Run
from tests.cli.task_nets import NAMES, bundle_of, outputs_of

pytest.importorskip("pycocotools", reason="pip install pycocotools")

TOML = """
categories = ["cup", "cat", "star"]

[boxes]
output = "boxes"
form = "cxcywh"

[scores]
output = "scores"
activation = "sigmoid"

[select]
nms_iou = 0.3
"""
FUNCTION = """
import numpy as np

def decode(outputs):
    x, y, w, h = outputs["boxes"].T
    boxes = np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1)
    scores = 1 / (1 + np.exp(-outputs["scores"].astype(np.float64)))
    print("one more photo")
    return boxes, scores.max(1), np.array([7, 3, 11])[scores.argmax(1)]
"""
#: Boxes on the photos by hand: photo, category, and where it lies in the centre crop, 0 to 64.
BY_HAND = [
    *(
        (0, 7, 0, 0, 20, 18),
        (0, 7, 14, 30, 36, 52),
        (1, 11, 30, 2, 52, 24),
        (1, 11, 33, 33, 63, 62),
    ),
    *((2, 3, 0, 14, 18, 34), (3, 3, 18, 14, 34, 34), (3, 7, 46, 46, 64, 62), (4, 11, 1, 1, 60, 60)),
    *((5, 3, 14, 0, 34, 16), (5, 11, 30, 0, 50, 16), (6, 3, 46, 14, 62, 32), (7, 7, 0, 46, 20, 64)),
    *(
        (8, 11, 16, 16, 32, 32),
        (9, 3, 30, 30, 50, 50),
        (9, 11, 0, 30, 18, 50),
        (9, 11, 40, 0, 60, 20),
    ),
]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle_of("Boxes", tmp_path_factory.mktemp("boxes"))


def _geometry(photo: Path) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Scale and offset from the input's pixels to the photo's, and the photo's (width, height)."""
    width, height = Image.open(photo).size
    short = min(width, height)
    scaled = [72 if side == short else int(72 * side / short) for side in (width, height)]
    scale = np.array([width, height]) / scaled
    return scale, np.round((np.array(scaled) - 64) / 2), (width, height)


@pytest.fixture
def annotated(tmp_path: Path, ten_photos: Path) -> Path:
    images, annotations = [], []
    for number, name in enumerate(NAMES):
        _, _, (width, height) = _geometry(ten_photos / name)
        images.append({"id": 40 - number, "file_name": name, "width": width, "height": height})
    for number, (photo, category, *corners) in enumerate(BY_HAND):
        scale, start, _ = _geometry(ten_photos / NAMES[photo])
        left, top = (corners[:2] + start) * scale
        right, bottom = (corners[2:] + start) * scale
        bbox = [left, top, right - left, bottom - top]
        annotations.append(
            {
                **{"id": number, "image_id": 40 - photo, "category_id": category, "bbox": bbox},
                **{"area": bbox[2] * bbox[3], "iscrowd": int(number == 8)},
            }
        )
    names = {3: "cat", 7: "cup", 11: "star"}
    categories = [{"id": number, "name": name} for number, name in names.items()]
    path = tmp_path / "coco.json"
    path.write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    (tmp_path / "head.toml").write_text(TOML)
    return path


def _iou(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    sides = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    both = np.clip(sides, 0, None).prod(1)
    return both / ((one[2:] - one[:2]).prod() + (others[:, 2:] - others[:, :2]).prod(1) - both)


def _found(bundle: Path, artifact: str, photos: Path) -> list[dict[str, Any]]:
    """Detections as COCO's results, decoded by hand."""
    outputs = outputs_of(bundle, artifact, photos)
    found = []
    for number, name in enumerate(NAMES):
        scale, start, size = _geometry(photos / name)
        centre, sides = outputs["boxes"][number, :, :2], outputs["boxes"][number, :, 2:]
        corners = np.concatenate([centre - sides / 2, centre + sides / 2], 1).astype(np.float64)
        scores = 1 / (1 + np.exp(-outputs["scores"][number].astype(np.float64)))
        for index, category in enumerate((7, 3, 11)):
            kept: list[int] = []
            for box in np.argsort(-scores[:, index], kind="stable"):
                if not kept or _iou(corners[box], corners[kept]).max() <= 0.3:
                    kept.append(box)
            for box in kept:
                ends = np.clip((corners[box].reshape(2, 2) + start) * scale, 0, size)
                bbox = [*ends[0], *(ends[1] - ends[0])]
                one = {"image_id": 40 - number, "category_id": category, "bbox": bbox}
                found.append({**one, "score": scores[box, index]})
    return found


def _by_pycocotools(annotations: Path, found: list[dict[str, Any]], place: Path) -> np.ndarray:
    """COCO's own way: from files."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    document = json.loads(annotations.read_text())
    for one in document["annotations"]:
        one["id"] += 1  # pycocotools takes 0 for no match
    (place / "truth.json").write_text(json.dumps(document))
    (place / "found.json").write_text(json.dumps(found))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(place / "truth.json"))
        evaluation = COCOeval(truth, truth.loadRes(str(place / "found.json")), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


def _by_hand(annotations: Path, found: list[dict[str, Any]], threshold: float) -> float:
    """AP at one IoU as COCO's paper says it, over boxes of any size."""
    document = json.loads(annotations.read_text())
    precisions = []
    for category in (3, 7, 11):
        truth = [one for one in document["annotations"] if one["category_id"] == category]
        taken: set[int] = set()
        hits = []
        own = [one for one in found if one["category_id"] == category]
        for one in sorted(own, key=lambda one: (-one["score"], one["image_id"])):
            beside = [each for each in truth if each["image_id"] == one["image_id"]]
            x, y, w, h = one["bbox"]
            best, crowd = None, False
            reached = threshold
            for each in sorted(beside, key=lambda each: each["iscrowd"]):
                a, b, c, d = each["bbox"]
                if each["iscrowd"]:
                    sides = [min(x + w, a + c) - max(x, a), min(y + h, b + d) - max(y, b)]
                    inside = max(sides[0], 0) * max(sides[1], 0) / (w * h)
                    if best is None and inside >= reached:
                        crowd = True
                    continue
                overlap = _iou(np.array([x, y, x + w, y + h]), np.array([[a, b, a + c, b + d]]))[0]
                if each["id"] not in taken and overlap >= reached:
                    best, reached = each["id"], overlap
            if best is not None:
                taken.add(best)
                hits.append(True)
            elif not crowd:
                hits.append(False)
        right = np.cumsum(hits)
        recall = right / sum(not one["iscrowd"] for one in truth)
        precision = right / np.arange(1, len(hits) + 1)
        precisions.append(
            np.mean([precision[recall >= level].max(initial=0) for level in np.linspace(0, 1, 101)])
        )
    return float(np.mean(precisions))


def test_average_precision_is_pycocotools_and_the_papers(
    run: Run, ten_photos: Path, annotated: Path, boxes: Path, tmp_path: Path
) -> None:
    words = ("--task", "detection", "--labels", annotated, "--decode", "head.toml")
    done = run("eval", boxes, "--data", ten_photos, *words, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    figures = {f["artifact"]: {g["name"]: g for g in f["figures"]} for f in told["evaluations"]}
    assert set(figures) == {"onnx", "tflite", "int8.onnx", "int8.tflite"}
    ap = {}
    for artifact in ("onnx", "int8.onnx"):
        found = _found(boxes, artifact, ten_photos)
        stats = _by_pycocotools(annotated, found, tmp_path)
        names = ("AP", "AP50", "AP75", "AP small", "AP medium", "AP large", "", "", "AR 100")
        for name, value in zip(names, stats, strict=False):
            if name and value >= 0:
                assert figures[artifact][name]["estimate"]["value"] == pytest.approx(
                    value, abs=1e-6
                )
        for name, threshold in (("AP50", 0.5), ("AP75", 0.75)):
            value = _by_hand(annotated, found, threshold)
            assert figures[artifact][name]["estimate"]["value"] == pytest.approx(value, abs=1e-6)
        ap[artifact] = stats[0]
        shown = figures[artifact]["AP"]["estimate"]
        assert shown["low"] <= shown["value"] <= shown["high"]
    assert 0.02 < ap["onnx"] < 0.98  # neither all right nor all wrong
    change = figures["int8.onnx"]["AP"]["change"]
    assert change["value"] == pytest.approx(ap["int8.onnx"] - ap["onnx"], abs=1e-6)
    assert "AR 100" in run("eval", boxes, "--data", ten_photos, *words).out


def test_a_function_decodes_too(
    run: Run, ten_photos: Path, annotated: Path, boxes: Path, tmp_path: Path
) -> None:
    (tmp_path / "head.py").write_text(FUNCTION)
    words = ("--task", "detection", "--labels", annotated, "--decode", "head.py:decode")
    done = run("eval", boxes / "model.int8.onnx", "--data", ten_photos, *words, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)["evaluations"]
    outputs = outputs_of(boxes, "int8.onnx", ten_photos)
    found = []
    for number, name in enumerate(NAMES):
        scale, start, size = _geometry(ten_photos / name)
        for box, logits in zip(outputs["boxes"][number], outputs["scores"][number], strict=True):
            ends = np.stack([box[:2] - box[2:] / 2, box[:2] + box[2:] / 2]).astype(np.float64)
            ends = np.clip((ends + start) * scale, 0, size)
            score = float(1 / (1 + np.exp(-logits.astype(np.float64).max())))
            one = {"image_id": 40 - number, "category_id": (7, 3, 11)[logits.argmax()]}
            found.append({**one, "bbox": [*ends[0], *(ends[1] - ends[0])], "score": score})
    stats = _by_pycocotools(annotated, found, tmp_path)
    figures = {figure["name"]: figure["estimate"]["value"] for figure in told[1]["figures"]}
    assert told[1]["artifact"] == "int8.onnx"
    assert figures["AP"] == pytest.approx(stats[0], abs=1e-6)


def _edited(change: Any) -> Any:
    def edit(place: Path) -> None:
        document = json.loads((place / "coco.json").read_text())
        change(document)
        (place / "coco.json").write_text(json.dumps(document))

    return edit


def _toml(old: str, new: str) -> Any:
    return lambda place: (place / "head.toml").write_text(TOML.replace(old, new))


def _python(text: str) -> Any:
    return lambda place: (place / "head.py").write_text(text)


LABELS = ("--labels", "coco.json")
HEAD = ("--decode", "head.toml")


@pytest.mark.parametrize(
    ("spoil", "words", "code", "said"),
    [
        (None, HEAD, 2, "--task detection needs --labels: annotations in COCO's JSON form"),
        (None, LABELS, 2, "needs --decode: a TOML that says how the outputs are read"),
        (None, (*LABELS, *HEAD, "--output", "boxes"), 2, "--output boxes says nothing to"),
        (None, ("--labels", "head.toml", *HEAD), 4, "head.toml is no JSON"),
        (None, ("--labels", "none.json", *HEAD), 2, "none.json cannot be read"),
        (None, (*LABELS, "--decode", "head.txt"), 2, "give a .toml, or FILE.py:function"),
        (None, (*LABELS, "--decode", "none.toml"), 2, "none.toml cannot be read"),
        (
            _edited(lambda d: d["images"][0].update(file_name="gone.png")),
            (*LABELS, *HEAD),
            4,
            "names 1 files that are not in",
        ),
        (
            _edited(lambda d: d["images"][0].update(width=7)),
            (*LABELS, *HEAD),
            4,
            "they are of another photo",
        ),
        (
            _edited(lambda d: d["annotations"][0].update(category_id=99)),
            (*LABELS, *HEAD),
            4,
            "annotations[0]: category_id 99 is none of the categories",
        ),
        (
            _edited(lambda d: d["annotations"][2].update(bbox=[1, 2, 3])),
            (*LABELS, *HEAD),
            4,
            "annotations[2]: bbox is no [x, y, width, height]",
        ),
        (_edited(lambda d: d.pop("categories")), (*LABELS, *HEAD), 4, "is not of COCO's form"),
        (
            _edited(lambda d: d["annotations"].clear()),
            (*LABELS, *HEAD),
            4,
            "nothing is annotated on these photos",
        ),
        (
            _toml('["cup", "cat", "star"]', '["cup", "dog", "star"]'),
            (*LABELS, *HEAD),
            2,
            "categories that the head has no class for: cat (3)",
        ),
        (
            _toml('["cup", "cat", "star"]', '["cup", "cat"]'),
            (*LABELS, *HEAD),
            2,
            "the head tells 3 classes apart, and `categories` in the file of --decode stands for 2",
        ),
        (_toml("form =", "from ="), (*LABELS, *HEAD), 2, "did you mean form?"),
        (_toml("[select]", "[selects]"), (*LABELS, *HEAD), 2, "did you mean select?"),
        (_toml("nms_iou = 0.3", ""), (*LABELS, *HEAD), 2, "[select] needs nms_iou"),
        (_toml("nms_iou = 0.3", "nms_iou = 3"), (*LABELS, *HEAD), 2, "nms_iou is a number from 0"),
        (_toml('"cxcywh"', '"cx"'), (*LABELS, *HEAD), 2, "form is 'cx'; it may be xyxy, yxyx"),
        (_toml('"boxes"', '"box"'), (*LABELS, *HEAD), 2, "did you mean boxes? It has boxes"),
        (_toml('"boxes"', '"scores"'), (*LABELS, *HEAD), 4, "gives 3 values for a box, not 4"),
        (_toml("]\n\n[b", "]\n[b = \n"), (*LABELS, *HEAD), 2, "head.toml is no TOML"),
        (
            _python("def decode(outputs):\n    return outputs['nothing']"),
            (*LABELS, "--decode", "head.py:decode"),
            4,
            "KeyError: 'nothing'",
        ),
        (
            _python("def decode(outputs):\n    return [1, 2]"),
            (*LABELS, "--decode", "head.py:decode"),
            2,
            "head.py:decode gave no three arrays",
        ),
        (
            _python("def decode(outputs):\n    return [[1, 2]], [1], [1]"),
            (*LABELS, "--decode", "head.py:decode"),
            2,
            "gave boxes of shape (1, 2)",
        ),
        (
            _python("def decode(outputs): ..."),
            (*LABELS, "--decode", "head.py:decoder"),
            2,
            "did you mean decode?",
        ),
    ],
)
def test_what_does_not_fit_has_one_clear_line(
    run: Run,
    ten_photos: Path,
    annotated: Path,
    boxes: Path,
    tmp_path: Path,
    spoil: Any,
    words: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    if spoil is not None:
        spoil(tmp_path)
    done = run("eval", boxes, "--data", ten_photos, "--task", "detection", *words)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in " ".join(done.err.split())
    assert "Traceback" not in done.err
