"""A bundle: a net's artifacts and all that an app or a test needs beside them, in a directory."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgeconv.bundle import (
    artifacts,
    golden,
    labels,
    manifest,
    own_words,
    quantization,
    staging,
    trial,
)
from edgeconv.bundle.identity import Identity
from edgeconv.bundle.predictor import Predictor
from edgeconv.data.inputs import InputSpec, Intake, agreeing
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import BundleRefused, UnknownName, UsageError
from edgeconv.quantize.repair.repairs import Repairs
from edgeconv.runtime.open import has_engine, open_session
from edgeconv.runtime.session import EngineName, Opener, SessionOptions
from edgeconv.verify.parity import bundle_files
from edgeconv.verify.parity.against_reference import artifact_of
from edgeconv.verify.parity.expected import Expected, Float64
from edgeconv.verify.parity.output_parts import OutputParts
from edgeconv.verify.parity.reference_work import ways_of
from edgeconv.verify.parity.stages import ParityReport
from edgeconv.verify.thresholds import Thresholds

if TYPE_CHECKING:
    from edgeconv.verify.parity.on_device import DeviceParity

#: All that is read of a bundle beside its manifest.
_READABLE = (*artifacts.FILES.values(), golden.FILE_NAME, labels.FILE_NAME, quantization.FILE_NAME)


def is_bundle(directory: Path) -> bool:
    """Whether a directory holds a bundle, or what is left of one."""
    return (directory / manifest.FILE_NAME).is_file()


@dataclass(frozen=True, eq=False)
class Bundle:
    """A bundle on disk whose files were compared with the manifest.

    Attributes:
        directory: where it stands.
        manifest: the document in manifest.json.
        quantization: that in quantization.json; empty where nothing was calibrated.
    """

    directory: Path
    manifest: dict[str, Any]
    quantization: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: Path | str, *, altered: bool = False) -> Bundle:
        """Opens a bundle and verifies every file's SHA-256.

        Args:
            directory: where it stands.
            altered: whether its files may be others than the manifest tells.

        Raises:
            BundleRefused: it is no bundle, is incomplete, or was altered after the export; or it
                has a link in a file's place.
        """
        path = Path(directory)
        staging.recover(path.absolute())
        document = manifest.read(path)
        manifest.require_own_files(path, document, _READABLE)
        if not altered:
            manifest.verify_files(path, document)
        return cls(path, document, quantization.read(path) if "quantization" in document else {})

    @property
    def artifacts(self) -> dict[str, Path]:
        """Paths of the model files by short name: onnx, tflite, int8.onnx, float16.tflite, ..."""
        return artifacts.present(self.directory)

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of each model file as the manifest tells it, by the file's short name."""
        told = self.manifest["files"]
        return {name: told[path.name]["sha256"] for name, path in self.artifacts.items()}

    @property
    def trained(self) -> bool:
        """Whether the weights were trained; an untrained bundle is for testing only."""
        return bool(self.manifest["weights"]["trained"])

    @property
    def intake(self) -> Intake:
        """What the net takes; raises BundleRefused, RefusedError."""
        told, shapes = self.manifest["preprocessing"], self.manifest["graph"]["inputs"]
        known = None if told is None else Preprocessing.from_json(told)
        inputs = tuple(InputSpec(name, tuple(shape[1:])) for name, shape in shapes.items())
        try:
            return Intake(inputs, agreeing(inputs, known, str(self.directory)))
        except UsageError as error:
            raise BundleRefused(
                f"the manifest's preprocessing is of another net than its inputs: {error}; export "
                "the net again"
            ) from error

    @property
    def preprocessing(self) -> Preprocessing:
        """How a photo becomes the net's input; raises UsageError where that is not known."""
        return self.intake.of_photo(str(self.directory))

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The classes' names, None where they are not known; raises BundleRefused."""
        names = labels.read(self.directory)
        shapes = self.manifest["graph"]["outputs"].values()
        if names is not None and not any(shape[1:2] == [len(names)] for shape in shapes):
            raise BundleRefused(
                f"{self.directory}: {labels.FILE_NAME} names {len(names)} classes, which no output "
                "has; export the net again"
            )
        return names

    @property
    def gives_probabilities(self) -> bool:
        """Whether the first output of every file is of probabilities, not of logits."""
        return bool(self.manifest["graph"]["probabilities"])

    @property
    def repairs(self) -> Repairs:
        """What was done to single channels of the int8 files; raises BundleRefused."""
        found = self.quantization
        return Repairs.from_json(found["repairs"]) if found else Repairs()

    @property
    def output_parts(self) -> dict[str, OutputParts]:
        """How each output is told apart; raises BundleRefused."""
        shapes = self.manifest["graph"]["outputs"]
        return {
            name: OutputParts.from_json(told, shapes[name])
            for name, told in self.manifest["graph"]["parts"].items()
            if name in shapes
        }

    @property
    def golden(self) -> golden.Golden:
        """The test vectors; raises BundleRefused."""
        vectors = golden.load(self.directory)
        vectors.check_fits(self.manifest["graph"]["outputs"], self.intake)
        return vectors

    @property
    def parity_passed(self) -> bool:
        """What the manifest says of the parity check made at the export."""
        return bool(self.manifest["parity"]["status"] == "passed")

    @property
    def identity(self) -> Identity:
        """What the bundle says of its files, beside them; raises BundleRefused."""
        weights = self.manifest["weights"]
        return Identity(
            net=self.manifest["net"]["name"],
            preprocessing=self.intake.preprocessing,
            labels=self.labels,
            license=weights.get("license"),
            trained=self.trained,
        )

    @property
    def thresholds(self) -> Thresholds:
        """What the export's parity check was told to keep to; raises BundleRefused."""
        return Thresholds.from_json(self.manifest["parity"]["thresholds"])

    @property
    def expected(self) -> Expected:
        """What the files are held against."""
        vectors = self.golden
        return Expected(
            vectors.samples,
            vectors.reference,
            depth=int(self.manifest["net"]["depth"]),
            trained=self.trained,
            parts=self.output_parts,
            float64=lambda: Float64(vectors.float64),
            as_exported=vectors.as_exported,
            whole=vectors.whole,
            missed=frozenset(map(artifact_of, map(str, self.manifest["parity"]["failed"]))),
        )

    def parity(
        self, thresholds: Thresholds | None = None, *, contained: bool = False
    ) -> ParityReport:
        """Runs every artifact on the golden vectors and compares it with the float reference.

        Args:
            thresholds: what each stage must keep to; by default what the export was told.
            contained: whether a crash of an engine may end this process, as the command line's,
                which has another one watch; otherwise TFLite files are tried in a child first.

        Raises:
            ArtifactRefused: a file cannot be loaded or run, or crashes its engine.
        """
        if not contained:
            self._require_survival()
        report = bundle_files.check(self.artifacts, self.expected, thresholds or self.thresholds)
        return self._with_own_words(report)

    def parity_on(
        self,
        opener: Opener,
        *,
        device: str,
        engines: tuple[EngineName, ...],
        thresholds: Thresholds | None = None,
        contained: bool = False,
    ) -> DeviceParity:
        """Runs the float and int8 files where `opener` opens them, and compares them.

        They are held against the reference, and against their runs on this machine.

        `contained` as for `parity`; raises as it does, and as
        `edgeconv.verify.parity.on_device.check`.
        """
        from edgeconv.verify.parity import on_device  # it cuts files: flatbuffers, onnx_ir

        if not contained:
            self._require_survival()
        held = self.artifacts.items()
        chosen = {n: p for n, p in held if artifacts.precision_of(n) in (None, "int8")}
        found = on_device.check(
            chosen,
            self.expected,
            opener,
            device=device,
            engines=engines,
            thresholds=thresholds or self.thresholds,
        )
        return replace(found, report=self._with_own_words(found.report))

    def _with_own_words(self, report: ParityReport) -> ParityReport:
        """The report with what the files say of themselves; no threshold loosens that."""
        found = own_words.check(self.artifacts, self.identity)
        return replace(report, stages=(*report.stages, found))

    def open(self, artifact: str, options: SessionOptions | None = None) -> Predictor:
        """Opens a model file for prediction.

        Args:
            artifact: its short name: "onnx", "tflite", "int8.onnx", "float16.tflite", ...
            options: threads and kernels.

        Raises:
            UnknownName: the bundle holds no such artifact.
            ArtifactRefused: the engine cannot load it, or crashes.
        """
        held = self.artifacts
        if artifact not in held:
            raise UnknownName(
                "artifact of this bundle", artifact, held, f"It holds {', '.join(held)}"
            )
        options = options or SessionOptions()
        trial.require_survival(held[artifact], [options])
        session = open_session(held[artifact], options)
        return Predictor(session, self.intake, self.labels, self.gives_probabilities)

    def _require_survival(self) -> None:
        """Tries each file on all kernels that parity runs it on."""
        for path in filter(has_engine, self.artifacts.values()):
            trial.require_survival(path, ways_of(path))


def require_artifacts(bundle: Bundle) -> dict[str, Path]:
    """The artifacts of a bundle; raises BundleRefused where there is none."""
    if not bundle.artifacts:
        raise BundleRefused(f"{bundle.directory} holds no model file; export the net again")
    return bundle.artifacts
