"""SSDLite: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.spec import NetSpec, PublishedPreprocessing

_COCO_CLASSES = 91
_BOXES_AT_EACH_PLACE = 6
_PREPROCESSING = PublishedPreprocessing(
    input_size=(320, 320), resize="stretch", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
)

NETS = (
    NetSpec(
        name="ssdlite320_mobilenet_v3_large",
        family="detection",
        factory="edgeconv.nets.ssdlite:ssdlite320_mobilenet_v3_large",
        classifier="head.classification_head.module_list.0.1",
        task="detection",
        preprocessing=_PREPROCESSING,
        pretrained=torchvision.published(
            "ssdlite320_mobilenet_v3_large_coco-a79551df.pth", _PREPROCESSING, "COCO"
        ),
        facts=torchvision.measured(
            "SSDLite320_MobileNet_V3_Large_Weights.COCO_V1",
            parameters=3_440_060,
            multiply_adds=583_171_904,
            metrics={"mAP": ("box_map on COCO-val2017", 21.3)},
            paper="Searching for MobileNetV3, https://arxiv.org/abs/1905.02244",
        ),
        classes=_COCO_CLASSES,
        fewest_classes=2,
        classifier_rows=_BOXES_AT_EACH_PLACE,
        labels="coco",
    ),
)
