"""The device `host`: the model runs in this process."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ...errors import ArmletError, DeviceError, InvalidArtifactError
from ..cores import CORES
from ..elf import check_machine, read_signature
from .program import Program, Result


class HostDevice:
    """The machine armlet runs on."""

    uri = "host"
    core = CORES["host"]
    measures_time = True

    def check(self) -> str:
        """It is always there."""
        return f"this machine, {self.core.llvm_cpu}"

    def count(self) -> int:
        """One: rounds at once would disturb each other."""
        return 1

    @contextmanager
    def connect(self) -> Iterator["HostSession"]:
        """There is nothing to connect to."""
        yield HostSession()


class HostSession:
    """Models of this process."""

    def load(self, library: Path) -> Program:
        """Load `library`; raises InvalidArtifactError if it is not for this machine."""
        check_machine(library, CORES["host"].machine, "host")
        return _guard(lambda: _load(library), failure=InvalidArtifactError)


def _load(library: Path) -> Program:
    import tvm

    module = tvm.runtime.load_module(str(library))
    return Program("host", module, tvm.cpu(), read_signature(library), _guard, measures_time=True)


def _guard(action: Callable[[], Result], *, failure: type[ArmletError] = DeviceError) -> Result:
    try:
        return action()
    except (RuntimeError, ValueError, TypeError) as error:
        raise failure(f"host: {str(error).strip().splitlines()[-1]}") from error
