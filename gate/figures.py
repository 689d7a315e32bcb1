"""What the gate compares: the costs of an artifact's kernels on a simulated core, and its sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from ..artifact import TVM_FAMILY, Artifact
from ..profiling import KernelProfile, Profile
from ..targets import Record
from .growth import sizes_of

# The family of functions that compute no layer: what calls the kernels, and what these call.
NO_LAYER = "of no layer"
# What a kernel reads and writes in a call, in the manifest.
BYTES = ("constant_bytes", "activation_bytes_read", "activation_bytes_written")
# What a part of a kernel has a part of.
COUNTS = ("cycles", "stall_cycles", "macs", "floor_cycles", "bytes")


@dataclass(frozen=True)
class KernelFigures:
    """What a kernel costs in one inference, in its calls for `layers`; `fused` has what else these compute.

    Cycles are modelled, `stall_cycles` are those of them that wait for memory, `instructions` are executed,
    by class, `misses` are lines by cache. What its layers need: `macs`, `floor_cycles` for these at the
    core's peak, `bytes` of maps and weights. A kernel is `tuned` if its parameters come from a record.
    """

    layers: Sequence[str]
    fused: Mapping[str, Sequence[str]]
    family: str
    cycles: float
    stall_cycles: float
    instructions: Mapping[str, float]
    misses: Mapping[str, float]
    macs: float = 0
    floor_cycles: float = 0
    bytes: float = 0
    tuned: bool = False

    @property
    def nodes(self) -> set[str]:
        """The nodes of the network that it computes."""
        fused = (node for layer in self.layers for node in self.fused.get(layer, ()))
        return {*self.layers, *fused} or {NO_LAYER}

    @property
    def parts(self) -> list["KernelFigures"]:
        """An equal part of it for each layer: exact for instructions, an average for all that waits."""
        calls = len(self.layers)
        counts = {name: getattr(self, name) / calls for name in COUNTS} if calls else {}
        for name in ("instructions", "misses"):
            counts[name] = {key: count / (calls or 1) for key, count in getattr(self, name).items()}
        return [replace(self, layers=[layer], **counts) for layer in self.layers] or [self]

    @property
    def is_fallback(self) -> bool:
        """Whether it is TVM's own code."""
        return self.family == TVM_FAMILY


@dataclass(frozen=True)
class Figures:
    """An artifact on a simulated core: what made the figures, and the kernels in the order of the network.

    `sizes` are those of `sizes_of`.
    """

    record: Record
    cycles: int
    sizes: Mapping[str, int]
    kernels: Sequence[KernelFigures]

    @classmethod
    def of(cls, artifact: Artifact, profile: Profile) -> Self:
        """The figures of `artifact`, as it was profiled."""
        manifest = artifact.manifest
        entries = {entry["name"]: entry for entry in manifest["kernels"]}
        order = {name: number for number, name in enumerate(entries)}
        tuned = {*manifest["tuning"]["used"]}

        def figures(kernel: KernelProfile) -> KernelFigures:
            cost, calls = kernel.cost, len(kernel.layers)
            entry = entries.get(cost.name, {})
            return KernelFigures(
                list(kernel.layers),
                {
                    layer: [node for node in manifest["fused"][layer] if node != layer]
                    for layer in kernel.layers
                    if layer in manifest["fused"]
                },
                entry.get("family", NO_LAYER),
                round(cost.cycles),
                round(cost.stall_cycles),
                {str(kind): count for kind, count in cost.instructions.items()},
                {name: level.misses for name, level in cost.memory.named.items() if name != "memory"},
                calls * entry.get("macs", 0),
                round(kernel.floor_cycles),
                calls * sum(entry.get(name, 0) for name in BYTES),
                bool(tuned.intersection(kernel.layers)),
            )

        kernels = sorted(profile.kernels, key=lambda kernel: order.get(kernel.cost.name, len(order)))
        made_by = {"armlet": manifest["armlet"], "TVM": manifest["pins"]["apache-tvm"]}
        made_by |= {"LLVM": manifest["llvm"], manifest["toolchain"]["name"]: manifest["toolchain"]["version"]}
        record = profile.simulation.record
        return cls(
            replace(record, versions=made_by | dict(record.versions)),
            round(profile.simulation.cycles),
            sizes_of(artifact),
            list(map(figures, kernels)),
        )

    def to_json(self) -> dict[str, Any]:
        """Everything as plain dictionaries, lists, strings and numbers."""
        content = asdict(self)
        return content.pop("record") | content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """What `to_json` gave; raises KeyError or TypeError if something is missing or of another type."""
        record = Record(content["yardstick"], content["core"], content["versions"])
        kernels = [KernelFigures(**kernel) for kernel in content["kernels"]]
        return cls(record, content["cycles"], content["sizes"], kernels)
