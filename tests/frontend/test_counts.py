"""The published counts, to the last digit. Figures: torchvision 0.28, timm 1.0.31 and Keras 3.15 run."""

import pytest

from armlet import build
from armlet.frontend import count

LARGE, SMALL, V2 = "mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"
A1, MNAS_SMALL = "mnasnet_a1", "mnasnet_small"


@pytest.mark.parametrize(
    ("name", "options", "parameters", "macs"),
    [
        (LARGE, {}, 5_483_032, 216_589_760),
        (SMALL, {}, 2_542_856, 56_510_400),
        (LARGE, {"minimalistic": True}, 3_924_288, 209_136_704),
        (SMALL, {"minimalistic": True}, 2_044_736, 52_288_448),
        (LARGE, {"resolution": 256}, 5_483_032, 281_663_360),
        (LARGE, {"resolution": 192}, 5_483_032, 160_192_640),
        (LARGE, {"resolution": 160}, 5_483_032, 112_472_000),
        (LARGE, {"resolution": 128}, 5_483_032, 73_427_840),
        (LARGE, {"resolution": 96}, 5_483_032, 43_060_160),
        (SMALL, {"resolution": 256}, 2_542_856, 73_175_040),
        (SMALL, {"resolution": 192}, 2_542_856, 42_067_712),
        (SMALL, {"resolution": 160}, 2_542_856, 29_846_976),
        (SMALL, {"resolution": 128}, 2_542_856, 19_848_192),
        (SMALL, {"resolution": 96}, 2_542_856, 12_071_360),
        (V2, {}, 3_504_872, 300_774_272),
        (V2, {"width": 0.35}, 1_677_128, 59_285_808),
        (V2, {"width": 0.5}, 1_968_680, 97_131_840),
        (V2, {"width": 0.75}, 2_636_424, 209_069_792),
        (V2, {"width": 1.4}, 6_108_776, 582_195_824),
        (LARGE, {"source": "torchvision", "reduced_tail": True}, 2_569_352, 182_302_720),
        (SMALL, {"source": "torchvision", "reduced_tail": True}, 1_099_672, 43_763_584),
        (A1, {}, 3_887_038, 311_579_072),
        (A1, {"width": 0.75}, 2_912_278, 223_448_480),
        (MNAS_SMALL, {}, 2_030_264, 68_339_184),
        # Keras has 1000 classes in a 1x1 convolution: the same count.
        (LARGE, {"minimalistic": True, "width": 0.75}, 3_050_312, 148_802_544),
        (SMALL, {"minimalistic": True, "width": 0.75}, 1_732_512, 40_072_880),
    ],
)
def test_counts(name, options, parameters, macs):
    counts = count(build(name, **options))
    assert (counts.parameters, counts.macs) == (parameters, macs)


@pytest.mark.parametrize(
    ("name", "source", "width", "parameters", "macs"),
    [
        (LARGE, "paper", 1.25, 8_256_296, 355_925_920),
        (LARGE, "paper", 0.75, 3_993_528, 154_560_624),
        (LARGE, "paper", 0.5, 2_689_520, 69_247_600),
        (LARGE, "paper", 0.35, 2_131_832, 39_472_336),
        (SMALL, "paper", 1.25, 3_645_960, 91_241_184),
        (SMALL, "paper", 0.75, 2_041_872, 43_399_344),
        (SMALL, "paper", 0.5, 1_592_704, 21_052_560),
        (SMALL, "paper", 0.35, 1_358_288, 12_815_840),
        (LARGE, "torchvision", 1.25, 8_164_744, 343_461_000),
        (LARGE, "torchvision", 0.75, 3_377_576, 140_033_816),
        (LARGE, "torchvision", 0.5, 1_734_576, 64_962_192),
        (LARGE, "torchvision", 0.35, 997_064, 35_278_408),
        (SMALL, "torchvision", 1.25, 3_644_912, 88_155_944),
        (SMALL, "torchvision", 0.75, 1_653_920, 39_115_576),
        (SMALL, "torchvision", 0.5, 917_264, 18_970_736),
        (SMALL, "torchvision", 0.35, 558_744, 11_238_936),
        (LARGE, "timm", 0.75, 3_993_528, 154_560_624),
        (SMALL, "timm", 0.75, 2_041_872, 43_399_344),
        (SMALL, "timm", 0.5, 1_593_224, 24_188_688),
        (LARGE, "timm-tf", 0.75, 3_993_528, 154_560_624),
        (V2, "timm", 0.35, 1_677_128, 59_285_808),
        (V2, "timm", 1.4, 6_108_776, 582_195_824),
        (LARGE, "keras", 1.25, 8_255_784, 349_904_800),
        (LARGE, "keras", 0.75, 3_993_528, 154_560_624),
        (LARGE, "keras", 0.5, 2_689_904, 73_663_088),
        (LARGE, "keras", 0.35, 2_132_216, 43_887_824),
        (SMALL, "keras", 1.25, 3_645_312, 87_703_648),
        (SMALL, "keras", 0.75, 2_041_872, 43_399_344),
        (SMALL, "keras", 0.5, 1_593_224, 24_188_688),
        (SMALL, "keras", 0.35, 1_350_344, 15_931_232),
    ],
)
def test_widths_follow_the_source(name, source, width, parameters, macs):
    counts = count(build(name, width=width, source=source))
    assert (counts.parameters, counts.macs) == (parameters, macs)


# Cityscapes, as in the tables.
FULL, HALF = {"resolution": (1024, 2048), "classes": 19}, {"resolution": (512, 1024), "classes": 19}


@pytest.mark.parametrize(
    ("name", "options", "parameters", "macs"),
    [
        (LARGE, {}, 3_221_538, 2_086_219_688),
        (LARGE, {"resolution": (1024, 2048)}, 3_221_538, 15_785_910_144),
        (LARGE, {"resolution": (512, 1024)}, 3_221_538, 3_947_700_096),
        (LARGE, {"resolution": 224}, 3_221_538, 379_281_312),
        (LARGE, FULL, 3_221_198, 15_774_900_096),
        (LARGE, HALF, 3_221_198, 3_944_947_584),
        (LARGE, FULL | {"output_stride": 32}, 3_221_198, 9_242_599_296),
        (LARGE, HALF | {"output_stride": 32}, 3_221_198, 2_311_872_384),
        (LARGE, FULL | {"reduced_tail": True}, 1_746_878, 9_915_229_056),
        (LARGE, HALF | {"reduced_tail": True}, 1_746_878, 2_479_465_344),
        (LARGE, FULL | {"reduced_tail": True, "output_stride": 32}, 1_746_878, 7_777_117_056),
        (LARGE, HALF | {"reduced_tail": True, "output_stride": 32}, 1_746_878, 1_944_937_344),
        (SMALL, FULL, 1_077_646, 5_064_171_520),
        (SMALL, HALF, 1_077_646, 1_266_442_240),
        (SMALL, FULL | {"output_stride": 32}, 1_077_646, 2_521_440_256),
        (SMALL, HALF | {"output_stride": 32}, 1_077_646, 630_759_424),
        (SMALL, FULL | {"reduced_tail": True}, 515_614, 2_831_991_808),
        (SMALL, HALF | {"reduced_tail": True}, 515_614, 708_183_040),
        (SMALL, FULL | {"reduced_tail": True, "output_stride": 32}, 515_614, 1_963_181_056),
        (SMALL, HALF | {"reduced_tail": True, "output_stride": 32}, 515_614, 490_980_352),
    ],
)
def test_lraspp_of_torchvision(name, options, parameters, macs):
    counts = count(build(f"lraspp_{name}", source="torchvision", **options))
    assert (counts.parameters, counts.macs) == (parameters, macs)


@pytest.mark.parametrize(
    ("name", "options", "parameters", "madds"),
    [
        (f"raspp_{LARGE}", {}, 3_600_963, 18.43e9),  # Row 5 of table 7.
        (f"raspp_{LARGE}", {"reduced_tail": True}, 1_762_435, 11.24e9),  # Row 6.
        (f"lraspp_{LARGE}", {"filters": 256}, 1_632_894, 10.33e9),  # Row 7.
        (f"lraspp_{LARGE}", {}, 1_507_198, 9.74e9),  # Row 8.
        (f"lraspp_{SMALL}", {}, 468_830, 2.90e9),  # Row 11.
        (f"raspp_{V2}", {}, 2_113_043, 21.29e9),  # Row 1.
    ],
)
def test_segmentation_of_the_paper(name, options, parameters, madds):
    # DeepLab pads the pictures by one pixel; what else the paper counts is not known.
    counts = count(build(name, resolution=(1025, 2049), **options))
    assert counts.parameters == parameters
    assert counts.macs == pytest.approx(madds, rel=0.045)


@pytest.mark.parametrize(
    ("name", "reduced_tail", "parameters", "macs"),
    [
        (LARGE, False, 5_198_540, 689_751_104),
        (LARGE, True, 3_440_060, 583_171_904),
        (SMALL, False, 2_600_636, 243_249_856),
        (SMALL, True, 1_868_108, 195_135_424),
    ],
)
def test_ssdlite_of_torchvision(name, reduced_tail, parameters, macs):
    counts = count(build(f"ssdlite_{name}", source="torchvision", reduced_tail=reduced_tail))
    assert (counts.parameters, counts.macs) == (parameters, macs)


@pytest.mark.parametrize(
    ("name", "reduced_tail", "millions", "billions"),
    [
        (LARGE, False, 4.97, 0.61),
        (LARGE, True, 3.22, 0.51),
        (SMALL, False, 2.49, 0.21),
        (SMALL, True, 1.77, 0.16),
    ],
)
def test_ssdlite_of_the_paper(name, reduced_tail, millions, billions):
    # Table 6, which leaves batch norm's parameters out, and has 0.62 for the first.
    layers = count(build(f"ssdlite_{name}", reduced_tail=reduced_tail)).layers
    weights = sum(layer.parameters for layer in layers if layer.op_type != "BatchNormalization")
    assert round(weights / 1e6, 2) == millions
    assert round(sum(layer.macs for layer in layers) / 1e9, 2) == billions


def test_layers_add_up_and_are_named():
    counts = count(build(SMALL))
    by_name = {layer.name: layer for layer in counts.layers}
    assert len(by_name) == len(counts.layers)
    # 3x3 stem: 16 filters of 27 weights on 112x112 outputs.
    assert by_name["stem/conv"].parameters == 432
    assert by_name["stem/conv"].macs == 432 * 112 * 112
    # Depthwise: one input channel a filter.
    assert by_name["block1/depthwise/conv"].macs == 16 * 9 * 56 * 56
    # Scale and bias; mean and variance are not learned.
    assert by_name["stem/bn"].parameters == 32
    assert by_name["classifier/linear"].parameters == 1024 * 1000 + 1000
    assert by_name["classifier/linear"].macs == 1024 * 1000


def test_a_shared_weight_counts_once():
    model = build(LARGE)
    alone = count(model)
    nodes = {node.name: node for node in model.graph}
    # Blocks 9 and 10 are the same row of the table twice.
    nodes["block10/expand/conv"].replace_input_with(1, nodes["block9/expand/conv"].inputs[1])
    shared = count(model)
    assert shared.parameters == alone.parameters - 80 * 184
    assert shared.macs == alone.macs
