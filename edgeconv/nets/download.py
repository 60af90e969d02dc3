"""Fetch one published file into a cache: whole and of the promised hash, or not at all."""

from __future__ import annotations

import hashlib
import http.client
from pathlib import Path
from typing import IO

from edgeconv.disk import written_whole
from edgeconv.errors import OutputUnwritable, WeightsUnavailable
from edgeconv.nets.paced_http import USUAL_LIMITS, Limits, answer_of, failing
from edgeconv.progress import SILENT, Progress
from edgeconv.runtime.plain import foreign

_CHUNK_BYTES = 1 << 20
#: An announced size has no more digits: 10^18 bytes are past any limit.
_MOST_DIGITS = 18


def fetch(
    url: str,
    destination: Path,
    sha256_prefix: str,
    *,
    progress: Progress = SILENT,
    limits: Limits = USUAL_LIMITS,
) -> None:
    """Download `url` to `destination` through a temporary file beside it and an atomic rename.

    Args:
        url: an http(s) address.
        destination: where the file shall be; its directory is made.
        sha256_prefix: what the hexadecimal SHA-256 of the content begins with.
        progress: told of bytes as they arrive, from the first on.
        limits: of time and size.

    Raises:
        WeightsUnavailable: unreachable, not found, cut off, too slow or large, of another hash, or
            nowhere to put it; nothing is left behind.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(destination) as part:
            with part.open("wb") as file:
                digest = _stream(url, file, progress, limits)
            if not digest.startswith(sha256_prefix):
                raise WeightsUnavailable(
                    f"{url} is not what was published: its SHA-256 begins with "
                    f"{digest[: len(sha256_prefix)]}, not {sha256_prefix}"
                )
    except (OSError, OutputUnwritable) as error:  # the network's errors are already ours
        raise WeightsUnavailable(
            f"{url} cannot be kept in {destination.parent}: {error}; "
            "set TORCH_HOME to a directory that can be written"
        ) from error


def _stream(url: str, file: IO[bytes], progress: Progress, limits: Limits) -> str:
    """Copy the answer into a file; returns its SHA-256."""
    with answer_of(url, limits) as response:
        total = _announced(url, response, limits)
        progress.step("download the weights", total)
        hasher = hashlib.sha256()
        done = 0
        while chunk := _read(url, response, done):
            done += len(chunk)
            if done > (limits.most_bytes if total is None else total):
                raise WeightsUnavailable(
                    _too_large(url, limits)
                    if total is None
                    else f"{url} sends more than the {total} bytes it announced"
                )
            file.write(chunk)
            hasher.update(chunk)
            progress.advance(done)
    if total is not None and done != total:
        raise WeightsUnavailable(f"{url} was cut off after {done} of {total} bytes")
    return hasher.hexdigest()


def _read(url: str, response: http.client.HTTPResponse, done: int) -> bytes:
    with failing(f"{url} was cut off after {done} bytes"):
        return response.read1(_CHUNK_BYTES)


def _announced(url: str, response: http.client.HTTPResponse, limits: Limits) -> int | None:
    """The size that the answer's headers give; None where they give none."""
    stated = {words.strip() for words in response.headers.get_all("Content-Length", [])}
    if not stated:
        return None
    size = stated.pop()
    if stated or not (size.isascii() and size.isdecimal()):
        raise WeightsUnavailable(f"{url} announces '{foreign(size)}' bytes, which is no size")
    if len(size) > _MOST_DIGITS or int(size) > limits.most_bytes:
        raise WeightsUnavailable(_too_large(url, limits))
    return int(size)


def _too_large(url: str, limits: Limits) -> str:
    return f"{url} is larger than {limits.most_bytes / 2**30:.3g} GiB"
