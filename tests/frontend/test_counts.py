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
