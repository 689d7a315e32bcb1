"""One cell of the table: a peer runs a network on a core under the counter, and its trace is kept."""

import functools
import gzip
import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx_ir as ir

from armlet.cache import built_once, cache_folder
from armlet.errors import ArmletError
from armlet.files import written_beside
from armlet.passes.verify import Runner, relative_error
from armlet.targets import Core, Simulation
from armlet.targets.simulator.cache_model import CacheConfig
from armlet.targets.simulator.counting import count_program
from armlet.targets.simulator.memory_stalls import Memory
from armlet.targets.simulator.simulation import model
from armlet.targets.simulator.trace import Trace

from .arm64_root import find_python, root_for
from .core_files import core_files
from .packages import unpack_wheels
from .peer import Network, Peer, Precision

SCRIPTS = Path(__file__).parent / "on_arm64"
IMAGE = np.random.default_rng(0).standard_normal((1, 3, 224, 224), dtype=np.float32)
# Of the output's range; in half precision rounding adds up over fifty layers.
TOLERANCES: dict[Precision, float] = {"fp32": 1e-3, "fp16": 0.1, "default": 0.1}
TIMEOUT = 1800.0

# One thread, and nothing at random or left over from an earlier run.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}


@dataclass(frozen=True)
class Cell:
    """A peer, and what it runs where."""

    peer: Peer
    network: Network
    precision: Precision
    core: Core

    def __str__(self) -> str:
        return f"{self.peer.title}, {self.network.name} {self.precision}, {self.core.name}"

    @property
    def trace_file(self) -> Path:
        """Where the trace is kept: with other packages, another network or other caches it is elsewhere."""
        name = f"{self.peer.name}-{self.network.name}-{self.precision}-{self.core.name}"
        caches = CacheConfig.of_core(self.core).pack().hex()
        key = _digest(*self.peer.wheels, _model_name(self.peer, self.network, self.precision), caches)
        return cache_folder("peers", "traces") / f"{name}-{key}.gz"


def count(cell: Cell) -> None:
    """Count one inference and keep the trace.

    Raises ArmletError if something cannot be had, or if the peer's output is not the network's.
    """
    python = find_python()
    wheels = unpack_wheels(cell.peer.wheels, python.name.removeprefix("python"))
    script = SCRIPTS / cell.peer.script
    with tempfile.TemporaryDirectory(prefix="armlet-peer-") as name:
        folder = Path(name)
        image, output = folder / "image.npy", folder / "output.npy"
        np.save(image, IMAGE)
        arguments = [python, script, _converted(cell), cell.precision, image, output]
        _, printed = count_program(
            [str(argument) for argument in arguments],
            cell.core,
            sysroot=root_for(cell.core),
            environment={**ENVIRONMENT, "PYTHONPATH": str(wheels)},
            keep=folder / "trace",
            timeout=TIMEOUT,
        )
        _check_core(cell, printed)
        if cell.peer.same_weights:
            _check_output(cell, np.load(output))
        with written_beside(cell.trace_file, force=True) as draft:
            draft.write_bytes(gzip.compress((folder / "trace").read_bytes(), mtime=0))


def price(cell: Cell, memory: Memory | None = None) -> Simulation:
    """The counts of the kept trace and its modelled cycles, with this memory or that known of the core.

    Raises ArmletError if llvm-mca is missing.
    """
    trace = Trace.parse(gzip.decompress(cell.trace_file.read_bytes()).decode())
    return model(trace, cell.core, lambda address: cell.peer.name, memory)


def _converted(cell: Cell) -> Path:
    name = _model_name(cell.peer, cell.network, cell.precision)
    folder = cache_folder("peers", "models") / name
    with built_once(folder) as draft:
        if draft:
            cell.peer.convert(cell.network, cell.precision, draft)
    return folder


def _model_name(peer: Peer, network: Network, precision: Precision) -> str:
    digest = _digest(*peer.tools, hashlib.sha256(_onnx(network)).hexdigest())
    return f"{peer.name}-{network.name}-{precision}-{digest}"


def _check_core(cell: Cell, printed: str) -> None:
    if core_files(cell.core)["proc/cpuinfo"] not in printed:
        raise ArmletError(
            f"{cell}: this qemu has a /proc/cpuinfo of its own, expected that of {cell.core.name}: "
            "engines would choose other kernels; use qemu 7.2, as in Debian 12"
        )


def _check_output(cell: Cell, output: np.ndarray) -> None:
    error = relative_error(_reference(cell.network), [output])
    if not error <= TOLERANCES[cell.precision]:
        raise ArmletError(
            f"{cell}: the output differs from ONNX Runtime's by {error:.1e} of its range, expected at most "
            f"{TOLERANCES[cell.precision]:g}: the conversion is wrong"
        )


@functools.cache
def _reference(network: Network) -> list[np.ndarray]:
    return Runner(network.build())({"image": IMAGE})


@functools.cache
def _onnx(network: Network) -> bytes:
    return ir.to_proto(network.build()).SerializeToString()


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
