"""Figures made by hand."""

from armlet.gate.figures import Figures, KernelFigures
from armlet.targets import Record


def kernel(layers: str, cycles: int, fused: str = "", family: str = "conv1x1", **more) -> KernelFigures:
    """A kernel that executes an instruction in two cycles, and misses nothing."""
    counts = {"stall_cycles": 0, "instructions": {"load": cycles // 2}, "misses": {"L1D": 0, "L2": 0}}
    first, *_ = [*layers.split(), ""]
    return KernelFigures(layers.split(), {first: fused.split()}, family, cycles, **counts | more)


def figures(*kernels: KernelFigures, cycles: int | None = None, **sizes: int) -> Figures:
    """Figures of `kernels`, of as many cycles as they have."""
    record = Record(7, "cortex-a53", {"armlet": "0.1.0", "LLVM": "22", "qemu": "7.2.22"})
    whole = sum(kernel.cycles for kernel in kernels) if cycles is None else cycles
    return Figures(record, whole, {"library_bytes": 1000, "workspace_bytes": 500} | sizes, list(kernels))
