"""Prove a rewrite with ONNX Runtime, its own optimiser off.

Errors are the largest absolute difference divided by the range of the original's output, so that one
tolerance fits layers of any scale. A NaN or infinity on either side is never an agreement. Of labels, an
error is how clearly the original decides otherwise (`labels.py`).
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import onnx
import onnx_ir as ir
import onnxruntime as ort
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from ..errors import ArmletError, InvalidModelError
from ..frontend.shapes import shape_of
from .labels import labels_of
from .rewriting import Site
from .values import constant

TOLERANCE = 1e-5

# Draws of large inputs to choose from, and how little the original must move to be conclusive.
DRAWS = 32
STEADY = TOLERANCE / 4

# Where h-sigmoid and h-swish have their kinks, one step of float32 either side, and their middle.
_EDGES = np.array([-3, 3], dtype=np.float32)
KINKS = np.concatenate(
    [_EDGES, np.nextafter(_EDGES, np.float32(9)), np.nextafter(_EDGES, np.float32(-9)), [np.float32(0)]]
)
LARGE = 1e3

_REFUSED = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)

Arrays = dict[str, np.ndarray]
# Of each output that is labels, how clear each is; None of others.
Margins = Sequence[np.ndarray | None]


class VerificationError(ArmletError):
    """A rewrite changed what the model computes. Exit code 1."""


class Runner:
    """A model loaded into ONNX Runtime as it is written, on one thread for repeatable sums."""

    def __init__(self, model: ir.Model) -> None:
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = 1
        options.log_severity_level = 4  # What it refuses is raised: no lines of its own on standard error.
        self._outputs, self._labels = [value.name for value in model.graph.outputs], labels_of(model)
        proto = ir.to_proto(model)
        for name in {labels.scores.name for labels in self._labels} - {*self._outputs}:
            proto.graph.output.append(onnx.ValueInfoProto(name=name))
        self._session = ort.InferenceSession(
            proto.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, inputs: Arrays) -> list[np.ndarray]:
        """The outputs in the order of the model."""
        return self._run(self._outputs, inputs)

    def with_margins(self, inputs: Arrays) -> tuple[list[np.ndarray], Margins]:
        """The outputs in the order of the model, and of those that are labels how clear each is."""
        scores = [labels.scores.name for labels in self._labels]
        arrays = self._run([*self._outputs, *scores], inputs)
        count = len(self._outputs)
        outputs = arrays[:count]
        margins: list[np.ndarray | None] = [None] * count
        for labels, array in zip(self._labels, arrays[count:], strict=True):
            margins[labels.number] = labels.margins(array, outputs[labels.number])
        return outputs, margins

    def _run(self, names: Sequence[str | None], inputs: Arrays) -> list[np.ndarray]:
        return self._session.run(names, {name: np.asarray(array) for name, array in inputs.items()})


def invalidity(model: ir.Model) -> str | None:
    """What onnx's full check holds against `model`, in one line."""
    try:
        onnx.checker.check_model(ir.to_proto(model), full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        return str(error).strip().splitlines()[0]
    return None


def relative_error(
    expected: Sequence[np.ndarray], actual: Sequence[np.ndarray], margins: Margins = ()
) -> float:
    """The worst difference over the range of its `expected` output; infinite where either is not finite.

    Of labels that have `margins` it is the largest of those that differ.
    """
    worst = 0.0
    for original, rewritten, margin in zip(expected, actual, margins or [None] * len(expected), strict=True):
        if margin is not None and original.shape == rewritten.shape == margin.shape:
            worst = max(worst, float(margin[original != rewritten].max(initial=0)))
            continue
        reference, result = original.astype(np.float64), rewritten.astype(np.float64)
        finite = np.isfinite(reference).all() and np.isfinite(result).all()
        if not finite or reference.shape != result.shape:
            return np.inf
        # An output that is the same everywhere has no range: its size stands in for it, or 1 for zero.
        scale = float(np.ptp(reference)) or float(np.abs(reference).max()) or 1.0
        worst = max(worst, float(np.abs(reference - result).max()) / scale)
    return worst


def site_error(site: Site) -> float:
    """How far one rewritten site is from the original, on its kinks, on random and on large inputs."""
    original, after = _Original(site.before), Runner(site.after)
    values, rng = site.before.graph.inputs, np.random.default_rng(0)
    tried = [Reference(inputs, original.runner(inputs)) for inputs in _around_kinks(values, rng)]
    tried += [_steadiest(original, _spikes(values, large, rng), rng) for large in (LARGE, -LARGE)]
    return max(relative_error(reference.outputs, after(reference.inputs)) for reference in tried)


@dataclass(frozen=True)
class Reference:
    """Inputs of a model, what the original makes of them, and how far it moves by rounding (`_Original`).

    Of outputs that are labels, `margins` say how clear each is.
    """

    inputs: Arrays
    outputs: list[np.ndarray]
    moved: float = 0.0
    margins: Margins = ()

    @property
    def is_finite(self) -> bool:
        """Whether the outputs are numbers: nothing agrees with NaN or infinity."""
        return all(bool(np.isfinite(output).all()) for output in self.outputs)

    @property
    def inconclusive(self) -> str | None:
        """Why no comparison on these inputs means anything; None if one does."""
        if not self.is_finite:
            return "the original computes NaN or infinity on them"
        if self.moved >= STEADY:
            return f"the original itself moves by {self.moved:.0e} when they or its weights are rounded"
        return None

    def error(self, other: Runner) -> float:
        """How far another model is from the original on these inputs."""
        return relative_error(self.outputs, other(self.inputs), self.margins)


def references(model: ir.Model, *scales: float) -> list[Reference]:
    """Run `model` on normally distributed inputs times each of `scales`, on their magnitudes if need be.

    Those are tried where the inputs themselves give no numbers. Raises InvalidModelError if ONNX Runtime
    refuses the model, if its inputs are not float32 or uint8 of fixed sizes, or if it computes something
    else each time.
    """
    values = _free_inputs(model)
    try:
        original = _Original(model)
        return [_reference(original, values, scale) for scale in scales]
    except _REFUSED as error:
        reason = str(error).splitlines()[0].split(" : ")[-1]
        raise InvalidModelError(
            f"ONNX Runtime refuses the model (IR version {model.ir_version}, opsets "
            f"{dict(model.opset_imports)}): {reason}: export it for onnxruntime {ort.__version__}"
        ) from error


class _Original:
    """A model by its `runner`, and the same with each weight moved at random by one step of float32.

    A rewrite rounds weights otherwise, as where batch norm is folded. Rounding the input shows no more than a
    part of that: a mean over a map evens it out.
    """

    def __init__(self, model: ir.Model) -> None:
        self.runner = Runner(model)
        rounded, rng = model.clone(), np.random.default_rng(0)
        for value in rounded.graph.initializers.values():
            weights = constant(value)
            if weights is not None and weights.dtype == np.float32:
                value.const_value = ir.Tensor(_moved(weights, 2.0**-23, rng), name=value.name)
        self._rounded = Runner(rounded)

    def reference(self, inputs: Arrays, rng: np.random.Generator) -> Reference:
        """What it makes of `inputs`, and how far that moves when these or its weights are rounded."""
        outputs, margins = self.runner.with_margins(inputs)
        others = [self.runner(near) for near in _rounded(inputs, rng)] + [self._rounded(inputs)]
        moved = max(relative_error(outputs, other, margins) for other in others)
        return Reference(inputs, outputs, moved, margins)


def _reference(original: _Original, values: Sequence[ir.Value], scale: float) -> Reference:
    rng = np.random.default_rng(0)
    draws = (_random(values, scale, rng) for _ in count())
    positive = ({name: np.abs(array) for name, array in drawn.items()} for drawn in draws)
    found = _steadiest(original, islice(draws, DRAWS), rng)
    if not found.is_finite:  # Sqrt and Log are numbers above zero only.
        found = _steadiest(original, islice(positive, DRAWS), rng)
    again = original.runner(found.inputs)
    if found.is_finite and relative_error(found.outputs, again) > STEADY:
        raise InvalidModelError(
            "the model computes something else from the same input each time, expected one answer: export "
            "it for inference, without random numbers or training mode"
        )
    return found


def _steadiest(original: _Original, draws: Iterable[Arrays], rng: np.random.Generator) -> Reference:
    """Of several draws, the first on which float32 is conclusive, else the best.

    On large inputs a gate may stand between its kinks by cancellation alone. The original itself then moves
    by more than the tolerance when it is rounded differently, and no comparison means anything.
    """
    best = None
    for inputs in draws:
        drawn = original.reference(inputs, rng)
        if best is None or drawn.moved < best.moved:
            best = drawn
        if drawn.moved < STEADY:
            break
    assert best is not None
    return best


def _rounded(inputs: Arrays, rng: np.random.Generator) -> Iterator[Arrays]:
    """The inputs moved at random by one and by four steps of float32; bytes are exact, and stay."""
    for step in (2.0**-23, 2.0**-21):
        yield {
            name: array if array.dtype == np.uint8 else _moved(array, step, rng)
            for name, array in inputs.items()
        }


def _moved(array: np.ndarray, step: float, rng: np.random.Generator) -> np.ndarray:
    """Each number of `array` times 1 + `step` or 1 - `step`."""
    return np.asarray(array * (1 + rng.choice(np.array([-step, step], np.float32), array.shape)), np.float32)


def _free_inputs(model: ir.Model) -> list[ir.Value]:
    free = [value for value in model.graph.inputs if value.name not in model.graph.initializers]
    for value in free:
        known = value.dtype in (ir.DataType.FLOAT, ir.DataType.UINT8)
        if not known or value.shape is None or not value.shape.is_static():
            raise InvalidModelError(
                f"input {value.name} is {value.dtype} {value.shape}, expected float32 or uint8 of fixed "
                "sizes: export the model with a static input of such a type"
            )
    return free


def _around_kinks(values: Sequence[ir.Value], rng: np.random.Generator) -> Iterator[Arrays]:
    """Random inputs that begin with the kinks, in as many turns as these need."""
    smallest = min((math.prod(shape_of(value)) for value in values), default=len(KINKS))
    for start in range(0, len(KINKS), smallest):
        numbers = [3.0 * _normal(value, rng) for value in values]
        for array in numbers:
            kinks = KINKS[start : start + array.size]
            array.reshape(-1)[: kinks.size] = kinks
        yield as_inputs(values, numbers)


def _spikes(values: Sequence[ir.Value], large: float, rng: np.random.Generator) -> Iterator[Arrays]:
    """Zeros but for `-large` at one random place and `large` at another: large sums, and no cancellation."""
    for _ in range(DRAWS):
        numbers = [np.zeros(shape_of(value), np.float32) for value in values]
        for array in numbers:
            places = rng.integers(array.size, size=2)
            array.reshape(-1)[places] = -large, large
        yield as_inputs(values, numbers)


def _random(values: Sequence[ir.Value], scale: float, rng: np.random.Generator) -> Arrays:
    return as_inputs(values, [scale * _normal(value, rng) for value in values])


def _normal(value: ir.Value, rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal(shape_of(value), dtype=np.float32)


def as_inputs(values: Sequence[ir.Value], numbers: Sequence[np.ndarray]) -> Arrays:
    """Numbers around 0, float32, as inputs of the type of `values`.

    Bytes are 128 and 64 times the number, as far as that goes: pictures from normally distributed numbers,
    black and white from large ones.
    """
    return {value.name or "": _typed(value, array) for value, array in zip(values, numbers, strict=True)}


def _typed(value: ir.Value, numbers: np.ndarray) -> np.ndarray:
    if value.dtype == ir.DataType.UINT8:
        return np.clip(128 + 64 * numbers, 0, 255).astype(np.uint8)
    # Of rank 0, numpy makes a number instead of an array.
    return np.asarray(numbers)
