"""Tiny models, and a native RPC server, for the tests of toolchains and devices."""

import contextlib
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from armlet.targets.cores import find_core
from armlet.targets.rpc_server import server_program
from armlet.targets.toolchains import find_toolchain


def link_module(module, output: Path, *, core: str, os: str = "linux") -> Path:
    """Build a Relax module with TVM and link it to a library that depends on nothing."""
    import tvm
    from tvm import relax

    toolchain = find_toolchain(os, find_core(core).machine)

    def link(name, objects, **_):
        toolchain.link_library([Path(item) for item in objects], Path(name))

    target = tvm.target.Target(find_core(core).tvm_target(os))
    relax.build(module, target=target).export_library(str(output), fcompile=link)
    return output


def affine_module():
    """main(x: (1024,) float32) = x * 2 + 1."""
    from tvm import relax
    from tvm.script import relax as R

    builder = relax.BlockBuilder()
    x = relax.Var("x", R.Tensor((1024,), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            doubled = builder.emit(relax.op.multiply(x, relax.const(2.0)))
            result = builder.emit_output(relax.op.add(doubled, relax.const(1.0)))
        builder.emit_func_output(result)
    return builder.get()


def pair_module():
    """main(x: (4,) float32) = (x + x, x * x)."""
    from tvm import relax
    from tvm.script import relax as R

    builder = relax.BlockBuilder()
    x = relax.Var("x", R.Tensor((4,), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            pair = (builder.emit(relax.op.add(x, x)), builder.emit(relax.op.multiply(x, x)))
            result = builder.emit_output(relax.Tuple(pair))
        builder.emit_func_output(result)
    return builder.get()


def endless_module():
    """main(x: (1024,) float32): a sum of 2**40 terms, which takes hours."""
    from tvm import relax, te
    from tvm.script import relax as R

    def endless(x):
        j, k, m = (te.reduce_axis((0, 1024)) for _ in range(3))
        return te.compute((1024,), lambda i: te.sum(x[i] * x[j] * x[k] * x[m], axis=[j, k, m]))

    builder = relax.BlockBuilder()
    x = relax.Var("x", R.Tensor((1024,), "float32"))
    with builder.function("main", [x]):
        with builder.dataflow():
            result = builder.emit_output(builder.call_te(endless, x))
        builder.emit_func_output(result)
    return builder.get()


MODULES = {"affine": affine_module, "pair": pair_module, "endless": endless_module}


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """A function (module, core, os) -> the library of one of MODULES, linked once for each."""
    built: dict[tuple[str, str, str], Path] = {}

    def build(module: str, core: str = "cortex-a53", os: str = "linux") -> Path:
        if (module, core, os) not in built:
            folder = tmp_path_factory.mktemp(f"{module}-{core}-{os}")
            built[module, core, os] = link_module(MODULES[module](), folder / "model.so", core=core, os=os)
        return built[module, core, os]

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


def wait_until(condition, *, seconds: float = 60):
    """Wait for `condition()` to hold and return what it gave; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "what was waited for never happened"
        time.sleep(0.05)
    return result


@pytest.fixture(name="wait_until")
def wait_until_fixture():
    return wait_until


@dataclass
class RunningServer:
    process: subprocess.Popen
    port: int
    work: Path
    log: Path

    def folders(self) -> list[Path]:
        """The folders of the sessions there are."""
        return list(self.work.glob("*/*"))

    def sessions(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


@pytest.fixture
def start_server(tmp_path):
    """A function (*options, program) that starts the server of this machine's own kind."""
    with contextlib.ExitStack() as stack:
        count = 0

        def start(*options: str, program: Path | None = None) -> RunningServer:
            nonlocal count
            count += 1
            work = tmp_path / f"work{count}"
            work.mkdir()
            log = tmp_path / f"log{count}"
            program = program or server_program(platform.machine())
            process = stack.enter_context(
                subprocess.Popen(
                    [program, "--work", work, *options],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log.open("w"),
                )
            )
            stack.callback(process.kill)
            line = os.read(process.stdout.fileno(), 100).decode()
            assert line.startswith("listening on 127.0.0.1:"), line
            return RunningServer(process, int(line.rpartition(":")[2]), work, log)

        yield start
