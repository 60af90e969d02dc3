"""torchvision's detectors: their heads are nets, what they make of the heads' output is none."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from edgeconv.errors import NetRefused

#: What every detector of torchvision sends its images through, and nothing else does.
_TRANSFORM = "GeneralizedRCNNTransform"


def refuse_detection(module: nn.Module, target: str) -> None:
    """Makes a torchvision detector anywhere in a module raise NetRefused once it is called.

    Its backbone and heads may be called: a module may hold a detector for those alone.
    """
    for path, child in module.named_modules():
        if type(child).__name__ == _TRANSFORM:
            child.register_forward_pre_hook(_refusal(target, path.rpartition(".")[0]))


def _refusal(target: str, path: str) -> Callable[..., None]:
    def refuse(*_: object) -> None:
        raise NetRefused(
            f"{target}: {path or 'the net'} is a detector of torchvision; it sorts and filters its "
            "boxes by their values (non-maximum suppression), so that their number hangs on the "
            "image, which no static graph holds. Export what comes before: a module whose forward "
            "gives detector.head(list(detector.backbone(x).values())), and decode boxes in the app"
        )

    return refuse
