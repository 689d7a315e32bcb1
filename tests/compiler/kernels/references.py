"""What a kernel has to put out, in double precision."""

import numpy as np


def activate(
    x: np.ndarray, activation: str = "none", low: float = -np.inf, high: float = np.inf
) -> np.ndarray:
    """The epilogue of a fused node."""
    match activation:
        case "clip":
            return np.clip(x, low, high)
        case "hard_swish":
            return x * np.clip(x / 6 + 0.5, 0, 1)
        case _:
            return x


def convolve(x, weight, bias, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1)) -> np.ndarray:
    """The convolution of x [1, H, W, K], weight [N, K, kh, kw], bias [N]; pads as ONNX has them. NHWC."""
    top, left, bottom, right = pads
    x = np.pad(x.astype(np.float64), ((0, 0), (top, bottom), (left, right), (0, 0)))
    _, _, kh, kw = weight.shape
    height = (x.shape[1] - (kh - 1) * dilations[0] - 1) // strides[0] + 1
    width = (x.shape[2] - (kw - 1) * dilations[1] - 1) // strides[1] + 1
    sums = np.zeros((1, height, width, len(weight))) + bias
    for i in range(kh):
        for j in range(kw):
            rows = slice(i * dilations[0], i * dilations[0] + (height - 1) * strides[0] + 1, strides[0])
            columns = slice(j * dilations[1], j * dilations[1] + (width - 1) * strides[1] + 1, strides[1])
            sums += x[:, rows, columns] @ weight[:, :, i, j].T.astype(np.float64)
    return sums


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """The largest error, relative to the largest value; NaN if anything was left out."""
    return float(np.abs(got - want).max() / np.abs(want).max())
