"""The file of a sweep: nets, what varies between their exports, devices, and what is measured.

    nets = ["mobilenet_v2", "squeezenet1_1"]
    devices = ["local", "rpi4-emulated"]

    [export]                     # options of every export
    calib = "photos/calibration"

    [vary]                       # each combination is an export of its own
    precision = ["int8", "float16"]
    input-size = [224, 192]

    [net.mobilenet_v2]           # options of one net's exports
    weights = "weights/mobilenet_v2.safetensors"

    [eval]                       # without it no accuracy
    data = "photos/validation"

    [bench]                      # without it no latency
    threads = 1

    [limits]
    memory-gib = 8
    minutes = 60

A key of these tables is an option's name without its dashes. Paths begin where the file lies.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgeconv.cli.project import FILE_OR_WORD, options_of, paths_of, unfit, verbs_of
from edgeconv.errors import UnknownName, UsageError
from edgeconv.sweep.cell import Given, Hashes, given
from edgeconv.sweep.plan import Net, Plan, Words
from edgeconv.sweep.tools import tools
from edgeconv.sweep.work import Limits
from edgeconv.toml import NotToml, read_toml

_MOST_BYTES = 256 * 2**10
MOST_EXPORTS = 10_000
_KEYS = ("nets", "devices", "export", "vary", "net", "parity", "eval", "bench", "limits")
#: What the sweep itself says.
_OURS = ("out", "force", "json", "json-file", "device", "help", "junit")
_LIMITS = ("memory-gib", "minutes")


def read(path: Path, root: Any) -> Plan:
    """The sweep that a file says.

    Args:
        path: the file.
        root: the command line, a group of Typer's: its verbs' options are what is known.

    Raises:
        UsageError: the file cannot be read, or says what cannot be; names the key and what may be.
    """
    try:
        table = read_toml(path, _MOST_BYTES)
    except NotToml as error:
        raise UsageError(f"{path} {error}") from error
    return _Reader(path, table, root).plan()


@dataclass(frozen=True)
class _Reader:
    """Reads one file's table."""

    path: Path
    table: Mapping[str, Any]
    root: Any
    hashes: Hashes = field(default_factory=Hashes)

    def plan(self) -> Plan:
        self._check_keys(self.table, _KEYS, "key of a sweep")
        nets = self._texts("nets", self.table.get("nets"))
        if not nets:
            raise self._wrong("nets must name at least one net")
        unknown = [name for name in self._of("net") if name not in nets]
        if unknown:
            raise UnknownName(f"net of this sweep ({self.path})", unknown[0], nets, "See its nets")
        return Plan(
            nets=self._nets(nets),
            devices={name: _device(name) for name in self._devices()},
            parity=self._words("parity", self._of("parity")),
            eval=self._words("eval", self._of("eval")) if "eval" in self.table else None,
            bench=self._words("bench", self._of("bench")) if "bench" in self.table else None,
            tools=tools(),
            limits=self._limits(self._of("limits")),
        )

    def _nets(self, nets: Sequence[str]) -> list[Net]:
        varied = self._of("vary")
        combinations = list(itertools.product(*(self._choices(*each) for each in varied.items())))
        if len(nets) * len(combinations) > MOST_EXPORTS:
            raise self._wrong(
                f"{len(nets) * len(combinations):,} exports; at most {MOST_EXPORTS:,} are a sweep"
            )
        return [
            self._net(net, dict(zip(varied, chosen, strict=True)))
            for net in nets
            for chosen in combinations
        ]

    def _net(self, net: str, chosen: Mapping[str, Any]) -> Net:
        words = self._words("export", {**self._of("export"), **self._of("net", net), **chosen})
        varied = " ".join(f"{key}={words.told[key]}" for key in chosen if words.told[key])
        typed = self._typed_net(net)
        sources = {} if isinstance(typed, str) else {"net": typed.digest}
        return Net(net, typed, f"{net} {varied}".strip(), words, sources)

    def _typed_net(self, net: str) -> str | Given:
        """A file of the net's is named from here."""
        file, colon, factory = net.partition(":")
        path = self._place(file)
        if not path.is_file():
            return net
        return given(path, self.hashes, also=self._sources(net), suffix=f"{colon}{factory}")

    def _devices(self) -> list[str]:
        return self._texts("devices", self.table.get("devices", ["local"]))

    def _choices(self, key: str, values: Any) -> list[Any]:
        if not isinstance(values, list) or not values:
            raise self._wrong(f"vary.{key} must be a list of what {key} may be")
        return values

    def _words(self, verb: str, table: Mapping[str, Any]) -> Words:
        """As they are typed behind a verb."""
        command = dict(verbs_of(self.root))[(verb,)]
        options = {key: one for key, one in options_of(command).items() if key not in _OURS}
        self._check_keys(table, options, f"option of {verb}")
        paths = paths_of(command)
        typed: list[str | Given] = []
        told: dict[str, str] = {}
        depends: dict[str, str] = {}
        for key in sorted(table):
            option, value = options[key], table[key]
            one = self._texts_of(key, option, value)
            if option.name in paths or (key in FILE_OR_WORD and self._place(one[0]).exists()):
                path = self._place(one[0])
                file = given(path, self.hashes, also=self._beside(path))
                depends[key] = file.digest
                typed += [f"--{key}", file]
                told[key] = path.name
                continue
            typed += [f"--{key}"] if option.is_flag and value else []
            typed += [] if option.is_flag else [each for text in one for each in (f"--{key}", text)]
            told[key] = ",".join(one)
        return Words(tuple(typed), told, depends)

    def _texts_of(self, key: str, option: Any, value: Any) -> list[str]:
        """What is typed for an option, once for each value; of a switch that is off, ""."""
        if isinstance(value, list) and not option.multiple:
            raise self._wrong(f"{key} must be one value; what varies stands under [vary]")
        values = value if isinstance(value, list) else [value]
        if wanted := next(filter(None, (unfit(option, each) for each in values)), None):
            raise self._wrong(f"{key} must be {wanted}")
        if option.is_flag:
            return ["true" if value else ""]
        return [str(each) for each in values]

    def _beside(self, path: Path) -> list[Path]:
        """The labels that may lie beside a folder."""
        beside = path.parent / f"{path.name}.csv"
        return [beside] if path.is_dir() and beside.is_file() else []

    def _sources(self, net: str) -> list[Path]:
        """What belongs to a net's file: data of a model, or Python's modules beside it."""
        file, _, factory = net.partition(":")
        path = self._place(file)
        if not path.is_file():
            return []
        beside = path.parent.glob("*.py" if factory else f"{path.name}*")
        return sorted(one for one in beside if one != path)

    def _limits(self, given: Mapping[str, Any]) -> Limits:
        self._check_keys(given, _LIMITS, "limit")
        for key, value in given.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or not 0 < value < math.inf:
                raise self._wrong(f"limits.{key} must be a number above 0")
        gib, minutes = (given.get(key) for key in _LIMITS)
        return Limits(
            memory_bytes=None if gib is None else int(gib * 2**30),
            seconds=None if minutes is None else 60.0 * minutes,
        )

    def _of(self, *keys: str) -> Mapping[str, Any]:
        """A table of the file; empty where it has none."""
        found: Any = self.table
        for key in keys:
            found = found.get(key, {})
            if not isinstance(found, dict):
                raise self._wrong(f"{'.'.join(keys)} must be a table")
        return dict(found)

    def _place(self, word: str) -> Path:
        return self.path.parent / word

    def _texts(self, key: str, value: Any) -> list[str]:
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self._wrong(f"{key} must be a list of texts")
        if len(set(value)) != len(value):
            raise self._wrong(f"{key} names one twice")
        return value

    def _check_keys(self, given: Mapping[str, Any], known: Any, what: str) -> None:
        for key in given:
            if key not in known:
                hint = f"Known: {', '.join(known)}"
                raise UnknownName(f"{what} ({self.path})", key, list(known), hint)

    def _wrong(self, why: str) -> UsageError:
        return UsageError(f"{self.path}: {why}")


def _device(name: str) -> str:
    """What is known of a device without talking to it; raises UnknownName where nothing is."""
    from edgeconv.devices.profile import read as profiles
    from edgeconv.runtime.host import host_facts

    here = host_facts().cpu if name == "local" else ""
    return hashlib.sha256(f"{profiles.load(name)}{here}".encode()).hexdigest()[:12]
