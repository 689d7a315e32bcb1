"""Single kernels, compiled for a core and called in unicorn, or on this machine where it is for that."""

import functools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir
import pytest

from armlet.compiler.c_interface import compile_function
from armlet.compiler.kernels import Kernel
from armlet.targets import Core, find_core, find_toolchain
from armlet.targets.simulator.image import load
from armlet.targets.simulator.machine import Machine
from armlet.targets.toolchains import FREESTANDING

from .native import call_natively
from .nodes import fused_node


@pytest.fixture
def run_kernel(call) -> Callable[..., np.ndarray]:
    """Call a kernel, built for a core, on its activations; what it put out, where NaN was before."""

    def run(kernel: Kernel, core: str | Core, *activations: np.ndarray) -> np.ndarray:
        given = kernel.function.params[-1].ty
        out = np.full([int(size) for size in given.shape], np.nan, str(given.dtype))
        call(kernel.function, [*activations, *kernel.constants, out], core, kernel.llvm_cpu)
        return out

    return run


@pytest.fixture(scope="session")
def freestanding(tmp_path_factory) -> Callable[[str], list[Path]]:
    """What compilers call, compiled for a machine."""

    @functools.cache
    def compiled(machine: str) -> list[Path]:
        folder = tmp_path_factory.mktemp("freestanding")
        objects = [folder / source.with_suffix(".o").name for source in FREESTANDING]
        for source, output in zip(FREESTANDING, objects, strict=True):
            find_toolchain("linux", machine).compile_object(source, output)
        return objects

    return compiled


@pytest.fixture
def call(tmp_path, freestanding) -> Callable[..., None]:
    """Call a function, built for a core, on arrays, which hold afterwards what it wrote.

    It is called twice, as arrays lie before a page that is not there and behind one: what it touches outside
    of them is an error, and what it writes must not depend on where they lie.
    """

    def compile_and_call(function, arrays, core: str | Core, llvm_cpu: str | None = None) -> None:
        core = find_core(core) if isinstance(core, str) else core
        compiled = compile_function(function, "kernel", core.tvm_target("linux", llvm_cpu)).kept()
        scratch = [np.full(nbytes, 0xFF, np.uint8) for nbytes in compiled.scratch]
        # A process loads a file only once: each kernel has a name of its own.
        library = tmp_path / f"{compiled.path.parent.name}.so"
        objects = [compiled.path, *freestanding(core.machine)]
        find_toolchain("linux", core.machine).link_library(objects, library)
        if core.name == "host":
            call_natively(library, "kernel", [*arrays, *scratch])
            return
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
