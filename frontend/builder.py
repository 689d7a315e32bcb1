"""A builder of ONNX graphs for convolutional networks, on onnx-ir.

Every method adds one node (`squeeze_excite`: six), names it after the scope it stands in, and gives its
output a static NCHW shape. Parameters are random from a seed; a checkpoint replaces them by name.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
import onnx_ir as ir

from .conventions import Padding
from .random_weights import RandomWeights, second_moment_after
from .shapes import picture_size, shape_of

# What ONNX Runtime 1.18 and later load; newer versions of onnx write more than any runtime reads.
OPSET_VERSION = 21
IR_VERSION = 10

Activation = Literal["relu", "relu6", "hard_sigmoid", "hard_swish", "sigmoid"]


class GraphBuilder:
    """Builds one ONNX graph with one input, batch 1, float32.

    `batch_norm_epsilon` may be changed between layers, `metadata` goes into the model.
    """

    def __init__(
        self, name: str, *, batch_norm_epsilon: float, padding: Padding = "symmetric", seed: int = 0
    ):
        self._graph = ir.Graph((), (), nodes=(), opset_imports={"": OPSET_VERSION}, name=name)
        self.batch_norm_epsilon = batch_norm_epsilon
        self._padding = padding
        self._random = RandomWeights(seed)
        self.metadata: dict[str, str] = {}
        self._scopes: list[str] = []

    @contextmanager
    def scope(self, name: str) -> Iterator[None]:
        """Prefix the names of everything built inside: `block3/expand/...`."""
        self._scopes.append(name)
        yield
        self._scopes.pop()

    def input(self, name: str, shape: Sequence[int], dtype: ir.DataType = ir.DataType.FLOAT) -> ir.Value:
        """Add a graph input: of NCHW `shape`, normalised, if it is float32."""
        value = ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(dtype))
        self._graph.inputs.append(value)
        self._random.expect(value, 1.0)
        return value

    @property
    def picture_size(self) -> tuple[int, int]:
        """Height and width of the graph's input: NCHW, or NHWC if it is uint8."""
        (picture,) = self._graph.inputs
        return picture_size(picture)

    def conv(
        self,
        x: ir.Value,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        dilation: int = 1,
        bias: bool = False,
    ) -> ir.Value:
        """Convolve [1, C, H, W] to [1, channels, ceil(H / stride), ceil(W / stride)]."""
        _, channels_in, *size = shape_of(x)
        out = [1, channels, *(-(-pixels // stride) for pixels in size)]
        pads = [self._pads(pixels, dilation * (kernel - 1) + 1, stride) for pixels in size]
        weight_shape = (channels, channels_in // groups, kernel, kernel)
        y = self._node(
            "Conv",
            [x],
            "conv",
            out,
            self._random.linear(self._path("conv"), weight_shape, x, bias),
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[before for before, _ in pads] + [after for _, after in pads],
            dilations=[dilation] * 2,
            group=groups,
        )
        self._random.expect(y, second_moment_after("biased" if bias else "unbiased"))
        return y

    def batch_norm(self, x: ir.Value) -> ir.Value:
        """Normalise the channels of [1, C, H, W] with running statistics."""
        parameters = self._random.batch_norm(self._path("bn"), shape_of(x)[1])
        y = self._node(
            "BatchNormalization", [x], "bn", shape_of(x), parameters, epsilon=self.batch_norm_epsilon
        )
        self._random.expect(y, second_moment_after("batch_norm"))
        return y

    def activation(self, x: ir.Value, kind: Activation, name: str = "act") -> ir.Value:
        """Apply `kind` to each element."""
        match kind:
            case "relu":
                y = self._node("Relu", [x], name, shape_of(x))
            case "relu6":
                bounds = {"min": np.array(0, np.float32), "max": np.array(6, np.float32)}
                y = self._node("Clip", [x], name, shape_of(x), bounds)
            case "hard_sigmoid":
                y = self._node("HardSigmoid", [x], name, shape_of(x), alpha=1 / 6, beta=0.5)
            case "hard_swish":
                y = self._node("HardSwish", [x], name, shape_of(x))
            case "sigmoid":
                y = self._node("Sigmoid", [x], name, shape_of(x))
        self._random.expect(y, second_moment_after(kind))
        return y

    def global_average_pool(self, x: ir.Value) -> ir.Value:
        """Average [1, C, H, W] over the map to [1, C, 1, 1]."""
        y = self._node("GlobalAveragePool", [x], "pool", [*shape_of(x)[:2], 1, 1])
        # The variance within a channel averages out; about this much stays between channels.
        self._random.expect(y, 0.5 * self._random.second_moment(x))
        return y

    def average_pool(self, x: ir.Value, kernel: tuple[int, int], strides: tuple[int, int]) -> ir.Value:
        """Average windows of [1, C, H, W], without padding."""
        windows = zip(shape_of(x)[2:], kernel, strides, strict=True)
        sizes = [(size - window) // stride + 1 for size, window, stride in windows]
        y = self._node(
            "AveragePool",
            [x],
            "pool",
            [*shape_of(x)[:2], *sizes],
            kernel_shape=[*kernel],
            strides=[*strides],
        )
        self._random.expect(y, 0.5 * self._random.second_moment(x))
        return y

    def resize(self, x: ir.Value, size: Sequence[int], name: str = "resize") -> ir.Value:
        """Resize the map [1, C, H, W] bilinearly to `size`, pixels as areas (torch's align_corners=False)."""
        shape = [*shape_of(x)[:2], *size]
        sizes = {"sizes": np.array(shape, np.int64)}
        y = self._node(
            "Resize",
            [x, None, None],
            name,
            shape,
            sizes,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )
        self._random.expect(y, self._random.second_moment(x))
        return y

    def squeeze_excite(
        self, x: ir.Value, squeezed: int, gate_activation: Activation = "hard_sigmoid"
    ) -> ir.Value:
        """Scale the channels of [1, C, H, W] by a gate made from their means (MobileNetV3, section 5.3)."""
        with self.scope("se"):
            pooled = self.global_average_pool(x)
            with self.scope("reduce"):
                reduced = self.activation(self.conv(pooled, squeezed, bias=True), "relu")
            with self.scope("expand"):
                expanded = self.conv(reduced, shape_of(x)[1], bias=True)
            return self.scale(x, self.activation(expanded, gate_activation, "gate"))

    def scale(self, x: ir.Value, gate: ir.Value) -> ir.Value:
        """Multiply the map `x` [1, C, H, W] by `gate`, of the same shape or [1, C, 1, 1]."""
        y = self._node("Mul", [x, gate], "scale", shape_of(x))
        self._random.expect(y, self._random.second_moment(x) * self._random.second_moment(gate))
        return y

    def add(self, x: ir.Value, y: ir.Value) -> ir.Value:
        """Add two values of the same shape."""
        z = self._node("Add", [x, y], "add", shape_of(x))
        self._random.expect(z, self._random.second_moment(x) + self._random.second_moment(y))
        return z

    def concat(self, values: Sequence[ir.Value], axis: int = 1) -> ir.Value:
        """Join values along `axis`."""
        shape = shape_of(values[0])
        shape[axis] = sum(shape_of(value)[axis] for value in values)
        y = self._node("Concat", values, "concat", shape, axis=axis)
        self._random.expect(y, max(map(self._random.second_moment, values)))
        return y

    def argmax(self, x: ir.Value) -> ir.Value:
        """The channel of the largest value of each pixel: [1, C, H, W] to [1, H, W], int64."""
        _, _, height, width = shape_of(x)
        pixels = [(ir.DataType.INT64, (1, height, width))]
        (y,) = self.nodes("ArgMax", [x], "argmax", pixels, {}, axis=1, keepdims=0)
        return y

    def rows(self, x: ir.Value, columns: int) -> ir.Value:
        """Rearrange the map [1, C, H, W] to [1, H * W * C / columns, columns], a pixel after the other."""
        _, channels, height, width = shape_of(x)
        nhwc = self._node("Transpose", [x], "nhwc", [1, height, width, channels], perm=[0, 2, 3, 1])
        shape = [1, height * width * channels // columns, columns]
        y = self._node("Reshape", [nhwc], "rows", shape, {"shape": np.array(shape, np.int64)})
        self._random.expect(y, self._random.second_moment(x))
        return y

    def flatten(self, x: ir.Value) -> ir.Value:
        """Reshape [1, C, 1, 1] to [1, C]."""
        y = self._node("Flatten", [x], "flatten", [1, shape_of(x)[1]])
        self._random.expect(y, self._random.second_moment(x))
        return y

    def linear(self, x: ir.Value, features: int) -> ir.Value:
        """Map [1, K] to [1, features] with a bias."""
        parameters = self._random.linear(self._path("linear"), (features, shape_of(x)[1]), x, bias=True)
        y = self._node("Gemm", [x], "linear", [1, features], parameters, transB=1)
        self._random.expect(y, second_moment_after("biased"))
        return y

    def model(self, outputs: Mapping[str, ir.Value]) -> ir.Model:
        """Finish: name the outputs and return the model."""
        for name, output in outputs.items():
            output.name = name
            self._graph.outputs.append(output)
        return ir.Model(
            self._graph, ir_version=IR_VERSION, producer_name="armlet", metadata_props=self.metadata
        )

    def _pads(self, size: int, kernel: int, stride: int) -> tuple[int, int]:
        """The padding before and after `size` pixels."""
        if self._padding == "symmetric":
            return (kernel - 1) // 2, (kernel - 1) // 2
        whole = max(0, (-(-size // stride) - 1) * stride + kernel - size)
        return whole // 2, whole - whole // 2

    def _path(self, name: str) -> str:
        return "/".join([*self._scopes, name])

    def _node(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        name: str,
        shape: Sequence[int],
        parameters: Mapping[str, np.ndarray | ir.LazyTensor] | None = None,
        **attributes: float | int | str | list[int],
    ) -> ir.Value:
        (output,) = self.nodes(
            op_type, inputs, name, [(ir.DataType.FLOAT, shape)], parameters or {}, **attributes
        )
        return output

    def nodes(
        self,
        op_type: str,
        inputs: Sequence[ir.Value | None],
        name: str,
        outputs: Sequence[tuple[ir.DataType, Sequence[int | str]]],
        constants: Mapping[str, np.ndarray | ir.LazyTensor],
        **attributes: float | int | str | list[int],
    ) -> list[ir.Value]:
        """Add one node of any operator, with `constants` by role behind its `inputs`.

        `outputs` has the type and shape of each; the first is called after the node, the others add a number.
        Their second moment is taken to be 1.
        """
        path = self._path(name)
        values = []
        for role, array in constants.items():
            tensor = ir.tensor(array, name=f"{path}/{role}") if isinstance(array, np.ndarray) else array
            constant = ir.Value(
                name=f"{path}/{role}",
                shape=ir.Shape(tensor.shape.numpy()),
                type=ir.TensorType(tensor.dtype),
                const_value=tensor,
            )
            self._graph.register_initializer(constant)
            values.append(constant)
        results = [
            ir.Value(
                name=f"{path}/{number}" if number else path, shape=ir.Shape(shape), type=ir.TensorType(dtype)
            )
            for number, (dtype, shape) in enumerate(outputs)
        ]
        for result in results:
            self._random.expect(result, 1.0)
        self._graph.append(
            ir.node(op_type, [*inputs, *values], attributes=attributes, outputs=results, name=path)
        )
        return results
