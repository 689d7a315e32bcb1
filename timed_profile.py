"""Where the time of an artifact goes on a real device: its kernels and its layers, by the clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from .artifact import Artifact
from .targets import Latency


@dataclass(frozen=True)
class TimedLayer:
    """A call of a kernel, for the layer `name`: its time in each round, and its multiply-accumulates.

    What TVM's own code multiplies is not known, and counts as nothing.
    """

    name: str
    kernel: str
    family: str
    macs: int
    samples_ms: np.ndarray

    @property
    def ms(self) -> float:
        """The median of the rounds."""
        return float(np.median(self.samples_ms))

    @property
    def macs_per_ns(self) -> float | None:
        """None if it is too short for the device's counter."""
        return _rate(self.macs, self.ms)


@dataclass(frozen=True)
class TimedKernel:
    """A kernel, called once for each of its `layers`."""

    layers: Sequence[TimedLayer]

    @property
    def name(self) -> str:
        """As it is in the manifest."""
        return self.layers[0].kernel

    @property
    def family(self) -> str:
        """The family of kernels that it is of."""
        return self.layers[0].family

    @property
    def macs(self) -> int:
        """Those of all its layers."""
        return sum(layer.macs for layer in self.layers)

    @property
    def ms(self) -> float:
        """The median of the rounds, of all its calls together."""
        return _median_of_sums(self.layers)

    @property
    def macs_per_ns(self) -> float | None:
        """None if it is too short for the device's counter."""
        return _rate(self.macs, self.ms)


@dataclass(frozen=True)
class TimedProfile(Latency):
    """The rounds of a latency, and of runs kernel by kernel, one after each: `kernels`, costliest first."""

    kernels: Sequence[TimedKernel]

    @classmethod
    def of(cls, artifact: Artifact, whole: Latency, calls_ms: np.ndarray) -> Self:
        """What `measure_by_call` found of `artifact`."""
        kernels = [
            TimedKernel(
                [
                    TimedLayer(layer, entry["name"], entry["family"], entry["macs"], calls_ms[:, call])
                    for layer, call in zip(entry["layers"], entry["calls"], strict=True)
                ]
            )
            for entry in artifact.manifest["kernels"]
        ]
        return cls(whole.samples_ms, whole.watch, sorted(kernels, key=lambda kernel: -kernel.ms))

    @cached_property
    def layers(self) -> list[TimedLayer]:
        """The layers, costliest first."""
        return sorted((layer for kernel in self.kernels for layer in kernel.layers), key=lambda it: -it.ms)

    @cached_property
    def by_kernel_ms(self) -> float:
        """A run kernel by kernel, the counter read between them."""
        return _median_of_sums(self.layers)

    @property
    def not_in_kernels_ms(self) -> float:
        """What a run of the whole takes beyond that.

        Reading the counter waits for the kernel before: where that costs more than what is between the
        kernels, this is less than nothing.
        """
        return self.percentile(50) - self.by_kernel_ms

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            **super().to_json(),
            "by_kernel_ms": self.by_kernel_ms,
            "not_in_kernels_ms": self.not_in_kernels_ms,
            "kernels": [
                {
                    "name": kernel.name,
                    "family": kernel.family,
                    "layers": [layer.name for layer in kernel.layers],
                    **self._figures(kernel),
                }
                for kernel in self.kernels
            ],
            "layers": [
                {
                    "name": layer.name,
                    "kernel": layer.kernel,
                    **self._figures(layer),
                    "samples_ms": layer.samples_ms.tolist(),
                }
                for layer in self.layers
            ],
        }

    def share(self, of: TimedKernel | TimedLayer) -> float:
        """Its part of a run kernel by kernel."""
        return of.ms / self.by_kernel_ms

    def _figures(self, of: TimedKernel | TimedLayer) -> dict[str, Any]:
        return {"time_ms": of.ms, "share": self.share(of), "macs": of.macs, "macs_per_ns": of.macs_per_ns}


def _median_of_sums(layers: Sequence[TimedLayer]) -> float:
    return float(np.median(np.sum([layer.samples_ms for layer in layers], axis=0)))


def _rate(macs: int, ms: float) -> float | None:
    return macs / ms / 1e6 if ms else None
