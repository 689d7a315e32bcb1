"""Where the modelled cycles of an artifact go: its kernels and its layers, each beside its floor."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from .artifact import Artifact
from .errors import UsageError
from .targets import KernelCost, SimulatedDevice, Simulation


@dataclass(frozen=True)
class KernelProfile:
    """What a kernel costs in one inference, and the `layers` that it computes, each in one call.

    `floor_cycles` is what the multiply-accumulates of its layers take at the core's peak, and nothing else;
    `constant_bytes` are their weights. What joins the kernels is of no layer; what TVM's own
    code multiplies is in no floor.
    """

    cost: KernelCost
    layers: Sequence[str] = ()
    floor_cycles: float = 0.0
    constant_bytes: int = 0

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            **self.cost.to_json(),
            "layers": list(self.layers),
            "floor_cycles": round(self.floor_cycles),
            "constant_bytes": self.constant_bytes,
        }


@dataclass(frozen=True)
class LayerProfile:
    """A layer and the kernel that computes it.

    Counts are of a kernel, in all its calls. Layers that share one do the same on maps of the same shape:
    each is given an equal part. That is exact for instructions, an average for misses and waiting.
    """

    name: str
    kernel: KernelProfile

    @property
    def share(self) -> float:
        """Its part of the kernel's figures."""
        return 1 / len(self.kernel.layers)

    @property
    def cycles(self) -> float:
        """Modelled cycles."""
        return self.share * self.kernel.cost.cycles

    def to_json(self) -> dict[str, Any]:
        """Everything as plain strings and numbers."""
        cost = self.kernel.cost
        return {
            "name": self.name,
            "kernel": cost.name,
            "share_of_kernel": self.share,
            "instructions": round(self.share * sum(cost.instructions.values())),
            "modelled_cycles": round(self.cycles),
            "modelled_stall_cycles": round(self.share * cost.stall_cycles),
            "floor_cycles": round(self.share * self.kernel.floor_cycles),
        }


@dataclass(frozen=True)
class Profile:
    """A simulated inference of an artifact, with what its manifest says of the kernels; costliest first."""

    simulation: Simulation
    kernels: tuple[KernelProfile, ...]
    clock_ghz: float | None = None

    @classmethod
    def of(cls, simulation: Simulation, artifact: Artifact, device: SimulatedDevice) -> "Profile":
        """The profile of `artifact`, as it was simulated on `device`."""
        entries = {entry["name"]: entry for entry in artifact.manifest["kernels"]}
        is_half = artifact.manifest["precision"] == "fp16"
        of_core = device.core.peak
        assert of_core is not None
        peak = of_core.fp16 if is_half and of_core.fp16 else of_core.fp32

        def profile(cost: KernelCost) -> KernelProfile:
            if cost.name not in entries:
                return KernelProfile(cost)
            entry = entries[cost.name]
            calls = len(entry["layers"])
            return KernelProfile(
                cost, entry["layers"], calls * entry["macs"] / peak, calls * entry["constant_bytes"]
            )

        return cls(simulation, tuple(map(profile, simulation.kernels)), device.clock_ghz)

    @cached_property
    def layers(self) -> list[LayerProfile]:
        """The layers, costliest first."""
        layers = [LayerProfile(name, kernel) for kernel in self.kernels for name in kernel.layers]
        return sorted(layers, key=lambda layer: -layer.cycles)

    @property
    def floor_cycles(self) -> float:
        """What the multiply-accumulates of all layers take at the core's peak, and nothing else."""
        return sum(kernel.floor_cycles for kernel in self.kernels)

    @property
    def modelled_ms(self) -> float | None:
        """The modelled cycles at the device's clock, if it has one."""
        return self.simulation.cycles / self.clock_ghz / 1e6 if self.clock_ghz else None

    def find(self, name: str) -> KernelProfile:
        """The kernel called `name`, or that of the layer; raises UsageError with the closest names."""
        named = {layer.name: layer.kernel for layer in self.layers}
        named |= {kernel.cost.name: kernel for kernel in self.kernels}
        if name not in named:
            closest = get_close_matches(name, named, n=4, cutoff=0.5)
            raise UsageError(
                f"there is no kernel or layer {name!r}"
                + (f": the closest are {', '.join(closest)}" if closest else "")
                + "; armlet bench --profile shows all"
            )
        return named[name]

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        return {
            **self.simulation.to_json(),
            "modelled_ms": self.modelled_ms and round(self.modelled_ms, 3),
            "floor_cycles": round(self.floor_cycles),
            "kernels": [kernel.to_json() for kernel in self.kernels],
            "layers": [layer.to_json() for layer in self.layers],
        }
