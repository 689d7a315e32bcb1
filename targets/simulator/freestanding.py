"""Exact counts of a function that depends on nothing: called in unicorn, with no need of qemu."""

import ctypes
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
from unicorn import Uc
from unicorn import unicorn_const as const
from unicorn.unicorn_py3.unicorn import uclib

from ...errors import ArmletError
from ..cores import Core
from ..elf import read_signature
from .cache_model import CacheConfig, CacheCounts, CacheModel
from .image import BASE, Image, load
from .loops import INSTRUCTION_BYTES
from .machine import Argument, Machine
from .trace import Block, Trace

# The function that runs a network, in every library.
ENTRY = "armlet_run"
# Twenty times what MobileNetV3-Large takes.
LIMIT = 5_000_000_000
# Blocks of which the accesses are told apart; the others share the last.
OWNERS = 1 << 16
UNICORN_VERSION = version("unicorn")


def count_function(
    image: Image,
    function: str,
    arguments: Sequence[Argument],
    core: Core,
    *,
    caches: bool = True,
    limit: int = LIMIT,
) -> tuple[Trace, int]:
    """Count one call of `function`, of the library `image`, on `core`; also what it returned, as 64 bits.

    The arguments are as those of `Machine.call`. Addresses in the trace are relative to the library; without
    `caches`, its memory is empty. Raises as `Machine.call` does, and ArmletError if more than `limit`
    instructions are executed.
    """
    machine = Machine(image, core)
    counter = _Counter(machine, function, limit)
    if caches:
        counter.watch(CacheModel(CacheConfig.of_core(core, OWNERS)))
    result = machine.call(function, arguments)
    return counter.trace(), result


def count_in_unicorn(library: Path, image: np.ndarray, core: Core) -> Trace:
    """Count one inference of the network in `library`, which needs neither qemu nor a toolchain for ARM64.

    Raises as `count_function` does.
    """
    arguments, _ = _inference(library, image)
    return count_function(load(library), ENTRY, arguments, core)[0]


def run_in_unicorn(library: Path, image: np.ndarray, core: Core) -> list[np.ndarray]:
    """The outputs of one inference of the network in `library`; raises as `Machine.call` does."""
    arguments, outputs = _inference(library, image)
    Machine(load(library), core).call(ENTRY, arguments)
    return outputs


def _inference(library: Path, image: np.ndarray) -> tuple[list[Argument], list[np.ndarray]]:
    """The arguments of ENTRY, and those of them in which it leaves the outputs."""
    signature = read_signature(library)
    outputs = [np.zeros(tensor["shape"], tensor["type"]) for tensor in signature["outputs"]]
    workspace = np.zeros(signature["workspace_bytes"], np.uint8)
    return [[image.astype(signature["inputs"][0]["type"])], outputs, workspace], outputs


def unicorn_identity(core: Core) -> tuple[str, ...]:
    """What decides, beside the network and its input, what `count_in_unicorn` counts."""
    return ("unicorn", UNICORN_VERSION, CacheConfig.of_core(core).pack().hex())


class _Counter:
    """Counts how often each block, as (address, bytes), follows each other; the first follows None."""

    def __init__(self, machine: Machine, function: str, limit: int):
        self._machine = machine
        self._function = function
        self._limit, self._left = limit, limit * INSTRUCTION_BYTES
        self._followed: Counter[tuple[tuple[int, int] | None, tuple[int, int]]] = Counter()
        self._current: tuple[int, int] | None = None
        self._model: CacheModel | None = None
        self._owners: dict[int, int] = {}
        machine.processor.hook_add(const.UC_HOOK_BLOCK, self._on_block)

    def watch(self, model: CacheModel) -> None:
        """Pass loads and stores through `model`, each for the block that it is in."""
        self._model = model
        on_access, self._client = model.hook()
        # The method `hook_add` would call Python for each access, which takes fifty times as long.
        kinds = const.UC_HOOK_MEM_READ | const.UC_HOOK_MEM_WRITE
        handle, client = ctypes.c_size_t(), ctypes.byref(self._client)
        uclib.uc_hook_add(self._machine.processor._uch, ctypes.byref(handle), kinds, on_access, client, 1, 0)

    def _on_block(self, processor: Uc, address: int, size: int, data: object) -> None:
        self._left -= size
        if self._left < 0:
            raise ArmletError(f"{self._function} did not end within {self._limit:,} instructions")
        block = address, size
        self._followed[self._current, block] += 1
        self._current = block
        if self._model:
            self._client.owner = self._owners.setdefault(address, min(len(self._owners), OWNERS - 1))

    def trace(self) -> Trace:
        """What was counted."""
        executions: Counter[tuple[int, int]] = Counter()
        edges: Counter[tuple[int, int]] = Counter()
        for (before, block), times in self._followed.items():
            executions[block] += times
            if before:
                edges[sum(before) - INSTRUCTION_BYTES - BASE, block[0] - BASE] += times
        blocks = (
            Block(address - BASE, times, self._machine.words(address, size))
            for (address, size), times in sorted(executions.items())
        )
        return Trace(tuple(blocks), dict(sorted(edges.items())), self._memory())

    def _memory(self) -> dict[int, CacheCounts]:
        if not self._model:
            return {}
        return {address - BASE: self._model.counts(owner) for address, owner in self._owners.items()}
