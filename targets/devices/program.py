"""A network that is loaded, in this process or at the other end of a TVM RPC session."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from ...errors import ArmletError, DeviceError, UsageError

Result = TypeVar("Result")


class Guard(Protocol):
    """Runs an action that touches the device."""

    def __call__(self, action: Callable[[], Result], *, failure: type[ArmletError] = DeviceError) -> Result:
        """The result of `action`; what goes wrong on the device becomes an error of class `failure`."""


class Program:
    """A loaded network: `module` and `device` are TVM's, local or remote; `signature` is the library's."""

    def __init__(
        self,
        uri: str,
        module: Any,
        device: Any,
        signature: dict[str, Any],
        guard: Guard,
        *,
        measures_time: bool,
    ) -> None:
        self._uri = uri
        self._module = module
        self._device = device
        self._shapes = [tuple(each["shape"]) for each in signature["inputs"]]
        self._outputs = signature["outputs"]
        self._calls = signature["calls"]
        self._guard = guard
        self._measures_time = measures_time

    def run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs of the network. Raises UsageError if an input is not of its shape."""
        self._check(inputs)
        return self._guard(lambda: self._run(inputs))

    def time(self, inputs: Sequence[np.ndarray], *, warm_up: int, rounds: int) -> list[float]:
        """The seconds of each round, by the device's own clock."""
        self._require_clock()
        self._check(inputs)
        return self._guard(lambda: self._time(inputs, warm_up, rounds))

    def ticks(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """How many ticks of the processor's counter each call of a kernel took, in one run."""
        self._require_clock()
        self._check(inputs)
        return self._guard(lambda: self._profile(inputs))

    def time_calls(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The seconds of each call of a kernel in one run, each with a reading of the counter."""
        self._require_clock()
        self._check(inputs)
        return self._guard(lambda: self._time_calls(inputs))

    def _require_clock(self) -> None:
        if not self._measures_time:
            raise UsageError(f"{self._uri} is emulated and gives no times: use a real device")

    def _check(self, inputs: Sequence[np.ndarray]) -> None:
        shapes = [value.shape for value in inputs]
        if shapes != self._shapes:
            raise UsageError(f"{self._uri}: inputs of the shapes {shapes}, expected {self._shapes}")

    def _run(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        arguments = self._arguments(inputs)
        self._module["main"](*arguments)
        return [output.numpy() for output in arguments[len(inputs) :]]

    def _time(self, inputs: Sequence[np.ndarray], warm_up: int, rounds: int) -> list[float]:
        arguments = self._arguments(inputs)
        if warm_up:
            self._module.time_evaluator("main", self._device, number=1, repeat=warm_up)(*arguments)
        evaluate = self._module.time_evaluator("main", self._device, number=1, repeat=rounds)
        return [float(seconds) for seconds in evaluate(*arguments).results]

    def _profile(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        ticks = self._tick_tensor()
        self._module["profile"](*self._arguments(inputs), ticks)
        return ticks.numpy()

    def _time_calls(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        taken = self._tick_tensor()
        evaluate = self._module.time_evaluator("profile", self._device, number=1, repeat=1)
        (seconds,) = evaluate(*self._arguments(inputs), taken).results
        # At which rate the counter runs is not known: the clock says how long all of the last run was.
        ticks = taken.numpy()
        if not ticks.any():
            raise DeviceError(f"{self._uri}: its counter is too slow for a network as short as this")
        return float(seconds) * ticks / ticks.sum()

    def _tick_tensor(self) -> Any:
        import tvm

        return tvm.runtime.empty((self._calls,), "int64", self._device)

    def _arguments(self, inputs: Sequence[np.ndarray]) -> list[Any]:
        """The inputs, and memory for the outputs, on the device."""
        import tvm

        given = [tvm.runtime.tensor(np.ascontiguousarray(value), self._device) for value in inputs]
        empty = [tvm.runtime.empty(each["shape"], each["type"], self._device) for each in self._outputs]
        return [*given, *empty]
