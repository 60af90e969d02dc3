"""What a sweep is made of: exports, and what each of their bundles is judged and measured by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from edgeconv.bundle import manifest
from edgeconv.disk import sha256_of
from edgeconv.runtime.open import ENGINE_OF_SUFFIX
from edgeconv.sweep.cell import Cell, Given, Kind, known
from edgeconv.sweep.work import Limits


@dataclass(frozen=True)
class Words:
    """Options of a verb.

    Attributes:
        typed: as they are typed.
        told: option -> value, a file or folder by its last name.
        depends: the files and folders among them -> their hash.
    """

    typed: tuple[str | Given, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    depends: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Net:
    """One export.

    Attributes:
        net: the net, as it is called.
        typed: what is typed for it.
        title: the net, with what tells this export from its others.
        words: the export's options.
        depends: hash of the net's own files.
    """

    net: str
    typed: str | Given
    title: str
    words: Words
    depends: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        nets: the exports.
        devices: where their files run.
        parity, eval, bench: options of what follows; None: that is left out.
        tools: package -> version, of all that could make a difference.
        limits: of each run.
    """

    nets: Sequence[Net]
    devices: Mapping[str, str]
    parity: Words | None
    eval: Words | None
    bench: Words | None
    tools: Mapping[str, str]
    limits: Limits

    def exports(self) -> Iterator[Cell]:
        """The cells that bundles come from."""
        for net in self.nets:
            yield Cell(
                kind="export",
                name=net.net,
                device="local",
                words=(net.typed, *net.words.typed),
                options={"net": net.net, **net.words.told},
                depends={**self.tools, **net.words.depends, **net.depends},
                title=net.title,
            )

    def of_bundle(self, export: Cell, bundle: Path) -> Iterator[Cell]:
        """What is done with an export's bundle, which is there."""
        if self.eval is not None:
            yield self._of_whole("eval", export, bundle, "local", self.eval)
        for device in self.devices:
            if self.parity is not None and device != "local":
                yield self._of_whole("parity", export, bundle, device, self.parity)
            if self.bench is not None:
                yield from self._of_files(export, bundle, device, self.bench)

    def _of_whole(self, kind: Kind, export: Cell, bundle: Path, device: str, words: Words) -> Cell:
        whole = sha256_of(bundle / manifest.FILE_NAME)
        return Cell(
            kind=kind,
            name=export.name,
            device=device,
            words=(known(bundle, whole), *words.typed, "--device", device),
            options=words.told,
            depends={
                "bundle": whole,
                **self._where(device),
                **words.depends,
            },
            title=export.title,
        )

    def _of_files(self, export: Cell, bundle: Path, device: str, words: Words) -> Iterator[Cell]:
        """A cell a file: those of several bundles with the same bytes are one."""
        for path in sorted(bundle.iterdir()):
            if path.suffix in ENGINE_OF_SUFFIX:
                digest = sha256_of(path)
                yield Cell(
                    kind="bench",
                    name=f"{export.name}/{path.name}",
                    device=device,
                    words=(known(path, digest), *words.typed, "--device", device),
                    options=words.told,
                    depends={"file": digest, **self._where(device), **words.depends},
                    title=f"{export.title} {path.name}",
                )

    def _where(self, device: str) -> dict[str, str]:
        return {**self.tools, f"device {device}": self.devices.get(device, "")}
