"""Random parameters under which a network behaves like a trained one: every layer matters, nothing explodes.

A tensor depends on the seed and its own name only, so that changing one layer leaves the others as they are.
Pre-activations must reach well past the kinks of h-swish and h-sigmoid (-3 and 3), on both sides: otherwise a
wrong batch norm epsilon or a lost clip would not show in the output. To that end every value carries the
second moment that is expected of it, and weights are scaled by it.
"""

import zlib
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import onnx_ir as ir

# Pre-activations are about N(0, 2.5^2), whether batch norm made them or a layer with a bias; the activations'
# figures are E[f(x)^2] over that distribution.
_SECOND_MOMENT_AFTER = {
    "unbiased": 1.0,
    "biased": 6.25,
    "batch_norm": 6.25,
    "relu": 3.1,
    "relu6": 3.0,
    "hard_swish": 2.9,
    "hard_sigmoid": 0.36,
    "sigmoid": 0.35,
}


def second_moment_after(op: str) -> float:
    """The second moment expected after `op`."""
    return _SECOND_MOMENT_AFTER[op]


class RandomWeights:
    """Draws parameters from a seed, scaled by the second moment of the value they are applied to."""

    def __init__(self, seed: int):
        self._seed = seed
        self._second_moments: dict[ir.Value, float] = {}

    def expect(self, value: ir.Value, second_moment: float) -> None:
        """Note the second moment expected of `value`."""
        self._second_moments[value] = second_moment

    def second_moment(self, value: ir.Value) -> float:
        """The second moment expected of `value`."""
        return self._second_moments[value]

    def linear(self, name: str, shape: tuple[int, ...], x: ir.Value, bias: bool) -> dict[str, ir.LazyTensor]:
        """Weights [out, in, ...] to apply to `x`, and biases [out] if wanted."""
        scale = (np.prod(shape[1:]) * self._second_moments[x]) ** -0.5

        def draw(random: np.random.Generator) -> Iterator[np.ndarray]:
            yield random.normal(0, 2 * scale if bias else scale, shape)
            yield random.normal(0, 1.5, shape[0])

        shapes = {"weight": shape} | ({"bias": shape[:1]} if bias else {})
        return self._lazily(name, shapes, draw)

    def batch_norm(self, name: str, channels: int) -> dict[str, ir.LazyTensor]:
        """Scale, bias, running mean and variance that bring a variance of about 1 to about 2.5^2.

        Some variances are as small as the reference's epsilon, so that a wrong epsilon changes the output.
        """

        def draw(random: np.random.Generator) -> Iterator[np.ndarray]:
            variance = random.uniform(0.5, 1.5, channels)
            scale = random.uniform(1.5, 3.0, channels)
            small = random.random(channels) < 0.05
            variance[small] = 1e-3
            scale[small] *= 0.05
            yield scale
            yield random.normal(0, 1, channels)
            yield random.normal(0, 0.3, channels)
            yield variance

        return self._lazily(name, dict.fromkeys(("scale", "bias", "mean", "var"), (channels,)), draw)

    def _lazily(
        self,
        name: str,
        shapes: dict[str, tuple[int, ...]],
        draw: Callable[[np.random.Generator], Iterator[np.ndarray]],
    ) -> dict[str, ir.LazyTensor]:
        """Tensors by role that are drawn together, once one of them is wanted: counting needs none."""

        @cache
        def drawn() -> dict[str, np.ndarray]:
            random = np.random.default_rng([self._seed, zlib.crc32(name.encode())])
            return {role: array.astype(np.float32) for role, array in zip(shapes, draw(random), strict=False)}

        return {
            role: ir.LazyTensor(
                lambda role=role: ir.tensor(drawn()[role]),  # type: ignore[misc]
                dtype=ir.DataType.FLOAT,
                shape=ir.Shape(shape),
                name=f"{name}/{role}",
                cache=True,
            )
            for role, shape in shapes.items()
        }
