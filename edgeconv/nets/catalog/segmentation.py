"""Semantic segmentation: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import Facts, NetOption, NetSpec, PublishedPreprocessing

_V3_PAPER = "Searching for MobileNetV3, https://arxiv.org/abs/1905.02244"
_DEEPLAB_PAPER = (
    "Rethinking Atrous Convolution for Semantic Image Segmentation, "
    "https://arxiv.org/abs/1706.05587"
)
_FCN_PAPER = (
    "Fully Convolutional Networks for Semantic Segmentation, https://arxiv.org/abs/1411.4038"
)
_UNET_PAPER = (
    "U-Net: Convolutional Networks for Biomedical Image Segmentation, "
    "https://arxiv.org/abs/1505.04597"
)
_COUNTED = "counted from the definition; the paper states none"
_VOC_CLASSES = 21
# torchvision scales the short side to 520 and takes the whole photo; a file takes its centre.
_PREPROCESSING = PublishedPreprocessing(input_size=(520, 520), resize=520)
#: The shortest side of which unpadded convolutions leave anything.
_UNPADDED_INPUT = 188


def _from_torchvision(
    name: str,
    weights_name: str,
    file_name: str,
    classifier: str,
    figures: tuple[int, int, float, float],
    paper: str,
    less: str = "the auxiliary classifier's",
) -> NetSpec:
    """A net with weights of torchvision's.

    Args:
        name: torchvision's.
        weights_name: what torchvision calls its weights, less what all are called.
        file_name: of the weights.
        classifier: module path of the layer whose rows are the classes.
        figures: parameters, multiply-adds, mean IoU and pixel accuracy in percent.
        paper: title and address.
        less: what torchvision counts and this net lacks.
    """
    parameters, multiply_adds, mean_iou, pixel_accuracy = figures
    return NetSpec(
        name=name,
        family="segmentation",
        factory=f"edgeconv.nets.segmentation:{name}",
        classifier=classifier,
        task="segmentation",
        preprocessing=_PREPROCESSING,
        pretrained=torchvision.published(file_name, _PREPROCESSING, "COCO"),
        facts=torchvision.measured(
            f"{weights_name}_Weights.COCO_WITH_VOC_LABELS_V1",
            parameters=parameters,
            multiply_adds=multiply_adds,
            metrics={
                "mean IoU": ("miou on COCO-val2017-VOC-labels", mean_iou),
                "pixel accuracy": ("pixel_acc on COCO-val2017-VOC-labels", pixel_accuracy),
            },
            paper=paper,
            less=less,
        ),
        classes=_VOC_CLASSES,
        labels="voc",
    )


def _unet_facts(parameters: int, multiply_adds: int) -> Facts:
    return Facts(
        parameters=parameters,
        multiply_adds=multiply_adds,
        top1=None,
        top5=None,
        paper=_UNET_PAPER,
        sources={"parameters": _COUNTED, "multiply_adds": f"{_COUNTED}; at 512 x 512"},
    )


UNET = NetSpec(
    name="unet",
    family="segmentation",
    factory="edgeconv.nets.unet:unet",
    classifier="classifier",
    task="segmentation",
    options={
        "width": NetOption(
            float,
            1.0,
            "scales every layer's channels; the paper has 64 at full resolution",
            bounds=(0.0625, 2.0),
        ),
        "padding": NetOption(
            str,
            "symmetric",
            "symmetric pads with zeros; valid not at all, as in the paper: a smaller map",
            allowed=("symmetric", "valid"),
            keeps_weights=True,
            minimum_input=_UNPADDED_INPUT,
        ),
    },
    preprocessing=PublishedPreprocessing(input_size=(512, 512), resize=512),
    facts=_unet_facts(31_031_810, 184_096_391_168),
    variants=(
        ({"width": 0.25}, _unet_facts(1_941_122, 11_597_250_560)),
        ({"padding": "valid"}, _unet_facts(31_031_810, 108_200_731_392)),
    ),
    minimum_input=16,
    classes=2,
    labels=None,
)

NETS = (
    _from_torchvision(
        "lraspp_mobilenet_v3_large",
        "LRASPP_MobileNet_V3_Large",
        "lraspp_mobilenet_v3_large-d234d4ea.pth",
        "classifier.high_classifier",
        (3_221_538, 2_086_219_688, 57.9, 91.2),
        _V3_PAPER,
        less="",
    ),
    _from_torchvision(
        "deeplabv3_mobilenet_v3_large",
        "DeepLabV3_MobileNet_V3_Large",
        "deeplabv3_mobilenet_v3_large-fc3c493d.pth",
        "classifier.4",
        (11_025_477, 10_436_350_688, 60.3, 91.2),
        _DEEPLAB_PAPER,
    ),
    _from_torchvision(
        "deeplabv3_resnet50",
        "DeepLabV3_ResNet50",
        "deeplabv3_resnet50_coco-cd0a2569.pth",
        "classifier.4",
        (39_638_869, 168_731_205_888, 66.4, 92.4),
        _DEEPLAB_PAPER,
    ),
    _from_torchvision(
        "fcn_resnet50",
        "FCN_ResNet50",
        "fcn_resnet50_coco-1167a1af.pth",
        "classifier.4",
        (32_957_013, 142_725_772_800, 60.5, 91.4),
        _FCN_PAPER,
    ),
    UNET,
)
