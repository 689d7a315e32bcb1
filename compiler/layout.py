"""The two orders of a map's axes: NCHW, which is ONNX's, and NHWC, which the kernels compute in.

An input of bytes is a frame, which is NHWC in ONNX itself: its axes stay as they are, whatever the layout.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

Layout = Literal["nchw", "nhwc"]


def shape_in(layout: Layout, shape: Sequence[int]) -> list[int]:
    """The ONNX `shape` in `layout`; ranks other than 4 have no layout."""
    return [shape[0], *shape[2:], shape[1]] if layout == "nhwc" and len(shape) == 4 else list(shape)


def array_in(layout: Layout, array: np.ndarray) -> np.ndarray:
    """The ONNX `array` in `layout`; ranks other than 4 have no layout."""
    if layout == "nhwc" and array.ndim == 4:
        return np.ascontiguousarray(array.transpose(0, 2, 3, 1))
    return array


def input_in(layout: Layout, array: np.ndarray) -> np.ndarray:
    """The ONNX input `array` as a network takes it whose interface is in `layout`."""
    return array if array.dtype == np.uint8 else array_in(layout, array)


def input_of(layout: Layout, array: np.ndarray) -> np.ndarray:
    """The ONNX input of what a network takes whose interface is in `layout`."""
    if layout == "nhwc" and array.ndim == 4 and array.dtype != np.uint8:
        return np.ascontiguousarray(array.transpose(0, 3, 1, 2))
    return array
