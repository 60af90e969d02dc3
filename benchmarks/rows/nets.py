"""The named nets: where each comes from and the size of its input, nothing of their code.

`timm:NAME`, `torchvision:NAME`, `ultralytics:YAML`, `smp:DECODER/ENCODER`, `pytorchcv:NAME` and
`vit_pytorch:CLASS`. Sizes are in pixels, the smallest that the net's own rules allow where its own
size would take minutes: what a converter meets is the same, and 129 nets have to be run by several
tools. Options go to the library's factory.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class NamedNet:
    """One net of a library.

    Attributes:
        library: timm, torchvision, ultralytics, smp, pytorchcv or vit_pytorch.
        name: what the library calls it.
        size: height and width of its input in pixels.
        options: keywords of the library's factory.
    """

    library: str
    name: str
    size: int
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def row(self) -> str:
        """What its row is called."""
        return f"{self.library}:{self.name}"


def _nets(library: str, size: int, names: str, **options: Any) -> list[NamedNet]:
    return [NamedNet(library, name, size, options) for name in names.split()]


def _resized(size: int, names: str) -> list[NamedNet]:
    """Of timm, with positions or windows that are made for a size."""
    return _nets("timm", size, names, img_size=size)


_CONVOLUTIONS = [
    *_nets("timm", 128, "mobilenetv3_small_100 mobilenetv4_conv_small mobilenet_edgetpu_v2_xs"),
    *_nets("timm", 128, "efficientnet_lite0 tf_efficientnetv2_b0 tf_mixnet_s fbnetv3_b lcnet_050"),
    *_nets("timm", 128, "tinynet_e ghostnet_100 ghostnetv2_100 rexnet_100 mnasnet_small"),
    *_nets("timm", 128, "resnet18 resnet18d resnetblur18 seresnet18 skresnet18 resnest14d"),
    *_nets("timm", 128, "resnext26ts ecaresnet26t gcresnext26ts res2net50_14w_8s resnetv2_18"),
    *_nets("timm", 128, "resnetv2_50d_frn resnetv2_50x1_bit efficientnet_b0_gn"),
    *_nets("timm", 128, "densenet121 dla46_c dpn48b regnetx_002 regnety_002 regnetz_005"),
    *_nets("timm", 128, "repvgg_a0 mobileone_s0 repvit_m0_9 repghostnet_050 fasternet_t0"),
    *_nets("timm", 128, "starnet_s1 hgnetv2_b0 ese_vovnet19b_dw cspresnet50 cs3darknet_s"),
    *_nets("timm", 128, "selecsls42 gernet_s hardcorenas_a inception_v3 xception41 vgg11_bn"),
    *_nets("timm", 128, "convnext_atto convnextv2_atto convnext_zepto_rms inception_next_atto"),
    *_nets("timm", 128, "mambaout_femto poolformer_s12 convmixer_768_32 rdnet_tiny"),
    *_nets("timm", 128, "hrnet_w18_small dm_nfnet_f0 nf_resnet26 eca_nfnet_l0 tresnet_m"),
    *_nets("timm", 128, "efficientnet_cc_b0_4e focalnet_tiny_srf"),
]
_TRANSFORMERS = [
    *_resized(112, "vit_tiny_patch16_224 deit_tiny_patch16_224 deit_tiny_distilled_patch16_224"),
    *_resized(112, "deit3_small_patch16_224 vit_relpos_small_patch16_224 beit_base_patch16_224"),
    *_resized(112, "cait_xxs24_224 xcit_nano_12_p16_224 volo_d1_224 pit_ti_224 convit_tiny"),
    *_resized(
        112, "eva02_tiny_patch14_224 vit_small_patch16_rope_224 vit_wee_patch16_reg1_gap_256"
    ),
    *_resized(112, "swin_tiny_patch4_window7_224 mixer_s32_224 gmlp_ti16_224 resmlp_12_224"),
    *_resized(128, "swinv2_tiny_window8_256 swinv2_cr_tiny_224 coat_lite_tiny"),
    *_nets("timm", 224, "tiny_vit_5m_224"),
    *_resized(128, "vit_tiny_patch16_dinov3_qkvb"),
    *_resized(128, "coatnet_nano_rw_224 maxvit_pico_rw_256 maxxvit_rmlp_nano_rw_256"),
    *_nets("timm", 128, "efficientvit_b0 efficientvit_l1 mobilevit_xxs mobilevitv2_050"),
    *_nets("timm", 128, "edgenext_xx_small mobilenetv4_hybrid_medium fastvit_t8 fastvit_sa12"),
    *_nets("timm", 128, "caformer_s18 convformer_s18 pvt_v2_b0 davit_tiny swiftformer_xs"),
    *_nets("timm", 128, "nextvit_small shvit_s1 lowformer_b0 iformer_t efficientvim_m1"),
    *_nets("timm", 224, "levit_128s levit_conv_128s efficientvit_m0 efficientformer_l1"),
    *_nets("timm", 224, "efficientformerv2_s0 visformer_tiny gcvit_xxtiny twins_svt_small"),
    *_nets("timm", 224, "mvitv2_tiny hiera_tiny_224 nest_tiny sequencer2d_s tnt_s_patch16_224"),
    *_nets("timm", 240, "crossvit_tiny_240"),
    *_nets("timm", 256, "botnet26t_256 halonet26t lambda_resnet26t bat_resnext26ts"),
    *_nets("vit_pytorch", 64, "ViT SimpleViT CCT"),
]
_TORCHVISION = [
    *_nets("torchvision", 128, "mobilenet_v3_large shufflenet_v2_x1_5 mnasnet0_5 googlenet"),
    *_nets("torchvision", 128, "efficientnet_v2_s regnet_y_400mf convnext_tiny squeezenet1_0"),
    *_nets("torchvision", 224, "vit_b_32 swin_t swin_v2_t maxvit_t"),
    *_nets("torchvision", 128, "lraspp_mobilenet_v3_large deeplabv3_mobilenet_v3_large"),
    *_nets("torchvision", 128, "fcn_resnet50"),
]
_DETECTORS = [
    *_nets("ultralytics", 128, "yolov3-tiny yolov5n yolov6n yolov8n yolov8n-seg yolov8n-pose"),
    *_nets("ultralytics", 128, "yolov8n-obb yolov8n-cls yolov8n-ghost yolov9t yolov10n"),
    *_nets("ultralytics", 128, "yolo11n yolo11n-seg yolo11n-pose yolo11n-obb yolo11n-cls"),
    *_nets("ultralytics", 128, "yolo12n yolo26n yolo26n-seg yolo26n-pose rtdetr-resnet50"),
]
_SEGMENTATION = [
    *_nets("smp", 96, "Unet/resnet18 Unet/mobilenet_v2 Unet/efficientnet-b0 UnetPlusPlus/resnet18"),
    *_nets("smp", 96, "MAnet/resnet18 Linknet/resnet18 FPN/mobilenet_v2"),
    *_nets("smp", 128, "PAN/resnet18"),
    *_nets("smp", 96, "PSPNet/resnet18 DeepLabV3/resnet18 DeepLabV3Plus/mobilenet_v2"),
    *_nets("smp", 96, "Segformer/resnet18 Segformer/mit_b0 UPerNet/resnet18 Unet/mit_b0"),
]
_OTHERS = [
    *_nets("pytorchcv", 224, "shufflenetv2_wd2 shufflenet_g3_wd4 igcv3_wd4 sqnxt23_w1"),
    *_nets("pytorchcv", 224, "proxylessnas_mobile condensenet74_c4_g4 bam_resnet18 ibn_resnet50"),
    *_nets(
        "pytorchcv", 32, "resnet20_cifar10 diaresnet20_cifar10 shakeshakeresnet20_2x16d_cifar10"
    ),
    *_nets(
        "pytorchcv",
        128,
        "simplepose_mobile_mobilenetv2b_w1_coco lwopenpose2d_mobilenet_cmupan_coco",
    ),
    *_nets("pytorchcv", 128, "centernet_resnet18_coco"),
    *_nets(
        "pytorchcv", 128, "bisenet_resnet18_celebamaskhq fastscnn_cityscapes", in_size=(128, 128)
    ),
    *_nets(
        "pytorchcv", 128, "cgnet_cityscapes dabnet_cityscapes sinet_cityscapes lednet_cityscapes"
    ),
    *_nets("pytorchcv", 128, "esnet_cityscapes"),
]

NETS = {
    net.row: net
    for group in (_CONVOLUTIONS, _TRANSFORMERS, _TORCHVISION, _DETECTORS, _SEGMENTATION, _OTHERS)
    for net in group
}
