"""A model on TVM's Relax VM, in this process or at the other end of a TVM RPC session."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from ...errors import ArmletError, DeviceError, InvalidArtifactError, UsageError

Result = TypeVar("Result")


class Guard(Protocol):
    """Runs an action that touches the device."""

    def __call__(self, action: Callable[[], Result], *, failure: type[ArmletError] = DeviceError) -> Result:
        """The result of `action`; what goes wrong on the device becomes an error of class `failure`."""


class VmProgram:
    """A loaded Relax VM module: `module` and `device` are TVM's, local or remote."""

    def __init__(self, uri: str, module: Any, device: Any, guard: Guard, *, measures_time: bool) -> None:
        from tvm import relax

        self._uri = uri
        self._device = device
        self._guard = guard
        self._measures_time = measures_time
        try:
            self._machine = relax.VirtualMachine(module, device)
        except AttributeError as error:
            raise InvalidArtifactError(f"{uri}: the library holds no model for TVM's Relax VM") from error

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs of `main`, whether it returns one tensor or a tuple."""
        return self._guard(lambda: self._run(inputs))

    def time(self, inputs: Sequence[np.ndarray], *, warm_up: int, rounds: int) -> list[float]:
        """The seconds of each round, by the device's own clock."""
        if not self._measures_time:
            raise UsageError(f"{self._uri} is emulated and gives no times: use a real device")
        return self._guard(lambda: self._time(inputs, warm_up, rounds))

    def _run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        # The stateful calls are those that work over RPC when there are several outputs.
        self._machine.set_input("main", *self._upload(inputs))
        self._machine.invoke_stateful("main")
        outputs = self._machine.get_outputs("main")
        return [output.numpy() for output in (outputs if isinstance(outputs, tuple | list) else [outputs])]

    def _time(self, inputs: Sequence[np.ndarray], warm_up: int, rounds: int) -> list[float]:
        self._machine.save_function("main", "timed", *self._upload(inputs))
        if warm_up:
            self._machine.time_evaluator("timed", self._device, number=1, repeat=warm_up)()
        evaluate = self._machine.time_evaluator("timed", self._device, number=1, repeat=rounds)
        return [float(seconds) for seconds in evaluate().results]

    def _upload(self, inputs: Sequence[np.ndarray]) -> list[Any]:
        import tvm

        return [tvm.runtime.tensor(np.ascontiguousarray(value), self._device) for value in inputs]
