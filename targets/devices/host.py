"""The device `host`: the model runs in this process."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from ...errors import ArmletError, DeviceError, InvalidArtifactError
from ..board import Board
from ..board_files import read_board
from ..cores import CORES
from ..elf import check_machine, read_signature
from .program import Program, Result
from .protocol import LOADS, Report, cannot_pin


class HostDevice:
    """The machine armlet runs on."""

    uri = "host"
    core = CORES["host"]
    measures_time = True

    def check(self) -> Report:
        """It is always there."""
        return Report(f"this machine, {self.core.llvm_cpu}", read_board())

    def count(self) -> int:
        """One: rounds at once would disturb each other."""
        return 1

    @contextmanager
    def connect(self) -> Iterator["HostSession"]:
        """There is nothing to connect to; what the session is pinned to ends with it."""
        before = os.sched_getaffinity(0)
        try:
            with tempfile.TemporaryDirectory(prefix="armlet-host-") as folder:
                yield HostSession(Path(folder))
        finally:
            os.sched_setaffinity(0, before)


class HostSession:
    """Models of this process; `folder` is for copies of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    def load(self, library: Path) -> Program:
        """Load `library`; raises InvalidArtifactError if it is not for this machine."""
        check_machine(library, CORES["host"].machine, "host")
        return _guard(lambda: _load(library), failure=InvalidArtifactError)

    def loading(self, library: Path) -> Callable[[], float]:
        """What loads a copy of `library` again and again, and says how many seconds the fastest took."""
        check_machine(library, CORES["host"].machine, "host")
        # The system gives a file that is loaded already to whoever loads it again.
        copy = self._folder / f"{next(self._numbers)}-{library.name}"
        shutil.copy(library, copy)
        return lambda: _guard(
            lambda: min(_seconds_to_load(copy) for _ in range(LOADS)), failure=InvalidArtifactError
        )

    def board(self) -> Board:
        """The board that this machine is, now."""
        return read_board()

    def pin(self, cpus: Sequence[int]) -> None:
        """Run this thread on the processors `cpus` only; raises DeviceError if that cannot be."""
        try:
            os.sched_setaffinity(0, cpus)
        except OSError as error:
            raise cannot_pin("host", cpus, error.strerror or str(error)) from error


def _load(library: Path) -> Program:
    import tvm

    module = tvm.runtime.load_module(str(library))
    return Program("host", module, tvm.cpu(), read_signature(library), _guard, measures_time=True)


def _seconds_to_load(library: Path) -> float:
    import tvm_ffi

    start = time.perf_counter()
    module = tvm_ffi.load_module(library, keep_module_alive=False)
    seconds = time.perf_counter() - start
    del module
    return seconds


def _guard(action: Callable[[], Result], *, failure: type[ArmletError] = DeviceError) -> Result:
    try:
        return action()
    except (RuntimeError, ValueError, TypeError) as error:
        raise failure(f"host: {str(error).strip().splitlines()[-1]}") from error
