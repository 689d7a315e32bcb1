"""Schedules for TVM's functions in a network: searched for once, each function alone, and kept as records.

What a function costs alone only says which schedules are worth measuring in the network: these records have a
name of their own, by which no kernel is compiled.
"""

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

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
from .network import Network
from .schedules import VERSION, name_of
from .search import TRIALS, Found, search
from .standing import Progress

KERNEL = f"{TVM_FAMILY}, alone"

# What a library takes for an input: modelled cycles, or nanoseconds.
Measure = Callable[[Path, np.ndarray], float]


def find_schedules(
    network: Network, device: str, measure: Measure, database: Database, most: int | None, progress: Progress
) -> tuple[Network, int]:
    """`network` with the schedules worth measuring, and how many trials it took to find them.

    What `database` knows of `device` is not searched for again. A search takes TRIALS, and is not begun if no
    more than `most` are allowed and these are fewer. Raises ArmletError if xgboost is missing.
    """
    schedules, spent = {}, 0
    for name, program in _functions(network).items():
        key = KERNEL, name, network.core.name, network.precision, VERSION
        known = [
            record for record in database if record.trial == Trial(*key, record.trial.parameters, device)
        ]
        if not known and (most is None or spent + TRIALS <= most):
            progress(f"schedules for {name.partition('(')[0]}, {TRIALS} trials", 0.0, None)
            found = _search(network, program, measure)
            spent += TRIALS
            traces = ((parameters_json({"trace": each.trace}), each.cost) for each in found)
            known = [Record(Trial(*key, parameters, device), cost) for parameters, cost in traces]
            database.add(known)
        if known:
            # Cheapest first, whether they were found now or are read: the same rounds give the same records.
            known.sort(key=lambda record: (record.cost, record.trial))
            schedules[name] = [record.trial.parameters for record in known]
    return replace(network, schedules=schedules), spent


def _search(network: Network, program: Program, measure: Measure) -> list[Found]:
    """The best schedules of the one function of `program`."""
    ((called, function),) = program.functions.items()
    (given,) = program.inputs
    image = np.random.default_rng(0).standard_normal(given.shape).astype(given.dtype)

    def cost(scheduled: tirx.PrimFunc) -> float | None:
        with tempfile.TemporaryDirectory(dir=network.folder) as folder:
            library = Path(folder) / "alone.so"
            try:
                compile_library(replace(program, functions={called: scheduled}), network.core, library)
                return measure(library, image)
            except (InvalidModelError, InvalidArtifactError):
                return None

    return search(function, network.core, cost)


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
