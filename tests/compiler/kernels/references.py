"""What a kernel has to put out, in double precision."""

import numpy as np
import onnx
import onnxruntime

from armlet.compiler.kernels.bounded_sums import TERMS

UNIT = 2.0**-11  # Of rounding to float16.
UNDERFLOW = 2.0**-25  # Of rounding to a float16 that is not normal.


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
    """The convolution of x [1, H, W, K], weight [N, K, kh, kw], bias [N]; pads as ONNX has them. NHWC.

    It is depthwise where the weight is [K, 1, kh, kw] and K is more than 1.
    """
    is_depthwise = weight.shape[1] < x.shape[3]
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
            seen, tap = x[:, rows, columns], weight[:, :, i, j].astype(np.float64)
            sums += seen * tap[:, 0] if is_depthwise else seen @ tap.T
    return sums


def pool(
    x: np.ndarray, op_type: str, kernel_shape=None, strides=(1, 1), pads=(0, 0, 0, 0), count_include_pad=0
) -> np.ndarray:
    """MaxPool or AveragePool of x [1, H, W, C]; without a window, over the map."""
    top, left, bottom, right = pads
    sides = ((0, 0), (top, bottom), (left, right), (0, 0))
    x = np.pad(x.astype(np.float64), sides, constant_values=0 if count_include_pad else np.nan)
    seen = np.lib.stride_tricks.sliding_window_view(x, kernel_shape or x.shape[1:3], (1, 2))
    seen = seen[:, :: strides[0], :: strides[1]]
    return np.nanmax(seen, (-2, -1)) if op_type == "MaxPool" else np.nanmean(seen, (-2, -1))


def resize(x, coordinates, scales=None, sizes=None) -> np.ndarray:
    """ONNX Runtime's Resize of x [1, H, W, C], by scales or to sizes of height and width."""
    scales = np.array([] if scales is None else [1, 1, *scales], np.float32)
    inputs = ["x", "", "scales"] if sizes is None else ["x", "", "", "sizes"]
    arrays = {"scales": scales} if sizes is None else {"sizes": np.array([1, x.shape[3], *sizes])}
    node = onnx.helper.make_node(
        "Resize", inputs, ["y"], mode="linear", coordinate_transformation_mode=coordinates
    )
    graph = onnx.helper.make_graph(
        [node],
        "resize",
        [onnx.helper.make_tensor_value_info("x", 1, [1, x.shape[3], *x.shape[1:3]])],
        [onnx.helper.make_tensor_value_info("y", 1, None)],
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    opset = [onnx.helper.make_opsetid("", 21)]
    model = onnx.helper.make_model(graph, ir_version=10, opset_imports=opset)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2))})
    return y.transpose(0, 2, 3, 1)


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """The largest error, relative to the largest value; NaN if anything was left out."""
    return float(np.abs(got - want).max() / np.abs(want).max())


def half_precision_bound(terms: int, magnitudes: np.ndarray, want: np.ndarray) -> np.ndarray:
    """How far off sums of so many terms may be, whose `magnitudes` sum to that.

    Rounding errors of a recursive sum grow as the square root of its terms: past four times that is past all
    probability (Higham and Mary, "A New Approach to Probabilistic Rounding Error Analysis", 2019, theorem
    2.4). Weights are rounded once more, after they are scaled; so are residuals, and the result three times
    in an activation whose slope is at most 1.5.
    """
    roundings = 1.5 * (4 * np.sqrt(min(terms, TERMS) + -(-terms // TERMS)) + 3)
    return UNIT * (roundings * magnitudes + 4 * np.abs(want)) + UNDERFLOW * roundings
