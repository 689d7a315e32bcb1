"""Single kernels, compiled for a core and called in unicorn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from armlet.compiler.c_interface import compile_function
from armlet.compiler.kernels import Kernel
from armlet.targets import find_core, find_toolchain
from armlet.targets.simulator.image import load
from armlet.targets.simulator.machine import Machine
from armlet.targets.toolchains import FREESTANDING

from .nodes import fused_node


@pytest.fixture
def run_kernel(call) -> Callable[..., np.ndarray]:
    """Call a kernel, built for a core, on its activations; what it put out, where NaN was before."""

    def run(kernel: Kernel, core_name: str, *activations: np.ndarray) -> np.ndarray:
        out = np.full([int(size) for size in kernel.function.params[-1].ty.shape], np.nan, np.float32)
        call(kernel.function, [*activations, *kernel.constants, out], core_name, kernel.llvm_cpu)
        return out

    return run


@pytest.fixture(scope="session")
def freestanding(tmp_path_factory) -> list[Path]:
    """What compilers call, compiled."""
    folder = tmp_path_factory.mktemp("freestanding")
    objects = [folder / source.with_suffix(".o").name for source in FREESTANDING]
    for source, output in zip(FREESTANDING, objects, strict=True):
        find_toolchain("linux", "aarch64").compile_object(source, output)
    return objects


@pytest.fixture
def call(tmp_path, freestanding) -> Callable[..., None]:
    """Call a function, built for a core, on arrays, which hold afterwards what it wrote.

    It is called twice, as arrays lie before a page that is not there and behind one: what it touches outside
    of them is an error, and what it writes must not depend on where they lie.
    """

    def compile_and_call(function, arrays, core_name: str, llvm_cpu: str | None = None) -> None:
        core = find_core(core_name)
        compiled = compile_function(function, "kernel", core.tvm_target("linux", llvm_cpu))
        scratch = [np.full(nbytes, 0xFF, np.uint8) for nbytes in compiled.scratch]
        library = tmp_path / "kernel.so"
        find_toolchain("linux", "aarch64").link_library([compiled.path, *freestanding], library)
        machine, copies = Machine(load(library), core), [array.copy() for array in arrays]
        machine.call("kernel", [*copies, *scratch], at_page_ends=True)
        machine.call("kernel", [*arrays, *scratch])
        for array, copy in zip(arrays, copies, strict=True):
            np.testing.assert_array_equal(array, copy)

    return compile_and_call


@pytest.fixture(scope="session")
def normal() -> Callable[..., np.ndarray]:
    """Normally distributed float32; the same at every call with the same shape."""
    return lambda *shape: np.random.default_rng(len(shape)).standard_normal(shape, dtype=np.float32)


@pytest.fixture(name="fused_node")
def fused_node_fixture() -> Callable[..., ir.Node]:
    """A node as `fuse.py` makes them: see `nodes.py`."""
    return fused_node
