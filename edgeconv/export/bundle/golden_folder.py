"""golden/: photos before decoding, and what each file of the bundle is fed and gives for them.

What stands in `golden.json` is said in docs/in-an-app.md. The arrays of golden.npz judge the files;
these are for the app's own code, which reads JSON and plain bytes.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgeconv.bundle.form import FOLDERS
from edgeconv.bundle.predictor import Prediction
from edgeconv.runtime.adapt import Images, Samples, dequantize, fed_batches
from edgeconv.runtime.session import Session

(FOLDER,) = FOLDERS
FILE_NAME = "golden.json"
FORMAT = 1

#: Of all `.bin` files of a bundle.
MOST_BINARY_BYTES = 4 * 2**20


@dataclass(frozen=True, eq=False)
class Case:
    """A photo, or a sample of tensors.

    Attributes:
        name: what its files begin with.
        sample: as the net takes it, one alone.
        photo: the file it was read from; None where it was none, or is not to go along.
    """

    name: str
    sample: Samples
    photo: Path | None = None

    @property
    def photo_name(self) -> str | None:
        """What the photo is called in the bundle."""
        return None if self.photo is None else f"{self.name}{self.photo.suffix.lower()}"


@dataclass(frozen=True)
class Classes:
    """What the first output of every file tells.

    Attributes:
        labels: names of the classes; None where they are not known.
        are_probabilities: whether it gives those in place of logits.
    """

    labels: tuple[str, ...] | None
    are_probabilities: bool = False

    def top(self, row: NDArray[np.float32]) -> list[dict[str, Any]]:
        """The five best classes of one row."""
        best = Prediction(row, self.labels, self.are_probabilities).top()
        return [{**asdict(each), "probability": round(each.probability, 6)} for each in best]


def write(
    directory: Path,
    cases: Sequence[Case],
    opened: Iterable[tuple[str, Session]],
    classes: Classes | None,
) -> None:
    """Writes the folder into a bundle.

    Args:
        directory: the bundle's.
        cases: what the files are run on.
        opened: each artifact with its session, on the kernels that an app gets; one is let go
            before the next is opened, for each holds the net's weights.
        classes: None where the first output is no row of them.

    Raises:
        ArtifactRefused: an engine cannot run a file.
    """
    folder = directory / FOLDER
    folder.mkdir()
    binaries = _Binaries(folder)
    told = [_told(binaries, folder, case) for case in cases]
    for artifact, session in opened:
        for place, (case, one) in enumerate(zip(cases, told, strict=True)):
            ran = _ran(binaries, case, artifact, session, classes, with_inputs=place == 0)
            one["artifacts"][artifact] = ran
        del session  # before the next one is opened
    text = json.dumps({"format": FORMAT, "cases": told}, indent=2, ensure_ascii=False)
    (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")


def _told(binaries: _Binaries, folder: Path, case: Case) -> dict[str, Any]:
    """What is said of a case whatever the file; its photo lies beside."""
    if case.photo is not None:
        shutil.copyfile(case.photo, folder / str(case.photo_name))
    return {
        "name": case.name,
        "photo": case.photo_name,
        "pixels": _pixels(binaries, case),
        "artifacts": {},
    }


def _pixels(binaries: _Binaries, case: Case) -> dict[str, Any] | None:
    if not isinstance(case.sample, Images):
        return None
    return binaries.fed(f"{case.name}.pixels", case.sample.raw[0], is_kept=True)


def _ran(
    binaries: _Binaries,
    case: Case,
    artifact: str,
    session: Session,
    classes: Classes | None,
    *,
    with_inputs: bool,
) -> dict[str, Any]:
    """What one file is fed and gives."""
    (feeds,) = fed_batches(session, case.sample)
    outputs = session.run(feeds)
    first = dequantize(outputs[0], session.outputs[0])
    return {
        "inputs": [
            {"name": spec.name, **binaries.fed(f"{case.name}.input", array, is_kept=with_inputs)}
            for spec, array in zip(session.inputs, feeds, strict=True)
        ],
        "outputs": [
            {"name": spec.name, **binaries.given(f"{case.name}.{artifact}.output", array)}
            for spec, array in zip(session.outputs, outputs, strict=True)
        ],
        "top5": classes.top(first[0]) if classes is not None and _is_row(first) else None,
    }


def _is_row(output: NDArray[Any]) -> bool:
    return output.ndim == 2 and output.shape[1] > 1 and output.dtype.kind == "f"


@dataclass(eq=False)
class _Binaries:
    """The `.bin` files of a folder, as many as its budget holds; equal bytes are stored once."""

    folder: Path
    left: int = MOST_BINARY_BYTES
    names: dict[str, str] = field(default_factory=dict)

    def fed(self, begin: str, array: NDArray[Any], *, is_kept: bool) -> dict[str, Any]:
        """A tensor that an app makes, with its hash."""
        data = little_endian(array)
        digest = sha256(data).hexdigest()
        file = self._stored(begin, data, digest) if is_kept else self.names.get(digest)
        return {**_form(array), "sha256": digest, "file": file}

    def given(self, begin: str, array: NDArray[Any]) -> dict[str, Any]:
        """A tensor that a file gives."""
        data = little_endian(array)
        return {**_form(array), "file": self._stored(begin, data, sha256(data).hexdigest())}

    def _stored(self, begin: str, data: bytes, digest: str) -> str | None:
        """The name under which bytes stand; None where they have no room any more."""
        if digest not in self.names:
            if len(data) > self.left:
                return None
            self.left -= len(data)
            self.names[digest] = self._free_name(begin)
            (self.folder / self.names[digest]).write_bytes(data)
        return self.names[digest]

    def _free_name(self, begin: str) -> str:
        taken = set(self.names.values())
        tries = (f"{begin}.{number}.bin" for number in range(1, len(taken) + 2))
        return next(name for name in (f"{begin}.bin", *tries) if name not in taken)


def _form(array: NDArray[Any]) -> dict[str, Any]:
    return {"dtype": array.dtype.name, "shape": list(array.shape)}


def little_endian(array: NDArray[Any]) -> bytes:
    """The bytes of an array, in C order."""
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
