"""Schedules for TVM's functions in a network: searched for once, each function alone, and kept as records.

What a function costs alone only says which schedules are worth measuring in the network: these records have
names of their own, by which no kernel is compiled.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx_ir as ir
from tvm import tirx

from ...artifact import TVM_FAMILY
from ...errors import InvalidArtifactError, InvalidModelError
from ..c_interface import fingerprint
from ..lowering import lower
from ..program import Call, Program, Tensor
from ..tvm_module import compile_library
from .database import Database, Record, Trial, parameters_json
from .failures import Failures
from .network import Network
from .schedules import VERSION, name_of
from .search import BATCH, TRIALS, search
from .standing import Progress

# What a search has found, and until it has ended what it tried.
FOUND, TRIED = f"{TVM_FAMILY}, alone", f"{TVM_FAMILY}, tried"

# What a library takes for an input: modelled cycles, or nanoseconds.
Measure = Callable[[Path, np.ndarray], float]


def find_schedules(
    network: Network,
    device: str,
    measure: Measure,
    database: Database,
    most: int | None,
    failures: Failures,
    progress: Progress,
) -> tuple[Network, int]:
    """`network` with the schedules worth measuring, and how many trials it took to find them.

    What `database` knows of `device` is not searched for again. A search takes TRIALS, less what one that was
    ended has measured, and is not begun if no more than `most` are allowed and these are fewer. Raises
    ArmletError if xgboost is missing, DeviceError if the device is lost, and what the last one failed with if
    BATCH schedules fail one after the other.
    """
    schedules, spent = {}, 0
    for name, program in _functions(network).items():
        trial = Trial(TRIED, name, network.core.name, network.precision, VERSION, "", device)
        best = trial._replace(kernel=FOUND)
        left = TRIALS - len(_records(database, trial))
        if not _records(database, best) and (most is None or spent + left <= most):
            failures.none()
            alone = _Alone(network, program, trial, measure, database, failures, progress)
            (function,) = program.functions.values()
            found = search(function, network.core, alone.cost)
            spent += alone.measured
            database.add(Record(_with(best, {"trace": each.trace}), each.cost) for each in found)
        if known := _records(database, best):
            database.forget(record.trial for record in _records(database, trial))
            # Cheapest first, whether they were found now or are read: the same rounds give the same records.
            known.sort(key=lambda record: (record.cost, record.trial))
            schedules[name] = [record.trial.parameters for record in known]
    return replace(network, schedules=schedules), spent


@dataclass
class _Alone:
    """Measures schedules of the one function of `program`, and counts those that were not known.

    What each costs is in the file at once, as a `trial` by the fingerprint of what it makes of the function:
    a search that is ended loses the trial that was running.
    """

    network: Network
    program: Program
    trial: Trial
    measure: Measure
    database: Database
    failures: Failures
    progress: Progress
    asked: int = 0
    measured: int = 0

    def cost(self, scheduled: tirx.PrimFunc) -> float | None:
        """What the function costs so `scheduled`, None if that fails."""
        operation = self.trial.shape.partition("(")[0]
        self.progress(f"schedules for {operation}, {self.asked} of {TRIALS}", self.asked / TRIALS, None)
        self.asked += 1
        trial = _with(self.trial, {"fingerprint": fingerprint(scheduled)})
        if trial not in self.database:
            self.measured += 1
            try:
                self.database.add([Record(trial, self._measured(scheduled))])
            except (InvalidModelError, InvalidArtifactError) as error:
                self.failures.add(error, f"schedules for {operation}", BATCH)
                return None
            self.failures.none()
        record = self.database.record(trial)
        assert record
        return record.cost

    def _measured(self, scheduled: tirx.PrimFunc) -> float:
        (called,), (given,) = self.program.functions, self.program.inputs
        image = np.random.default_rng(0).standard_normal(given.shape).astype(given.dtype)
        with tempfile.TemporaryDirectory(dir=self.network.folder) as folder:
            library = Path(folder) / "alone.so"
            compile_library(replace(self.program, functions={called: scheduled}), self.network.core, library)
            return self.measure(library, image)


def _with(trial: Trial, parameters: dict[str, Any]) -> Trial:
    return trial._replace(parameters=parameters_json(parameters))


def _records(database: Database, trial: Trial) -> list[Record]:
    """Those of trials as `trial`, whatever their parameters."""
    return [record for record in database if record.trial._replace(parameters="") == trial]


def _functions(network: Network) -> dict[str, Program]:
    """For each function of TVM's the program that only calls it, by its name in records."""
    names: dict[str, str] = {}

    def note(node: ir.Node, number: int, function: tirx.PrimFunc) -> tirx.PrimFunc:
        names.setdefault(f"tvm_{fingerprint(function)}", name_of(node, function))
        return function

    program = lower(network.fused, "nchw", network.core, schedule=note)
    calls = {call.function: call for call in program.calls if call.function in names}
    return {
        names[function]: _alone(program, call)
        for function, call in calls.items()
        if any(isinstance(argument, Tensor) for argument in call.arguments)
    }


def _alone(program: Program, call: Call) -> Program:
    """A program that calls what `call` does, on its first tensor; other tensors are zero."""
    first = next(argument for argument in call.arguments if isinstance(argument, Tensor))
    arguments = [
        np.zeros(argument.shape, argument.dtype)
        if isinstance(argument, Tensor) and argument is not first
        else argument
        for argument in call.arguments
    ]
    return Program(
        inputs=[first],
        outputs=[*call.outputs],
        output_shapes=[output.shape for output in call.outputs],
        calls=[replace(call, arguments=arguments)],
        functions={call.function: program.functions[call.function]},
        fallbacks=program.fallbacks,
    )
