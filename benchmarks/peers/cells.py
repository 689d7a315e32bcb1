"""One cell of the table: a peer runs a network on a core under the counter, and its trace is kept."""

import gzip
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from armlet.cache import cache_folder
from armlet.errors import ArmletError
from armlet.files import written_beside
from armlet.targets import Core, Simulation
from armlet.targets.simulator.cache_model import CacheConfig
from armlet.targets.simulator.counting import count_program
from armlet.targets.simulator.memory_stalls import Memory
from armlet.targets.simulator.simulation import model
from armlet.targets.simulator.trace import Trace

from .arm64_root import find_python, root_for
from .core_files import core_files
from .models import IMAGE, check_output, converted, digest, model_name
from .packages import unpack_wheels
from .peer import SCRIPTS, Network, Peer, Precision

REGION = Path(__file__).parent / "on_arm64"
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
        key = digest(*self.peer.wheels, model_name(self.peer, self.network, self.precision), caches)
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
        folder_of_model = converted(cell.peer, cell.network, cell.precision)
        arguments = [python, script, folder_of_model, cell.precision, image, output]
        _, printed = count_program(
            [str(argument) for argument in arguments],
            cell.core,
            sysroot=root_for(cell.core),
            environment={**ENVIRONMENT, "PYTHONPATH": f"{REGION}:{wheels}"},
            keep=folder / "trace",
            timeout=TIMEOUT,
        )
        _check_core(cell, printed)
        if cell.peer.same_weights:
            check_output(str(cell), cell.network, cell.precision, np.load(output))
        with written_beside(cell.trace_file, force=True) as draft:
            draft.write_bytes(gzip.compress((folder / "trace").read_bytes(), mtime=0))


def price(cell: Cell, memory: Memory | None = None) -> Simulation:
    """The counts of the kept trace and its modelled cycles, with this memory or that known of the core.

    Raises ArmletError if llvm-mca is missing.
    """
    trace = Trace.parse(gzip.decompress(cell.trace_file.read_bytes()).decode())
    return model(trace, cell.core, lambda address: cell.peer.name, memory)


def _check_core(cell: Cell, printed: str) -> None:
    if core_files(cell.core)["proc/cpuinfo"] not in printed:
        raise ArmletError(
            f"{cell}: this qemu has a /proc/cpuinfo of its own, expected that of {cell.core.name}: "
            "engines would choose other kernels; use qemu 7.2, as in Debian 12"
        )
