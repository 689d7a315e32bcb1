"""Take what makes numbers of a picture, before the first layer: bytes cast, products and sums by channel.

ScaleShift    x -> x * factors + shifts      factors, shifts: a number for each channel

Both it and a Resize may read bytes. Before: `x -> Cast -> Transpose -> Resize -> Mul -> Sub`. After:
`x -> Transpose -> Resize -> ScaleShift`, of which the transposition, NHWC to NCHW, is no work.
"""

from collections.abc import Iterator
from typing import NamedTuple, Self

import numpy as np
import onnx_ir as ir

from ..frontend.shapes import shape_of
from ..passes.squeeze_excite_function import DOMAIN
from ..passes.values import constant

_TO_NCHW = (0, 3, 1, 2)
_ARITHMETIC = ("Add", "Div", "Mul", "Sub")


def take_frames(model: ir.Model) -> None:
    """Take these nodes of `model` in place; a Resize has been taken before."""
    for picture in [value for value in model.graph.inputs if len(value.shape or ()) == 4]:
        nodes = list(_behind(picture))
        taken = [node for node in nodes if not _moves_pixels(node)]
        change = _change_by(nodes)
        # Bytes are NHWC, and their channels where a kernel wants them only behind the transposition.
        is_frame = picture.dtype == ir.DataType.UINT8
        if taken and change and (not is_frame or any(node.op_type == "Transpose" for node in nodes)):
            _replace(model.graph, picture, nodes, change)


def _behind(picture: ir.Value) -> Iterator[ir.Node]:
    """The nodes from `picture` on, one behind the other, that may be taken or move pixels only."""
    value = picture
    while len(value.uses()) == 1 and not value.is_graph_output():
        ((node, _),) = value.uses()
        numbers = [constant(other) for other in node.inputs if other is not value]
        is_arithmetic = node.op_type in _ARITHMETIC and numbers[0] is not None
        is_taken = node.op_type == "Cast" or is_arithmetic
        if not _moves_pixels(node) and not (is_taken and node.outputs[0].dtype == ir.DataType.FLOAT):
            return
        yield node
        (value,) = node.outputs


def _moves_pixels(node: ir.Node) -> bool:
    """Whether what is done to each channel may as well be done behind `node`."""
    is_transposed = node.op_type == "Transpose" and node.attributes.get_ints("perm") == _TO_NCHW
    return is_transposed or (node.domain, node.op_type) == (DOMAIN, "Resize")


class _Change(NamedTuple):
    """A map times `factors` plus `shifts`, each a number or one for each channel."""

    factors: np.ndarray
    shifts: np.ndarray

    def then(self, other: Self) -> Self:
        """Both, one behind the other."""
        return type(self)(self.factors * other.factors, self.shifts * other.factors + other.shifts)


def _change_by(nodes: list[ir.Node]) -> _Change | None:
    """What `nodes` make of each channel; None if they do not treat a channel as one."""
    total, is_nhwc = _NOTHING, any(node.op_type == "Transpose" for node in nodes)
    for node in nodes:
        if node.op_type in _ARITHMETIC:
            change = _arithmetic(node, 3 if is_nhwc else 1)
            if change is None:
                return None
            total = total.then(change)
        is_nhwc = is_nhwc and node.op_type != "Transpose"
    return total


_ONE, _ZERO = np.ones(1), np.zeros(1)
_NOTHING = _Change(_ONE, _ZERO)


def _arithmetic(node: ir.Node, axis: int) -> _Change | None:
    """What a node does to each channel of a map, which are along `axis`."""
    place = next(number for number, value in enumerate(node.inputs) if constant(value) is not None)
    array, shape = constant(node.inputs[place]), shape_of(node.outputs[0])
    assert array is not None
    if shape != shape_of(node.inputs[1 - place]) or array.size not in (1, shape[axis]):
        return None
    if array.size > 1 and (array.ndim < 4 - axis or array.shape[axis - 4] != array.size):
        return None
    numbers = array.ravel().astype(np.float64)
    match node.op_type, place:
        case "Add", _:
            return _Change(_ONE, numbers)
        case "Mul", _:
            return _Change(numbers, _ZERO)
        case "Sub", 1:
            return _Change(_ONE, -numbers)
        case "Sub", 0:
            return _Change(-_ONE, numbers)
        case "Div", 1 if numbers.all():
            return _Change(1 / numbers, _ZERO)
    return None


def _replace(graph: ir.Graph, picture: ir.Value, nodes: list[ir.Node], change: _Change) -> None:
    """Leave of `nodes` those that move pixels, and a ScaleShift behind them."""
    last, value, is_changed = nodes[-1].outputs[0], picture, False
    name, shape = last.name, shape_of(last)
    taken = [node for node in nodes if not _moves_pixels(node)]
    for node in nodes:
        if node in taken:
            is_changed = is_changed or node.op_type in _ARITHMETIC
            continue
        node.replace_input_with(0, value)
        (value,) = node.outputs
        if node.op_type == "Transpose":
            value.type = picture.type
        if is_changed or value is last:
            # Not what the name stood for.
            value.name = f"{value.name}/unscaled"
    numbers = {role: np.broadcast_to(array, shape[1]).tolist() for role, array in change._asdict().items()}
    result = ir.Value(name=name, shape=ir.Shape(shape), type=ir.TensorType(ir.DataType.FLOAT))
    last.replace_all_uses_with(result, replace_graph_outputs=True)
    new = ir.node("ScaleShift", [value], numbers, domain=DOMAIN, outputs=[result], name=taken[-1].name)
    graph.insert_after(nodes[-1], new)
    graph.remove(taken[::-1], safe=True)
