"""AlexNet: published facts."""

from __future__ import annotations

from edgeconv.nets.catalog import torchvision
from edgeconv.nets.catalog.grid_classifier import fully_convolutional
from edgeconv.nets.spec import NetSpec

_FACTS = torchvision.facts(
    "AlexNet_Weights.IMAGENET1K_V1",
    parameters=61_100_840,
    giga_multiply_adds=0.714,
    top1=56.522,
    top5=79.066,
    paper=(
        "One weird trick for parallelizing convolutional neural networks, "
        "https://arxiv.org/abs/1404.5997"
    ),
    paper_says="Table 2 of the 2012 paper claims 59.3 over ten crops, for two columns of layers",
)

NETS = (
    NetSpec(
        name="alexnet",
        family="alexnet",
        factory="edgeconv.nets.alexnet:alexnet",
        classifier="classifier.6",
        options={"fully_convolutional": fully_convolutional(223)},
        variants=(({"fully_convolutional": True}, _FACTS),),
        minimum_input=63,
        pretrained=torchvision.weights("alexnet-owt-7be5be79.pth"),
        facts=_FACTS,
    ),
)
