"""JSON documents of a numbered form, which may come from anywhere."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgeconv.errors import RefusedError


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
    """

    what: str
    key: str
    number: int
    most_bytes: int
    refusal: type[RefusedError]
    remedy: str

    def read(self, path: Path) -> dict[str, Any]:
        """Reads a file; raises `refusal` where it is none, OSError where it cannot be read."""
        if path.stat().st_size > self.most_bytes:
            raise self.refused(path, f"it is larger than {self.most_bytes >> 20} MiB")
        try:
            document = json.loads(path.read_bytes())
        except RecursionError as error:
            raise self.refused(path, "it is nested too deeply") from error
        except ValueError as error:
            why = "no UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
            raise self.refused(path, f"it is no JSON ({why})") from error
        if not isinstance(document, dict):
            raise self.refused(path, "its JSON is no object")
        number = document.get(self.key)
        if isinstance(number, bool) or number != self.number:
            has = f"no {self.key}" if number is None else f"{self.key} {str(number)[:20]}"
            raise self.refused(path, f"it has {has}, known is {self.number}")
        return document

    def refused(self, path: Path, why: str) -> RefusedError:
        """The error for a document that is none, or an impossible one."""
        return self.refusal(f"{path} is no {self.what}: {why}"[:500] + f"; {self.remedy}")
