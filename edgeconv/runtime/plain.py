"""Text that came from outside, made fit to be shown: one line, no steering of a terminal, short.

Names in model files, messages of libraries, what a server or a device says: all may hold escape
sequences, characters that turn the reading direction, line separators, or half a megabyte. Whatever
reaches a terminal, a log or a report goes through `plain`.
"""

from __future__ import annotations

from collections.abc import Sequence

#: Bytes of one message, in UTF-8; a line's beginning ("error: ") comes on top.
MOST_MESSAGE_BYTES = 1900
#: Bytes of what another machine says in a message of ours.
_FOREIGN_BYTES = 200
#: Characters of one name or one cell of a table.
MOST_NAME = 400
_ELLIPSIS = "..."


def plain(words: object, most_bytes: int | None = None) -> str:
    """The text on one line, with what is no printable character spelled out, such as \\x1b.

    Controls (C0, DEL, C1), overrides of the reading direction, separators of lines and halves of
    surrogate pairs are none.

    Args:
        words: anything.
        most_bytes: of the result in UTF-8; what is longer loses its middle, for a message begins
            with what was wrong and ends with the way out. All of it by default.
    """
    text = str(words)
    if most_bytes is None:
        return _spelled(text)
    # Cut before it is spelled out as well, so that half a gigabyte takes no time.
    return _cut(_spelled(_cut(text, most_bytes)), most_bytes)


def foreign(words: object) -> str:
    """What another machine says, as much of it as a message of ours holds, `plain`."""
    return plain(words, _FOREIGN_BYTES)


def shortened(name: str, most: int = MOST_NAME) -> str:
    """A name with at most so many characters, an ellipsis in the place of its middle."""
    if len(name) <= most:
        return name
    kept = most - len(_ELLIPSIS)
    return f"{name[: kept - kept // 3]}{_ELLIPSIS}{name[len(name) - kept // 3 :]}"


def some(names: Sequence[object], most: int) -> str:
    """The first of many, and how many more there are: a, b and 3 more."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _spelled(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode()
        for char in text
    )


def _cut(text: str, most_bytes: int) -> str:
    """By bytes, at whole characters."""
    if len(text) > most_bytes:  # a character has at least one byte
        text = shortened(text, most_bytes)
    whole = text.encode(errors="surrogatepass")
    if len(whole) <= most_bytes:
        return text
    kept = most_bytes - len(_ELLIPSIS)
    head, tail = whole[: kept - kept // 3], whole[len(whole) - kept // 3 :]
    return f"{head.decode(errors='ignore')}{_ELLIPSIS}{tail.decode(errors='ignore')}"
