"""What a net takes: its inputs, and how a photo becomes one where that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from edgeconv.data.images import MODES
from edgeconv.data.preprocessing import Preprocessing
from edgeconv.errors import UsageError

#: What the graph's input is called of a net that takes one image and does not name it.
IMAGE = "input"


@dataclass(frozen=True)
class InputSpec:
    """One input of a net, float32.

    Attributes:
        name: what samples and files call it.
        shape: of one sample, without the batch axis; an image's is (channels, height, width).
    """

    name: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """Its name and shape."""
        return f"{self.name} {self.shape}"


@dataclass(frozen=True)
class Intake:
    """All that a net takes.

    Attributes:
        inputs: in the order of its forward, or of a bundle by their names.
        preprocessing: how a photo becomes its one image; None where that is not known: then it is
            fed tensors.
        of_file: whether the inputs are those of a model file, as it has them.
    """

    inputs: tuple[InputSpec, ...]
    preprocessing: Preprocessing | None = None
    of_file: bool = False

    @classmethod
    def of_photos(cls, preprocessing: Preprocessing) -> Self:
        """Of a net that takes one photo."""
        shape = (preprocessing.channels, *preprocessing.input_size)
        return cls((InputSpec(IMAGE, shape),), preprocessing)

    @property
    def note(self) -> str | None:
        """What to tell the user of it; None where there is nothing to tell."""
        shape = self.inputs[0].shape
        is_image = len(self.inputs) == 1 and len(shape) == 3 and shape[0] in MODES
        if self.preprocessing is not None or not is_image:
            return None
        return (
            "nothing says how a photo becomes the input, so that the bundle takes tensors alone; "
            "--mean, --std and --resize say it"
        )

    @property
    def samples(self) -> str:
        """What it is fed, for people."""
        return "samples" if self.preprocessing is None else "photos"

    def of_photo(self, of: str) -> Preprocessing:
        """How a photo becomes the input.

        Args:
            of: what the net is called in a message.

        Raises:
            UsageError: it is not known.
        """
        if self.preprocessing is None:
            raise UsageError(
                f"nothing says how a photo becomes what {of} takes ({self}); give a folder of .npy "
                "or .npz files, one sample a file, or export it with --mean, --std and --resize "
                "where it takes one image"
            )
        return self.preprocessing

    def __str__(self) -> str:
        """Each input, as a message names them."""
        return ", ".join(map(str, self.inputs))


def agreeing(
    inputs: tuple[InputSpec, ...], preprocessing: Preprocessing | None, target: str
) -> Preprocessing | None:
    """The preprocessing of a net with these inputs.

    Raises:
        UsageError: it makes something else of a photo than the net takes.
    """
    if preprocessing is None:
        return None
    made = (preprocessing.channels, *preprocessing.input_size)
    if len(inputs) != 1 or inputs[0].shape != made:
        raise UsageError(
            f"{target} takes {', '.join(map(str, inputs))}, and its preprocessing makes {made} of "
            "a photo, (channels, height, width); let both say the same, or leave preprocessing out "
            "and give tensors"
        )
    return preprocessing
