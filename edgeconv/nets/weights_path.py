"""What can be said of `--weights` before PyTorch is started."""

from __future__ import annotations

from pathlib import Path

from edgeconv.errors import UsageError, WeightsRefused

MAX_BYTES = 4 * 2**30
"""No net of a phone comes near; a larger file is a mistake."""

SUFFIXES = (".safetensors", ".pth", ".pt")
WORDS = ("auto", "pretrained", "random")


def check_weights(weights: str) -> None:
    """Whether weights are one of the words, or a file that may be one of weights.

    Raises:
        UsageError: neither; there is no such file, or its suffix is none of `SUFFIXES`.
        WeightsRefused: the file is empty or too large.
    """
    if weights not in WORDS:
        check_weights_file(Path(weights))


def check_weights_file(path: Path) -> None:
    """As `check_weights`, of a file."""
    if path.suffix not in SUFFIXES:
        raise UsageError(
            f"{path} is no weights file: allowed are {', '.join(WORDS)}, "
            f"or a file ending in {', '.join(SUFFIXES)}"
        )
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise WeightsRefused(f"{path} has {size} bytes; at most {MAX_BYTES} are read")
    if size == 0:
        raise WeightsRefused(f"{path} is empty")
