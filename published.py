"""What MobileNetV3's paper prints of networks that armlet builds (arXiv 1905.02244, its newest revision)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .frontend import build, count


@dataclass(frozen=True)
class Row:
    """A row of a table: a network of armlet's, and its parameters and MAdds as printed.

    `milliseconds` are of one large core of a Pixel 1, in tables 7 and 8 of a Pixel 3, in table 6 of no phone
    that is named. `why` says why armlet counts something else, where it does.
    """

    table: str
    label: str
    network: str
    options: Mapping[str, Any]
    parameters: str
    macs: str
    milliseconds: float
    why: str = ""

    def count(self) -> tuple[int, int]:
        """Parameters and multiply-accumulates by armlet's count; table 6 has no batch norm in it."""
        layers = count(build(self.network, **self.options)).layers
        bare = [layer for layer in layers if self.table != "6" or layer.op_type != "BatchNormalization"]
        return sum(layer.parameters for layer in bare), sum(layer.macs for layer in layers)

    @property
    def agrees(self) -> bool:
        """Whether both counts are what is printed, rounded or cut: the paper does either."""
        printed = (self.parameters, self.macs)
        return all(
            like in (as_printed(n, like), as_printed(n, like, cut=True))
            for n, like in zip(self.count(), printed, strict=True)
        )


_UNITS = {"M": 1e6, "B": 1e9}


def as_printed(number: int, like: str, *, cut: bool = False) -> str:
    """`number` in the unit and with the decimals of `like`, as in 5.4M; rounded, or `cut`."""
    digits, unit = like[:-1], like[-1]
    decimals = len(digits.partition(".")[2])
    scaled = number / _UNITS[unit]
    if cut:
        scaled = math.floor(scaled * 10**decimals) / 10**decimals
    return f"{scaled:.{decimals}f}{unit}"


_LARGE, _SMALL, _V2 = "mobilenet_v3_large", "mobilenet_v3_small", "mobilenet_v2"


def _width(width: float) -> dict[str, Any]:
    return {"width": width}


def _pixels(resolution: int) -> dict[str, Any]:
    return {"resolution": resolution}


def _cityscapes(**options: Any) -> dict[str, Any]:
    """DeepLab pads the 1024x2048 pictures by a pixel."""
    return {"resolution": (1025, 2049), **options}


def _segments(row: str, head: str, network: str, options: dict[str, Any], *printed: Any) -> Row:
    """A row of table 7."""
    return Row("7", f"{row}, {head.upper()}", f"{head}_{network}", _cityscapes(**options), *printed)


_REDUCED = {"reduced_tail": True}
_COARSE = {"output_stride": 32}
_TABLE_9 = "table 9 has what armlet counts"
_UP = "printed a little higher"
_WIDTHS = "no one rule for widths gives every row: armlet scales the head above 1 and keeps it below"
_V2_CUT = "the paper's parameters are without batch norm"
_A1 = "armlet's is timm's, to the last digit"
_MNAS_SMALL = "not described in the paper: armlet's is timm's, after the code of MnasNet's authors"
_SSD_V2 = "how the paper's is built in detail is not known"
_SSD_A1 = "within 1%: armlet's squeeze-excite and last convolution are timm's"
_SSD_V3 = "armlet counts 0.613B with the layers that give the paper's parameters"
_PIXELS = "MAdds within 5%: what else the paper counts is not known"
_V2_TAIL = "MAdds within 2%; how the paper halves the tail of V2 in detail is not known"

ROWS = [
    Row("3", "V3-Large 1.0", _LARGE, {}, "5.4M", "219M", 51, _TABLE_9),
    Row("3", "V3-Large 0.75", _LARGE, _width(0.75), "4.0M", "155M", 39),
    Row("3", "MnasNet-A1", "mnasnet_a1", {}, "3.9M", "315M", 71, _A1),
    Row("3", "V2 1.0", _V2, {}, "3.4M", "300M", 64, _V2_CUT),
    Row("3", "V3-Small 1.0", _SMALL, {}, "2.5M", "56M", 15.8),
    Row("3", "V3-Small 0.75", _SMALL, _width(0.75), "2.0M", "44M", 12.8, _UP),
    Row("3", "Mnas-small", "mnasnet_small", {}, "1.9M", "65.1M", 20.3, _MNAS_SMALL),
    Row("3", "V2 0.35", _V2, _width(0.35), "1.6M", "59.2M", 16.6),
    Row("6", "V2", "ssdlite_mobilenet_v2", {}, "4.3M", "0.80B", 162, _SSD_V2),
    Row("6", "MnasNet", "ssdlite_mnasnet_a1", {}, "4.88M", "0.84B", 174, _SSD_A1),
    Row("6", "V3", "ssdlite_mobilenet_v3_large", {}, "4.97M", "0.62B", 137, _SSD_V3),
    Row("6", "V3, tail halved", "ssdlite_mobilenet_v3_large", _REDUCED, "3.22M", "0.51B", 119),
    Row("6", "V2 0.35", "ssdlite_mobilenet_v2", _width(0.35), "0.93M", "0.16B", 66),
    Row("6", "V2 0.5", "ssdlite_mobilenet_v2", _width(0.5), "1.54M", "0.27B", 79),
    Row("6", "MnasNet 0.35", "ssdlite_mnasnet_a1", _width(0.35), "1.02M", "0.18B", 68, _SSD_A1),
    Row("6", "MnasNet 0.5", "ssdlite_mnasnet_a1", _width(0.5), "1.68M", "0.29B", 85, _SSD_A1),
    Row("6", "V3-Small", "ssdlite_mobilenet_v3_small", {}, "2.49M", "0.21B", 52),
    Row("6", "V3-Small, tail halved", "ssdlite_mobilenet_v3_small", _REDUCED, "1.77M", "0.16B", 43),
    _segments("1", "raspp", _V2, {}, "2.11M", "21.29B", 3900, _PIXELS),
    _segments("2", "raspp", _V2, _REDUCED, "1.15M", "13.68B", 3030, _V2_TAIL),
    _segments("3", "lraspp", _V2, {"filters": 256}, "1.02M", "12.83B", 2980, _V2_TAIL),
    _segments("4", "lraspp", _V2, {}, "0.98M", "12.57B", 2890, _V2_TAIL),
    _segments("5", "raspp", _LARGE, {}, "3.60M", "18.43B", 3550, _PIXELS),
    _segments("6", "raspp", _LARGE, _REDUCED, "1.76M", "11.24B", 2600, _PIXELS),
    _segments("7", "lraspp", _LARGE, {"filters": 256}, "1.63M", "10.33B", 2550, _PIXELS),
    _segments("8", "lraspp", _LARGE, {}, "1.51M", "9.74B", 2470, _PIXELS),
    _segments("9", "lraspp", _V2, _width(0.5), "0.28M", "4.00B", 1590, _V2_TAIL),
    _segments("10", "lraspp", _V2, _width(0.35), "0.16M", "2.54B", 1270, _V2_TAIL),
    _segments("11", "lraspp", _SMALL, {}, "0.47M", "2.90B", 1210, _PIXELS),
    Row("8", "V3, 1/32", f"lraspp_{_LARGE}", _cityscapes(**_COARSE), "1.51M", "7.74B", 2060, _PIXELS),
    Row("8", "V3-Small, 1/32", f"lraspp_{_SMALL}", _cityscapes(**_COARSE), "0.47M", "2.06B", 1030, _PIXELS),
    Row("9", "large 224/1.25", _LARGE, _width(1.25), "7.5M", "356M", 77.0, _WIDTHS),
    Row("9", "large 224/1.0", _LARGE, {}, "5.4M", "217M", 51.2),
    Row("9", "large 224/0.75", _LARGE, _width(0.75), "4.0M", "155M", 39.8),
    Row("9", "large 224/0.5", _LARGE, _width(0.5), "2.6M", "69M", 21.7),
    Row("9", "large 224/0.35", _LARGE, _width(0.35), "2.2M", "40M", 15.1, _WIDTHS),
    Row("9", "large 256/1.0", _LARGE, _pixels(256), "5.4M", "282M", 65.6),
    Row("9", "large 192/1.0", _LARGE, _pixels(192), "5.4M", "160M", 38.0),
    Row("9", "large 160/1.0", _LARGE, _pixels(160), "5.4M", "112M", 27.8),
    Row("9", "large 128/1.0", _LARGE, _pixels(128), "5.4M", "73M", 17.8),
    Row("9", "large 96/1.0", _LARGE, _pixels(96), "5.4M", "43M", 12.5),
    Row("9", "small 224/1.25", _SMALL, _width(1.25), "3.6M", "91M", 23.6),
    Row("9", "small 224/1.0", _SMALL, {}, "2.5M", "57M", 15.8),
    Row("9", "small 224/0.75", _SMALL, _width(0.75), "2.0M", "44M", 12.8, _UP),
    Row("9", "small 224/0.5", _SMALL, _width(0.5), "1.6M", "21M", 7.7),
    Row("9", "small 224/0.35", _SMALL, _width(0.35), "1.4M", "12M", 5.7),
    Row("9", "small 256/1.0", _SMALL, _pixels(256), "2.5M", "74M", 20.0, _UP),
    Row("9", "small 160/1.0", _SMALL, _pixels(160), "2.5M", "30M", 8.6),
    Row("9", "small 128/1.0", _SMALL, _pixels(128), "2.5M", "20M", 5.8),
    Row("9", "small 96/1.0", _SMALL, _pixels(96), "2.5M", "12M", 4.4),
]
