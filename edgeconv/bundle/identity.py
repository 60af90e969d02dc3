"""What a model file says of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass

from edgeconv.data.preprocessing import Preprocessing


@dataclass(frozen=True)
class Identity:
    """What a model file says of itself, so that it can be used apart from its bundle.

    Attributes:
        net: the net's name.
        preprocessing: how a photo becomes the input of the float net; None where that is not known.
        labels: the classes' names in the order of the outputs, None where they are not known.
        license: of the weights, None where it is not known.
        trained: whether the weights were trained.
    """

    net: str
    preprocessing: Preprocessing | None
    labels: tuple[str, ...] | None
    license: str | None
    trained: bool

    def onnx_metadata(self) -> dict[str, str]:
        """The entries of an ONNX file's `metadata_props`."""
        entries = {
            "edgeconv.net": self.net,
            "edgeconv.trained": json.dumps(self.trained),
        }
        if self.preprocessing is not None:
            told = json.dumps(self.preprocessing.to_json(), sort_keys=True)
            entries["edgeconv.preprocessing"] = told
        if self.labels is not None:
            entries["edgeconv.labels"] = json.dumps(self.labels, ensure_ascii=False)
        if self.license is not None:
            entries["edgeconv.license"] = self.license
        return entries
