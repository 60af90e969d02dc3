"""JSON from anywhere: read within a budget, and documents of a numbered form."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeconv.disk import read_bounded
from edgeconv.errors import RefusedError

#: Levels of lists and objects; no document of ours has half as many.
MOST_LEVELS = 64
#: Values in a document; each takes up to some hundred bytes once it is read.
MOST_VALUES = 4_000_000
#: Digits of a whole number; the largest that is written here has twenty.
_MOST_DIGITS = 40
_LONGEST_REAL = 400
_LONGEST_SHOWN = 40
_TOO_DEEP = f"it is nested too deeply, more than {MOST_LEVELS} levels"


class NotJson(ValueError):
    """Text is no JSON, or more of it than is read; a message of one short line."""


def parse(content: bytes | str, most_values: int = MOST_VALUES) -> Any:
    """The value that JSON text stands for; what is not told apart by all readers is refused.

    Args:
        content: the text, as UTF-8 where it is bytes; its size is the caller's to limit.
        most_values: numbers, texts, lists and objects it may hold.

    Raises:
        NotJson: it is none, holds more values, more than MOST_LEVELS levels, a number that is not
            finite or has more than 40 digits, a name twice in one object, or half a character.
    """
    try:
        text = content if isinstance(content, str) else content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotJson("no UTF-8 text") from error
    if text.count(",") + text.count(":") + text.count("[") > most_values:
        raise NotJson(f"more than {most_values:,} values")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_real,
            parse_constant=_constant,
        )
    except RecursionError as error:
        raise NotJson(_TOO_DEEP) from error
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at line {error.lineno} column {error.colno}") from error
    _check(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise NotJson(f"{_shown(twice)} stands twice in one object")
    return found


def _integer(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise NotJson(f"a number of {len(text):,} digits, {_MOST_DIGITS} are read")
    return int(text)


def _real(text: str) -> float:
    value = float(text) if len(text) <= _LONGEST_REAL else math.nan
    if not math.isfinite(value):
        raise NotJson(f"{_shown(text)} is no finite number")
    return value


def _constant(text: str) -> Any:
    raise NotJson(f"{text} is no finite number")


def _check(value: Any) -> None:
    """Raises NotJson for too many levels, and for text that is no Unicode (half a pair)."""
    level = [value]
    for _ in range(MOST_LEVELS + 1):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one
                below += one.values()
            elif isinstance(one, list):
                below += one
            elif isinstance(one, str) and not one.isascii():
                _check_text(one)
        if not below:
            return
        level = below
    raise NotJson(_TOO_DEEP)


def read_object(path: Path, most_bytes: int, most_values: int = MOST_VALUES) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        NotJson: it is larger, or holds none; the words go behind the file's name.
        OSError: it cannot be read.
    """
    content = read_bounded(path, most_bytes)
    if content is None:
        raise NotJson(f"it is larger than {most_bytes >> 20} MiB")
    try:
        document = parse(content, most_values)
    except NotJson as error:
        raise NotJson(f"it is no JSON ({error})") from error
    if not isinstance(document, dict):
        raise NotJson("its JSON is no object")
    return document


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotJson("half a character (a lone surrogate) in a text") from error


def _shown(text: str) -> str:
    """The beginning of a name or a number, harmless for a terminal."""
    return ascii(text[:_LONGEST_SHOWN]) + ("..." if len(text) > _LONGEST_SHOWN else "")


@dataclass(frozen=True)
class Form:
    """What a document must be to be read; another number's is refused.

    Attributes:
        what: the document in a message, such as "edgeconv manifest".
        key: the member that holds the number.
        number: the one this version writes and reads; raised when a reader of the number before
            would misread it.
        most_bytes: it may have.
        refusal: what is raised.
        remedy: the way out, in a message.
        most_values: as of `parse`.
    """

    what: str
    key: str
    number: int
    most_bytes: int
    refusal: type[RefusedError]
    remedy: str
    most_values: int = MOST_VALUES

    def read(self, path: Path) -> dict[str, Any]:
        """Reads a file; raises `refusal` where it is none, OSError where it cannot be read."""
        try:
            document = read_object(path, self.most_bytes, self.most_values)
        except NotJson as error:
            raise self.refused(path, str(error)) from error
        number = document.get(self.key)
        if isinstance(number, bool) or number != self.number:
            has = (
                f"no {self.key}"
                if number is None
                else f"{self.key} {ascii(str(number)[:20])[1:-1]}"
            )
            raise self.refused(path, f"it has {has}, known is {self.number}")
        return document

    def refused(self, path: Path, why: str) -> RefusedError:
        """The error for a document that is none, or an impossible one."""
        return self.refusal(f"{path} is no {self.what}: {why}"[:500] + f"; {self.remedy}")
