"""Where a net's values come from: published weights, a file, or a seed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from edgeconv.disk import sha256_of
from edgeconv.errors import WeightsUnavailable
from edgeconv.nets.download import fetch
from edgeconv.nets.paced_http import USUAL_LIMITS, Limits
from edgeconv.nets.spec import NetSpec, OptionValue, Pretrained
from edgeconv.progress import SILENT, Progress

Kind = Literal["pretrained", "file", "module", "random"]


@dataclass(frozen=True)
class WeightsInfo:
    """What a manifest says about a net's values.

    Attributes:
        kind: published ("pretrained"), from a "file", as the user's own "module" came, or "random".
        source: an address, what a file says of itself, or the seed.
        sha256: of the file, or None where there is none.
        license: as the source states it.
        note: what a user should be told, such as why an untrained net was built.
    """

    kind: Kind
    source: str
    sha256: str | None = None
    license: str | None = None
    note: str | None = None


def cache_directory() -> Path:
    """Where torch and torchvision keep downloaded weights; TORCH_HOME moves it."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def published_file(
    pretrained: Pretrained,
    *,
    cache: Path | None = None,
    progress: Progress = SILENT,
    limits: Limits = USUAL_LIMITS,
) -> Path:
    """Path of the published weights in the cache, downloaded where they are not there whole.

    Raises:
        WeightsUnavailable: they are not in the cache and cannot be fetched.
    """
    path = (cache or cache_directory()) / pretrained.file_name
    if _is_whole(path, pretrained.sha256_prefix):
        return path
    try:
        fetch(pretrained.url, path, pretrained.sha256_prefix, progress=progress, limits=limits)
    except WeightsUnavailable as error:
        raise WeightsUnavailable(
            f"{error}. Fetch the file elsewhere and put it at {path}, or give --weights FILE"
        ) from error
    return path


def why_unpublished(
    spec: NetSpec, options: dict[str, OptionValue], classes: int | None, published_classes: int
) -> str | None:
    """Why nobody publishes weights for this choice, or None where somebody does."""
    if spec.pretrained is None:
        return f"nobody publishes weights in the layout of {spec.name} that edgeconv knows"
    differing = [
        f"{name}={option.default}"
        for name, option in spec.options.items()
        if options[name] != option.default and not option.keeps_weights
    ]
    if differing:
        return f"weights of {spec.name} are published for {', '.join(differing)} only"
    if classes not in (None, published_classes):
        return f"weights of {spec.name} are published for {published_classes} classes only"
    return None


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random values inside follow the seed alone; torch's generator is as before afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


def _is_whole(path: Path, sha256_prefix: str) -> bool:
    try:
        return sha256_of(path).startswith(sha256_prefix)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise WeightsUnavailable(f"{path} cannot be read: {error.strerror}") from error
