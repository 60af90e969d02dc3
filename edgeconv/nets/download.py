"""Fetch one published file into a cache: whole and of the promised hash, or not at all."""

from __future__ import annotations

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from edgeconv.disk import written_whole
from edgeconv.errors import OutputUnwritable, WeightsUnavailable
from edgeconv.progress import SILENT, Progress

"""Called with the bytes done and, where the server says it, their total."""

TIMEOUT_S = 20.0
"""Longest wait for a connection or for the next bytes."""

MAX_BYTES = 4 * 2**30
_CHUNK_BYTES = 1 << 20


def fetch(
    url: str,
    destination: Path,
    sha256_prefix: str,
    *,
    progress: Progress = SILENT,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Download `url` to `destination` through a temporary file beside it and an atomic rename.

    Args:
        url: an http(s) address.
        destination: where the file shall be; its directory is made.
        sha256_prefix: what the hexadecimal SHA-256 of the content begins with.
        progress: told of bytes as they arrive, from the first on.
        timeout_s: longest silence of the server.

    Raises:
        WeightsUnavailable: unreachable, not found, cut off, of another hash, or nowhere to put it;
            nothing is left behind.
    """
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(destination) as part:
            with part.open("wb") as file:
                digest = _stream(url, file, progress, timeout_s)
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


def _stream(url: str, file: IO[bytes], progress: Progress, timeout_s: float) -> str:
    """Copy the answer into a file; returns its SHA-256."""
    request = urllib.request.Request(url, headers={"User-Agent": "edgeconv"})
    try:
        response = urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as error:
        error.close()
        raise WeightsUnavailable(f"{url}: HTTP {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        raise WeightsUnavailable(f"{url} cannot be reached: {_reason(error)}") from error
    with response:
        total = _content_length(response)
        progress.step("download the weights", total)
        hasher = hashlib.sha256()
        done = 0
        while chunk := _read(url, response, done):
            done += len(chunk)
            if done > MAX_BYTES:
                raise WeightsUnavailable(f"{url} is larger than {MAX_BYTES >> 30} GiB")
            file.write(chunk)
            hasher.update(chunk)
            progress.advance(done)
    if total is not None and done != total:
        raise WeightsUnavailable(f"{url} was cut off after {done} of {total} bytes")
    return hasher.hexdigest()


def _read(url: str, response: http.client.HTTPResponse, done: int) -> bytes:
    try:
        return response.read1(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise WeightsUnavailable(
            f"{url} was cut off after {done} bytes: {_reason(error)}"
        ) from error


def _content_length(response: http.client.HTTPResponse) -> int | None:
    stated = response.headers.get("Content-Length", "")
    return int(stated) if stated.isdecimal() else None


def _reason(error: Exception) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return str(cause) or type(cause).__name__
