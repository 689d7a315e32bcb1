"""Tiny models for the tests of toolchains and devices."""

from pathlib import Path

import numpy as np
import pytest

from armlet.compiler.program import Call, Program, Tensor
from armlet.compiler.tvm_module import compile_library
from armlet.targets.cores import find_core
from armlet.targets.toolchains import find_toolchain


def affine(te, x):
    """X * 2 + 1."""
    return [te.compute(x.shape, lambda i: x[i] * 2 + 1, name="out")]


def pair(te, x):
    """(x + x, x * x)."""
    return [te.compute(x.shape, lambda i: x[i] + x[i]), te.compute(x.shape, lambda i: x[i] * x[i])]


def endless(te, x):
    """A sum of 2**40 terms, which takes hours."""
    j, k, m = (te.reduce_axis((0, 1024)) for _ in range(3))
    return [te.compute((1024,), lambda i: te.sum(x[i] * x[j] * x[k] * x[m], axis=[j, k, m]))]


NETWORKS = {"affine": (affine, 1024), "pair": (pair, 4), "endless": (endless, 1024)}


def link_network(name: str, output: Path, *, core: str, os: str = "linux") -> Path:
    """Compile one of NETWORKS, of a float32 row, to a library that depends on nothing."""
    from tvm import te

    make, size = NETWORKS[name]
    x = te.placeholder((size,), "float32", name="x")
    results = make(te, x)
    given, *made = (Tensor((size,), np.dtype(np.float32)) for _ in range(1 + len(results)))
    program = Program(
        inputs=[given],
        outputs=made,
        output_shapes=[tensor.shape for tensor in made],
        calls=[Call(name, name, [given], made)],
        functions={name: te.create_prim_func([x, *results])},
    )
    compile_library(program, find_core(core), output, os=os)
    return output


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """A function (name, core, os) -> the library of one of NETWORKS, linked once for each."""
    built: dict[tuple[str, str, str], Path] = {}

    def build(name: str, core: str = "cortex-a53", os: str = "linux") -> Path:
        if (name, core, os) not in built:
            folder = tmp_path_factory.mktemp(f"{name}-{core}-{os}")
            built[name, core, os] = link_network(name, folder / "model.so", core=core, os=os)
        return built[name, core, os]

    return build


@pytest.fixture(scope="session")
def crashing_library(tmp_path_factory):
    """A function (statement, machine) -> a library that executes a C statement when it is loaded."""

    def build(statement: str, machine: str) -> Path:
        folder = tmp_path_factory.mktemp("crashing")
        source = folder / "crash.c"
        source.write_text(f"__attribute__((constructor)) static void crash(void) {{ {statement} }}")
        toolchain = find_toolchain("linux", machine)
        toolchain.compile_object(source, folder / "crash.o")
        toolchain.link_library([folder / "crash.o"], folder / "crash.so")
        return folder / "crash.so"

    return build
